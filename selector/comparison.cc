#include "selector/comparison.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "selector/blind_methods.h"
#include "selector/policies.h"

namespace sprint {
namespace {

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

QuestionMean MeanOf(const std::vector<double>& values, double added_variance) {
  QuestionMean mean{Mean(values), 0, std::ssize(values), added_variance};
  for (const double value : values) mean.mean_square += value * value / static_cast<double>(values.size());
  return mean;
}

// What some answers are worth, and cost.
struct Worth {
  double value = 0;
  double tokens = 0;
};

// Evaluates choices on test questions.
class Bench {
 public:
  Bench(const Snapshot& snapshot, const ComparisonOptions& options)
      : snapshot_(snapshot),
        options_(options),
        questions_(options.questions.empty() ? ComparedQuestions(snapshot) : options.questions) {}

  const std::vector<size_t>& questions() const { return questions_; }

  Worth Of(size_t problem, absl::Span<const int32_t> arms, absl::Span<const double> weights,
           Aggregation aggregation) const {
    std::vector<const FrozenOutcome*> answers;
    Worth worth;
    for (const int32_t arm : arms) {
      answers.push_back(&snapshot_.At(problem, static_cast<size_t>(arm)));
      worth.tokens += answers.back()->tokens;
    }
    worth.value = AggregateAnswers(answers, weights, aggregation);
    return worth;
  }

  // One value a question.
  MethodResult PerQuestion(const std::string& method, int32_t n, Aggregation aggregation,
                           const std::function<Worth(size_t)>& worth) const {
    MethodResult result = Empty(method, n, aggregation);
    double tokens = 0;
    for (size_t i = 0; i < questions_.size(); ++i) {
      const Worth of_question = worth(questions_[i]);
      result.of_question[i] = of_question.value;
      tokens += of_question.tokens;
    }
    SetCost(tokens, 1, result);
    return result;
  }

  // The first n arms for each question; one repetition for each seed.
  MethodResult OfChoices(const SelectorChoices& choices, int32_t n, Aggregation aggregation) const {
    MethodResult result = Empty(choices.name, n, aggregation);
    const auto seeds = static_cast<double>(choices.of.size());
    double tokens = 0;
    for (const std::vector<ChosenArms>& of_seed : choices.of) {
      double sum = 0;
      for (size_t i = 0; i < questions_.size(); ++i) {
        const ChosenArms& chosen = of_seed[i];
        const size_t count = std::min(chosen.arms.size(), static_cast<size_t>(n));
        const auto weights = absl::MakeConstSpan(chosen.weights);
        const Worth worth = Of(questions_[i], absl::MakeConstSpan(chosen.arms).first(count),
                               weights.first(std::min(count, weights.size())), aggregation);
        result.of_question[i] += worth.value / seeds;
        sum += worth.value;
        tokens += worth.tokens;
      }
      result.of_repetition.push_back(sum / static_cast<double>(questions_.size()));
    }
    SetCost(tokens, seeds, result);
    return result;
  }

  // One order of arms for all questions.
  MethodResult OfOrder(const std::string& method, int32_t n, Aggregation aggregation,
                       const std::vector<int32_t>& order) const {
    const auto first = absl::MakeConstSpan(order).first(std::min(order.size(), static_cast<size_t>(n)));
    return PerQuestion(method, n, aggregation,
                       [&](size_t problem) { return Of(problem, first, {}, aggregation); });
  }

  // The mean over draws of orders of arms, each drawn without replacement in proportion to `weight`.
  MethodResult OfDraws(const std::string& method, int32_t n, Aggregation aggregation,
                       const std::vector<double>& weight, uint64_t stream) const {
    return PerQuestion(method, n, aggregation, [&](size_t problem) {
      Worth mean;
      for (int32_t draw = 0; draw < options_.draws; ++draw) {
        const Worth worth = Of(problem, DrawOrder(weight, problem, draw, n, stream), {}, aggregation);
        mean.value += worth.value / options_.draws;
        mean.tokens += worth.tokens / options_.draws;
      }
      return mean;
    });
  }

  // All sets of n of the arms from `first` on, exactly.
  MethodResult OfAnyArms(const std::string& method, int32_t n, size_t first) const {
    const size_t arms = snapshot_.arms.size();
    return PerQuestion(method, n, Aggregation::kCoverage, [&](size_t problem) {
      int64_t right = 0;
      int64_t tokens = 0;
      for (size_t arm = first; arm < arms; ++arm) {
        right += snapshot_.At(problem, arm).right == 1 ? 1 : 0;
        tokens += snapshot_.At(problem, arm).tokens;
      }
      const auto count = static_cast<int64_t>(arms - first);
      return Worth{ExpectedCoverage(count, right, n),
                   static_cast<double>(tokens) * n / static_cast<double>(count)};
    });
  }

 private:
  MethodResult Empty(const std::string& method, int32_t n, Aggregation aggregation) const {
    MethodResult result;
    result.method = method;
    result.n = n;
    result.aggregation = aggregation;
    result.of_question.assign(questions_.size(), 0);
    return result;
  }
  void SetCost(double tokens, double repetitions, MethodResult& result) const {
    result.mean_tokens = tokens / repetitions / static_cast<double>(questions_.size());
    if (snapshot_.tokens_per_second > 0)
      result.mean_seconds = result.mean_tokens / snapshot_.tokens_per_second;
  }
  std::vector<int32_t> DrawOrder(const std::vector<double>& weight, size_t problem, int32_t draw, int32_t n,
                                 uint64_t stream) const {
    return DrawArms(weight, n, options_.seed ^ (stream << 32),
                    (static_cast<uint64_t>(problem) << 20) + static_cast<uint64_t>(draw));
  }

