// sprint-selector as its users run it.
#include "tests/cli/program.h"

#include <signal.h>

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/rng.h"
#include "selector/features.h"
#include "selector/snapshot.h"
#include "tests/selector/fixture.h"
#include "tests/testing/processes.h"

namespace sprint {
namespace {

using testing::Background;
using testing::Eventually;
using testing::GridPlan;
using testing::MadeUpAnswer;
using testing::ProgramResult;
using testing::RunProgram;
using testing::RunSprint;
using testing::SweepDatabase;

constexpr int32_t kQuestions = 120;
constexpr int32_t kArms = 6;

// Arm 1 + q % 5 is right on question q, and the baseline on every third.
MadeUpAnswer Answer(int32_t question, int32_t arm) {
  const bool right = arm == 0 ? question % 3 == 0 : (question % 5) + 1 == arm;
  return {right, right ? "42" : absl::StrCat(arm)};
}

// A database with such a sweep, and a file of features that tell q % 5.
class SelectorProgramTest : public ::testing::Test {
 protected:
  SelectorProgramTest() {
    database_.AddSweep(Plan("grid", 1), Answer);
    FeatureMatrix features;
    features.rows = kQuestions;
    features.dim = 5;
    CounterRng rng(1, 1);
    for (int32_t q = 0; q < kQuestions; ++q) {
      for (int32_t i = 0; i < 5; ++i)
        features.values.push_back((q % 5 == i ? 1.0F : 0.0F) + static_cast<float>(0.1 * rng.NextNormal()));
    }
    EXPECT_OK(WriteFileAtomically(File("features.safetensors"), FeatureFileBytes(features)));
  }

