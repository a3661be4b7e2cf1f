// Extraction and the whole judge, on any text.
#include "eval/judge.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sprint;
  const absl::string_view text = FuzzText(data, size);
  const Extraction found = ExtractAnswer(text);
  FUZZ_CHECK(!found.rule.empty());
  FUZZ_CHECK(found.begin <= found.end && found.end <= text.size());
  FUZZ_CHECK(found.answer.empty() || found.answer == text.substr(found.begin, found.end - found.begin));
  const Verdict verdict = Judge(text, "18");
  FUZZ_CHECK(!verdict.reason.empty());
  FUZZ_CHECK(!verdict.correct || !verdict.extraction.answer.empty());
  return 0;
}
