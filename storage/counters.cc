#include "storage/counters.h"

#include <algorithm>
#include <map>

#include "base/status.h"

namespace sprint {

void CellVerdicts::Add(GoldId gold, int32_t judge_version, bool correct) {
  for (Latest& latest : latest_) {
    if (latest.gold != gold) continue;
    if (judge_version >= latest.judge_version) latest = {gold, judge_version, correct};
    return;
  }
  latest_.push_back({gold, judge_version, correct});
}

bool CellVerdicts::Judged(const std::vector<GoldId>& golds) const {
  return std::any_of(latest_.begin(), latest_.end(), [&golds](const Latest& latest) {
    return std::find(golds.begin(), golds.end(), latest.gold) != golds.end();
  });
}

bool CellVerdicts::Correct(const std::vector<GoldId>& golds) const {
  return std::any_of(latest_.begin(), latest_.end(), [&golds](const Latest& latest) {
    return latest.correct && std::find(golds.begin(), golds.end(), latest.gold) != golds.end();
  });
}

namespace {

struct Statements {
  Statement blocks;
  Statement arms;
  Statement questions;
  Statement golds;
  Statement outcomes;
  Statement verdicts;
};

absl::StatusOr<Statements> PrepareStatements(Database& database) {
  Statements all;
  SPRINT_ASSIGN_OR_RETURN(all.blocks,
                          database.Prepare("SELECT block_id, run_id, first_sample, samples FROM block "
                                           "WHERE experiment_id = ?1"));
  SPRINT_ASSIGN_OR_RETURN(all.arms, database.Prepare("SELECT arm_id FROM block_arm WHERE block_id = ?1"));
  SPRINT_ASSIGN_OR_RETURN(all.questions,
                          database.Prepare("SELECT question_id FROM block_question WHERE block_id = ?1"));
  SPRINT_ASSIGN_OR_RETURN(
      all.golds, database.Prepare("SELECT DISTINCT gold_id FROM problem WHERE experiment_id = ?1 AND "
                                  "question_id = ?2 AND gold_id IS NOT NULL"));
  SPRINT_ASSIGN_OR_RETURN(
      all.outcomes,
      database.Prepare("SELECT arm_id, sample, token_count, finish FROM outcome WHERE run_id = ?1 "
                       "AND question_id = ?2 ORDER BY arm_id, sample"));
  SPRINT_ASSIGN_OR_RETURN(
      all.verdicts,
      database.Prepare("SELECT arm_id, sample, gold_id, judge_version, correct FROM verdict WHERE "
                       "run_id = ?1 AND question_id = ?2 "
                       "ORDER BY arm_id, sample, gold_id, judge_version"));
  return all;
}

absl::StatusOr<std::vector<int64_t>> Column(Statement& statement, int64_t a, int64_t b) {
  std::vector<int64_t> values;
  Query query(statement, a, b);
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
    if (!more) return values;
    values.push_back(query.Int(0));
  }
}

struct Block {
  int64_t id;
  int64_t run;
  int64_t first_sample;
  int64_t samples;
};

using Totals = std::map<int64_t, ArmCounters>;  // by arm id

// Walks the outcomes and the verdicts of one question side by side: both are in the order of (arm, sample).
absl::Status CountQuestion(Statements& all, const Block& block, int64_t question,
                           const std::vector<GoldId>& golds, Totals& totals) {
  Query verdicts(all.verdicts, block.run, question);
  SPRINT_ASSIGN_OR_RETURN(bool more_verdicts, verdicts.Next());
  Query outcomes(all.outcomes, block.run, question);
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const bool more, outcomes.Next());
    if (!more) return absl::OkStatus();
    const std::pair<int64_t, int64_t> key(outcomes.Int(0), outcomes.Int(1));
    CellVerdicts judged;
    while (more_verdicts && std::pair<int64_t, int64_t>(verdicts.Int(0), verdicts.Int(1)) <= key) {
      if (std::pair<int64_t, int64_t>(verdicts.Int(0), verdicts.Int(1)) == key) {
        judged.Add(GoldId(verdicts.Int(2)), static_cast<int32_t>(verdicts.Int(3)), verdicts.Int(4) != 0);
      }
      SPRINT_ASSIGN_OR_RETURN(more_verdicts, verdicts.Next());
    }
    const auto total = totals.find(key.first);
    const bool selected = total != totals.end() && key.second >= block.first_sample &&
                          key.second < block.first_sample + block.samples;
    if (!selected) continue;
    total->second.done += 1;
    total->second.tokens += outcomes.Int(2);
    total->second.truncated += IsTruncated(static_cast<FinishReason>(outcomes.Int(3))) ? 1 : 0;
    total->second.judged += judged.Judged(golds) ? 1 : 0;
    total->second.correct += judged.Correct(golds) ? 1 : 0;
  }
}

absl::Status CountBlock(Statements& all, ExperimentId id, const Block& block, Totals& totals) {
  SPRINT_ASSIGN_OR_RETURN(const std::vector<int64_t> arms, Column(all.arms, block.id, 0));
  SPRINT_ASSIGN_OR_RETURN(const std::vector<int64_t> questions, Column(all.questions, block.id, 0));
  Totals of_block;
  for (const int64_t arm : arms) {
    of_block[arm].arm = ArmId(arm);
    of_block[arm].cells = block.samples * static_cast<int64_t>(questions.size());
  }
  for (const int64_t question : questions) {
    SPRINT_ASSIGN_OR_RETURN(const std::vector<int64_t> gold_ids, Column(all.golds, id.value(), question));
    std::vector<GoldId> golds;
    for (const int64_t gold : gold_ids) golds.push_back(GoldId(gold));
    SPRINT_RETURN_IF_ERROR(CountQuestion(all, block, question, golds, of_block));
  }
  for (const auto& [arm, counters] : of_block) {
    ArmCounters& total = totals[arm];
    total.arm = counters.arm;
    total.cells += counters.cells;
    total.done += counters.done;
    total.judged += counters.judged;
    total.correct += counters.correct;
    total.truncated += counters.truncated;
    total.tokens += counters.tokens;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<ArmCounters>> RecountFromRows(Database& database, ExperimentId id) {
  SPRINT_ASSIGN_OR_RETURN(Statements all, PrepareStatements(database));
  std::vector<Block> blocks;
  {
    Query query(all.blocks, id.value());
    for (;;) {
      SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
      if (!more) break;
      blocks.push_back({query.Int(0), query.Int(1), query.Int(2), query.Int(3)});
    }
  }
  Totals totals;
  for (const Block& block : blocks) SPRINT_RETURN_IF_ERROR(CountBlock(all, id, block, totals));
  std::vector<ArmCounters> counters;
  counters.reserve(totals.size());
  for (const auto& [arm, total] : totals) counters.push_back(total);
  return counters;
}

}  // namespace sprint
