#include "selector/snapshot_rows.h"

#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace sprint {
namespace {

using Columns = std::vector<std::string>;
using Row = std::vector<SqlValue>;

std::string AsHex(const SqlValue& value) {
  const Blob* blob = std::get_if<Blob>(&value);
  return blob != nullptr ? absl::BytesToHexString(blob->bytes) : std::string();
}

std::vector<int32_t> TokenList(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  std::vector<int32_t> tokens;
  if (!json.is_array()) return tokens;
  for (const nlohmann::json& item : json)
    tokens.push_back(item.is_number_integer() ? item.get<int32_t>() : 0);
  return tokens;
}

}  // namespace

absl::StatusOr<double> MeasuredRate(Reader& reader, const std::string& run_hash) {
  SPRINT_ASSIGN_OR_RETURN(const Hash256 run, Hash256::FromHex(run_hash));
  SPRINT_ASSIGN_OR_RETURN(const SelectionCensus census, reader.Census(run, {}));
  return census.tokens_per_second;
}

absl::StatusOr<SnapshotRun> SnapshotRows::RunOf(ExperimentId id) {
  std::vector<SnapshotRun> runs;
  SPRINT_RETURN_IF_ERROR(reader_.ForEachRow(
      "SELECT DISTINCT e.name, r.hash, r.weights_hash, r.dtype, r.model_name, r.model_path "
      "FROM experiment e JOIN block b ON b.experiment_id = e.experiment_id JOIN run r ON r.run_id = b.run_id "
      "WHERE e.experiment_id = ?",
      {id.value()}, [&](const Columns&, const Row& row) {
        runs.push_back({TextOf(row[0]), AsHex(row[1]), AsHex(row[2]), TextOf(row[3]), TextOf(row[4]),
                        TextOf(row[5]), 0});
        return true;
      }));
  if (runs.size() == 1) {
    SPRINT_ASSIGN_OR_RETURN(runs.front().tokens_per_second, MeasuredRate(reader_, runs.front().hash));
    return runs.front();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("experiment ", id.value(), " has ", runs.size(),
                   " runs; a selector is trained on one model and decoding"));
}

absl::StatusOr<std::vector<std::string>> SnapshotRows::Arms(ExperimentId id) {
  std::vector<std::string> arms;
  SPRINT_RETURN_IF_ERROR(reader_.ForEachRow(
      "SELECT a.name FROM experiment_arm x JOIN arm a ON a.arm_id = x.arm_id WHERE x.experiment_id = ? "
      "ORDER BY x.ordinal",
      {id.value()}, [&](const Columns&, const Row& row) {
        arms.push_back(TextOf(row[0]));
        return true;
      }));
  return arms;
}

absl::StatusOr<std::vector<SnapshotProblemRow>> SnapshotRows::Problems(ExperimentId id) {
  std::vector<SnapshotProblemRow> problems;
  SPRINT_RETURN_IF_ERROR(reader_.ForEachRow(
      "SELECT p.external_id, p.text, p.subject, p.question_id, answer_tokens(q.tokens), q.prompt FROM "
      "problem p "
      "JOIN question q ON q.question_id = p.question_id WHERE p.experiment_id = ? ORDER BY p.ordinal",
      {id.value()}, [&](const Columns&, const Row& row) {
        SnapshotProblemRow problem;
        problem.question_key = absl::StrCat(IntegerOf(row[3]));
        problem.problem.id = TextOf(row[0]);
        problem.problem.text = TextOf(row[1]);
        problem.problem.subject = TextOf(row[2]);
        problem.problem.tokens = TokenList(TextOf(row[4]));
        problem.prompt = TextOf(row[5]);
        problems.push_back(std::move(problem));
        return true;
      }));
  return problems;
}

absl::StatusOr<std::vector<SnapshotRow>> SnapshotRows::Outcomes(ExperimentId id) {
  std::vector<SnapshotRow> outcomes;
  SPRINT_RETURN_IF_ERROR(reader_.ForEachRow(
      "SELECT question_id, arm, correct, answer, judge_version, tokens FROM v_outcome "
      "WHERE experiment_id = ? AND sample = 0 AND correct IS NOT NULL",
      {id.value()}, [&](const Columns&, const Row& row) {
        outcomes.push_back({absl::StrCat(IntegerOf(row[0])), TextOf(row[1]), IntegerOf(row[2]) != 0,
                            TextOf(row[3]), static_cast<int32_t>(IntegerOf(row[4])),
                            static_cast<int32_t>(IntegerOf(row[5]))});
        return true;
      }));
  return outcomes;
}

}  // namespace sprint
