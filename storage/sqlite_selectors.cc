// Selectors and trainings in the database.
#include "absl/strings/str_cat.h"
#include "base/hash.h"
#include "base/status.h"
#include "storage/sqlite_store_impl.h"
#include "storage/string_list.h"

namespace sprint {

absl::StatusOr<bool> SqliteStore::PutSelector(const SelectorRecord& selector) {
  int64_t added = 0;
  SPRINT_RETURN_IF_ERROR(Write([&]() -> absl::Status {
    SPRINT_ASSIGN_OR_RETURN(
        Statement insert,
        database_->Prepare("INSERT INTO selector (hash, name, snapshot_hash, lineage, file, created) "
                           "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (hash) DO NOTHING"));
    SPRINT_RETURN_IF_ERROR(Query(insert, Sha256(selector.file), selector.name, selector.snapshot,
                                 selector.lineage, BlobView{selector.file},
                                 absl::ToUnixMicros(selector.created))
                               .Run());
    added = database_->changes();
    return absl::OkStatus();
  }));
  return added > 0;
}

absl::StatusOr<int64_t> SqliteStore::AddTraining(const TrainingRecord& training) {
  SPRINT_RETURN_IF_ERROR(Write([&]() -> absl::Status {
    SPRINT_ASSIGN_OR_RETURN(Statement insert,
                            database_->Prepare("INSERT INTO training (name, folder, arguments, created) "
                                               "VALUES (?1, ?2, ?3, ?4)"));
    return Query(insert, training.name, training.folder, StringsToJson(training.arguments),
                 absl::ToUnixMicros(training.created))
        .Run();
  }));
  return database_->last_insert_id();
}

absl::Status SqliteStore::EndTraining(int64_t id, TrainingState state, const std::string& message,
                                      absl::Time now) {
  return Write([&]() -> absl::Status {
    SPRINT_ASSIGN_OR_RETURN(Statement update,
                            database_->Prepare("UPDATE training SET state = ?2, message = ?3, finished = ?4 "
                                               "WHERE training_id = ?1"));
    SPRINT_RETURN_IF_ERROR(
        Query(update, id, static_cast<int32_t>(state), message, absl::ToUnixMicros(now)).Run());
    if (database_->changes() == 0) return absl::NotFoundError(absl::StrCat("there is no training ", id));
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<TrainingRecord>> SqliteStore::Trainings() {
  SPRINT_ASSIGN_OR_RETURN(
      Statement select,
      database_->Prepare("SELECT training_id, name, folder, arguments, state, message, created, "
                         "finished FROM training ORDER BY training_id"));
  Query query(select);
  std::vector<TrainingRecord> trainings;
  while (true) {
    SPRINT_ASSIGN_OR_RETURN(const bool found, query.Next());
    if (!found) return trainings;
    TrainingRecord training;
    training.id = query.Int(0);
    training.name = query.Text(1);
    training.folder = query.Text(2);
    SPRINT_ASSIGN_OR_RETURN(training.arguments, StringsFromJson(query.Text(3)));
    training.state = static_cast<TrainingState>(query.Int(4));
    training.message = query.Text(5);
    training.created = absl::FromUnixMicros(query.Int(6));
    training.finished = absl::FromUnixMicros(query.Int(7));
    trainings.push_back(std::move(training));
  }
}

}  // namespace sprint
