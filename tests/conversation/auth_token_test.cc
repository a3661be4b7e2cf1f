#include <filesystem>

#include "base/file.h"
#include "conversation/token.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::HasSubstr;

class TokenFile : public ::testing::Test {
 protected:
  absl::StatusOr<std::string> ReadBack(absl::string_view contents) {
    EXPECT_OK(WriteFileAtomically(path_, contents));
    return ReadTokenFile(path_);
  }
  const std::string path_ = (std::filesystem::path(::testing::TempDir()) / "sprint-token").string();
};

TEST_F(TokenFile, HoldsOneWordWhateverTheSpaceAroundIt) {
  EXPECT_EQ(ReadBack("s3cret").value(), "s3cret");
  EXPECT_EQ(ReadBack("  s3cret\r\n\n").value(), "s3cret");
}

TEST_F(TokenFile, ThatIsEmptyOrHoldsOtherThanAWordIsRefused) {
  for (const char* contents : {"", " \n", "two words", "t\x01", "schl\xc3\xbcssel"}) {
    const absl::Status status = ReadBack(contents).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << contents;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
  }
}

TEST_F(TokenFile, ThatDoesNotExistIsNamed) {
  const absl::Status status = ReadTokenFile(path_ + "-missing").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("sprint-token-missing"));
}

}  // namespace
}  // namespace sprint::testing
