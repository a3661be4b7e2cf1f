// Datasets: rows of {id, question, answer, subject?, level?} as JSON lines, JSON, CSV, or a folder of JSON
// files with a problem each.
#ifndef SPRINT_EVAL_DATASET_H_
#define SPRINT_EVAL_DATASET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "eval/dataset_fields.h"

namespace sprint {

struct Problem {
  std::string id;  // unique in the dataset
  std::string question;
  std::string gold;  // the right answer, as the dataset writes it
  std::string subject;
  std::string level;
};

struct DatasetOptions {
  DatasetFields fields = {};
  std::vector<std::string> ids = {};  // keep these only, in the dataset's order; all must exist
  int64_t offset = 0;                 // after `ids`: skip so many rows,
  int64_t limit = 0;                  // keep so many; 0: all
};

// Numbers, booleans and strings are taken for any field; a row without an id gets its line (in a JSON
// document, its number; in a folder, its file's path there without the ending). INVALID_ARGUMENT
// (kDatasetInvalid) as "FILE:LINE: …": not JSON, a missing or empty question or answer (naming the fields the
// row has), an id twice (naming both lines), an unknown id asked for, a selection that leaves nothing.
// NOT_FOUND: no such file.
absl::StatusOr<std::vector<Problem>> ReadDataset(const std::string& path, const DatasetOptions& options);
absl::StatusOr<std::vector<Problem>> ParseDataset(absl::string_view text, const std::string& file_name,
                                                  const DatasetOptions& options);

}  // namespace sprint

#endif  // SPRINT_EVAL_DATASET_H_
