#include "eval/aggregation.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "eval/judge.h"

namespace sprint {
namespace {

// The votes of one set, counted: comparisons ask for millions.
double MajorityOf(absl::Span<const SampledAnswer> answers) {
  struct Votes {
    int all = 0;
    int right = 0;
  };
  std::vector<Votes> classes;
  int most = 0;
  for (const SampledAnswer& answer : answers) {
    if (answer.group < 0) continue;
    const auto index = static_cast<size_t>(answer.group);
    if (classes.size() <= index) classes.resize(index + 1);
    classes[index].right += answer.right ? 1 : 0;
    most = std::max(most, ++classes[index].all);
  }
  double share = 0;
  int tied = 0;
  for (const Votes& votes : classes) {
    if (most == 0 || votes.all != most) continue;
    ++tied;
    share += static_cast<double>(votes.right) / votes.all;
  }
  return tied == 0 ? 0 : share / tied;
}

}  // namespace

int AnswerClasses::Of(absl::string_view answer) {
  if (answer.empty()) return -1;
  for (const auto& [text, number] : known_) {
    if (text == answer) return number;
  }
  int number = classes_;
  for (const auto& [text, of_it] : known_) {
    if (!AnswersAgree(text, answer, nullptr)) continue;
    number = of_it;
    break;
  }
  classes_ = std::max(classes_, number + 1);
  known_.emplace_back(std::string(answer), number);
  return number;
}

void AnswerClasses::Clear() {
  known_.clear();
  classes_ = 0;
}

absl::string_view AggregationName(Aggregation aggregation) {
  switch (aggregation) {
    case Aggregation::kCoverage:
      return "coverage";
    case Aggregation::kMajority:
      return "majority";
    case Aggregation::kWeighted:
      return "weighted";
    case Aggregation::kBest:
      return "best";
  }
  return "unknown";
}

absl::StatusOr<Aggregation> ParseAggregation(absl::string_view name) {
  for (const Aggregation aggregation :
       {Aggregation::kCoverage, Aggregation::kMajority, Aggregation::kWeighted, Aggregation::kBest}) {
    if (AggregationName(aggregation) == name) return aggregation;
  }
  return absl::InvalidArgumentError(absl::StrCat("there is no aggregation \"", name,
                                                 "\"; there are coverage, majority, weighted and best"));
}

std::vector<double> VoteWeights(absl::Span<const double> scores) {
  std::vector<double> weights;
  if (scores.empty()) return weights;
  const double largest = *std::max_element(scores.begin(), scores.end());
  for (const double score : scores) {
    // Denormal at the least, so that no vote is lost and the order is kept down to there.
    weights.push_back(std::max(std::exp(score - largest), 5e-324));
  }
  return weights;
}

double Aggregate(absl::Span<const SampledAnswer> answers, Aggregation aggregation) {
  if (answers.empty()) return 0;
  if (aggregation == Aggregation::kMajority) return MajorityOf(answers);
  return AggregateAtN(answers, static_cast<int>(answers.size()), aggregation);
}

double AggregateAtN(absl::Span<const SampledAnswer> answers, int n, Aggregation aggregation, uint64_t seed) {
  assert(1 <= n && n <= static_cast<int>(answers.size()));
  switch (aggregation) {
    case Aggregation::kCoverage: {
      const auto right = std::count_if(answers.begin(), answers.end(), [](const SampledAnswer& answer) {
        return answer.group >= 0 && answer.right;
      });
      return PassAtK(static_cast<int>(answers.size()), static_cast<int>(right), n);
    }
    case Aggregation::kMajority:
      return MajorityAtK(answers, n);
    case Aggregation::kWeighted:
      return WeightedVoteAtK(answers, n, seed);
    case Aggregation::kBest:
      return BestAtK(answers, n);
  }
  return 0;
}

VoteResult Vote(absl::Span<const std::string> answers, absl::Span<const double> weights) {
  assert(answers.size() == weights.size());
  AnswerClasses classes;
  std::vector<double> sums;
  std::vector<std::string> written;
  double all = 0;
  for (size_t i = 0; i < answers.size(); ++i) {
    all += weights[i];
    const int number = classes.Of(answers[i]);
    if (number < 0) continue;
    const auto index = static_cast<size_t>(number);
    if (sums.size() <= index) {
      sums.resize(index + 1, 0);
      written.push_back(answers[i]);
    }
    sums[index] += weights[i];
  }
  VoteResult result;
  if (sums.empty() || all <= 0) return result;
  const double most = *std::max_element(sums.begin(), sums.end());
  for (size_t i = 0; i < sums.size(); ++i) {
    if (sums[i] >= most * (1 - 1e-12)) result.winners.push_back(written[i]);
  }
  result.share = most / all;
  return result;
}

}  // namespace sprint
