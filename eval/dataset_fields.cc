#include "eval/dataset_fields.h"

namespace sprint {

std::optional<DatasetFields> DatasetPreset(absl::string_view name) {
  // The right answer may be the end of a solution: the judge takes what stands behind "####" or in the
  // last box.
  if (name == "gsm8k") return DatasetFields{"id", "question", "answer", "subject", "level"};
  if (name == "math") {
    return DatasetFields{"unique_id|id", "problem|question", "answer|solution", "subject|type", "level"};
  }
  if (name == "svamp") {
    return DatasetFields{"ID|id", "question_concat|{Body} {Question}|question", "Answer|answer", "Type|type",
                         "level"};
  }
  if (name == "minerva") {
    return DatasetFields{"idx|id", "problem|question", "answer|solution", "type|subject", "level"};
  }
  if (name == "aime") {
    return DatasetFields{"ID|id", "problem|Problem|Question|question", "answer|Answer|solution",
                         "Part|subject", "Year|year|level"};
  }
  return std::nullopt;
}

std::vector<std::string> DatasetPresetNames() { return {"gsm8k", "math", "svamp", "minerva", "aime"}; }

}  // namespace sprint
