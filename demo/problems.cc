#include "demo/problems.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace sprint::demo {
namespace {

constexpr std::array<absl::string_view, 8> kNames = {"Ann", "Ben",  "Cara", "Dan",
                                                     "Eva", "Finn", "Gina", "Hugo"};
constexpr std::array<absl::string_view, 8> kObjects = {"pens",  "books",  "apples", "cups",
                                                       "lamps", "shirts", "plums",  "toys"};
// Streams of one seed: training and held-out problems never share random numbers.
constexpr uint64_t kTrainingStream = 0x64656d6f'0001;
constexpr uint64_t kHeldOutStream = 0x64656d6f'0002;

int Between(CounterRng& rng, int low, int high) {  // inclusive
  return low + static_cast<int>(rng.NextBelow(static_cast<uint64_t>(high - low + 1)));
}

bool Coin(CounterRng& rng) { return rng.NextBelow(2) == 0; }

// Two different entries of a table of eight.
struct Two {
  absl::string_view first, second;
};
Two DrawTwo(CounterRng& rng, const std::array<absl::string_view, 8>& table) {
  const size_t first = rng.NextBelow(8);
  const size_t second = (first + 1 + rng.NextBelow(7)) % 8;
  return {table[first], table[second]};
}

// Writes the solution step by step.
class Steps {
 public:
  // "a op b = result . "
  int Write(int a, char op, int b) {
    const int result = op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b : a / b;
    absl::StrAppend(&text_, a, " ", absl::string_view(&op, 1), " ", b, " = ", result, " . ");
    return result;
  }
  void Finish(int answer, Problem& problem) {
    problem.answer = absl::StrCat(answer);
    problem.solution = absl::StrCat(text_, "\\boxed{ ", answer, " }");
  }

 private:
  std::string text_;
};

void DrawBuy(CounterRng& rng, Problem& problem) {
  const int a = Between(rng, 2, 9), b = Between(rng, 2, 9);
  const int p = Between(rng, 2, 15), q = Between(rng, 2, 15);
  const Two names = DrawTwo(rng, kNames), objects = DrawTwo(rng, kObjects);
  if (Coin(rng)) {
    problem.question = absl::StrCat(names.first, " buys ", a, " ", objects.first, " at ", p,
                                    " dollars each and ", b, " ", objects.second, " at ", q,
                                    " dollars each. How many dollars does ", names.first, " pay?");
  } else {
    problem.question = absl::StrCat("A shop sells ", objects.first, " for ", p, " dollars each and ",
                                    objects.second, " for ", q, " dollars each. How much do ", a, " ",
                                    objects.first, " and ", b, " ", objects.second, " cost?");
  }
  Steps steps;
  const int x = steps.Write(a, '*', p), y = steps.Write(b, '*', q);
  steps.Finish(steps.Write(x, '+', y), problem);
}

void DrawShare(CounterRng& rng, Problem& problem) {
  const int k = Between(rng, 2, 9), result = Between(rng, 4, 30);
  const int a = Between(rng, 1, k * result - 1), b = k * result - a;
  const Two names = DrawTwo(rng, kNames), objects = DrawTwo(rng, kObjects);
  if (Coin(rng)) {
    problem.question = absl::StrCat(names.first, " has ", a, " ", objects.first, " and ", b, " ",
                                    objects.second, ". ", names.first, " shares all of them among ", k,
                                    " friends. How many things does each friend get?");
  } else {
    problem.question = absl::StrCat("There are ", k, " friends. They share ", a, " ", objects.first, " and ",
                                    b, " ", objects.second, ". How many things does each friend get?");
  }
  Steps steps;
  steps.Finish(steps.Write(steps.Write(a, '+', b), '/', k), problem);
}

void DrawSpeed(CounterRng& rng, Problem& problem) {
  const int v = Between(rng, 11, 60), t = Between(rng, 2, 5);
  const int v2 = Between(rng, 11, 60), t2 = Between(rng, 2, 5);
  const Two names = DrawTwo(rng, kNames);
  if (Coin(rng)) {
    problem.question = absl::StrCat("A train goes ", v, " miles per hour for ", t, " hours and then ", v2,
                                    " miles per hour for ", t2, " hours. How far does it go?");
  } else {
    problem.question =
        absl::StrCat(names.first, " drives for ", t, " hours at ", v, " miles per hour and for ", t2,
                     " hours at ", v2, " miles per hour. How far does ", names.first, " drive?");
  }
  Steps steps;
  const int x = steps.Write(v, '*', t), y = steps.Write(v2, '*', t2);
  steps.Finish(steps.Write(x, '+', y), problem);
}

void DrawAge(CounterRng& rng, Problem& problem) {
  const int a = Between(rng, 20, 60), b = Between(rng, 2, 18), c = Between(rng, 2, 20);
  const bool older = Coin(rng);
  const absl::string_view word = older ? "older" : "younger";
  const Two names = DrawTwo(rng, kNames);
  if (Coin(rng)) {
    problem.question = absl::StrCat(names.first, " is ", a, " years old. ", names.second, " is ", b,
                                    " years ", word, ". How old are they together in ", c, " years?");
  } else {
    problem.question =
        absl::StrCat(names.second, " is ", b, " years ", word, " than ", names.first, ", who is ", a,
                     " years old. What is the sum of their ages in ", c, " years?");
  }
  Steps steps;
  const int x = steps.Write(a, older ? '+' : '-', b);
  const int y = steps.Write(a, '+', c), u = steps.Write(x, '+', c);
  steps.Finish(steps.Write(y, '+', u), problem);
}

void DrawChain(CounterRng& rng, Problem& problem) {
  const int start = Between(rng, 10, 99), operations = Between(rng, 2, 4);
  problem.question = absl::StrCat("Start with ", start, ".");
  Steps steps;
  int value = start;
  for (int i = 0; i < operations; ++i) {
    // Redrawn until it is exact and the value stays in 1..400; adding or subtracting always can.
    for (;;) {
      const uint64_t kind = rng.NextBelow(4);
      const int n = kind < 2 ? Between(rng, 2, 99) : Between(rng, 2, 3);
      if (kind == 3 && value % n != 0) continue;
      const int next = kind == 0 ? value + n : kind == 1 ? value - n : kind == 2 ? value * n : value / n;
      if (next < 1 || next > 400) continue;
      constexpr std::array<absl::string_view, 4> kText = {" Add ", " Subtract ", " Multiply by ",
                                                          " Divide by "};
      absl::StrAppend(&problem.question, kText[kind], n, ".");
      value = steps.Write(value, "+-*/"[kind], n);
      break;
    }
  }
  absl::StrAppend(&problem.question, " What is the result?");
  steps.Finish(value, problem);
}

void DrawChange(CounterRng& rng, Problem& problem) {
  const int a = Between(rng, 11, 150), b = Between(rng, 11, 150);
  const int money = a + b + Between(rng, 5, 300);
  const Two names = DrawTwo(rng, kNames), objects = DrawTwo(rng, kObjects);
  if (Coin(rng)) {
    problem.question =
        absl::StrCat(names.first, " has ", money, " dollars and buys ", objects.first, " for ", a,
                     " dollars and ", objects.second, " for ", b, " dollars. How many dollars are left?");
  } else {
    problem.question = absl::StrCat("The ", objects.first, " cost ", a, " dollars and the ", objects.second,
                                    " cost ", b, " dollars. ", names.first, " pays with ", money,
                                    " dollars. How much change does ", names.first, " get?");
  }
  Steps steps;
  const int sum = steps.Write(a, '+', b);
  steps.Finish(steps.Write(money, '-', sum), problem);
}

}  // namespace

