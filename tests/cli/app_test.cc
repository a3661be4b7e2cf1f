#include "cli/app.h"

#include "cli/commands.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

// Runs a line on a tree of two commands; what went to stderr is in `error`.
struct Ran {
  int code = -1;
  std::string error;
  std::string given;
};

Ran Try(const std::vector<std::string>& arguments, absl::StatusOr<int> result = kExitDone) {
  Ran ran;
  App app;
  auto value = std::make_shared<std::string>();
  CLI::App* launch = app.Add(app.root(), "launch", "Run", {"sprint launch x"}, [&, value](const Terminal&) {
    ran.given = *value;
    return result;
  });
  launch->add_option("--name", *value);
  CLI::App* db = app.Add(app.root(), "db", "Databases", {});
  app.Add(*db, "check", "Check", {}, [](const Terminal&) { return kExitDone; });
  ::testing::internal::CaptureStderr();
  ran.code = app.Run(arguments);
  ran.error = ::testing::internal::GetCapturedStderr();
  return ran;
}

TEST(App, RunsTheCommandThatWasGiven) {
  const Ran ran = Try({"launch", "--name", "demo"});
  EXPECT_EQ(ran.code, kExitDone);
  EXPECT_EQ(ran.given, "demo");
  EXPECT_EQ(ran.error, "");
}

TEST(App, SaysAFailureOnOneLine) {
  const Ran ran = Try({"launch"}, absl::NotFoundError("no such\nthing"));
  EXPECT_EQ(ran.code, kExitFailed);
  EXPECT_EQ(ran.error, "sprint: no such thing\n");
}

TEST(App, TellsAWrongCommandLineFromAFailure) {
  EXPECT_EQ(Try({"launch"}, UsageError("--a and --b are two; give one")).code, kExitUsage);
  const Ran ran = Try({"launch", "--nmae", "x"});
  EXPECT_EQ(ran.code, kExitUsage);
  EXPECT_THAT(ran.error, ::testing::AllOf(::testing::StartsWith("sprint: "), ::testing::HasSubstr("--nmae"),
                                          ::testing::HasSubstr("sprint launch --help")));
}

TEST(App, NamesTheCommandThatWasMeant) {
  EXPECT_THAT(Try({"lunch"}).error,
              ::testing::HasSubstr("there is no command \"lunch\"; did you mean \"launch\"?"));
  EXPECT_THAT(Try({"db", "chekc"}).error, ::testing::HasSubstr("did you mean \"check\"?"));
  EXPECT_EQ(Try({"lunch"}).code, kExitUsage);
}

TEST(App, TakesColorBeforeAndAfterTheCommand) {
  EXPECT_EQ(Try({"--color", "always", "launch"}, absl::NotFoundError("x")).error,
            "\x1b[31msprint:\x1b[0m x\n");
  EXPECT_EQ(Try({"launch", "--color", "always"}, absl::NotFoundError("x")).error,
            "\x1b[31msprint:\x1b[0m x\n");
  EXPECT_EQ(Try({"launch", "--color", "pink"}).code, kExitUsage);
}

TEST(App, EveryCommandExplainsItselfWithAnExample) {
  App app;
  AddAllCommands(app);
  for (const CLI::App* command : app.root().get_subcommands([](const CLI::App*) { return true; })) {
    EXPECT_NE(command->get_description(), "") << command->get_name();
    EXPECT_THAT(command->help(), ::testing::HasSubstr("sprint ")) << command->get_name();
    for (const CLI::Option* option : command->get_options()) {
      EXPECT_NE(option->get_description(), "") << command->get_name() << " " << option->get_name();
    }
  }
}

}  // namespace
}  // namespace sprint
