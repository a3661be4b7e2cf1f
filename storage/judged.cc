#include "storage/judged.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "model/decoding.h"

namespace sprint {
namespace {

// One snapshot for every statement of its scope: SQLite keeps a connection's snapshot while any statement
// is in the middle of its rows.
class Snapshot {
 public:
  absl::Status Hold(Database& database) {
    SPRINT_ASSIGN_OR_RETURN(statement_, database.Prepare("SELECT name FROM sqlite_schema"));
    query_.emplace(statement_);
    return query_->Next().status();
  }

 private:
  Statement statement_;
  std::optional<Query> query_;
};

template <typename Fn>
absl::Status ForEach(Query& query, const Fn& row) {
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
    if (!more) return absl::OkStatus();
    row(query);
  }
}

template <typename Fn>
absl::Status Select(Database& database, ExperimentId id, absl::string_view sql, const Fn& row) {
  SPRINT_ASSIGN_OR_RETURN(Statement statement, database.Prepare(sql));
  Query query(statement, id.value());
  return ForEach(query, row);
}

struct Block {
  int64_t run = 0;
  int64_t first_sample = 0;
  int64_t samples = 0;
  std::vector<bool> arms;  // by the experiment's order
  int64_t arm_count = 0;
  bool Has(size_t arm, int64_t sample) const {
    return arms[arm] && sample >= first_sample && sample < first_sample + samples;
  }
};

struct Problem {
  std::string id;
  std::string subject;
  std::string level;
  std::vector<int64_t> golds;
};

// What the experiment selects, and the questions in its order.
struct Selection {
  absl::flat_hash_map<int64_t, size_t> arm_index;
  std::map<int64_t, Block> blocks;
  std::vector<std::pair<int64_t, int64_t>> order;                              // (run, question)
  std::map<std::pair<int64_t, int64_t>, std::vector<const Block*>> blocks_of;  // by the same
  absl::flat_hash_map<int64_t, Problem> problems;                              // by question
  std::map<std::pair<int64_t, int64_t>, std::vector<std::pair<size_t, int64_t>>> quarantined;
};

absl::Status LoadArms(Database& database, ExperimentId id, JudgedExperiment& result, Selection& selection) {
  return Select(
      database, id,
      "SELECT x.arm_id, a.name, a.edits FROM experiment_arm x CROSS JOIN arm a ON a.arm_id = x.arm_id "
      "WHERE x.experiment_id = ?1 ORDER BY x.ordinal",
      [&](const Query& row) {
        selection.arm_index[row.Int(0)] = result.arms.size();
        if (row.Int(2) == 0) result.baseline = result.arms.size();
        result.arms.push_back(row.Text(1));
      });
}

absl::Status LoadBlocks(Database& database, ExperimentId id, JudgedExperiment& result, Selection& selection) {
  SPRINT_RETURN_IF_ERROR(Select(
      database, id, "SELECT block_id, run_id, first_sample, samples FROM block WHERE experiment_id = ?1",
      [&](const Query& row) {
        Block& block = selection.blocks[row.Int(0)];
        block.run = row.Int(1);
        block.first_sample = row.Int(2);
        block.samples = row.Int(3);
        block.arms.resize(result.arms.size());
        result.samples = std::max(result.samples, block.samples);
      }));
  SPRINT_RETURN_IF_ERROR(Select(database, id,
                                "SELECT ba.block_id, ba.arm_id FROM block b CROSS JOIN block_arm ba ON "
                                "ba.block_id = b.block_id WHERE b.experiment_id = ?1",
                                [&](const Query& row) {
                                  Block& block = selection.blocks[row.Int(0)];
                                  block.arms[selection.arm_index[row.Int(1)]] = true;
                                  ++block.arm_count;
                                }));
  return Select(database, id,
                "SELECT bq.block_id, bq.question_id FROM block b CROSS JOIN block_question bq ON "
                "bq.block_id = b.block_id WHERE b.experiment_id = ?1 ORDER BY b.ordinal, bq.ordinal",
                [&](const Query& row) {
                  const Block& block = selection.blocks[row.Int(0)];
                  auto& blocks = selection.blocks_of[{block.run, row.Int(1)}];
                  if (blocks.empty()) selection.order.emplace_back(block.run, row.Int(1));
                  blocks.push_back(&block);
                });
}

absl::Status LoadProblems(Database& database, ExperimentId id, Selection& selection) {
  return Select(database, id,
                "SELECT question_id, subject, level, ifnull(gold_id, 0), external_id FROM problem WHERE "
                "experiment_id = ?1 "
                "ORDER BY question_id, ordinal",
                [&](const Query& row) {
                  const auto [place, is_new] = selection.problems.try_emplace(row.Int(0));
                  if (is_new) {
                    place->second.subject = row.Text(1);
                    place->second.level = row.Text(2);
                    place->second.id = row.Text(4);
                  }
                  if (row.Int(3) > 0) place->second.golds.push_back(row.Int(3));
                });
}

absl::Status LoadQuarantined(Database& database, ExperimentId id, JudgedExperiment& result,
                             Selection& selection) {
  return Select(
      database, id,
      "SELECT f.run_id, f.question_id, f.arm_id, f.sample FROM failure f WHERE f.quarantined = 1 AND "
      "EXISTS (SELECT 1 FROM block b CROSS JOIN block_question bq ON bq.block_id = b.block_id "
      "WHERE b.experiment_id = ?1 AND b.run_id = f.run_id AND bq.question_id = f.question_id)",
      [&](const Query& row) {
        const auto arm = selection.arm_index.find(row.Int(2));
        if (arm == selection.arm_index.end()) return;
        const std::pair<int64_t, int64_t> key(row.Int(0), row.Int(1));
        for (const Block* block : selection.blocks_of[key]) {
          if (!block->Has(arm->second, row.Int(3))) continue;
          selection.quarantined[key].emplace_back(arm->second, row.Int(3));
          ++result.quarantined;
        }
      });
}

absl::Status LoadConditions(Database& database, ExperimentId id, JudgedExperiment& result) {
  SPRINT_RETURN_IF_ERROR(
      Select(database, id,
             "SELECT DISTINCT r.engine_mode FROM block b JOIN run r ON r.run_id = b.run_id "
             "WHERE b.experiment_id = ?1 ORDER BY 1",
             [&](const Query& row) { result.engine_modes.push_back(row.Text(0)); }));
  return Select(
      database, id,
      "SELECT count(*) FROM alarm a WHERE EXISTS (SELECT 1 FROM block b CROSS JOIN block_question bq "
      "ON bq.block_id = b.block_id CROSS JOIN block_arm ba ON ba.block_id = b.block_id WHERE "
      "b.experiment_id = ?1 AND b.run_id = a.run_id AND bq.question_id = a.question_id AND ba.arm_id "
      "= a.arm_id AND a.sample >= b.first_sample AND a.sample < b.first_sample + b.samples)",
      [&](const Query& row) { result.alarms = row.Int(0); });
}

// Reads the cells of one question after another.
class QuestionScan {
 public:
  QuestionScan(const Selection& selection, bool with_answers)
      : selection_(selection), with_answers_(with_answers) {}

