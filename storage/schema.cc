#include "storage/schema.h"

#include <array>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/hash.h"
#include "base/status.h"
#include "storage/schema_sql.h"

namespace sprint {
namespace {

constexpr absl::string_view kSqliteMagic("SQLite format 3\0", 16);
constexpr size_t kGrantKeyBytes = 32;

const std::string& Tables1AndViews1() {
  static const std::string* const sql = new std::string(absl::StrCat(kTables1, kViews1));
  return *sql;
}

absl::Status Foreign(const std::string& path, absl::string_view found) {
  return Error(absl::StatusCode::kFailedPrecondition, Reason::kDatabaseForeign,
               absl::StrCat(path, " is not a sprint database: ", found, "; name another file with --db"));
}

absl::Status MakeMeta(Database& database) {
  const std::string key = RandomBytes(kGrantKeyBytes);
  SPRINT_ASSIGN_OR_RETURN(Statement insert,
                          database.Prepare("INSERT INTO meta (key, value) VALUES (?1, ?2)"));
  SPRINT_RETURN_IF_ERROR(Query(insert, "grant_key", BlobView{key}).Run());
  SPRINT_RETURN_IF_ERROR(Query(insert, "epoch", int64_t{0}).Run());
  return database.Execute(
      "INSERT INTO meta (key, value) VALUES ('created', CAST(strftime('%s', 'now') AS INTEGER) * 1000000)");
}

}  // namespace

absl::Span<const Migration> Migrations() {
  static const std::array<Migration, 4> kMigrations = {{
      {1, "tables and views", Tables1AndViews1().c_str()},
      {2, "rules of decoding", kRules2},
      {3, "selectors and trainings", kSelectors3},
      {4, "hidden states", kFeatures4},
  }};
  return kMigrations;
}

int32_t SchemaVersion() { return Migrations().back().to; }

absl::Span<const ViewDescription> DocumentedViews() {
  static const std::array<ViewDescription, 8> kViews = {{
      {"v_outcome",
       "one row per experiment, problem, arm and sample: right or wrong, answer, tokens, finish"},
      {"v_arm_accuracy", "per arm: cells, done, correct, accuracy, mean tokens (from the counters: instant)"},
      {"v_subject_accuracy", "per arm and subject: judged, correct, accuracy"},
      {"v_flips", "per arm against the baseline: problems fixed, broken, both right, both wrong"},
      {"v_coverage", "per problem: arms that answered, arms that were right, whether any was"},
      {"v_progress", "per experiment: state, cells, done, missing, quarantined (from the counters: instant)"},
      {"v_judged", "the narrow rows that the views above count: problem, arm, sample, right or wrong"},
      {"v_feature", "per problem and layer: the model's hidden state of the prompt's last token, f32"},
  }};
  return kViews;
}

absl::Status CheckFileHeader(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, kSqliteMagic.size()> first{};
  if (!file.read(first.data(), first.size()) && file.gcount() == 0) return absl::OkStatus();
  const absl::string_view found(first.data(), static_cast<size_t>(file.gcount()));
  return found == kSqliteMagic ? absl::OkStatus() : Foreign(path, "it is not an SQLite file");
}

absl::StatusOr<FileKind> ExamineSchema(Database& database) {
  SPRINT_ASSIGN_OR_RETURN(const int64_t application, database.QueryInt("PRAGMA application_id"));
  SPRINT_ASSIGN_OR_RETURN(const int64_t version, database.QueryInt("PRAGMA user_version"));
  if (application == kApplicationId) {
    if (version > SchemaVersion()) {
      return Error(
          absl::StatusCode::kFailedPrecondition, Reason::kDatabaseNewer,
          absl::StrCat(database.path(), " has schema version ", version, ", this program knows up to ",
                       SchemaVersion(), ": use the newer sprint that wrote it"));
    }
    return version < 1 ? FileKind::kEmpty : FileKind::kOurs;
  }
  SPRINT_ASSIGN_OR_RETURN(const int64_t objects, database.QueryInt("SELECT count(*) FROM sqlite_schema"));
  if (application != 0) {
    return Foreign(database.path(),
                   absl::StrCat("it belongs to another program (application_id ", application, ")"));
  }
  if (objects > 0)
    return Foreign(database.path(), absl::StrCat("it has ", objects, " tables or indices of others"));
  return FileKind::kEmpty;
}

absl::Status Migrate(Database& database) {
  SPRINT_ASSIGN_OR_RETURN(const int64_t version, database.QueryInt("PRAGMA user_version"));
  for (const Migration& step : Migrations()) {
    if (step.to <= version) continue;
    Transaction transaction(&database);
    SPRINT_RETURN_IF_ERROR(transaction.Begin());
    SPRINT_RETURN_IF_ERROR(Annotate(database.Execute(step.sql), absl::StrCat("schema step ", step.to)));
    if (step.to == 1) SPRINT_RETURN_IF_ERROR(MakeMeta(database));
    SPRINT_RETURN_IF_ERROR(database.Execute(
        absl::StrCat("PRAGMA application_id = ", kApplicationId, "; PRAGMA user_version = ", step.to)));
    SPRINT_RETURN_IF_ERROR(transaction.Commit());
  }
  return absl::OkStatus();
}

}  // namespace sprint
