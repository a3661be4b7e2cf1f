#include "selector/trainer.h"

#include <cmath>

#include "base/file.h"
#include "selector/comparison.h"
#include "selector/policies.h"
#include "tests/selector/planted.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using testing::MakePlanted;
using testing::Planted;
using testing::PlantedOptions;
using testing::TempDir;

Planted Small() {
  PlantedOptions options;
  options.clusters = 4;
  options.heads = 20;
  options.effect = 0.4;
  options.train = 150;
  options.validation = 50;
  options.test = 50;
  return MakePlanted(options);
}

TrainOptions Quick() {
  TrainOptions options;
  options.hidden = 16;
  options.d = 8;
  options.epochs = 12;
  options.learning_rate = 0.01;
  return options;
}

absl::StatusOr<TrainedSelector> Train(const Planted& planted, const TrainOptions& options,
                                      const TrainRun& run, const TrainProgressFn& progress = nullptr) {
  return TrainSelector(planted.snapshot, planted.features, planted.snapshot.Of(Split::kTrain),
                       planted.snapshot.Of(Split::kValidation), options, run, progress);
}

std::string Bytes(const absl::StatusOr<TrainedSelector>& trained) {
  EXPECT_OK(trained);
  return trained.ok() ? SerializeSelector(trained->selector) : "";
}

// The mean probability of a right answer of what `choose` takes first, over the test questions.
double MeanProbability(const Planted& planted, const std::function<int32_t(size_t)>& choose) {
  double sum = 0;
  const std::vector<size_t> test = planted.snapshot.Of(Split::kTest);
  for (const size_t problem : test) sum += planted.Probability(problem, static_cast<size_t>(choose(problem)));
  return sum / static_cast<double>(test.size());
}

TEST(TrainerTest, LearnsWhichHeadsHelpWhichQuestions) {
  const Planted planted = Small();
  for (const LossKind loss : {LossKind::kInfoNce, LossKind::kBest, LossKind::kUtility, LossKind::kLogistic}) {
    for (const ScoreKind score : {ScoreKind::kDot, ScoreKind::kCosine, ScoreKind::kDistance}) {
      if (loss == LossKind::kLogistic && score == ScoreKind::kDistance) continue;  // refused
      TrainOptions options = Quick();
      options.epochs = 60;
      options.loss = loss;
      options.score = score;
      options.temperature = score == ScoreKind::kCosine ? 0.2 : 1;
      auto trained = Train(planted, options, {});
      ASSERT_OK(trained);
      const double mean = MeanProbability(planted, [&](size_t problem) {
        return ChooseArms(trained->selector, planted.features.Row(problem), 1, {})[0];
      });
      // A blind choice has 0.5 + 0.4 * 5 / 21 < 0.6, the best 0.9.
      EXPECT_GT(mean, 0.75) << LossKindName(loss) << " " << ScoreKindName(score);
    }
  }
}

TEST(TrainerTest, TheSameBytesWhateverTheThreadsAndAnotherFileForAnotherSeed) {
  const Planted planted = Small();
  TrainOptions options = Quick();
  options.arm_features = true;
  options.components = 6;
  const std::string one = Bytes(Train(planted, options, {.threads = 1}));
  EXPECT_EQ(Bytes(Train(planted, options, {.threads = 1})), one);
  EXPECT_EQ(Bytes(Train(planted, options, {.threads = 3})), one);
  options.seed = 2;
  EXPECT_NE(Bytes(Train(planted, options, {.threads = 1})), one);
}

TEST(TrainerTest, ATrainingThatWasStoppedEndsAtTheSameBytes) {
  const Planted planted = Small();
  const TempDir dir;
  const TrainOptions options = Quick();
  const std::string whole = Bytes(Train(planted, options, {}));
  for (const int32_t stop : {1, 4, 7}) {
    const TrainRun run = {1, dir.File("checkpoint"), 3};
    const auto stopped =
        Train(planted, options, run, [&](const TrainProgress& now) { return now.epoch < stop; });
    EXPECT_EQ(stopped.status().code(), absl::StatusCode::kCancelled);
    auto resumed = Train(planted, options, run);
    EXPECT_EQ(Bytes(resumed), whole);
    EXPECT_EQ(resumed->report.resumed_at, stop);
    ASSERT_EQ(std::remove(dir.File("checkpoint").c_str()), 0);
  }
}

TEST(TrainerTest, ACheckpointOfAnotherTrainingOrADamagedOneIsRefused) {
  const Planted planted = Small();
  const TempDir dir;
  TrainOptions options = Quick();
  const TrainRun run = {1, dir.File("checkpoint"), 1};
  (void)Train(planted, options, run, [](const TrainProgress&) { return false; });
  options.seed = 9;
  EXPECT_EQ(Train(planted, options, run).status().code(), absl::StatusCode::kFailedPrecondition);
  auto bytes = ReadFile(run.checkpoint);
  ASSERT_OK(bytes);
  ASSERT_OK(WriteFileAtomically(run.checkpoint, bytes->substr(0, bytes->size() - 5)));
  const absl::Status damaged = Train(planted, Quick(), run).status();
  EXPECT_EQ(damaged.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(damaged.message()), ::testing::HasSubstr(run.checkpoint));
}

TEST(TrainerTest, KeepsTheParametersOfTheBestEpochAndStopsWithoutImprovement) {
  const Planted planted = Small();
  TrainOptions options = Quick();
  options.epochs = 500;
  options.patience = 5;
  options.learning_rate = 0.05;
  double best = 1e9;
  int32_t last = 0;
  auto trained = Train(planted, options, {}, [&](const TrainProgress& now) {
    best = std::min(best, now.validation_loss);
    last = now.epoch;
    return true;
  });
  ASSERT_OK(trained);
  EXPECT_LT(last, 500);
  EXPECT_EQ(trained->report.epochs, trained->report.best_epoch + 5);
  EXPECT_EQ(trained->report.validation_loss, best);
}

TEST(TrainerTest, ADivergingTrainingSaysWhereAndWhatToDo) {
  Planted planted = Small();
  for (float& value : planted.features.values) value *= 1e18F;
  TrainOptions options = Quick();
  options.learning_rate = 1e18;
  options.weight_decay = 0;
  const absl::Status status = Train(planted, options, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange) << status;
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("lower the learning rate"));
}

TEST(TrainerTest, NothingToLearnFromIsAnErrorThatSaysSo) {
  Planted planted = Small();
  for (FrozenOutcome& cell : planted.snapshot.outcomes) cell.right = 1;
  const absl::Status status = Train(planted, Quick(), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("both a right and a wrong answer"));
  planted.features.rows -= 1;
  EXPECT_EQ(Train(planted, Quick(), {}).status().code(), absl::StatusCode::kInvalidArgument);
  TrainOptions bad = Quick();
  bad.temperature = 0;
  EXPECT_EQ(Train(Small(), bad, {}).status().code(), absl::StatusCode::kInvalidArgument);
  bad = Quick();
  bad.loss = LossKind::kLogistic;
  bad.score = ScoreKind::kDistance;
  EXPECT_EQ(Train(Small(), bad, {}).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sprint