  absl::Status Prepare(Database& database) {
    SPRINT_ASSIGN_OR_RETURN(
        outcomes_,
        database.Prepare("SELECT arm_id, sample, finish, token_count, numerics_id, logprob_sum FROM "
                         "outcome WHERE run_id = ?1 AND question_id = ?2 ORDER BY arm_id, sample"));
    SPRINT_ASSIGN_OR_RETURN(
        verdicts_, database.Prepare(
                       absl::StrCat("SELECT arm_id, sample, gold_id, judge_version, correct, extracted = ''",
                                    with_answers_ ? ", extracted" : "",
                                    " FROM verdict WHERE run_id = ?1 AND question_id = ?2 ORDER BY arm_id, "
                                    "sample, gold_id, judge_version")));
    return absl::OkStatus();
  }

  absl::Status Read(const std::pair<int64_t, int64_t>& key, const Problem& problem,
                    JudgedQuestion& question) {
    const std::vector<const Block*>& blocks = selection_.blocks_of.at(key);
    question.selected = 0;
    for (const Block* block : blocks) question.selected += block->arm_count * block->samples;
    SPRINT_RETURN_IF_ERROR(ReadOutcomes(key, blocks, question));
    SPRINT_RETURN_IF_ERROR(ReadVerdicts(key, problem, question));
    // An answer without a verdict is as good as none: it will have one.
    question.cells.erase(std::remove_if(question.cells.begin(), question.cells.end(),
                                        [](const JudgedCell& cell) { return cell.judge_version < 0; }),
                         question.cells.end());
    std::sort(question.cells.begin(), question.cells.end(), [](const JudgedCell& a, const JudgedCell& b) {
      return std::tie(a.arm, a.sample) < std::tie(b.arm, b.sample);
    });
    return absl::OkStatus();
  }
  const std::set<int64_t>& numerics() const { return numerics_; }

 private:
  struct Place {
    int64_t arm;  // the database's number
    int64_t sample;
  };

