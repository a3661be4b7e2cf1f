// Read-only access to a database, beside a live coordinator and without ever blocking it.
#ifndef SPRINT_STORAGE_READER_H_
#define SPRINT_STORAGE_READER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/hash.h"
#include "base/ids.h"
#include "storage/records.h"

namespace sprint {

// A value of a result row. Blobs come as Blob.
struct Blob {
  std::string bytes;
};
using SqlValue = std::variant<std::monostate, int64_t, double, std::string, Blob>;
// Of a column that holds integers, or text: 0 and "" for NULL and for what is neither. A real is cut off.
inline int64_t IntegerOf(const SqlValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) return *integer;
  if (const auto* real = std::get_if<double>(&value)) return static_cast<int64_t>(*real);
  return 0;
}
inline std::string TextOf(const SqlValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? std::string() : *text;
}

// Cells by content hashes: every question under every arm, `samples` samples from `first_sample` on.
struct CensusBlock {
  std::vector<Hash256> questions;
  std::vector<Hash256> arms;
  int32_t samples = 1;
  int32_t first_sample = 0;
};
// What exists already of a selection: for `launch --dry-run`.
struct SelectionCensus {
  int64_t existing = 0;          // rows
  double mean_tokens = 0;        // generated, of the run's outcomes; 0 when there are none
  double tokens_per_second = 0;  // of one worker while it works, on average; 0 when unknown
};

// A cell with its latest verdict.
struct JudgedCell {
  int32_t arm = 0;  // index into JudgedExperiment::arms
  int32_t sample = 0;
  int32_t judge_version = -1;
  bool right = false;       // by any gold that the experiment has for the question
  bool truncated = false;   // ended by length or context
  bool unanswered = false;  // nothing could be extracted
  int32_t tokens = 0;
  double logprob_sum = 0;
  std::string answer;  // what was extracted, where it was asked for
};

// A question with all its cells that have a verdict, by (arm, sample).
struct JudgedQuestion {
  int64_t question = 0;  // the database's number
  std::string problem;   // the dataset's id of the first problem that it is
  std::string subject;   // of the first problem that it is
  std::string level;
  int64_t selected = 0;     // cells that the experiment wants of it
  int64_t quarantined = 0;  // of them, given up
  std::vector<JudgedCell> cells;
  // Nothing of it is still to come.
  bool settled() const { return static_cast<int64_t>(cells.size()) + quarantined >= selected; }
};

// Reading them takes most of the time.
enum class ReadAnswers {
  kNo,
  kOfSamples,  // of an experiment where some arm has several samples of a question
  kYes,
};

struct JudgedExperiment {
  std::vector<std::string> arms;  // names, in the experiment's order
  std::optional<size_t> baseline;
  int64_t samples = 0;       // at most, of an arm on a question
  bool own_arms = false;     // not every question has every arm equally often
  int64_t questions = 0;     // of all its runs
  int64_t without_gold = 0;  // of them, never judged
  int64_t quarantined = 0;   // cells
  int64_t alarms = 0;        // late answers that differ
  int64_t numerics = 0;      // classes that its answers come from
  std::vector<std::string> engine_modes;
  std::vector<int32_t> judge_versions;  // that its latest verdicts have
};

// Not thread-safe (but for Interrupt); open one per thread. The connection is read-only, and a
// statement that would change the database, or the connection's own safety, is refused. Each call to
// ForEachRow sees a snapshot of its own, so a Reader that stays open holds nothing back; a call's
// snapshot lives as long as the call. While the log is large, a call first waits (a second at most)
// for the writer to fold it into the database: so readers that follow each other closely do not let
// the log grow for ever.
class Reader {
 public:
  // Errors as OpenSqliteStore's, without ownership. A database on a read-only file opens too, unless
  // it has a log that was never folded in (kDatabaseReadOnly).
  static absl::StatusOr<std::unique_ptr<Reader>> Open(const std::string& path);
  virtual ~Reader() = default;

  // Runs one SELECT (or WITH, EXPLAIN, PRAGMA that reads). `row` gets the column names with each row
  // and returns false to stop. INVALID_ARGUMENT with SQLite's message for SQL that is wrong, for more
  // than one statement, or for one that would write.
  using RowFn =
      std::function<bool(const std::vector<std::string>& columns, const std::vector<SqlValue>& row)>;
  virtual absl::Status ForEachRow(const std::string& sql, const std::vector<SqlValue>& parameters,
                                  const RowFn& row) = 0;
  // The columns of the last statement, also when it had no rows.
  virtual const std::vector<std::string>& columns() const = 0;
  // Ends the running ForEachRow with CANCELLED. From any thread.
  virtual void Interrupt() = 0;

  // The documented views: (name, what it shows).
  virtual std::vector<std::pair<std::string, std::string>> Views() = 0;

  // `blocks` are disjoint.
  virtual absl::StatusOr<SelectionCensus> Census(const Hash256& run,
                                                 absl::Span<const CensusBlock> blocks) = 0;

  // Hands out every question that has a right answer, in the experiment's order, finished or not, until
  // `question` returns false. What is handed out is valid during the call. `answers`: whether
  // JudgedCell::answer is filled in. Of an unknown experiment: nothing.
  using JudgedFn = std::function<bool(const JudgedQuestion& question)>;
  virtual absl::StatusOr<JudgedExperiment> Judged(ExperimentId id, ReadAnswers answers,
                                                  const JudgedFn& question) = 0;
};

// The experiment of that number or name; of several of one name the latest. Empty: the latest of all.
// NOT_FOUND (kExperimentUnknown), with the names there are.
absl::StatusOr<ExperimentId> FindExperiment(Reader& reader, const std::string& name_or_id);

// Every experiment of the database, by number; from the counters, so at once.
struct ExperimentSummary {
  ExperimentId id;
  std::string name;
  ExperimentState state = ExperimentState::kRunning;
  int32_t priority = 0;
  int64_t cells = 0;
  int64_t done = 0;
  int64_t quarantined = 0;
  int64_t correct = 0;
  int64_t tokens = 0;
};
absl::StatusOr<std::vector<ExperimentSummary>> ListExperiments(Reader& reader);

// SQL functions that the reader adds: answer_text(blob) and answer_tokens(blob) decode the payload of
// `answer` (zstd) to text and to a JSON list.

}  // namespace sprint

#endif  // SPRINT_STORAGE_READER_H_
