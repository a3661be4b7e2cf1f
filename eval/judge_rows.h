// Answers from outside, judged row by row: what `sprint judge` reads and writes.
//
// A row is a JSON object on a line of its own: {"id", "task", "gold", "pred"}; other fields are ignored.
// Its result is one too: {"id", "verdict", "extracted", "rule", "reason"}.
#ifndef SPRINT_EVAL_JUDGE_ROWS_H_
#define SPRINT_EVAL_JUDGE_ROWS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "eval/judge.h"

namespace sprint {

enum class JudgeTask {
  kEquiv,         // "equiv": pred is an answer
  kExtract,       // "extract": pred is a whole text; gold may be null, then there is no verdict
  kExtractEquiv,  // "extract+equiv": pred is a whole text, and gold its right answer; the default
};

struct JudgeRow {
  std::string id;  // as JSON, to be given back as it came: "\"a\"" or "7"; "null" when the row has none
  JudgeTask task = JudgeTask::kExtractEquiv;
  std::optional<std::string> gold;
  std::string pred;
};

// Numbers are taken for gold and pred by their digits as written; empty lines are passed over.
// INVALID_ARGUMENT (kDatasetInvalid) as "FILE:LINE: …": not JSON, no object, an unknown task, a missing
// gold or pred, one that is no text, a file without rows.
absl::StatusOr<std::vector<JudgeRow>> ParseJudgeRows(absl::string_view text, const std::string& file_name);

// Pure and thread-safe; bounded as Judge is.
Verdict JudgeRowAlone(const JudgeRow& row);

// The row's result as one line of JSON, without its end. "verdict" is null where there is no gold,
// "extracted" where nothing was found.
std::string WriteJudged(const JudgeRow& row, const Verdict& verdict);

}  // namespace sprint

#endif  // SPRINT_EVAL_JUDGE_ROWS_H_
