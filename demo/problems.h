// Generated arithmetic word problems: what the demo model learns and what the demo sweep asks.
//
// Goals: six subjects that need different arithmetic, each with a short chain of thought that ends
// in \boxed{ }; a problem is a function of the random stream alone, so a seed names a data set.
// Non-goals: language. Eight names, eight kinds of objects, two phrasings a subject.
//
//   subject  the reader's numbers                        steps of the solution
//   buy      a, b 2-9 objects at p, q 2-15 dollars       a*p, b*q, their sum
//   share    k 2-9 friends, result 4-30, total in two    a+b, /k
//   speed    v 11-60 miles an hour for t 2-5 hours, twice   v*t, v2*t2, their sum
//   age      a 20-60, b 2-18 older or younger, c 2-20    a±b=x, a+c=y, x+c=u, y+u
//   chain    start 10-99, 2-4 operations within 1-400    one each
//   change   prices a, b 11-150, money a+b+(5-300)       a+b, money-sum
#ifndef SPRINT_DEMO_PROBLEMS_H_
#define SPRINT_DEMO_PROBLEMS_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "base/rng.h"

namespace sprint::demo {

inline constexpr std::array<absl::string_view, 6> kSubjects = {"buy", "share", "speed",
                                                               "age", "chain", "change"};

// The data set demo/problems.jsonl: held out from every training.
inline constexpr uint64_t kHeldOutSeed = 2025;
inline constexpr int kHeldOutCount = 600;

struct Problem {
  std::string id;        // "heldout-17"; empty for a training problem
  std::string question;  // "Ann buys 7 pens at 12 dollars each and …"
  std::string answer;    // "129"
  std::string solution;  // "7 * 12 = 84 . 3 * 15 = 45 . 84 + 45 = 129 . \boxed{ 129 }"
  std::string subject;   // of kSubjects
  int subject_index = 0;
};

// The next problem of the stream, its subject uniform.
Problem DrawProblem(CounterRng& rng);

// Lower case, letters and digits only, one space between words: two questions that differ in case,
// spacing or punctuation alone are the same question.
std::string NormalisedText(absl::string_view question);

// `count` problems whose normalised texts all differ, a function of `seed` alone; the first n of
// them are HeldOutProblems(seed, n).
std::vector<Problem> HeldOutProblems(uint64_t seed, int count);

// Training problems without end, none of whose normalised texts is a held-out problem's. Copies
// what it needs of `held_out`. Not thread-safe.
class TrainingProblems {
 public:
  TrainingProblems(uint64_t seed, const std::vector<Problem>& held_out);
  Problem Next();
  // Problems drawn and left out because they are held out.
  int64_t excluded() const { return excluded_; }

 private:
  CounterRng rng_;
  absl::flat_hash_set<std::string> held_out_;
  int64_t excluded_ = 0;
};

// What the model reads before its answer ("…\nAnswer:"), and what it writes (" 7 * 12 = …", without
// the end token).
std::string PromptText(const Problem& problem);
std::string AnswerText(const Problem& problem);

// One problem as a line of a data set: {"id","question","answer","solution","subject"}, no newline.
std::string ProblemJson(const Problem& problem);

}  // namespace sprint::demo

#endif  // SPRINT_DEMO_PROBLEMS_H_
