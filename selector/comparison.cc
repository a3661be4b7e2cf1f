#include "selector/comparison.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "selector/blind_methods.h"
#include "selector/policies.h"

namespace sprint {
namespace {

constexpr double kZ = 1.959963984540054;  // the normal quantile of 0.975
constexpr uint64_t kRandomStream = 0x72616e64;
constexpr uint64_t kBestStream = 0x62657374;

double Mean(const std::vector<double>& values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// The variance of the mean of `values`; 0 for fewer than two.
double VarianceOfMean(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  const double mean = Mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const auto count = static_cast<double>(values.size());
  return squares / (count - 1) / count;
}

Estimate MakeEstimate(double mean, double variance) {
  const double half = kZ * std::sqrt(variance);
  return {mean, {mean - half, mean + half}};
}

// Evaluates choices on test questions.
class Bench {
 public:
  Bench(const Snapshot& snapshot, const ComparisonOptions& options) : snapshot_(snapshot), options_(options) {
    questions_ = ComparedQuestions(snapshot);
    incomplete_ = std::ssize(snapshot.Of(Split::kTest)) - std::ssize(questions_);
  }

  const std::vector<size_t>& questions() const { return questions_; }
  int64_t incomplete() const { return incomplete_; }

  double Value(size_t problem, absl::Span<const int32_t> arms, Aggregation aggregation) const {
    std::vector<const FrozenOutcome*> answers;
    for (const int32_t arm : arms) answers.push_back(&snapshot_.At(problem, static_cast<size_t>(arm)));
    return AggregateAnswers(answers, aggregation);
  }

  // One value a question.
  MethodResult PerQuestion(const std::string& method, int32_t n, Aggregation aggregation,
                           const std::function<double(size_t)>& value) const {
    MethodResult result{method, n, aggregation, {}, {}};
    for (const size_t problem : questions_) result.of_question.push_back(value(problem));
    return result;
  }

  // A fixed order of arms for each question; one repetition for each `choose`.
  MethodResult OfChoices(const std::string& method, int32_t n, Aggregation aggregation,
                         const std::vector<ChooseFn>& seeds) const {
    MethodResult result{method, n, aggregation, std::vector<double>(questions_.size(), 0.0), {}};
    for (const ChooseFn& choose : seeds) {
      double sum = 0;
      for (size_t i = 0; i < questions_.size(); ++i) {
        const double value = Value(questions_[i], choose(questions_[i], n), aggregation);
        result.of_question[i] += value / static_cast<double>(seeds.size());
        sum += value;
      }
      result.of_repetition.push_back(sum / static_cast<double>(questions_.size()));
    }
    return result;
  }

  // The mean over draws of orders of arms, each drawn without replacement in proportion to `weight`.
  MethodResult OfDraws(const std::string& method, int32_t n, Aggregation aggregation,
                       const std::vector<double>& weight, uint64_t stream) const {
    return PerQuestion(method, n, aggregation, [&](size_t problem) {
      double sum = 0;
      for (int32_t draw = 0; draw < options_.draws; ++draw)
        sum += Value(problem, DrawOrder(weight, problem, draw, n, stream), aggregation);
      return sum / options_.draws;
    });
  }

 private:
  std::vector<int32_t> DrawOrder(const std::vector<double>& weight, size_t problem, int32_t draw, int32_t n,
                                 uint64_t stream) const {
    return DrawArms(weight, n, options_.seed ^ (stream << 32),
                    (static_cast<uint64_t>(problem) << 20) + static_cast<uint64_t>(draw));
  }

  const Snapshot& snapshot_;
  const ComparisonOptions& options_;
  std::vector<size_t> questions_;
  int64_t incomplete_ = 0;
};

ChooseFn FirstOf(const std::vector<int32_t>& order) {
  return [&order](size_t, int32_t n) {
    return std::vector<int32_t>(order.begin(),
                                order.begin() + std::min<std::ptrdiff_t>(n, std::ssize(order)));
  };
}

void AddBlindMethods(const Snapshot& snapshot, const Bench& bench, const BlindKnowledge& knowledge,
                     size_t first, int32_t n, Aggregation aggregation, std::vector<MethodResult>& results) {
  const size_t arms = snapshot.arms.size();
  results.push_back(bench.PerQuestion("baseline", n, aggregation, [&](size_t problem) {
    return snapshot.At(problem, 0).right == 1 ? 1.0 : 0.0;
  }));
  std::vector<double> equal(arms, 1.0);
  if (first == 1) equal[0] = 0;
  if (aggregation == Aggregation::kCoverage) {
    results.push_back(bench.PerQuestion("random", n, aggregation, [&](size_t problem) {
      int64_t right = 0;
      for (size_t arm = first; arm < arms; ++arm) right += snapshot.At(problem, arm).right == 1 ? 1 : 0;
      return ExpectedCoverage(static_cast<int64_t>(arms - first), right, n);
    }));
  } else {
    results.push_back(bench.OfDraws("random", n, aggregation, equal, kRandomStream));
  }
  results.push_back(bench.OfChoices("average", n, aggregation, {FirstOf(knowledge.by_average)}));
  results.push_back(bench.OfDraws("best-arms", n, aggregation, knowledge.best_share, kBestStream));
  results.push_back(bench.OfChoices("set-cover", n, aggregation, {FirstOf(knowledge.by_cover)}));
  results.push_back(bench.PerQuestion("oracle", n, aggregation, [&](size_t problem) {
    for (size_t arm = 0; arm < arms; ++arm) {
      if (snapshot.At(problem, arm).right == 1) return 1.0;
    }
    return 0.0;
  }));
}

}  // namespace

std::vector<size_t> ComparedQuestions(const Snapshot& snapshot) {
  std::vector<size_t> questions;
  for (const size_t problem : snapshot.Of(Split::kTest)) {
    bool complete = true;
    for (size_t arm = 0; arm < snapshot.arms.size(); ++arm)
      complete = complete && snapshot.At(problem, arm).right >= 0;
    if (complete) questions.push_back(problem);
  }
  return questions;
}

double AggregateAnswers(absl::Span<const FrozenOutcome* const> outcomes, Aggregation aggregation) {
  std::vector<SampledAnswer> answers;
  for (const FrozenOutcome* outcome : outcomes) {
    // Class 0 is the right answer.
    answers.push_back({outcome->answer_class, outcome->right == 1, 0});
  }
  return Aggregate(answers, aggregation);
}

double ExpectedCoverage(int64_t arms, int64_t right, int64_t n) {
  if (n > arms - right) return right > 0 ? 1 : 0;
  double all_wrong = 1;
  for (int64_t i = 0; i < n; ++i)
    all_wrong *= static_cast<double>(arms - right - i) / static_cast<double>(arms - i);
  return 1 - all_wrong;
}

double MethodResult::mean() const { return Mean(of_question); }

Estimate EstimateOf(const MethodResult& result) {
  return MakeEstimate(result.mean(),
                      VarianceOfMean(result.of_question) + VarianceOfMean(result.of_repetition));
}

Estimate PairedDifference(const MethodResult& a, const MethodResult& b) {
  std::vector<double> difference;
  for (size_t i = 0; i < a.of_question.size(); ++i) difference.push_back(a.of_question[i] - b.of_question[i]);
  return MakeEstimate(Mean(difference), VarianceOfMean(difference) + VarianceOfMean(a.of_repetition) +
                                            VarianceOfMean(b.of_repetition));
}

const MethodResult* Comparison::Find(absl::string_view method, int32_t n, Aggregation aggregation) const {
  for (const MethodResult& result : results) {
    if (result.method == method && result.n == n && result.aggregation == aggregation) return &result;
  }
  return nullptr;
}

absl::StatusOr<Comparison> Compare(const Snapshot& snapshot, const std::vector<NamedSelector>& selectors,
                                   const ComparisonOptions& options) {
  const Bench bench(snapshot, options);
  if (bench.questions().empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "no test question of snapshot ", snapshot.name, " has a judged outcome of every arm (",
        bench.incomplete(), " have some); let the sweep finish, or freeze with a test share above 0"));
  }
  Comparison comparison;
  comparison.questions = static_cast<int64_t>(bench.questions().size());
  comparison.incomplete = bench.incomplete();
  const BaselineUse use = options.random_with_baseline ? BaselineUse::kCandidate : BaselineUse::kExcluded;
  const BlindKnowledge knowledge = LearnBlindly(snapshot, use);
  for (const Aggregation aggregation : options.aggregations) {
    for (const int32_t n : options.n) {
      if (n < 1 || static_cast<size_t>(n) >= snapshot.arms.size()) continue;
      AddBlindMethods(snapshot, bench, knowledge, options.random_with_baseline ? 0 : 1, n, aggregation,
                      comparison.results);
      for (const NamedSelector& selector : selectors)
        comparison.results.push_back(bench.OfChoices(selector.name, n, aggregation, selector.seeds));
    }
  }
  return comparison;
}

}  // namespace sprint