  static ExperimentPlan Plan(const std::string& name, int32_t samples) {
    ExperimentPlan plan = GridPlan(kQuestions, kArms, samples);
    plan.name = name;
    for (int32_t i = 0; i < kQuestions; ++i)
      plan.problems[static_cast<size_t>(i)].text = absl::StrCat("number ", i, " asks about thing ", i * i);
    return plan;
  }
  std::string File(const std::string& name) const { return database_.dir().File(name); }
  ProgramResult Run(const std::vector<std::string>& arguments) const {
    std::vector<std::string> words = {"selector"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return RunSprint(words, database_.dir().path());
  }
  static std::vector<std::string> Training(const std::string& out, const std::string& epochs) {
    return {"train",
            "grid.snapshot.json",
            "--features",
            "file",
            "--features-file",
            "features.safetensors",
            "--epochs",
            epochs,
            "--patience",
            "0",
            "--out",
            out,
            "--threads",
            "1",
            "--hidden",
            "32",
            "--checkpoint-every",
            "1"};
  }
  void Freeze() const {
    const ProgramResult frozen = Run({"freeze", "--db", database_.path()});
    ASSERT_EQ(frozen.exit_code, 0) << frozen.err;
  }

  // The fixture owns the database until then.
  void CloseStore() { database_.Close(); }

  SweepDatabase database_;
};

TEST_F(SelectorProgramTest, FreezesTrainsComparesAndChooses) {
  Freeze();
  std::vector<std::string> training = Training("mine", "80");
  for (const char* word : {"--seeds", "2", "--folds", "3", "--json", "--progress-file", "progress"})
    training.emplace_back(word);
  const ProgramResult trained = Run(training);
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const auto report = nlohmann::json::parse(trained.out);
  ASSERT_EQ(report["selectors"].size(), 2u);
  // What a coordinator that runs this would have been told last.
  const auto told = nlohmann::json::parse(ReadFile(File("progress")).value_or(""), nullptr, false);
  EXPECT_THAT(told["doing"].get<std::string>(), ::testing::HasSubstr("fold 3 of 3, epoch "));
  EXPECT_GT(told["share"], 4.0 / 5) << "two seeds, and two folds";
  for (const auto& fold : report["folds"]) {
    if (fold["method"] != "selector" || fold["n"] != 1) continue;
    EXPECT_GT(fold["coverage"], 0.9);
  }

  const std::vector<std::string> selectors = {"mine-1.selector", "mine-2.selector"};
  const ProgramResult compared =
      RunSprint({"compare", "grid.snapshot.json", "mine-1.selector", "mine-2.selector", "-n", "1,2",
                 "--features-file", "features.safetensors", "--json"},
                database_.dir().path());
  ASSERT_EQ(compared.exit_code, 0) << compared.err;
  const auto comparison = nlohmann::json::parse(compared.out);
  for (const auto& row : comparison.at("results")) {
    if (row["aggregation"] != "coverage" || row["n"] != 1) continue;
    if (row["method"] == "selector") {
      EXPECT_GT(row["value"]["mean"], 0.95);
      EXPECT_EQ(row["repetitions"].size(), 2u);
    }
    if (row["method"] == "random") {
      EXPECT_NEAR(row["value"]["mean"].get<double>(), 0.2, 1e-9);
    }
    if (row["method"] == "baseline") {
      EXPECT_GT(row["selector_minus"]["low"], 0.3);
    }
  }

  const ProgramResult chosen =
      Run({"choose", "--selector", "mine-1.selector", "--snapshot", "grid.snapshot.json", "--n", "2",
           "--features-file", "features.safetensors"});
  EXPECT_NE(chosen.exit_code, 0) << "features of all questions do not fit the test questions alone";
  EXPECT_EQ(Run({"show", "mine-1.selector"}).exit_code, 0);
  EXPECT_THAT(Run({"list", "."}).out, ::testing::HasSubstr("mine-2.selector"));
}

TEST_F(SelectorProgramTest, ComparesWithSamplesAndWithAControlOnTheSameQuestions) {
  Freeze();
  ASSERT_EQ(Run(Training("mine", "80")).exit_code, 0);
  // Samples of every arm, which say what the greedy answers say; and a sweep of other arms that never help.
  ExperimentPlan sampled = Plan("sampled", 2);
  sampled.runs[0].decoding.sampling.temperature = 0.9;
  sampled.runs[0].sampler_version = sampled.runs[0].decoding.sampler_version();
  database_.AddSweep(sampled, Answer);
  ExperimentPlan control = Plan("control", 1);
  for (int32_t arm = 1; arm < kArms; ++arm)
    control.arms[static_cast<size_t>(arm)] = *Arm::Parse(absl::StrCat("L0H", arm, "*0.5"));
  database_.AddSweep(control, [](int32_t question, int32_t arm) {
    return arm == 0 ? Answer(question, 0) : MadeUpAnswer{question % 3 == 0, question % 3 == 0 ? "42" : "1"};
  });
  ASSERT_EQ(Run({"freeze", "--db", database_.path(), "control"}).exit_code, 0);
  const std::vector<std::string> compare = {"compare",
                                            "grid.snapshot.json",
                                            "mine-1.selector",
                                            "-n",
                                            "1,2,4",
                                            "--features-file",
                                            "features.safetensors",
                                            "--db",
                                            database_.path(),
                                            "--samples",
                                            "sampled",
                                            "--control",
                                            "control.snapshot.json"};
  std::vector<std::string> as_json = compare;
  as_json.emplace_back("--json");
  const ProgramResult compared = RunSprint(as_json, database_.dir().path());
  ASSERT_EQ(compared.exit_code, 0) << compared.err;
  const auto report = nlohmann::json::parse(compared.out);
  const auto row = [](const nlohmann::json& rows, const std::string& method, int n) {
    for (const auto& one : rows) {
      if (one["method"] == method && one["n"] == n && one["aggregation"] == "coverage") return one;
    }
    return nlohmann::json();
  };
  const auto& results = report["results"];
  EXPECT_EQ(row(results, "samples", 1)["value"], row(results, "baseline", 1)["value"]);
  EXPECT_EQ(row(results, "samples", 4), nlohmann::json()) << "there are two samples";
  EXPECT_EQ(row(results, "selector, sampled", 2)["value"]["mean"],
            row(results, "selector", 2)["value"]["mean"]);
  const auto selector = row(results, "selector", 1);
  EXPECT_GT(selector["at_equal_n"]["low"], 0.3);
  EXPECT_GT(selector["at_equal_tokens"]["low"], 0.3);
  EXPECT_EQ(selector["at_equal_tokens"]["reference_n"], 1);
  EXPECT_GT(selector["mean_tokens"], 0);
  EXPECT_GT(selector["mean_seconds"], 0);
  ASSERT_EQ(report["controls"].size(), 1u);
  const auto& control_rows = report["controls"][0]["results"];
  EXPECT_EQ(report["controls"][0]["questions"], report["questions"]);
  EXPECT_EQ(row(control_rows, "baseline", 1)["own_minus_control"]["mean"], 0);
  EXPECT_GT(row(control_rows, "oracle", 1)["own_minus_control"]["low"], 0.3);
  EXPECT_NEAR(row(control_rows, "random", 1)["own_minus_control"]["mean"].get<double>(),
              0.2 - row(control_rows, "baseline", 1)["own"]["mean"].get<double>(), 1e-9)
      << "one arm of five; the control's are right where the baseline is";
  const ProgramResult shown = RunSprint(compare, database_.dir().path());
  for (const char* part : {"each minus samples by majority at the same N", "at the same generated tokens",
                           "tokens generated a question", "milliseconds of a worker",
                           "these arms minus the control's by coverage", "weighted majority of N right"})
    EXPECT_THAT(shown.out, ::testing::HasSubstr(part));
  // A control of another run is none; nor are samples that are not of the test questions.
  EXPECT_EQ(Run({"freeze", "--db", database_.path(), "sampled"}).exit_code, 0);
  const ProgramResult other = RunSprint(
      {"compare", "grid.snapshot.json", "--control", "sampled.snapshot.json"}, database_.dir().path());
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_THAT(other.err, ::testing::HasSubstr("another run"));
}

TEST_F(SelectorProgramTest, TrainingKilledAndRunAgainEndsAtTheSameFile) {
  Freeze();
  const std::string epochs = "1200";
  const ProgramResult whole = Run(Training("whole", epochs));
  ASSERT_EQ(whole.exit_code, 0) << whole.err;
  const std::string checkpoint = File("killed-1.selector.checkpoint");
  std::string before;
  for (int kill = 0; kill < 2; ++kill) {
    Background run(testing::BinDir() + "/sprint-selector", Training("killed", epochs), database_.dir().path(),
                   File("out"), File("err"));
    ASSERT_TRUE(Eventually(absl::Seconds(60), [&] {
      const std::string now = ReadFile(checkpoint).value_or("");
      return !now.empty() && now != before;
    })) << ReadFile(File("err")).value_or("");
    run.Signal(SIGKILL);
    EXPECT_EQ(run.Wait(), 128 + SIGKILL) << "it was done before it was killed";
    before = ReadFile(checkpoint).value_or("");
  }
  EXPECT_FALSE(FileExists(File("killed-1.selector")));
  const ProgramResult resumed = Run(Training("killed", epochs));
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(ReadFile(File("killed-1.selector")).value_or("a"),
            ReadFile(File("whole-1.selector")).value_or("b"));
  EXPECT_FALSE(FileExists(checkpoint));
}

TEST_F(SelectorProgramTest, TheDatabaseKeepsWhatWasTrainedAndGivesItBack) {
  Freeze();
  CloseStore();
  std::vector<std::string> training = Training("kept", "5");
  training.insert(training.end(), {"--db", database_.path()});
  ASSERT_EQ(Run(training).exit_code, 0);
  const ProgramResult listed = Run({"list", "--db", database_.path()});
  EXPECT_THAT(listed.out, ::testing::HasSubstr("kept-1 ("));
  ASSERT_EQ(Run({"export", "kept-1", "--db", database_.path(), "--out", "back"}).exit_code, 0);
  EXPECT_EQ(ReadFile(File("back")).value_or("a"), ReadFile(File("kept-1.selector")).value_or("b"));
  EXPECT_EQ(Run({"export", "other", "--db", database_.path()}).exit_code, 1);
}

// A training that waits for its coordinator, which is killed in the middle and started again.
TEST_F(SelectorProgramTest, ACoordinatorTrainsAndGoesOnAfterItWasKilled) {
  Freeze();
  CloseStore();
  const std::string epochs = "1600";
  ASSERT_EQ(Run(Training("whole", epochs)).exit_code, 0);
  const auto start = [&] {
    return std::make_unique<Background>(
        testing::BinDir() + "/sprint-coordinator",
        std::vector<std::string>{"--db", database_.path(), "--log-file", File("coordinator.log")},
        database_.dir().path(), File("coordinator.out"), File("coordinator.err"));
  };
  std::unique_ptr<Background> coordinator = start();
  ASSERT_TRUE(Eventually(absl::Seconds(60), [&] { return FileExists(database_.path() + ".endpoint"); }));
  std::vector<std::string> training = Training("job", epochs);
  training.insert(training.end(), {"--db", database_.path(), "--detach", "--json"});
  const ProgramResult submitted = Run(training);
  ASSERT_EQ(submitted.exit_code, 0) << submitted.err;
  EXPECT_EQ(nlohmann::json::parse(submitted.out)["training"], 1);
  ASSERT_TRUE(Eventually(absl::Seconds(60), [&] { return FileExists(File("job-1.selector.checkpoint")); }));
  coordinator->Signal(SIGKILL);
  coordinator->Wait();
  EXPECT_FALSE(FileExists(File("job-1.selector"))) << "it was done before its coordinator was killed";
  coordinator = start();
  ASSERT_TRUE(Eventually(absl::Seconds(120), [&] {
    return absl::StrContains(Run({"list", "--db", database_.path()}).out, "job-1 (");
  })) << ReadFile(File("coordinator.log")).value_or("");
  EXPECT_EQ(ReadFile(File("job-1.selector")).value_or("a"), ReadFile(File("whole-1.selector")).value_or("b"));
  // Waiting, this time, and for one that cannot be done.
  std::vector<std::string> impossible = Training("job", "5");
  impossible.insert(impossible.end(), {"--db", database_.path(), "--hidden", "70000"});
  EXPECT_EQ(Run(impossible).exit_code, 2) << "refused before a coordinator is asked";
  ASSERT_EQ(std::remove(File("features.safetensors").c_str()), 0);
  std::vector<std::string> failing = Training("job", "5");
  failing.insert(failing.end(), {"--db", database_.path()});
  const ProgramResult failed = Run(failing);
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_THAT(failed.err, ::testing::HasSubstr("features.safetensors"));
}

TEST_F(SelectorProgramTest, QuestionsSeenInTrainingAreRefusedUnlessToldSo) {
  Freeze();
  ASSERT_EQ(Run(Training("mine", "5")).exit_code, 0);
  // Another split of the same questions: some that it was trained on are in the test.
  ASSERT_EQ(Run({"freeze", "--db", database_.path(), "--split-seed", "7", "--out", "other.json"}).exit_code,
            0);
  std::vector<std::string> eval = {"eval", "mine-1.selector", "other.json", "--features-file",
                                   "features.safetensors"};
  const ProgramResult refused = Run(eval);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, ::testing::HasSubstr("--allow-seen"));
  eval.emplace_back("--allow-seen");
  EXPECT_EQ(Run(eval).exit_code, 0);
}

TEST_F(SelectorProgramTest, DatasetFreezeMakesTheSameSnapshot) {
  Freeze();
  const ProgramResult frozen = RunSprint(
      {"dataset", "freeze", "--db", database_.path(), "--out", "again.json"}, database_.dir().path());
  ASSERT_EQ(frozen.exit_code, 0) << frozen.err;
  ASSERT_OK_AND_ASSIGN(const std::string again, ReadFile(File("again.json")));
  ASSERT_OK_AND_ASSIGN(const std::string first, ReadFile(File("grid.snapshot.json")));
  EXPECT_EQ(again, first);
}

TEST_F(SelectorProgramTest, BadCommandLinesAreUsageErrorsAndBadFilesAreNamed) {
  Freeze();
  EXPECT_EQ(Run({}).exit_code, 2);
  EXPECT_EQ(Run({"train"}).exit_code, 2);
  EXPECT_EQ(Run({"train", "grid.snapshot.json", "--features", "words"}).exit_code, 2);
  EXPECT_EQ(Run({"train", "grid.snapshot.json", "--temperature", "0"}).exit_code, 2);
  EXPECT_EQ(Run({"train", "grid.snapshot.json", "--thin", "many"}).exit_code, 2);
  const ProgramResult missing = Run({"train", "nothing", "--db", database_.path()});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, ::testing::HasSubstr("nothing"));
  ASSERT_OK(WriteFileAtomically(File("broken.json"), "{}"));
  const ProgramResult broken = Run({"train", "broken.json"});
  EXPECT_EQ(broken.exit_code, 1);
  EXPECT_THAT(broken.err, ::testing::HasSubstr("broken.json"));
}

}  // namespace
}  // namespace sprint
