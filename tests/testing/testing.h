// Matchers and places that every test may use.
#ifndef SPRINT_TESTS_TESTING_TESTING_H_
#define SPRINT_TESTS_TESTING_TESTING_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sprint::testing {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

// The source tree, and the folder of the built programs.
std::string SourceDir();
std::string BinDir();

// ../shared beside the source tree (or $SPRINT_SHARED_DIR) with `relative` put behind it, when it
// exists. Tests that need it skip with one clear line when it is absent:
//   const auto dir = SharedPath("fixtures/parity");
//   if (!dir) GTEST_SKIP() << "shared/fixtures/parity is absent";
std::optional<std::string> SharedPath(const std::string& relative);

// A new empty folder, removed with all in it at the end of the scope.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace sprint::testing

// Status matchers: absl's own are not in Debian's package.
#define EXPECT_OK(expr)                                            \
  do {                                                             \
    const auto& sprint_result_ = (expr);                           \
    EXPECT_TRUE(::sprint::testing::StatusOf(sprint_result_).ok())  \
        << ::sprint::testing::StatusOf(sprint_result_).ToString(); \
  } while (false)
#define ASSERT_OK(expr)                                            \
  do {                                                             \
    const auto& sprint_result_ = (expr);                           \
    ASSERT_TRUE(::sprint::testing::StatusOf(sprint_result_).ok())  \
        << ::sprint::testing::StatusOf(sprint_result_).ToString(); \
  } while (false)
// ASSERT_OK_AND_ASSIGN(auto x, F()): in a test body or a void function.
#define ASSERT_OK_AND_ASSIGN(lhs, expr) \
  ASSERT_OK_AND_ASSIGN_(SPRINT_TEST_CONCAT_(sprint_test_value_, __LINE__), lhs, expr)
#define SPRINT_TEST_CONCAT_INNER_(a, b) a##b
#define SPRINT_TEST_CONCAT_(a, b) SPRINT_TEST_CONCAT_INNER_(a, b)
#define ASSERT_OK_AND_ASSIGN_(tmp, lhs, expr)       \
  auto tmp = (expr);                                \
  ASSERT_TRUE(tmp.ok()) << tmp.status().ToString(); \
  lhs = *std::move(tmp)

#endif  // SPRINT_TESTS_TESTING_TESTING_H_
