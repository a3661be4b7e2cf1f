// Methods of Best-of-N beside each other: methods x N x aggregation, each against a reference.
#ifndef SPRINT_SELECTOR_VOTE_TABLE_H_
#define SPRINT_SELECTOR_VOTE_TABLE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "eval/aggregation.h"
#include "selector/comparison.h"
#include "selector/stored_answers.h"

namespace sprint {

// What a method is worth where it may cost so much.
struct ValueAtCost {
  MethodResult result;  // one value a question
  double n = 1;         // answers on average
  bool exact = true;    // the cost is met, within 2 %
};

// A method's values (comparison.h) on the questions of a comparison, each computed once. Not thread-safe;
// refers to what it is made of.
class MethodValues {
 public:
  // REQUIRES: the method has an answer to each question.
  MethodValues(const AnsweringMethod& method, absl::Span<const int64_t> questions);
  const AnsweringMethod& method() const { return method_; }
  int32_t most_n() const { return most_n_; }
  // REQUIRES: 1 <= n <= most_n().
  const MethodResult& AtN(int32_t n, Aggregation aggregation);
  // Where a question may cost `tokens` on average: n answers or n + 1 by a lot that makes the expected cost
  // `tokens` exactly. Where one answer costs more already, or all cost less, it is that one or all, and not
  // `exact`. REQUIRES: the answers are alike.
  ValueAtCost AtTokens(double tokens, Aggregation aggregation);
  // Coverage by all answers, however many.
  MethodResult OfEverything() const;

 private:
  const AnsweringMethod& method_;
  const absl::Span<const int64_t> questions_;
  int32_t most_n_;
  std::map<std::pair<int32_t, Aggregation>, MethodResult> known_;
};

struct VoteRow {
  std::string method;
  int32_t n = 0;  // 0: everything (an oracle)
  Aggregation aggregation = Aggregation::kCoverage;
  double mean_tokens = 0;
  double mean_seconds = 0;  // 0: not known
  Estimate accuracy;
  // This less the reference, question by question, at the same n; and where the reference may generate as
  // many tokens.
  std::optional<Estimate> at_equal_n;
  std::optional<Estimate> at_equal_tokens;
  double reference_n = 0;       // answers of the reference at equal tokens
  bool tokens_reached = false;  // else the reference has too few answers, or one costs more already
};

// `reference` (may be null): what it is compared with, on the same questions.
VoteRow RowOf(const MethodResult& result, MethodValues* reference);

struct VoteOptions {
  std::vector<int32_t> n = {1, 2, 4, 8, 16};
  std::vector<Aggregation> aggregations = {Aggregation::kCoverage, Aggregation::kMajority,
                                           Aggregation::kWeighted, Aggregation::kBest};
  std::string reference;  // a method's name; empty: "samples", else none
};

struct VoteTable {
  std::string reference;      // empty: none
  int64_t questions = 0;      // that every method has answers to
  int64_t left_out = 0;       // that only some have
  std::vector<VoteRow> rows;  // by method, then aggregation, then n
};

// Every method at every n that it has answers for. FAILED_PRECONDITION: no question that all methods have
// answers to. NOT_FOUND: no method of the reference's name (naming those there are).
absl::StatusOr<VoteTable> CompareVotes(absl::Span<const AnsweringMethod> methods, const VoteOptions& options);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_VOTE_TABLE_H_
