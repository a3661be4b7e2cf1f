// Equivalence of two answers, the first line and the rest: reflexive and symmetric, whatever they are.
#include "eval/clean_answer.h"
#include "eval/equivalence.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sprint;
  const absl::string_view text = FuzzText(data, size);
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string gold = CleanAnswer(text.substr(0, end));
  const std::string answer = CleanAnswer(text.substr(std::min(end + 1, text.size())));
  std::string rule;
  FUZZ_CHECK(Equivalent(gold, answer, rule) == Equivalent(answer, gold, rule));
  for (const std::string& side : {gold, answer}) {
    FUZZ_CHECK(Equivalent(side, side, rule) == !FoldAnswer(side).empty());
  }
  Answers(gold, answer, rule);
  return 0;
}
