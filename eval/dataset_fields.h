// Which fields of a dataset's row hold what, and the mappings of well-known datasets as published.
#ifndef SPRINT_EVAL_DATASET_FIELDS_H_
#define SPRINT_EVAL_DATASET_FIELDS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace sprint {

// Each is a field's name; several of them, separated by |, of which the first that a row has counts
// ("problem|question"); or a text with fields in braces ("{Body} {Question}").
struct DatasetFields {
  std::string id = "id";
  std::string question = "question";
  std::string answer = "answer";
  std::string subject = "subject";
  std::string level = "level";
};

// "gsm8k", "math" (MATH and MATH-500), "svamp", "minerva", "aime": for every spelling they are published
// with. nullopt: no such preset.
std::optional<DatasetFields> DatasetPreset(absl::string_view name);
std::vector<std::string> DatasetPresetNames();

}  // namespace sprint

#endif  // SPRINT_EVAL_DATASET_FIELDS_H_
