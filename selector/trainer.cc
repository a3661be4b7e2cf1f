#include "selector/trainer.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/rng.h"
#include "base/status.h"
#include "selector/arm_features.h"
#include "selector/calibration.h"
#include "selector/principal_components.h"
#include "selector/targets.h"
#include "selector/trainer_checkpoint.h"
#include "selector/training_kernels.h"
#include "selector/two_tower.h"
#include "worker/engine/parallel.h"

namespace sprint {
namespace {

constexpr uint64_t kShuffleStream = 0x73687566'00000000;  // "shuf", and the epoch
constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;

// What scores are multiplied by where they are validated (trainer.h).
constexpr float kFactors[] = {1.0F, 0.7F, 0.5F, 0.35F, 0.25F, 0.17F, 0.12F, 0.08F, 0.05F};

// Adam's elements for one thread at a time.
constexpr int64_t kParametersAtOnce = 1 << 14;

// Questions as the towers read them.
struct Examples {
  std::vector<float> x;  // [rows, inputs]
  Targets targets;
  int64_t rows() const { return static_cast<int64_t>(targets.problems.size()); }
  TowerData data() const { return {x.data(), targets.target.data(), targets.known.data()}; }
};

// Features to the MLP's inputs: standardised, and projected where components are wanted. Whitened
// components have variance 1, as standardised features do.
class Inputs {
 public:
  Inputs(const FeatureMatrix& features, absl::Span<const size_t> train, int64_t components)
      : features_(features), standardisation_(Standardise(features, train)) {
    if (components <= 0) return;
    components_ = FindComponents(features, standardisation_, train, components);
    for (const double variance : components_.variance)
      scale_.push_back(variance > 1e-10 ? static_cast<float>(1 / std::sqrt(variance)) : 0.0F);
  }

  int64_t dim() const { return scale_.empty() ? features_.dim : components_.count; }
  const Standardisation& standardisation() const { return standardisation_; }

  void Append(size_t problem, std::vector<float>& x) const {
    const absl::Span<const float> values = features_.Row(problem);
    std::vector<float> row;
    for (size_t k = 0; k < values.size(); ++k)
      row.push_back((values[k] - standardisation_.mean[k]) / standardisation_.deviation[k]);
    if (scale_.empty()) {
      x.insert(x.end(), row.begin(), row.end());
      return;
    }
    for (size_t i = 0; i < scale_.size(); ++i) {
      const float* direction = components_.directions.data() + i * row.size();
      double sum = 0;
      for (size_t k = 0; k < row.size(); ++k) sum += static_cast<double>(direction[k]) * row[k];
      x.push_back(static_cast<float>(sum) * scale_[i]);
    }
  }

  // The first layer over standardised features: W1, or W1 behind the projection.
  std::vector<float> Unproject(const float* w1, int64_t hidden) const {
    const auto dim = static_cast<size_t>(features_.dim);
    const auto rows = static_cast<size_t>(hidden);
    if (scale_.empty()) return {w1, w1 + rows * dim};
    std::vector<float> whole(rows * dim);
    for (size_t h = 0; h < rows; ++h) {
      for (size_t k = 0; k < dim; ++k) {
        double sum = 0;
        for (size_t i = 0; i < scale_.size(); ++i)
          sum += static_cast<double>(w1[h * scale_.size() + i]) * scale_[i] *
                 components_.directions[i * dim + k];
        whole[h * dim + k] = static_cast<float>(sum);
      }
    }
    return whole;
  }

