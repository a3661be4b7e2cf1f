#include "base/log.h"

#include "base/file.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Log, LevelsAreReadByName) {
  EXPECT_EQ(*ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_EQ(*ParseLogLevel("info"), LogLevel::kInfo);
  EXPECT_EQ(*ParseLogLevel("warning"), LogLevel::kWarning);
  EXPECT_EQ(*ParseLogLevel("error"), LogLevel::kError);
  EXPECT_EQ(*ParseLogLevel("off"), LogLevel::kOff);
  EXPECT_EQ(ParseLogLevel("loud").status().message(),
            "unknown log level \"loud\": use debug, info, warning, error or off");
}

TEST(Log, AFileGetsTheLinesOfItsLevelAndAbove) {
  const testing::TempDir dir;
  ASSERT_OK(InitLog({.program = "tester", .level = LogLevel::kWarning, .file = dir.File("log")}));
  int computed = 0;
  SPRINT_LOG(kInfo) << "quiet " << ++computed;
  SPRINT_LOG(kWarning) << "loud {} %s " << 7;
  FlushLog();
  ASSERT_OK_AND_ASSIGN(const std::string log, ReadFile(dir.File("log")));
  EXPECT_THAT(log, HasSubstr("tester"));
  EXPECT_THAT(log, HasSubstr("loud {} %s 7\n"));
  EXPECT_THAT(log, Not(HasSubstr("quiet")));
  EXPECT_EQ(computed, 0);  // what is not logged is not computed
  EXPECT_FALSE(LogEnabled(LogLevel::kDebug));
  EXPECT_TRUE(LogEnabled(LogLevel::kError));
}

TEST(Log, AFileThatCannotBeOpenedIsNamed) {
  const testing::TempDir dir;
  const absl::Status status = InitLog({.program = "tester", .file = dir.path()});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(dir.path()));
}

}  // namespace
}  // namespace sprint
