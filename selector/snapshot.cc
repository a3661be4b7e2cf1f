#include "selector/snapshot.h"

#include <algorithm>
#include <limits>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/status.h"
#include "selector/snapshot_rows.h"

namespace sprint {
namespace {

// Collects experiments into one snapshot.
class Freezer {
 public:
  Freezer(Reader& reader, const FreezeOptions& options) : rows_(reader), options_(options) {}

  absl::StatusOr<Snapshot> Freeze();

 private:
  absl::Status AddExperiment(const std::string& name, bool is_test);
  absl::Status CheckRun(const SnapshotRun& run, const std::string& experiment);
  absl::Status AddOutcomes(ExperimentId id, const std::string& name);
  size_t ArmColumn(const std::string& name);
  void LearnTemplate(const SnapshotProblemRow& row);
  void Finish();

  SnapshotRows rows_;
  const FreezeOptions& options_;
  Snapshot snapshot_;
  std::vector<bool> is_test_;
  absl::flat_hash_map<std::string, size_t> line_;                   // a question's key -> problem
  absl::flat_hash_map<std::string, size_t> column_;                 // an arm's name -> column
  std::vector<std::vector<FrozenOutcome>> cells_;                   // [problem][arm], ragged until the end
  std::vector<absl::flat_hash_map<std::string, int32_t>> answers_;  // wrong answers of a problem, numbered
};

absl::Status Freezer::CheckRun(const SnapshotRun& run, const std::string& experiment) {
  if (snapshot_.run_hash.empty()) {
    snapshot_.run_hash = run.hash;
    snapshot_.weights_hash = run.weights_hash;
    snapshot_.dtype = run.dtype;
    snapshot_.model_name = run.model_name;
    snapshot_.model_path = run.model_path;
    snapshot_.tokens_per_second = run.tokens_per_second;
    return absl::OkStatus();
  }
  if (run.hash == snapshot_.run_hash) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("experiment ", experiment, " is of another run (model, dtype, decoding) than ",
                   snapshot_.experiments.front(), "; outcomes of two runs cannot train one selector"));
}

// What stands around the first question in its prompt.
void Freezer::LearnTemplate(const SnapshotProblemRow& row) {
  const size_t at = row.prompt.find(row.problem.text);
  if (!snapshot_.problems.empty() || at == std::string::npos || row.problem.text.empty()) return;
  snapshot_.prompt_before = row.prompt.substr(0, at);
  snapshot_.prompt_after = row.prompt.substr(at + row.problem.text.size());
}

size_t Freezer::ArmColumn(const std::string& name) {
  const auto [found, added] = column_.try_emplace(name, column_.size());
  if (added) snapshot_.arms.push_back(name);
  return found->second;
}

absl::Status Freezer::AddOutcomes(ExperimentId id, const std::string& name) {
  SPRINT_ASSIGN_OR_RETURN(const std::vector<SnapshotRow> outcomes, rows_.Outcomes(id));
  if (outcomes.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("nothing of experiment ", name, " is judged yet; wait for its first outcomes"));
  }
  for (const SnapshotRow& row : outcomes) {
    if (snapshot_.judge_version == 0) snapshot_.judge_version = row.judge_version;
    if (row.judge_version != snapshot_.judge_version) {
      return absl::FailedPreconditionError(absl::StrCat(
          "experiment ", name, " has verdicts of the judge's versions ", snapshot_.judge_version, " and ",
          row.judge_version, "; run sprint resume on it, so that one version judges all answers"));
    }
    const auto line = line_.find(row.question_key);
    if (line == line_.end()) continue;
    std::vector<FrozenOutcome>& cells = cells_[line->second];
    const size_t arm = ArmColumn(row.arm);
    if (cells.size() <= arm) cells.resize(arm + 1);
    FrozenOutcome& cell = cells[arm];
    cell.right = row.correct ? 1 : 0;
    cell.tokens = row.tokens;
    cell.answer_class = -1;
    if (row.correct) {
      cell.answer_class = 0;
    } else if (!row.answer.empty()) {
      auto& answers = answers_[line->second];
      cell.answer_class =
          answers.try_emplace(row.answer, static_cast<int32_t>(answers.size()) + 1).first->second;
    }
  }
  return absl::OkStatus();
}

