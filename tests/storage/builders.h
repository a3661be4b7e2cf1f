// Small plans and records, for the tests of the store.
#ifndef SPRINT_TESTS_STORAGE_BUILDERS_H_
#define SPRINT_TESTS_STORAGE_BUILDERS_H_

#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/records.h"
#include "storage/store.h"

namespace sprint::testing {

inline absl::Time TestTime(int64_t second = 0) { return absl::FromUnixSeconds(1'700'000'000 + second); }

inline RunRecord TestRun(uint64_t seed = 1) {
  RunRecord run;
  run.weights_hash = Sha256("weights");
  run.tokenizer_hash = Sha256("tokenizer");
  run.dtype = "f32";
  run.engine_mode = "exact";
  run.decoding.max_new_tokens = 64;
  run.decoding.stop_tokens = {2, 7};
  run.seed = seed;
  run.model_name = "tiny";
  run.model_path = "/models/tiny";
  return run;
}

// Question i, whose gold is its number.
inline QuestionRecord TestQuestion(int32_t i) { return {{1, 100 + i, -3}, absl::StrCat("prompt ", i)}; }
inline ProblemRecord TestProblem(int32_t i) {
  return {absl::StrCat("q", i),        i,  absl::StrCat("text ", i), absl::StrCat(i),
          i % 2 == 0 ? "even" : "odd", "1"};
}
// The baseline is arm 0; arm i prunes head i - 1 of layer 3.
inline Arm TestArm(int32_t i) { return i == 0 ? Arm() : *Arm::Create({{3, i - 1, HeadOp::kZero}}); }

inline std::vector<int32_t> UpTo(int32_t n) {
  std::vector<int32_t> all(static_cast<size_t>(n));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

// One block of `questions` x `arms` x `samples`.
inline ExperimentPlan GridPlan(int32_t questions, int32_t arms, int32_t samples = 1) {
  ExperimentPlan plan;
  plan.name = "grid";
  plan.spec = "spec: yes\n";
  plan.runs = {TestRun()};
  for (int32_t i = 0; i < questions; ++i) {
    plan.questions.push_back(TestQuestion(i));
    plan.problems.push_back(TestProblem(i));
  }
  for (int32_t i = 0; i < arms; ++i) plan.arms.push_back(TestArm(i));
  plan.blocks = {{0, UpTo(questions), UpTo(arms), 0, samples}};
  return plan;
}

// The cell of the block's `question`-th question and `arm`-th arm.
inline CellKey CellAt(const ExperimentRecord& record, size_t question, size_t arm, int32_t sample = 0,
                      size_t block = 0) {
  const BlockRecord& from = record.blocks[block];
  return {from.run, from.questions[question], from.arms[arm], sample};
}

inline OutcomeRecord TestOutcome(const CellKey& cell) {
  OutcomeRecord outcome;
  outcome.cell = cell;
  outcome.tokens = {5, static_cast<int32_t>(cell.question.value()), static_cast<int32_t>(cell.arm.value()),
                    2};
  outcome.text = absl::StrCat("the answer to ", ToString(cell));
  outcome.logprob_sum = -1.25;
  outcome.logprobs_hash = std::string(Sha256(outcome.text).Raw());
  outcome.started = TestTime(10);
  outcome.finished = TestTime(12);
  return outcome;
}

inline VerdictRecord TestVerdict(const CellKey& cell, GoldId gold, bool correct, int32_t version = 1) {
  return {cell, gold, version, correct, "42", "boxed", correct ? "equal" : "differs"};
}

}  // namespace sprint::testing

#endif  // SPRINT_TESTS_STORAGE_BUILDERS_H_