 private:
  const FeatureMatrix& features_;
  const Standardisation standardisation_;
  Components components_;
  std::vector<float> scale_;  // empty: no projection
};

Examples MakeExamples(const Snapshot& snapshot, const Inputs& inputs, absl::Span<const size_t> problems,
                      const TrainOptions& options) {
  Examples examples;
  examples.targets = MakeTargets(snapshot, problems, options.loss, options.lambda);
  for (const size_t problem : examples.targets.problems) inputs.Append(problem, examples.x);
  return examples;
}

std::vector<int32_t> ShuffledRows(int64_t rows, uint64_t seed, int32_t epoch) {
  std::vector<int32_t> order(static_cast<size_t>(rows));
  std::iota(order.begin(), order.end(), 0);
  CounterRng rng(seed, kShuffleStream + static_cast<uint64_t>(epoch));
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.NextBelow(i)]);
  return order;
}

// One training: the state, and how it moves.
class Training {
 public:
  Training(const TrainOptions& options, TwoTower& tower, ThreadPool& pool, const Examples& train,
           const Examples& validation)
      : options_(options), tower_(tower), pool_(pool), train_(train), validation_(validation) {
    state_.parameters = tower.InitialParameters(options.seed);
    state_.first.assign(state_.parameters.size(), 0.0F);
    state_.second = state_.first;
    state_.best = state_.parameters;
    gradient_ = state_.first;
  }

  const TrainState& state() const { return state_; }
  absl::Status Restore(TrainState state) {
    if (state.parameters.size() != gradient_.size())
      return absl::InvalidArgumentError("the checkpoint has another number of parameters");
    state_ = std::move(state);
    return absl::OkStatus();
  }

  bool Done() const {
    return state_.epoch >= options_.epochs ||
           (options_.patience > 0 && state_.epoch - state_.best_epoch >= options_.patience &&
            state_.epoch > 0);
  }

  absl::StatusOr<TrainProgress> Epoch();

 private:
  absl::Status CheckFinite(double loss, absl::string_view where) const;
  void Step();
  absl::StatusOr<double> ValidationLoss();

  const TrainOptions& options_;
  TwoTower& tower_;
  ThreadPool& pool_;
  const Examples& train_;
  const Examples& validation_;
  TrainState state_;
  std::vector<float> gradient_;
};

absl::Status Training::CheckFinite(double loss, absl::string_view where) const {
  if (std::isfinite(loss)) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat("training diverged: the loss is ", loss, " in epoch ", state_.epoch + 1, ", ", where,
                   "; lower the learning rate (it is ", options_.learning_rate, ")"));
}

void Training::Step() {
  ++state_.steps;
  const auto t = static_cast<double>(state_.steps);
  kernels::AdamStep step;
  step.rate = static_cast<float>(options_.learning_rate / (1 - std::pow(kBeta1, t)));
  step.second_correction = static_cast<float>(1 / (1 - std::pow(kBeta2, t)));
  const auto decay = static_cast<float>(1 - options_.learning_rate * options_.weight_decay);
  const TowerLayout& layout = tower_.layout();
  // Matrices and arm vectors decay; biases do not.
  const std::pair<size_t, bool> parts[] = {
      {layout.b1, true}, {layout.w2, false}, {layout.b2, true}, {layout.arm, false}, {layout.size, true}};
  size_t first = 0;
  for (const auto& [last, decays] : parts) {
    step.decay = decays ? decay : 1.0F;
    pool_.For(static_cast<int64_t>(last - first), kParametersAtOnce, [&](int64_t begin, int64_t end, int) {
      const size_t at = first + static_cast<size_t>(begin);
      kernels::AdamW(step, gradient_.data() + at, end - begin, state_.parameters.data() + at,
                     state_.first.data() + at, state_.second.data() + at);
    });
    first = last;
  }
}

