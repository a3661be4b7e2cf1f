#include "demo/problems.h"

#include <set>
#include <sstream>

#include "absl/strings/ascii.h"
#include "base/file.h"
#include "tests/testing/testing.h"

namespace sprint::demo {
namespace {

// Computes a solution's steps anew: "a op b = c . … \boxed{ c }". Returns the boxed number, or
// fails the test.
int CheckSteps(const Problem& problem) {
  std::istringstream in(problem.solution);
  int last = 0;
  for (;;) {
    std::string first;
    in >> first;
    if (first == "\\boxed{") break;
    int b = 0, c = 0;
    std::string op, equals, dot;
    in >> op >> b >> equals >> c >> dot;
    const int a = std::stoi(first);
    EXPECT_TRUE(in.good() && equals == "=" && dot == ".") << problem.solution;
    if (!in.good()) return -1;
    if (op == "/") {
      EXPECT_EQ(a % b, 0) << problem.solution;
    }
    EXPECT_EQ(c, op == "+" ? a + b : op == "-" ? a - b : op == "*" ? a * b : a / b) << problem.solution;
    last = c;
  }
  int boxed = 0;
  std::string close;
  in >> boxed >> close;
  EXPECT_EQ(close, "}") << problem.solution;
  EXPECT_EQ(boxed, last) << problem.solution;
  return boxed;
}

// All numbers of a text, in order.
std::vector<int> Numbers(const std::string& text) {
  std::vector<int> numbers;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(text[i]))) continue;
    size_t end = 0;
    numbers.push_back(std::stoi(text.substr(i), &end));
    i += end;
  }
  return numbers;
}

TEST(ProblemsTest, EveryStepIsTrueAndTheLastIsTheAnswer) {
  CounterRng rng(3, 0);
  for (int i = 0; i < 3000; ++i) {
    const Problem problem = DrawProblem(rng);
    EXPECT_EQ(std::to_string(CheckSteps(problem)), problem.answer) << problem.question;
    EXPECT_EQ(problem.subject, kSubjects[problem.subject_index]);
  }
}

TEST(ProblemsTest, TheSolutionFollowsFromTheNumbersOfTheQuestion) {
  CounterRng rng(4, 0);
  std::set<std::string> seen;
  for (int i = 0; i < 3000; ++i) {
    const Problem problem = DrawProblem(rng);
    const std::vector<int> n = Numbers(problem.question);
    const int answer = std::stoi(problem.answer);
    seen.insert(problem.subject);
    if (problem.subject == "buy") {
      const bool first = problem.question.find("buys") != std::string::npos;
      EXPECT_EQ(answer, first ? n[0] * n[1] + n[2] * n[3] : n[0] * n[2] + n[1] * n[3]) << problem.question;
    } else if (problem.subject == "share") {
      const bool first = problem.question.find("among") != std::string::npos;
      EXPECT_EQ(first ? answer * n[2] : answer * n[0], first ? n[0] + n[1] : n[1] + n[2]) << problem.question;
    } else if (problem.subject == "speed") {
      EXPECT_EQ(answer, n[0] * n[1] + n[2] * n[3]) << problem.question;
    } else if (problem.subject == "age") {
      const int sign = problem.question.find("older") != std::string::npos ? 1 : -1;
      const bool first = problem.question.find("together") != std::string::npos;
      const int a = first ? n[0] : n[1], b = first ? n[1] : n[0];
      EXPECT_EQ(answer, 2 * (a + n[2]) + sign * b) << problem.question;
    } else if (problem.subject == "change") {
      const bool first = problem.question.find("left") != std::string::npos;
      EXPECT_EQ(answer, first ? n[0] - n[1] - n[2] : n[2] - n[0] - n[1]) << problem.question;
    }
  }
  EXPECT_EQ(seen.size(), kSubjects.size());
}

TEST(ProblemsTest, ChainsStayBetweenOneAndFourHundredWithTwoToFourOperations) {
  CounterRng rng(5, 0);
  for (int i = 0; i < 3000; ++i) {
    const Problem problem = DrawProblem(rng);
    if (problem.subject != "chain") continue;
    const std::vector<int> n = Numbers(problem.solution);
    const size_t operations = n.size() / 3;
    EXPECT_TRUE(operations >= 2 && operations <= 4) << problem.solution;
    for (size_t step = 0; step < operations; ++step) {
      EXPECT_GE(n[3 * step + 2], 1) << problem.solution;
      EXPECT_LE(n[3 * step + 2], 400) << problem.solution;
    }
  }
}

TEST(ProblemsTest, TheSameSeedGivesTheSameProblemsAndAShorterListIsThePrefix) {
  const auto some = HeldOutProblems(7, 40), more = HeldOutProblems(7, 60), other = HeldOutProblems(8, 40);
  int same = 0;
  for (size_t i = 0; i < some.size(); ++i) {
    EXPECT_EQ(ProblemJson(some[i]), ProblemJson(more[i]));
    same += some[i].question == other[i].question ? 1 : 0;
  }
  EXPECT_LT(same, 5);
}

TEST(ProblemsTest, HeldOutProblemsDifferInTextAndId) {
  std::set<std::string> texts, ids;
  for (const Problem& problem : HeldOutProblems(1, 2000)) {
    texts.insert(NormalisedText(problem.question));
    ids.insert(problem.id);
  }
  EXPECT_EQ(texts.size(), 2000u);
  EXPECT_EQ(ids.size(), 2000u);
}

TEST(ProblemsTest, TrainingLeavesOutWhatIsHeldOutWhateverItsCaseAndPunctuation) {
  // Hold out what training would draw first, written differently.
  TrainingProblems drawn(11, {});
  std::vector<Problem> held_out;
  for (int i = 0; i < 5; ++i) {
    Problem problem = drawn.Next();
    for (char& c : problem.question) c = c == '.' ? ' ' : absl::ascii_toupper(static_cast<unsigned char>(c));
    held_out.push_back(problem);
  }
  const std::string sixth = drawn.Next().question;
  TrainingProblems training(11, held_out);
  EXPECT_EQ(training.Next().question, sixth);
  EXPECT_EQ(training.excluded(), 5);
}

TEST(ProblemsTest, NormalisedTextKeepsLettersAndDigitsOnly) {
  EXPECT_EQ(NormalisedText("  Start with 51.  Add 3? "), "start with 51 add 3");
}

TEST(ProblemsTest, TheShippedProblemsAreTheGeneratorsOwn) {
  ASSERT_OK_AND_ASSIGN(const std::string file, ReadFile(testing::SourceDir() + "/demo/problems.jsonl"));
  std::string rows;
  for (const Problem& problem : HeldOutProblems(kHeldOutSeed, kHeldOutCount))
    rows += ProblemJson(problem) + "\n";
  EXPECT_EQ(file, rows);
}

}  // namespace
}  // namespace sprint::demo
