// SqliteStore: experiments come, go on and go.
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/plan_writer.h"
#include "storage/sqlite_store_impl.h"
#include "storage/string_list.h"

namespace sprint {

absl::Status SqliteStore::CheckKnown(ExperimentId id) {
  SPRINT_ASSIGN_OR_RETURN(const int64_t known,
                          database_->QueryInt(absl::StrCat(
                              "SELECT count(*) FROM experiment WHERE experiment_id = ", id.value())));
  if (known > 0) return absl::OkStatus();
  return Error(absl::StatusCode::kNotFound, Reason::kExperimentUnknown,
               absl::StrCat(path_, " has no experiment ", id.value(), ": `sprint status` lists them"));
}

absl::StatusOr<CreatedExperiment> SqliteStore::CreateExperiment(const ExperimentPlan& plan, absl::Time now) {
  SPRINT_RETURN_IF_ERROR(CheckPlan(plan));
  const Hash256 selection = plan.SelectionHash();
  CreatedExperiment created;
  const absl::Status written = Write([&]() -> absl::Status {
    int64_t known = 0;
    {
      SPRINT_ASSIGN_OR_RETURN(
          Statement find, database_->Prepare("SELECT experiment_id FROM experiment WHERE selection = ?1"));
      Query query(find, selection);
      SPRINT_ASSIGN_OR_RETURN(const bool found, query.Next());
      if (found) known = query.Int(0);
    }
    SPRINT_ASSIGN_OR_RETURN(created,
                            known > 0 ? Continue(ExperimentId(known), plan) : Begin(selection, plan, now));
    return absl::OkStatus();
  });
  index_.Clear();
  judge_cursor_ = {};
  if (!written.ok()) return written;
  return created;
}

absl::StatusOr<CreatedExperiment> SqliteStore::Continue(ExperimentId id, const ExperimentPlan& plan) {
  PlanWriter writer(database_.get(), &encoder_, &plan);
  SPRINT_RETURN_IF_ERROR(writer.InternAll());
  SPRINT_RETURN_IF_ERROR(writer.WriteProblems(id));
  SPRINT_ASSIGN_OR_RETURN(
      Statement renew,
      database_->Prepare("UPDATE experiment SET name = ?2, spec = ?3, priority = ?4, "
                         "mixed_numerics = ?5, state = CASE state WHEN ?6 THEN ?6 ELSE ?7 END, "
                         "hidden_layers = ?8 "
                         "WHERE experiment_id = ?1"));
  SPRINT_RETURN_IF_ERROR(Query(renew, id.value(), plan.name, plan.spec, plan.priority, plan.mixed_numerics,
                               static_cast<int64_t>(ExperimentState::kFinished),
                               static_cast<int64_t>(ExperimentState::kRunning),
                               NumbersToJson(plan.hidden_layers))
                             .Run());
  SPRINT_ASSIGN_OR_RETURN(Statement sums,
                          database_->Prepare("SELECT sum(cells), sum(done) FROM experiment_arm "
                                             "WHERE experiment_id = ?1"));
  Query query(sums, id.value());
  SPRINT_RETURN_IF_ERROR(query.Next().status());
  return CreatedExperiment{id, true, query.Int(0), query.Int(1)};
}

absl::StatusOr<CreatedExperiment> SqliteStore::Begin(const Hash256& selection, const ExperimentPlan& plan,
                                                     absl::Time now) {
  SPRINT_ASSIGN_OR_RETURN(
      Statement insert, database_->Prepare("INSERT INTO experiment (selection, name, spec, state, priority, "
                                           "mixed_numerics, created, hidden_layers) VALUES (?1, ?2, ?3, ?4, "
                                           "?5, ?6, ?7, ?8)"));
  SPRINT_RETURN_IF_ERROR(
      Query(insert, selection, plan.name, plan.spec, static_cast<int64_t>(ExperimentState::kRunning),
            plan.priority, plan.mixed_numerics, absl::ToUnixMicros(now), NumbersToJson(plan.hidden_layers))
          .Run());
  CreatedExperiment created;
  created.id = ExperimentId(database_->last_insert_id());
  PlanWriter writer(database_.get(), &encoder_, &plan);
  SPRINT_RETURN_IF_ERROR(writer.InternAll());
  SPRINT_RETURN_IF_ERROR(writer.WriteProblems(created.id));
  SPRINT_RETURN_IF_ERROR(writer.WriteBlocks(created.id));
  SPRINT_ASSIGN_OR_RETURN(const std::vector<ArmCounters> counters, RecountFromRows(*database_, created.id));
  SPRINT_RETURN_IF_ERROR(writer.WriteCounters(created.id, counters));
  for (const ArmCounters& of_arm : counters) {
    created.cells += of_arm.cells;
    created.existing += of_arm.done;
  }
  return created;
}

absl::Status SqliteStore::DeleteExperiment(ExperimentId id) {
  static constexpr const char* kDeletions[] = {
      "DELETE FROM block_arm WHERE block_id IN (SELECT block_id FROM block WHERE experiment_id = ?1)",
      "DELETE FROM block_question WHERE block_id IN (SELECT block_id FROM block WHERE experiment_id = ?1)",
      "DELETE FROM block WHERE experiment_id = ?1",
      "DELETE FROM problem WHERE experiment_id = ?1",
      "DELETE FROM experiment_arm WHERE experiment_id = ?1",
      "DELETE FROM experiment WHERE experiment_id = ?1",
  };
  const absl::Status deleted = Write([&]() -> absl::Status {
    SPRINT_RETURN_IF_ERROR(CheckKnown(id));
    for (const char* sql : kDeletions) {
      SPRINT_ASSIGN_OR_RETURN(Statement statement, database_->Prepare(sql));
      SPRINT_RETURN_IF_ERROR(Query(statement, id.value()).Run());
    }
    return absl::OkStatus();
  });
  index_.Clear();
  judge_cursor_ = {};
  return deleted;
}

absl::StatusOr<std::vector<ExperimentId>> SqliteStore::UnfinishedExperiments() {
  SPRINT_ASSIGN_OR_RETURN(Statement select, database_->Prepare("SELECT experiment_id FROM experiment "
                                                               "WHERE state <> ?1 ORDER BY experiment_id"));
  Query query(select, static_cast<int64_t>(ExperimentState::kFinished));
  std::vector<ExperimentId> ids;
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
    if (!more) return ids;
    ids.push_back(ExperimentId(query.Int(0)));
  }
}

}  // namespace sprint