absl::StatusOr<double> Training::ValidationLoss() {
  std::vector<int32_t> rows(static_cast<size_t>(validation_.rows()));
  std::iota(rows.begin(), rows.end(), 0);
  const auto batch = static_cast<size_t>(options_.batch);
  double centre = 0;
  for (size_t at = 0; at < rows.size() && options_.loss == LossKind::kLogistic; at += batch) {
    const absl::Span<const int32_t> some = absl::MakeConstSpan(rows).subspan(at, batch);
    SPRINT_ASSIGN_OR_RETURN(const float mean, tower_.MeanScore(state_.parameters, validation_.data(), some));
    centre += mean * static_cast<double>(some.size()) / static_cast<double>(rows.size());
  }
  std::vector<double> sums(std::size(kFactors), 0.0);
  for (size_t at = 0; at < rows.size(); at += batch) {
    SPRINT_RETURN_IF_ERROR(tower_.AddLosses(state_.parameters, validation_.data(),
                                            absl::MakeConstSpan(rows).subspan(at, batch), kFactors,
                                            static_cast<float>(centre), absl::MakeSpan(sums)));
  }
  // Not min_element, which would pass over a NaN.
  double best = sums[0];
  for (const double sum : sums) best = sum < best ? sum : best;
  return best / static_cast<double>(rows.size());
}

absl::StatusOr<TrainProgress> Training::Epoch() {
  const std::vector<int32_t> order = ShuffledRows(train_.rows(), options_.seed, state_.epoch);
  double sum = 0;
  const auto batch = static_cast<size_t>(options_.batch);
  for (size_t at = 0; at < order.size(); at += batch) {
    const absl::Span<const int32_t> rows = absl::MakeConstSpan(order).subspan(at, batch);
    SPRINT_ASSIGN_OR_RETURN(const double loss, tower_.Loss(state_.parameters, train_.data(), rows,
                                                           {options_.dropout, options_.seed, state_.steps},
                                                           absl::MakeSpan(gradient_)));
    SPRINT_RETURN_IF_ERROR(CheckFinite(loss, absl::StrCat("batch ", at / batch + 1)));
    Step();
    sum += loss * static_cast<double>(rows.size());
  }
  SPRINT_ASSIGN_OR_RETURN(const double validation, ValidationLoss());
  SPRINT_RETURN_IF_ERROR(CheckFinite(validation, "on the validation questions"));
  ++state_.epoch;
  const double train = sum / static_cast<double>(order.size());
  if (state_.best_epoch == 0 || validation < state_.best_loss) {
    state_.best_epoch = state_.epoch;
    state_.best_loss = validation;
    state_.best_train_loss = train;
    state_.best = state_.parameters;
  }
  return TrainProgress{state_.epoch, options_.epochs, train, validation, state_.best_loss, state_.best_epoch};
}

// What a checkpoint must agree with.
Hash256 TrainingHash(const Snapshot& snapshot, const FeatureMatrix& features, absl::Span<const size_t> train,
                     absl::Span<const size_t> validation, const TrainOptions& options) {
  Hasher hasher("training/1");
  hasher.Add("snapshot", snapshot.ContentHash()).Add("options", TrainOptionsHash(options));
  hasher.Add("features", absl::string_view(reinterpret_cast<const char*>(features.values.data()),
                                           features.values.size() * sizeof(float)));
  for (const size_t problem : train) hasher.AddInt("train", static_cast<int64_t>(problem));
  for (const size_t problem : validation) hasher.AddInt("validation", static_cast<int64_t>(problem));
  return hasher.Finish();
}

absl::Status CheckExamples(const Examples& examples, size_t questions, absl::string_view what,
                           LossKind loss) {
  if (examples.rows() > 0) return absl::OkStatus();
  const char* why = loss == LossKind::kLogistic ? "a judged answer" : "both a right and a wrong answer";
  return absl::FailedPreconditionError(absl::StrCat("none of the ", questions, " ", what, " questions has ",
                                                    why,
                                                    ", so there is nothing to learn from them; "
                                                    "sweep more questions, or freeze with another split"));
}

