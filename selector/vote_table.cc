#include "selector/vote_table.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"

namespace sprint {
namespace {

// Costs that differ by less are equal: answers of one length on average never cost quite the same.
constexpr double kNearEnough = 0.02;

std::vector<SampledAnswer> AnswersOf(const std::vector<MethodAnswer>& answers, size_t count) {
  std::vector<SampledAnswer> plain;
  for (size_t i = 0; i < count; ++i) plain.push_back(answers[i].answer);
  return plain;
}

double TokensOf(const std::vector<MethodAnswer>& answers, size_t count) {
  double tokens = 0;
  for (size_t i = 0; i < count; ++i) tokens += answers[i].tokens;
  return tokens;
}

// The questions that every method has answers to.
std::vector<int64_t> CommonQuestions(absl::Span<const AnsweringMethod> methods, int64_t& left_out) {
  std::map<int64_t, size_t> seen;
  for (const AnsweringMethod& method : methods) {
    for (const auto& [number, answers] : method.answers) ++seen[number];
  }
  std::vector<int64_t> common;
  for (const auto& [number, count] : seen) {
    if (count == methods.size()) common.push_back(number);
  }
  left_out = static_cast<int64_t>(seen.size() - common.size());
  return common;
}

const AnsweringMethod* Find(absl::Span<const AnsweringMethod> methods, absl::string_view name) {
  for (const AnsweringMethod& method : methods) {
    if (method.name == name) return &method;
  }
  return nullptr;
}

absl::StatusOr<const AnsweringMethod*> ReferenceOf(absl::Span<const AnsweringMethod> methods,
                                                   const std::string& wanted) {
  const AnsweringMethod* found = Find(methods, wanted.empty() ? "samples" : wanted);
  if (found != nullptr || wanted.empty()) return found;
  return absl::NotFoundError(absl::StrCat(
      "there is no method \"", wanted, "\" to compare with; there are ",
      absl::StrJoin(methods, ", ", [](std::string* out, const AnsweringMethod& m) { out->append(m.name); })));
}

void SetCost(double tokens, size_t questions, const AnsweringMethod& method, MethodResult& result) {
  result.mean_tokens = tokens / static_cast<double>(questions);
  if (method.tokens_per_second > 0) result.mean_seconds = result.mean_tokens / method.tokens_per_second;
}

}  // namespace

MethodValues::MethodValues(const AnsweringMethod& method, absl::Span<const int64_t> questions)
    : method_(method), questions_(questions) {
  size_t most = INT32_MAX;
  for (const int64_t number : questions) most = std::min(most, method.answers.at(number).size());
  most_n_ = static_cast<int32_t>(most);
}

const MethodResult& MethodValues::AtN(int32_t n, Aggregation aggregation) {
  const auto [found, is_new] = known_.try_emplace({n, aggregation});
  MethodResult& result = found->second;
  if (!is_new) return result;
  result = {method_.name, n, aggregation, {}, {}};
  double tokens = 0;
  for (const int64_t number : questions_) {
    const std::vector<MethodAnswer>& answers = method_.answers.at(number);
    const size_t count = method_.ordered ? static_cast<size_t>(n) : answers.size();
    const std::vector<SampledAnswer> plain = AnswersOf(answers, count);
    result.of_question.push_back(method_.ordered
                                     ? Aggregate(plain, aggregation)
                                     : AggregateAtN(plain, n, aggregation, static_cast<uint64_t>(number)));
    tokens += TokensOf(answers, count) * n / static_cast<double>(count);
  }
  SetCost(tokens, questions_.size(), method_, result);
  return result;
}

ValueAtCost MethodValues::AtTokens(double tokens, Aggregation aggregation) {
  const double one = AtN(1, Aggregation::kCoverage).mean_tokens;
  const double wished = one > 0 ? tokens / one : 1;
  ValueAtCost at_cost;
  at_cost.n = std::clamp(wished, 1.0, static_cast<double>(most_n_));
  at_cost.exact = std::abs(at_cost.n - wished) < kNearEnough * wished;
  const auto low = static_cast<int32_t>(at_cost.n);
  at_cost.result = AtN(low, aggregation);
  const double share = at_cost.n - low;
  if (share > 0) {
    const MethodResult& above = AtN(low + 1, aggregation);
    for (size_t i = 0; i < above.of_question.size(); ++i) {
      double& value = at_cost.result.of_question[i];
      value += share * (above.of_question[i] - value);
    }
  }
  return at_cost;
}

MethodResult MethodValues::OfEverything() const {
  MethodResult result{method_.name, 0, Aggregation::kCoverage, {}, {}};
  double tokens = 0;
  for (const int64_t number : questions_) {
    const std::vector<MethodAnswer>& answers = method_.answers.at(number);
    result.of_question.push_back(Aggregate(AnswersOf(answers, answers.size()), Aggregation::kCoverage));
    tokens += TokensOf(answers, answers.size());
  }
  SetCost(tokens, questions_.size(), method_, result);
  return result;
}

VoteRow RowOf(const MethodResult& result, MethodValues* reference) {
  VoteRow row;
  row.method = result.method;
  row.n = result.n;
  row.aggregation = result.aggregation;
  row.mean_tokens = result.mean_tokens;
  row.mean_seconds = result.mean_seconds;
  row.accuracy = EstimateOf(result);
  if (reference == nullptr || row.method == reference->method().name) return row;
  if (row.n >= 1 && row.n <= reference->most_n())
    row.at_equal_n = PairedDifference(result, reference->AtN(row.n, row.aggregation));
  if (reference->method().ordered) return row;
  const ValueAtCost at_cost = reference->AtTokens(row.mean_tokens, row.aggregation);
  row.at_equal_tokens = PairedDifference(result, at_cost.result);
  row.reference_n = at_cost.n;
  row.tokens_reached = at_cost.exact;
  return row;
}

absl::StatusOr<VoteTable> CompareVotes(absl::Span<const AnsweringMethod> methods,
                                       const VoteOptions& options) {
  VoteTable table;
  SPRINT_ASSIGN_OR_RETURN(const AnsweringMethod* reference, ReferenceOf(methods, options.reference));
  const std::vector<int64_t> questions = CommonQuestions(methods, table.left_out);
  table.questions = std::ssize(questions);
  if (questions.empty()) {
    return absl::FailedPreconditionError(
        "no question has the answers of every method yet; wait, or look at fewer experiments");
  }
  std::optional<MethodValues> reference_values;
  if (reference != nullptr) {
    table.reference = reference->name;
    reference_values.emplace(*reference, questions);
  }
  const auto add = [&](const MethodResult& result) {
    table.rows.push_back(RowOf(result, reference_values ? &*reference_values : nullptr));
  };
  for (const AnsweringMethod& method : methods) {
    MethodValues own(method, questions);
    MethodValues& values = &method == reference ? *reference_values : own;
    if (method.everything) {
      add(values.OfEverything());
      continue;
    }
    for (const Aggregation aggregation : options.aggregations) {
      for (const int32_t n : options.n) {
        if (n <= values.most_n()) add(values.AtN(n, aggregation));
      }
    }
  }
  return table;
}

}  // namespace sprint
