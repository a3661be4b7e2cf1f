// SqliteStore: what is read back, for the core and for the judge.
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/experiment_loader.h"
#include "storage/sqlite_store_impl.h"

namespace sprint {

absl::StatusOr<ExperimentRecord> SqliteStore::LoadExperiment(ExperimentId id) {
  return ExperimentLoader(database_.get(), id).Load();
}

absl::StatusOr<std::vector<GoldEntry>> SqliteStore::Golds(ExperimentId id) {
  SPRINT_RETURN_IF_ERROR(CheckKnown(id));
  SPRINT_ASSIGN_OR_RETURN(
      Statement select,
      database_->Prepare("SELECT g.question_id, g.gold_id, g.text FROM gold g WHERE g.gold_id IN "
                         "(SELECT gold_id FROM problem WHERE experiment_id = ?1) "
                         "ORDER BY g.gold_id"));
  Query query(select, id.value());
  std::vector<GoldEntry> golds;
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
    if (!more) return golds;
    golds.push_back({QuestionId(query.Int(0)), GoldId(query.Int(1)), query.Text(2)});
  }
}

absl::StatusOr<std::vector<SqliteStore::BlockQuestion>> SqliteStore::BlockQuestions(ExperimentId id) {
  SPRINT_ASSIGN_OR_RETURN(
      Statement select,
      database_->Prepare("SELECT b.block_id, b.run_id, b.first_sample, b.samples, q.question_id "
                         "FROM block b CROSS JOIN block_question q ON q.block_id = b.block_id "
                         "WHERE b.experiment_id = ?1 ORDER BY b.ordinal, q.ordinal"));
  Query query(select, id.value());
  std::vector<BlockQuestion> all;
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
    if (!more) return all;
    all.push_back({query.Int(0), query.Int(1), query.Int(2), query.Int(3), query.Int(4)});
  }
}

absl::Status SqliteStore::AppendUnjudged(const BlockQuestion& at, const GoldEntry& gold,
                                         int32_t judge_version, int64_t limit,
                                         std::vector<UnjudgedAnswer>& found) {
  SPRINT_ASSIGN_OR_RETURN(
      Statement select,
      database_->Prepare(
          "SELECT o.arm_id, o.sample, a.text FROM outcome o "
          "CROSS JOIN block_arm ba ON ba.block_id = ?1 AND ba.arm_id = o.arm_id "
          "CROSS JOIN answer a ON a.answer_id = o.answer_id "
          "WHERE o.run_id = ?2 AND o.question_id = ?3 AND o.sample >= ?4 AND o.sample < ?4 + ?5 "
          "AND NOT EXISTS (SELECT 1 FROM verdict v WHERE v.run_id = o.run_id AND "
          "v.question_id = o.question_id AND v.arm_id = o.arm_id AND v.sample = o.sample "
          "AND v.gold_id = ?6 AND v.judge_version = ?7) LIMIT ?8"));
  Query query(select, at.block, at.run, at.question, at.first_sample, at.samples, gold.gold.value(),
              judge_version, limit - static_cast<int64_t>(found.size()));
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
    if (!more) return absl::OkStatus();
    UnjudgedAnswer answer;
    answer.cell = {RunId(at.run), QuestionId(at.question), ArmId(query.Int(0)),
                   static_cast<int32_t>(query.Int(1))};
    answer.gold = gold.gold;
    answer.gold_text = gold.text;
    SPRINT_ASSIGN_OR_RETURN(answer.text, DecodeText(query.Bytes(2)));
    found.push_back(std::move(answer));
  }
}

// A caller asks again and again while it judges; each call goes on where the last one stopped, so that
// a whole grid costs one walk, and comes round to the beginning before it says that nothing is left.
absl::StatusOr<std::vector<UnjudgedAnswer>> SqliteStore::Unjudged(ExperimentId id, int32_t judge_version,
                                                                  int64_t limit) {
  SPRINT_ASSIGN_OR_RETURN(const std::vector<GoldEntry> golds, Golds(id));
  absl::flat_hash_map<int64_t, std::vector<const GoldEntry*>> golds_of;
  for (const GoldEntry& gold : golds) golds_of[gold.question.value()].push_back(&gold);
  SPRINT_ASSIGN_OR_RETURN(const std::vector<BlockQuestion> all, BlockQuestions(id));
  if (judge_cursor_.experiment != id || judge_cursor_.judge_version != judge_version) {
    judge_cursor_ = {id, judge_version, 0};
  }
  std::vector<UnjudgedAnswer> found;
  const size_t start = judge_cursor_.position;
  for (size_t step = 0; step < all.size() && static_cast<int64_t>(found.size()) < limit; ++step) {
    judge_cursor_.position = (start + step) % all.size();
    const BlockQuestion& at = all[judge_cursor_.position];
    for (const GoldEntry* gold : golds_of[at.question]) {
      SPRINT_RETURN_IF_ERROR(AppendUnjudged(at, *gold, judge_version, limit, found));
    }
  }
  return found;
}

}  // namespace sprint