absl::Status Freezer::AddExperiment(const std::string& name, bool is_test) {
  SPRINT_ASSIGN_OR_RETURN(const ExperimentId id, rows_.Find(name));
  SPRINT_ASSIGN_OR_RETURN(const SnapshotRun run, rows_.RunOf(id));
  SPRINT_RETURN_IF_ERROR(CheckRun(run, run.experiment));
  snapshot_.experiments.push_back(run.experiment);
  SPRINT_ASSIGN_OR_RETURN(const std::vector<std::string> arms, rows_.Arms(id));
  for (const std::string& arm : arms) ArmColumn(arm);
  SPRINT_ASSIGN_OR_RETURN(std::vector<SnapshotProblemRow> problems, rows_.Problems(id));
  for (SnapshotProblemRow& row : problems) {
    const auto [found, added] = line_.try_emplace(row.question_key, snapshot_.problems.size());
    if (!added) {
      if (is_test) is_test_[found->second] = true;
      continue;
    }
    LearnTemplate(row);
    snapshot_.problems.push_back(std::move(row.problem));
    cells_.emplace_back();
    answers_.emplace_back();
    is_test_.push_back(is_test);
  }
  return AddOutcomes(id, run.experiment);
}

void Freezer::Finish() {
  std::vector<std::string> texts;
  for (const SnapshotProblem& problem : snapshot_.problems) texts.push_back(problem.text);
  const std::vector<int32_t> groups = NearDuplicateGroups(texts, options_.split.near_duplicate);
  const std::vector<Split> splits =
      MakeSplits(groups, options_.test_experiments.empty() ? std::vector<bool>{} : is_test_, options_.split);
  for (size_t i = 0; i < snapshot_.problems.size(); ++i) {
    snapshot_.problems[i].group = groups[i];
    snapshot_.problems[i].split = splits[i];
    cells_[i].resize(snapshot_.arms.size());
    snapshot_.outcomes.insert(snapshot_.outcomes.end(), cells_[i].begin(), cells_[i].end());
  }
}

absl::StatusOr<Snapshot> Freezer::Freeze() {
  SPRINT_RETURN_IF_ERROR(CheckSplitOptions(options_.split));
  snapshot_.split_options = options_.split;
  std::vector<std::string> names = options_.experiments;
  if (names.empty()) names.emplace_back();  // the latest
  for (const std::string& name : names) SPRINT_RETURN_IF_ERROR(AddExperiment(name, false));
  for (const std::string& name : options_.test_experiments) SPRINT_RETURN_IF_ERROR(AddExperiment(name, true));
  if (snapshot_.arms.empty() || snapshot_.arms.front() != "baseline") {
    return absl::FailedPreconditionError(absl::StrCat("experiment ", snapshot_.experiments.front(),
                                                      " has no baseline arm first; sweeps always have one"));
  }
  snapshot_.name = options_.name.empty() ? snapshot_.experiments.front() : options_.name;
  Finish();
  if (snapshot_.Of(Split::kTrain).empty() || snapshot_.Of(Split::kValidation).empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "of ", snapshot_.problems.size(), " questions none is left to train or to validate on; ",
        "near-duplicates stay together: use more questions, or raise the similarity that counts as one"));
  }
  return std::move(snapshot_);
}

}  // namespace

std::vector<size_t> Snapshot::Of(Split split) const {
  std::vector<size_t> found;
  for (size_t i = 0; i < problems.size(); ++i) {
    if (problems[i].split == split) found.push_back(i);
  }
  return found;
}

Hash256 Snapshot::ContentHash() const {
  Hasher hasher("snapshot/1");
  hasher.Add("run", run_hash).Add("weights", weights_hash).AddInt("judge", judge_version);
  hasher.AddInt("arms", static_cast<int64_t>(arms.size()));
  for (const std::string& arm : arms) hasher.Add("arm", arm);
  for (size_t i = 0; i < problems.size(); ++i) {
    const SnapshotProblem& problem = problems[i];
    hasher.AddInts("tokens", problem.tokens).Add("text", problem.text).Add("split", SplitName(problem.split));
    hasher.AddInt("group", problem.group);
    std::vector<int32_t> cells;
    for (size_t arm = 0; arm < arms.size(); ++arm) {
      const FrozenOutcome& cell = At(i, arm);
      cells.insert(cells.end(), {cell.right, cell.answer_class, cell.tokens});
    }
    hasher.AddInts("cells", cells);
  }
  return hasher.Finish();
}

absl::StatusOr<Snapshot> FreezeSnapshot(Reader& reader, const FreezeOptions& options) {
  return Freezer(reader, options).Freeze();
}

absl::Status SaveSnapshot(const Snapshot& snapshot, const std::string& path) {
  return WriteFileAtomically(path, SnapshotToJson(snapshot));
}

absl::StatusOr<Snapshot> LoadSnapshot(const std::string& path) {
  SPRINT_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return SnapshotFromJson(text, path);
}

}  // namespace sprint
