#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/render/text.h"
#include "cli/rows.h"

namespace sprint {
namespace {

struct ExportOptions {
  std::string experiment;
  std::string database = "sprint.db";
  std::string out;
  std::string format;
  bool tokens = false;
};

constexpr char kOutcomes[] =
    "SELECT o.problem, o.subject, o.level, o.arm, o.sample, o.correct, o.answer, o.gold, o.tokens, o.finish, "
    "answer_text(a.text) AS text, o.logprob_sum, o.rule, o.reason, o.judge_version, o.seconds, o.worker, "
    "o.numerics";
constexpr char kFrom[] =
    " FROM v_outcome o CROSS JOIN answer a ON a.answer_id = o.answer_id WHERE o.experiment_id = ?1";

// A file that is only there when it is whole: written beside its name and moved there at the end.
class OutputFile {
 public:
  static absl::StatusOr<std::unique_ptr<OutputFile>> Open(const std::string& path) {
    std::unique_ptr<OutputFile> file(new OutputFile(path));
    if (file->stream_ == nullptr)
      return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
    return file;
  }
  ~OutputFile() {
    if (stream_ == nullptr) return;
    std::fclose(stream_);
    unlink(temporary_.c_str());
  }
  void Write(absl::string_view text) {
    failed_ = failed_ || std::fwrite(text.data(), 1, text.size(), stream_) != text.size();
  }
  absl::Status Commit() {
    const bool written = !failed_ && std::fflush(stream_) == 0 && fsync(fileno(stream_)) == 0;
    const bool closed = std::fclose(stream_) == 0;
    stream_ = nullptr;
    if (written && closed && std::rename(temporary_.c_str(), path_.c_str()) == 0) return absl::OkStatus();
    const std::string why = std::strerror(errno);
    unlink(temporary_.c_str());
    return absl::UnavailableError(absl::StrCat("cannot write ", path_, ": ", why));
  }