Selector MakeSelector(const Snapshot& snapshot, const FeatureMatrix& features, const Inputs& inputs,
                      const TwoTower& tower, const std::vector<float>& parameters,
                      const TrainOptions& options, absl::Span<const size_t> train) {
  const TowerLayout& layout = tower.layout();
  const auto part = [&](size_t first, size_t last) {
    return std::vector<float>(parameters.begin() + static_cast<std::ptrdiff_t>(first),
                              parameters.begin() + static_cast<std::ptrdiff_t>(last));
  };
  Selector selector;
  selector.arm_names = snapshot.arms;
  selector.score = options.score;
  selector.loss = options.loss;
  selector.temperature = options.temperature;
  const auto arms = static_cast<int64_t>(snapshot.arms.size());
  selector.weights = {features.dim,
                      options.hidden,
                      options.d,
                      arms,
                      inputs.Unproject(parameters.data() + layout.w1, options.hidden),
                      part(layout.b1, layout.w2),
                      part(layout.w2, layout.b2),
                      part(layout.b2, layout.arm),
                      tower.ArmVectors(parameters)};
  selector.feature_mean = inputs.standardisation().mean;
  selector.feature_deviation = inputs.standardisation().deviation;
  selector.arm_accuracy = ArmAccuracy(snapshot, train);
  for (const size_t problem : train) {
    const std::vector<float> place = selector.Place(features.Row(problem));
    selector.train_places.insert(selector.train_places.end(), place.begin(), place.end());
    for (size_t arm = 0; arm < snapshot.arms.size(); ++arm)
      selector.train_right.push_back(snapshot.At(problem, arm).right == 1 ? 1 : 0);
  }
  selector.lineage = "{}";
  return selector;
}

