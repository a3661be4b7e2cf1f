#include "base/file.h"

#include <filesystem>
#include <fstream>

#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::HasSubstr;

TEST(File, WhatIsWrittenReadsBack) {
  const testing::TempDir dir;
  const std::string bytes("line\n\0\xff end", 11);
  ASSERT_OK(WriteFileAtomically(dir.File("f"), bytes));
  ASSERT_OK_AND_ASSIGN(const std::string back, ReadFile(dir.File("f")));
  EXPECT_EQ(back, bytes);
  ASSERT_OK(WriteFileAtomically(dir.File("f"), ""));
  ASSERT_OK_AND_ASSIGN(const std::string empty, ReadFile(dir.File("f")));
  EXPECT_EQ(empty, "");
}

TEST(File, AnAtomicWriteLeavesNothingElseBehind) {
  const testing::TempDir dir;
  ASSERT_OK(WriteFileAtomically(dir.File("f"), "new"));
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir.path())) ++files;
  EXPECT_EQ(files, 1);
}

TEST(File, AFailedWriteLeavesTheOldFile) {
  const testing::TempDir dir;
  std::filesystem::create_directory(dir.File("taken"));
  const absl::Status status = WriteFileAtomically(dir.File("taken"), "x");
  EXPECT_FALSE(status.ok());
  EXPECT_TRUE(IsDirectory(dir.File("taken")));
  EXPECT_EQ(WriteFileAtomically(dir.File("none/f"), "x").code(), absl::StatusCode::kNotFound);
}

TEST(File, AMissingFileIsNamed) {
  const absl::Status status = ReadFile("/nonexistent/file").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent/file: No such file"));
  EXPECT_EQ(MappedFile::Open("/nonexistent/file").status().code(), absl::StatusCode::kNotFound);
}

TEST(File, ADirectoryIsNoFile) {
  const testing::TempDir dir;
  EXPECT_FALSE(ReadFile(dir.path()).ok());
  EXPECT_FALSE(MappedFile::Open(dir.path()).ok());
  EXPECT_TRUE(FileExists(dir.path()));
  EXPECT_TRUE(IsDirectory(dir.path()));
  EXPECT_FALSE(FileExists(dir.File("none")));
  EXPECT_FALSE(IsDirectory(dir.File("none")));
}

TEST(File, AMappedFileShowsItsBytes) {
  const testing::TempDir dir;
  const std::string bytes(100'000, 'x');
  ASSERT_OK(WriteFileAtomically(dir.File("f"), bytes));
  ASSERT_OK_AND_ASSIGN(const auto mapped, MappedFile::Open(dir.File("f")));
  EXPECT_EQ(mapped->bytes(), bytes);
  EXPECT_EQ(mapped->path(), dir.File("f"));
  ASSERT_OK(WriteFileAtomically(dir.File("empty"), ""));
  ASSERT_OK_AND_ASSIGN(const auto empty, MappedFile::Open(dir.File("empty")));
  EXPECT_EQ(empty->bytes(), "");
  EXPECT_EQ(MappedFile::FromBytes("abc", "name")->bytes(), "abc");
}

}  // namespace
}  // namespace sprint