 private:
  explicit OutputFile(const std::string& path)
      : path_(path),
        temporary_(absl::StrCat(path, ".tmp.", getpid())),
        stream_(std::fopen(temporary_.c_str(), "wb")) {}
  const std::string path_;
  const std::string temporary_;
  std::FILE* stream_;
  bool failed_ = false;
};

struct Query {
  std::string sql;
  RowFormat format = RowFormat::kJsonLines;
};

absl::StatusOr<int64_t> WriteRows(Reader& reader, ExperimentId id, const Query& query, const WriteFn& write) {
  const auto writer = MakeRowWriter(query.format, Style(), 0, write);
  int64_t rows = 0;
  SPRINT_RETURN_IF_ERROR(
      reader.ForEachRow(query.sql, {id.value()},
                        [&](const std::vector<std::string>& columns, const std::vector<SqlValue>& row) {
                          ++rows;
                          writer->Row(columns, row);
                          return true;
                        }));
  writer->Finish(reader.columns());
  return rows;
}

absl::StatusOr<int64_t> WriteRowsTo(Reader& reader, ExperimentId id, const Query& query,
                                    const std::string& path) {
  SPRINT_ASSIGN_OR_RETURN(const auto file, OutputFile::Open(path));
  SPRINT_ASSIGN_OR_RETURN(const int64_t rows,
                          WriteRows(reader, id, query, [&](absl::string_view text) { file->Write(text); }));
  SPRINT_RETURN_IF_ERROR(file->Commit());
  return rows;
}

absl::StatusOr<RowFormat> FormatOf(const ExportOptions& options) {
  if (options.format == "csv") return RowFormat::kCsv;
  if (options.format == "jsonl") return RowFormat::kJsonLines;
  return absl::EndsWith(options.out, ".csv") ? RowFormat::kCsv : RowFormat::kJsonLines;
}

absl::Status WriteSpec(Reader& reader, ExperimentId id, const std::string& path) {
  std::string spec;
  SPRINT_RETURN_IF_ERROR(reader.ForEachRow("SELECT spec FROM experiment WHERE experiment_id = ?1",
                                           {id.value()}, [&](const auto&, const std::vector<SqlValue>& row) {
                                             if (const auto* text = std::get_if<std::string>(&row[0]))
                                               spec = *text;
                                             return false;
                                           }));
  return WriteFileAtomically(path, spec);
}

// A folder gets the outcomes, the arms' accuracies and flips, and the spec.
absl::StatusOr<int64_t> WriteFolder(Reader& reader, ExperimentId id, const Query& outcomes,
                                    const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    return absl::UnavailableError(absl::StrCat("cannot make the folder ", folder, ": ", error.message()));
  const std::string ending = outcomes.format == RowFormat::kCsv ? ".csv" : ".jsonl";
  SPRINT_ASSIGN_OR_RETURN(const int64_t rows,
                          WriteRowsTo(reader, id, outcomes, absl::StrCat(folder, "/outcomes", ending)));
  const Query arms{
      "SELECT a.arm, a.cells, a.done, a.judged, a.correct, a.accuracy, a.truncated, a.mean_tokens, f.fixed, "
      "f.broken FROM v_arm_accuracy a LEFT JOIN v_flips f ON f.experiment_id = a.experiment_id AND "
      "f.arm_id = a.arm_id WHERE a.experiment_id = ?1",
      outcomes.format};
  SPRINT_RETURN_IF_ERROR(WriteRowsTo(reader, id, arms, absl::StrCat(folder, "/arms", ending)).status());
  SPRINT_RETURN_IF_ERROR(WriteSpec(reader, id, absl::StrCat(folder, "/spec.yaml")));
  return rows;
}

absl::StatusOr<int> Export(const Terminal& terminal, const ExportOptions& options) {
  SPRINT_ASSIGN_OR_RETURN(const auto reader, OpenDatabase(options.database));
  SPRINT_ASSIGN_OR_RETURN(const ExperimentId id, FindExperiment(*reader, options.experiment));
  Query outcomes;
  outcomes.sql =
      absl::StrCat(kOutcomes, options.tokens ? ", answer_tokens(a.tokens) AS token_ids" : "", kFrom);
  SPRINT_ASSIGN_OR_RETURN(outcomes.format, FormatOf(options));
  if (options.out == "-") {
    SPRINT_RETURN_IF_ERROR(
        WriteRows(*reader, id, outcomes, [&](absl::string_view text) { terminal.out.Write(text); }).status());
    return kExitDone;
  }
  const bool folder = IsDirectory(options.out) || absl::EndsWith(options.out, "/");
  SPRINT_ASSIGN_OR_RETURN(const int64_t rows, folder ? WriteFolder(*reader, id, outcomes, options.out)
                                                     : WriteRowsTo(*reader, id, outcomes, options.out));
  terminal.err.Write(absl::StrCat("wrote ", Plural(rows, "outcome", "outcomes"), " to ", options.out, "\n"));
  return kExitDone;
}

}  // namespace

void AddExport(App& app) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command = app.Add(
      app.root(), "export", "Write an experiment's outcomes with their texts to files",
      {"sprint export demo --out results/          outcomes.jsonl, arms.jsonl, spec.yaml",
       "sprint export demo --out outcomes.csv", "sprint export 3 --out - --tokens | gzip > 3.jsonl.gz"},
      [options](const Terminal& terminal) { return Export(terminal, *options); });
  command->add_option("EXPERIMENT", options->experiment, "Its number or name")->required();
  AddDatabase(command, options->database);
  command->add_option("--out", options->out, "A folder, a .jsonl or .csv file, or - for stdout")
      ->required()
      ->type_name("PATH");
  AddChoice(command, "--format", options->format, {"jsonl", "csv"}, "Instead of what the file's name says");
  command->add_flag("--tokens", options->tokens, "The token ids, too");
}

}  // namespace sprint