// Runs epochs until done, with a checkpoint after every few.
absl::Status RunEpochs(Training& training, const TrainRun& run, const Hash256& identity,
                       const TrainProgressFn& progress) {
  while (!training.Done()) {
    SPRINT_ASSIGN_OR_RETURN(const TrainProgress now, training.Epoch());
    const bool go_on = progress == nullptr || progress(now);
    const bool due = run.checkpoint_every > 0 && now.epoch % run.checkpoint_every == 0;
    if (!run.checkpoint.empty() && (due || !go_on))
      SPRINT_RETURN_IF_ERROR(SaveCheckpoint(training.state(), identity, run.checkpoint));
    if (!go_on) {
      return absl::CancelledError(absl::StrCat(
          "stopped after epoch ", now.epoch,
          run.checkpoint.empty() ? "" : absl::StrCat("; the same command goes on from ", run.checkpoint)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTrainOptions(const TrainOptions& o) {
  const auto bad = [](absl::string_view name, double value, absl::string_view expected) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is ", value, "; it must be ", expected));
  };
  if (!(o.temperature > 0) || !std::isfinite(o.temperature))
    return bad("temperature", o.temperature, "above 0");
  if (o.loss == LossKind::kLogistic && o.score == ScoreKind::kDistance) {
    return absl::InvalidArgumentError(
        "the logistic loss needs scores that can be positive; take the score dot or cosine, not distance");
  }
  if (!(o.lambda >= 0 && o.lambda <= 1)) return bad("lambda", o.lambda, "between 0 and 1");
  if (o.hidden < 1 || o.hidden > 65536)
    return bad("hidden", static_cast<double>(o.hidden), "from 1 to 65536");
  if (o.d < 1 || o.d > 65536) return bad("d", static_cast<double>(o.d), "from 1 to 65536");
  if (o.components < 0) return bad("components", static_cast<double>(o.components), "0 or more");
  if (!(o.dropout >= 0 && o.dropout < 1)) return bad("dropout", o.dropout, "at least 0 and below 1");
  if (!(o.learning_rate > 0) || !std::isfinite(o.learning_rate))
    return bad("learning rate", o.learning_rate, "above 0");
  if (!(o.weight_decay >= 0) || !(o.learning_rate * o.weight_decay < 1))
    return bad("weight decay", o.weight_decay, "0 or more, and below 1 / learning rate");
  if (o.batch < 1) return bad("batch", o.batch, "at least 1");
  if (o.epochs < 1) return bad("epochs", o.epochs, "at least 1");
  if (o.patience < 0) return bad("patience", o.patience, "0 or more");
  return absl::OkStatus();
}

std::string TrainOptionsJson(const TrainOptions& o) {
  const nlohmann::ordered_json json = {{"loss", std::string(LossKindName(o.loss))},
                                       {"score", std::string(ScoreKindName(o.score))},
                                       {"temperature", o.temperature},
                                       {"lambda", o.lambda},
                                       {"hidden", o.hidden},
                                       {"d", o.d},
                                       {"components", o.components},
                                       {"arm_features", o.arm_features},
                                       {"dropout", o.dropout},
                                       {"learning_rate", o.learning_rate},
                                       {"weight_decay", o.weight_decay},
                                       {"batch", o.batch},
                                       {"epochs", o.epochs},
                                       {"patience", o.patience},
                                       {"seed", o.seed}};
  return json.dump();
}

Hash256 TrainOptionsHash(const TrainOptions& options) {
  return Hasher("train/1").Add("options", TrainOptionsJson(options)).Finish();
}

absl::StatusOr<TrainedSelector> TrainSelector(const Snapshot& snapshot, const FeatureMatrix& features,
                                              absl::Span<const size_t> train,
                                              absl::Span<const size_t> validation,
                                              const TrainOptions& options, const TrainRun& run,
                                              const TrainProgressFn& progress) {
  SPRINT_RETURN_IF_ERROR(CheckTrainOptions(options));
  if (features.rows != static_cast<int64_t>(snapshot.problems.size())) {
    return absl::InvalidArgumentError(absl::StrCat("there are features of ", features.rows,
                                                   " questions, but ", snapshot.problems.size(),
                                                   " questions in the snapshot"));
  }
  const Inputs inputs(features, train, options.components);
  const Examples train_examples = MakeExamples(snapshot, inputs, train, options);
  const Examples validation_examples = MakeExamples(snapshot, inputs, validation, options);
  SPRINT_RETURN_IF_ERROR(CheckExamples(train_examples, train.size(), "training", options.loss));
  SPRINT_RETURN_IF_ERROR(CheckExamples(validation_examples, validation.size(), "validation", options.loss));

  const ArmFeatures arm_features = options.arm_features ? MakeArmFeatures(snapshot, train) : ArmFeatures();
  ThreadPool pool(run.threads > 0 ? run.threads : UsableCpus());
  TwoTower tower({{inputs.dim(), options.hidden, options.d, static_cast<int64_t>(snapshot.arms.size()),
                   arm_features.count},
                  options.score,
                  options.temperature,
                  options.loss == LossKind::kLogistic,
                  arm_features.values},
                 pool);
  Training training(options, tower, pool, train_examples, validation_examples);
  const Hash256 identity = TrainingHash(snapshot, features, train, validation, options);
  TrainedSelector trained;
  if (!run.checkpoint.empty()) {
    absl::StatusOr<TrainState> saved = LoadCheckpoint(identity, run.checkpoint);
    if (saved.ok()) {
      trained.report.resumed_at = saved->epoch;
      SPRINT_RETURN_IF_ERROR(training.Restore(*std::move(saved)));
    } else if (!absl::IsNotFound(saved.status())) {
      return saved.status();
    }
  }
  SPRINT_RETURN_IF_ERROR(RunEpochs(training, run, identity, progress));
  const TrainState& state = training.state();
  trained.selector = MakeSelector(snapshot, features, inputs, tower, state.best, options, train);
  trained.selector.calibration = FitCalibration(trained.selector, snapshot, features, validation);
  trained.report.epochs = state.epoch;
  trained.report.best_epoch = state.best_epoch;
  trained.report.train_loss = state.best_train_loss;
  trained.report.validation_loss = state.best_loss;
  trained.report.train_questions = train_examples.rows();
  trained.report.validation_questions = validation_examples.rows();
  return trained;
}

}  // namespace sprint
