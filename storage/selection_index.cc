#include "storage/selection_index.h"

#include "base/status.h"

namespace sprint {

absl::StatusOr<SelectionIndex> SelectionIndex::Create(Database* database) {
  SelectionIndex index;
  SPRINT_ASSIGN_OR_RETURN(
      index.blocks_, database->Prepare("SELECT b.block_id, b.experiment_id, b.first_sample, b.samples "
                                       "FROM block_question q CROSS JOIN block b ON b.block_id = q.block_id "
                                       "WHERE q.question_id = ?2 AND b.run_id = ?1"));
  SPRINT_ASSIGN_OR_RETURN(index.arms_, database->Prepare("SELECT arm_id FROM block_arm WHERE block_id = ?1"));
  SPRINT_ASSIGN_OR_RETURN(
      index.golds_, database->Prepare("SELECT DISTINCT gold_id FROM problem WHERE experiment_id = ?1 AND "
                                      "question_id = ?2 AND gold_id IS NOT NULL"));
  return index;
}

void SelectionIndex::Clear() {
  holders_.clear();
  arms_of_.clear();
}

absl::StatusOr<std::shared_ptr<const absl::flat_hash_set<ArmId>>> SelectionIndex::ArmsOf(int64_t block) {
  const auto known = arms_of_.find(block);
  if (known != arms_of_.end()) return known->second;
  auto arms = std::make_shared<absl::flat_hash_set<ArmId>>();
  Query query(arms_, block);
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
    if (!more) break;
    arms->insert(ArmId(query.Int(0)));
  }
  arms_of_[block] = arms;
  return std::shared_ptr<const absl::flat_hash_set<ArmId>>(std::move(arms));
}

absl::StatusOr<const std::vector<Holder>*> SelectionIndex::HoldersOf(RunId run, QuestionId question) {
  const auto known = holders_.find({run, question});
  if (known != holders_.end()) return &known->second;
  std::vector<Holder> holders;
  Query blocks(blocks_, run.value(), question.value());
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const bool more, blocks.Next());
    if (!more) break;
    Holder holder;
    holder.experiment = ExperimentId(blocks.Int(1));
    holder.first_sample = static_cast<int32_t>(blocks.Int(2));
    holder.samples = static_cast<int32_t>(blocks.Int(3));
    SPRINT_ASSIGN_OR_RETURN(holder.arms, ArmsOf(blocks.Int(0)));
    Query golds(golds_, holder.experiment.value(), question.value());
    for (;;) {
      SPRINT_ASSIGN_OR_RETURN(const bool more_golds, golds.Next());
      if (!more_golds) break;
      holder.golds.push_back(GoldId(golds.Int(0)));
    }
    holders.push_back(std::move(holder));
  }
  return &holders_.emplace(std::pair(run, question), std::move(holders)).first->second;
}

}  // namespace sprint