  absl::Status ReadOutcomes(const std::pair<int64_t, int64_t>& key, const std::vector<const Block*>& blocks,
                            JudgedQuestion& question) {
    question.cells.clear();
    places_.clear();
    Query query(outcomes_, key.first, key.second);
    return ForEach(query, [&](const Query& row) {
      const auto arm = selection_.arm_index.find(row.Int(0));
      if (arm == selection_.arm_index.end()) return;
      const int64_t sample = row.Int(1);
      if (std::none_of(blocks.begin(), blocks.end(),
                       [&](const Block* block) { return block->Has(arm->second, sample); }))
        return;
      places_.push_back({row.Int(0), sample});
      JudgedCell& cell = question.cells.emplace_back();
      cell.arm = static_cast<int32_t>(arm->second);
      cell.sample = static_cast<int32_t>(sample);
      cell.truncated = IsTruncated(static_cast<FinishReason>(row.Int(2)));
      cell.tokens = static_cast<int32_t>(row.Int(3));
      cell.logprob_sum = row.Double(5);
      if (row.Int(4) != last_numerics_) numerics_.insert(last_numerics_ = row.Int(4));
    });
  }

  // Both lists are by (arm, sample); versions of one gold ascend, so the last one stands.
  absl::Status ReadVerdicts(const std::pair<int64_t, int64_t>& key, const Problem& problem,
                            JudgedQuestion& question) {
    size_t at = 0;
    int64_t gold = -1;             // of the verdict read last, for the cell at `at`
    bool right_by_others = false;  // by another gold
    Query query(verdicts_, key.first, key.second);
    return ForEach(query, [&](const Query& row) {
      const int64_t arm = row.Int(0), sample = row.Int(1);
      while (at < places_.size() && std::tie(places_[at].arm, places_[at].sample) < std::tie(arm, sample)) {
        ++at;
        gold = -1;
        right_by_others = false;
      }
      if (at == places_.size() || places_[at].arm != arm || places_[at].sample != sample) return;
      if (std::find(problem.golds.begin(), problem.golds.end(), row.Int(2)) == problem.golds.end()) return;
      JudgedCell& cell = question.cells[at];
      if (row.Int(2) != gold) right_by_others = gold >= 0 && cell.right;
      gold = row.Int(2);
      cell.right = right_by_others || row.Int(4) != 0;
      cell.judge_version = static_cast<int32_t>(row.Int(3));
      cell.unanswered = row.Int(5) != 0;
      if (with_answers_) cell.answer = row.Text(6);
    });
  }

  const Selection& selection_;
  const bool with_answers_;
  Statement outcomes_, verdicts_;
  std::vector<Place> places_;  // of question.cells
  std::set<int64_t> numerics_;
  int64_t last_numerics_ = -1;
};

// Whether two questions of one run are in different blocks.
bool QuestionsDiffer(const Selection& selection) {
  const std::vector<const Block*>* first = nullptr;
  int64_t run = -1;
  for (const auto& [key, blocks] : selection.blocks_of) {  // by run
    if (key.first != run) first = &blocks;
    run = key.first;
    if (blocks != *first) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<JudgedExperiment> ReadJudged(Database& database, ExperimentId id, ReadAnswers answers,
                                            const Reader::JudgedFn& question_fn) {
  Snapshot snapshot;
  SPRINT_RETURN_IF_ERROR(snapshot.Hold(database));
  JudgedExperiment result;
  Selection selection;
  SPRINT_RETURN_IF_ERROR(LoadArms(database, id, result, selection));
  SPRINT_RETURN_IF_ERROR(LoadBlocks(database, id, result, selection));
  result.own_arms = QuestionsDiffer(selection);
  SPRINT_RETURN_IF_ERROR(LoadProblems(database, id, selection));
  SPRINT_RETURN_IF_ERROR(LoadQuarantined(database, id, result, selection));
  SPRINT_RETURN_IF_ERROR(LoadConditions(database, id, result));
  const bool sampled = answers == ReadAnswers::kOfSamples && result.samples > 1;
  QuestionScan scan(selection, sampled || answers == ReadAnswers::kYes);
  SPRINT_RETURN_IF_ERROR(scan.Prepare(database));
  std::set<int32_t> versions;
  JudgedQuestion question;
  for (const auto& key : selection.order) {
    const auto problem = selection.problems.find(key.second);
    ++result.questions;
    if (problem == selection.problems.end() || problem->second.golds.empty()) {
      ++result.without_gold;
      continue;
    }
    question.question = key.second;
    question.problem = problem->second.id;
    question.subject = problem->second.subject;
    question.level = problem->second.level;
    SPRINT_RETURN_IF_ERROR(scan.Read(key, problem->second, question));
    const auto quarantined = selection.quarantined.find(key);
    question.quarantined =
        quarantined == selection.quarantined.end() ? 0 : static_cast<int64_t>(quarantined->second.size());
    for (const JudgedCell& cell : question.cells) versions.insert(cell.judge_version);
    if (!question_fn(question)) break;
  }
  result.numerics = static_cast<int64_t>(scan.numerics().size());
  result.judge_versions.assign(versions.begin(), versions.end());
  return result;
}

}  // namespace sprint