Problem DrawProblem(CounterRng& rng) {
  using Draw = void (*)(CounterRng&, Problem&);
  constexpr std::array<Draw, 6> kDraw = {DrawBuy, DrawShare, DrawSpeed, DrawAge, DrawChain, DrawChange};
  Problem problem;
  problem.subject_index = static_cast<int>(rng.NextBelow(kDraw.size()));
  problem.subject = std::string(kSubjects[problem.subject_index]);
  kDraw[problem.subject_index](rng, problem);
  return problem;
}

std::string NormalisedText(absl::string_view question) {
  std::string text;
  bool gap = false;
  for (const char c : question) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c))) {
      gap = !text.empty();
      continue;
    }
    if (gap) text.push_back(' ');
    gap = false;
    text.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
  }
  return text;
}

std::vector<Problem> HeldOutProblems(uint64_t seed, int count) {
  CounterRng rng(seed, kHeldOutStream);
  absl::flat_hash_set<std::string> seen;
  std::vector<Problem> problems;
  while (static_cast<int>(problems.size()) < count) {
    Problem problem = DrawProblem(rng);
    if (!seen.insert(NormalisedText(problem.question)).second) continue;
    problem.id = absl::StrCat("heldout-", problems.size());
    problems.push_back(std::move(problem));
  }
  return problems;
}

TrainingProblems::TrainingProblems(uint64_t seed, const std::vector<Problem>& held_out)
    : rng_(seed, kTrainingStream) {
  for (const Problem& problem : held_out) held_out_.insert(NormalisedText(problem.question));
}

Problem TrainingProblems::Next() {
  for (;;) {
    Problem problem = DrawProblem(rng_);
    if (!held_out_.contains(NormalisedText(problem.question))) return problem;
    ++excluded_;
  }
}

std::string PromptText(const Problem& problem) { return absl::StrCat(problem.question, "\nAnswer:"); }

std::string AnswerText(const Problem& problem) { return absl::StrCat(" ", problem.solution); }

std::string ProblemJson(const Problem& problem) {
  nlohmann::ordered_json row;
  row["id"] = problem.id;
  row["question"] = problem.question;
  row["answer"] = problem.answer;
  row["solution"] = problem.solution;
  row["subject"] = problem.subject;
  return row.dump();
}

}  // namespace sprint::demo
