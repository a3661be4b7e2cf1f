#include "cli/completion.h"

#include "base/file.h"
#include "cli/commands.h"
#include "tests/cli/program.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Completion : public ::testing::Test {
 protected:
  Completion() { AddAllCommands(app_); }
  std::vector<CompletionCommand> Commands() const { return DescribeCommands(app_.root()); }

  // What bash offers for a line whose last word is being written.
  std::string BashOffers(const std::vector<std::string>& words) {
    return BashOffers(words, BashCompletion(Commands()));
  }
  std::string BashOffers(const std::vector<std::string>& words, const std::string& completion) {
    std::string line;
    for (const std::string& word : words) line += "'" + word + "' ";
    const std::string script = completion + "COMP_WORDS=(" + line +
                               ")\nCOMP_CWORD=" + std::to_string(words.size() - 1) +
                               "\n_sprint\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n";
    EXPECT_OK(WriteFileAtomically(folder_.File("script"), script));
    const testing::ProgramResult result =
        testing::RunProgram("bash", {folder_.File("script")}, folder_.path());
    EXPECT_EQ(result.err, "");
    return "\n" + result.out;
  }

  bool Have(const char* shell) { return testing::RunProgram(shell, {"-c", "true"}).exit_code == 0; }

  App app_;
  testing::TempDir folder_;
};

TEST_F(Completion, KnowsEveryCommandOfTheTree) {
  std::vector<std::string> names;
  for (const CompletionCommand& command : Commands()) {
    if (command.path.size() == 1) names.push_back(command.path.front());
  }
  EXPECT_THAT(names,
              ::testing::IsSupersetOf({"launch", "resume", "status", "list", "watch", "pause", "cancel",
                                       "retry", "delete", "workers", "shutdown", "query", "export", "db",
                                       "model", "try", "completion", "worker", "coordinator"}));
}

TEST_F(Completion, BashOffersCommandsByTheirBeginning) {
  EXPECT_THAT(BashOffers({"sprint", "re"}), ::testing::AllOf(HasSubstr("\nresume\n"), HasSubstr("\nretry\n"),
                                                             Not(HasSubstr("\nlaunch\n"))));
  EXPECT_THAT(
      BashOffers({"sprint", "db", ""}),
      ::testing::AllOf(HasSubstr("\ncheck\n"), HasSubstr("\nbackup\n"), Not(HasSubstr("\nlaunch\n"))));
}

TEST_F(Completion, BashOffersOptionsOfTheCommandAlone) {
  EXPECT_THAT(
      BashOffers({"sprint", "launch", "--"}),
      ::testing::AllOf(HasSubstr("\n--dry-run\n"), HasSubstr("\n--arms\n"), Not(HasSubstr("\n--views\n"))));
  EXPECT_THAT(BashOffers({"sprint", "query", "--v"}), HasSubstr("\n--views\n"));
}

TEST_F(Completion, BashOffersValuesAndFiles) {
  EXPECT_THAT(BashOffers({"sprint", "launch", "--dtype", ""}),
              ::testing::AllOf(HasSubstr("\nf32\n"), HasSubstr("\nbf16\n")));
  EXPECT_OK(WriteFileAtomically(folder_.File("sweep.yaml"), ""));
  EXPECT_THAT(BashOffers({"sprint", "launch", "swe"}), HasSubstr("\nsweep.yaml\n"));
  EXPECT_THAT(BashOffers({"sprint", "launch", "--model", "swe"}), HasSubstr("\nsweep.yaml\n"));
}

// sprint-selector's own commands, as the built program describes them.
TEST_F(Completion, OffersTheCommandsAndOptionsOfTheSelectorsProgram) {
  if (!FileExists(testing::BinDir() + "/sprint-selector")) GTEST_SKIP() << "sprint-selector is not built";
  EXPECT_OK(WriteFileAtomically(folder_.File("my.selector"), ""));
  const testing::ProgramResult script = testing::RunSprint({"completion", "bash"}, folder_.path());
  ASSERT_EQ(script.exit_code, 0) << script.err;
  const auto offers = [&](const std::vector<std::string>& words) { return BashOffers(words, script.out); };
  EXPECT_THAT(offers({"sprint", "selector", "t"}),
              ::testing::AllOf(HasSubstr("\ntrain\n"), Not(HasSubstr("\neval\n"))));
  EXPECT_THAT(offers({"sprint", "selector", ""}),
              ::testing::AllOf(HasSubstr("\nfreeze\n"), HasSubstr("\nchoose\n"),
                               Not(HasSubstr("describe-commands"))));
  EXPECT_THAT(offers({"sprint", "selector", "train", "--f"}),
              ::testing::AllOf(HasSubstr("\n--features\n"), HasSubstr("\n--folds\n")));
  EXPECT_THAT(offers({"sprint", "selector", "train", "--p"}), Not(HasSubstr("--progress-file")));
  EXPECT_THAT(offers({"sprint", "selector", "train", "--loss", ""}), HasSubstr("\ninfonce\n"));
  EXPECT_THAT(offers({"sprint", "selector", "eval", "my"}), HasSubstr("\nmy.selector\n"));
  EXPECT_THAT(offers({"sprint", "compare", "--con"}), HasSubstr("\n--control\n"));
  EXPECT_THAT(offers({"sprint", "select", "--ru"}), HasSubstr("\n--run\n"));
  EXPECT_THAT(offers({"sprint", "dataset", "fr"}), HasSubstr("\nfreeze\n"));
  EXPECT_THAT(offers({"sprint", "dataset", "freeze", "--test-s"}), HasSubstr("\n--test-share\n"));
}

TEST_F(Completion, ReadsBackWhatAProgramDescribes) {
  const std::string json = CommandsToJson(Commands());
  ASSERT_OK_AND_ASSIGN(const std::vector<CompletionCommand> read, CommandsFromJson(json));
  EXPECT_EQ(BashCompletion(read), BashCompletion(Commands()));
  for (const char* bad : {"", "{}", "[1]", "[{\"path\": [\"a\"]}]"})
    EXPECT_FALSE(CommandsFromJson(bad).ok()) << bad;
}

TEST_F(Completion, ZshReadsItsScript) {
  if (!Have("zsh")) GTEST_SKIP() << "zsh is not installed";
  EXPECT_OK(WriteFileAtomically(folder_.File("_sprint"), ZshCompletion(Commands())));
  const testing::ProgramResult result = testing::RunProgram("zsh", {"-n", folder_.File("_sprint")});
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(Completion, FishOffersCommandsAndOptions) {
  if (!Have("fish")) GTEST_SKIP() << "fish is not installed";
  EXPECT_OK(WriteFileAtomically(folder_.File("sprint.fish"), FishCompletion(Commands())));
  const auto offers = [&](const std::string& line) {
    const testing::ProgramResult result = testing::RunProgram(
        "fish",
        {"--no-config", "-c", "source " + folder_.File("sprint.fish") + "; complete -C '" + line + "'"});
    EXPECT_EQ(result.err, "");
    return result.out;
  };
  EXPECT_THAT(offers("sprint la"), HasSubstr("launch"));
  EXPECT_THAT(offers("sprint launch --dry"), HasSubstr("--dry-run"));
  EXPECT_THAT(offers("sprint db "), HasSubstr("backup"));
  EXPECT_THAT(offers("sprint launch --dtype "), HasSubstr("bf16"));
}

}  // namespace
}  // namespace sprint