  const Snapshot& snapshot_;
  const ComparisonOptions& options_;
  const std::vector<size_t> questions_;
};

void AddBlindMethods(const Snapshot& snapshot, const Bench& bench, const BlindKnowledge& knowledge,
                     size_t first, int32_t n, Aggregation aggregation, std::vector<MethodResult>& results) {
  const size_t arms = snapshot.arms.size();
  results.push_back(bench.OfOrder("baseline", n, aggregation, {0}));
  if (aggregation == Aggregation::kWeighted) return;  // nothing weighs the others' votes
  std::vector<double> equal(arms, 1.0);
  if (first == 1) equal[0] = 0;
  results.push_back(aggregation == Aggregation::kCoverage
                        ? bench.OfAnyArms("random", n, first)
                        : bench.OfDraws("random", n, aggregation, equal, kRandomStream));
  results.push_back(bench.OfOrder("average", n, aggregation, knowledge.by_average));
  results.push_back(bench.OfDraws("best-arms", n, aggregation, knowledge.best_share, kBestStream));
  results.push_back(bench.OfOrder("set-cover", n, aggregation, knowledge.by_cover));
  std::vector<int32_t> all(arms);
  std::iota(all.begin(), all.end(), 0);
  results.push_back(bench.PerQuestion("oracle", n, aggregation, [&](size_t problem) {
    return bench.Of(problem, all, {}, Aggregation::kCoverage);
  }));
}

bool Weighs(const SelectorChoices& selector) {
  return !selector.of.empty() && !selector.of[0].empty() && !selector.of[0][0].weights.empty();
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

double AggregateAnswers(absl::Span<const FrozenOutcome* const> outcomes, absl::Span<const double> weights,
                        Aggregation aggregation) {
  std::vector<SampledAnswer> answers;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    // Class 0 is the right answer.
    answers.push_back({outcomes[i]->answer_class, outcomes[i]->right == 1, weights.empty() ? 1 : weights[i]});
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
  return {result.mean(), ShareInterval(MeanOf(result.of_question, VarianceOfMean(result.of_repetition)))};
}

Estimate PairedDifference(const MethodResult& a, const MethodResult& b) {
  std::vector<double> difference;
  for (size_t i = 0; i < a.of_question.size(); ++i) difference.push_back(a.of_question[i] - b.of_question[i]);
  const double repetitions = VarianceOfMean(a.of_repetition) + VarianceOfMean(b.of_repetition);
  return {Mean(difference), DifferenceInterval(MeanOf(difference, repetitions))};
}

const MethodResult* Comparison::Find(absl::string_view method, int32_t n, Aggregation aggregation) const {
  for (const MethodResult& result : results) {
    if (result.method == method && result.n == n && result.aggregation == aggregation) return &result;
  }
  return nullptr;
}

SelectorChoices ChooseAll(const NamedSelector& selector, absl::Span<const size_t> questions, int32_t most_n) {
  SelectorChoices choices{selector.name, {}};
  for (const ChooseFn& choose : selector.seeds) {
    std::vector<ChosenArms>& of_seed = choices.of.emplace_back();
    for (const size_t problem : questions) of_seed.push_back(choose(problem, most_n));
  }
  return choices;
}

absl::StatusOr<Comparison> CompareChoices(const Snapshot& snapshot,
                                          absl::Span<const SelectorChoices> selectors,
                                          const ComparisonOptions& options) {
  const Bench bench(snapshot, options);
  const auto tested = std::ssize(snapshot.Of(Split::kTest));
  const auto complete = std::ssize(ComparedQuestions(snapshot));
  if (bench.questions().empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("no test question of snapshot ", snapshot.name, " has a judged outcome of every arm (",
                     tested, " have some); let the sweep finish, or freeze with a test share above 0"));
  }
  Comparison comparison;
  comparison.questions = static_cast<int64_t>(bench.questions().size());
  comparison.incomplete = tested - complete;
  const BaselineUse use = options.random_with_baseline ? BaselineUse::kCandidate : BaselineUse::kExcluded;
  const BlindKnowledge knowledge = LearnBlindly(snapshot, use);
  int64_t done = 0;
  const auto total = static_cast<int64_t>(options.aggregations.size() * options.n.size());
  for (const Aggregation aggregation : options.aggregations) {
    for (const int32_t n : options.n) {
      if (options.progress != nullptr) options.progress(done++, total);
      if (n < 1 || static_cast<size_t>(n) >= snapshot.arms.size()) continue;
      AddBlindMethods(snapshot, bench, knowledge, options.random_with_baseline ? 0 : 1, n, aggregation,
                      comparison.results);
      for (const SelectorChoices& selector : selectors) {
        if (!NeedsScores(aggregation) || Weighs(selector))
          comparison.results.push_back(bench.OfChoices(selector, n, aggregation));
      }
    }
  }
  return comparison;
}

absl::StatusOr<Comparison> Compare(const Snapshot& snapshot, const std::vector<NamedSelector>& selectors,
                                   const ComparisonOptions& options) {
  const std::vector<size_t> questions =
      options.questions.empty() ? ComparedQuestions(snapshot) : options.questions;
  int32_t most = 1;
  for (const int32_t n : options.n) most = std::max(most, n);
  std::vector<SelectorChoices> choices;
  for (const NamedSelector& selector : selectors) choices.push_back(ChooseAll(selector, questions, most));
  return CompareChoices(snapshot, choices, options);
}

}  // namespace sprint
