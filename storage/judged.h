// Reader::Judged: every judged answer of an experiment, question by question.
#ifndef SPRINT_STORAGE_JUDGED_H_
#define SPRINT_STORAGE_JUDGED_H_

#include "absl/status/statusor.h"
#include "base/ids.h"
#include "storage/reader.h"
#include "storage/sqlite.h"

namespace sprint {

// See Reader::Judged. Everything is read in one snapshot, which lives as long as the call. Cost: two
// range scans a question, about half a microsecond a cell.
absl::StatusOr<JudgedExperiment> ReadJudged(Database& database, ExperimentId id, ReadAnswers answers,
                                            const Reader::JudgedFn& question);

}  // namespace sprint

#endif  // SPRINT_STORAGE_JUDGED_H_
