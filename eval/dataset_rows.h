// The rows of a dataset in the formats that datasets are published in.
#ifndef SPRINT_EVAL_DATASET_ROWS_H_
#define SPRINT_EVAL_DATASET_ROWS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "eval/json_row.h"

namespace sprint {

// `place`: where the row stands ("line 3", "row 3"), `where` the same with the file ("d.csv:3"); `number`
// counts as its place does. An error of its ends the walk.
struct DatasetRow {
  const JsonRow& fields;
  std::string where;
  std::string place;
  int64_t number = 0;
};
using DatasetRowFn = std::function<absl::Status(const DatasetRow&)>;

// CSV when the name ends in .csv, JSON lines when it ends in .jsonl; else a JSON document when the text
// begins with [ or is one object over several lines; else JSON lines. INVALID_ARGUMENT (kDatasetInvalid)
// naming the place of what does not parse.
absl::Status ForEachDatasetRow(absl::string_view text, const std::string& file_name, const DatasetRowFn& row);

}  // namespace sprint

#endif  // SPRINT_EVAL_DATASET_ROWS_H_
