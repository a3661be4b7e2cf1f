// What only the store in a file does: ownership, bad files, a full disk, the log.
#include "storage/sqlite_store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/status.h"
#include "storage/features.h"
#include "storage/reader.h"
#include "tests/storage/builders.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class SqliteStoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Store>> Open(bool create = true) {
    SqliteStoreOptions options;
    options.path = path_;
    options.create = create;
    options.max_pages = max_pages_;
    options.fold_in_background = fold_in_background_;
    return OpenSqliteStore(options);
  }
  absl::Status OpenError() { return Open().status(); }
  // A database with `n` outcomes, closed.
  void Fill(int32_t n) {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Store> store, Open());
    ASSERT_OK_AND_ASSIGN(const CreatedExperiment created,
                         store->CreateExperiment(GridPlan(n, 1), TestTime()));
    ASSERT_OK_AND_ASSIGN(const ExperimentRecord record, store->LoadExperiment(created.id));
    WriteBatch batch;
    for (size_t q = 0; q < static_cast<size_t>(n); ++q)
      batch.outcomes.push_back(TestOutcome(CellAt(record, q, 0)));
    ASSERT_OK(store->Commit(batch));
  }
  void Sql(const std::string& sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  static void ExpectOneLine(const absl::Status& status) {
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("\n")));
  }

  TempDir directory_;
  std::string path_ = directory_.File("sprint.db");
  int64_t max_pages_ = 0;
  bool fold_in_background_ = true;
};

TEST_F(SqliteStoreTest, TellsADatabaseThatIsNotThereFromAFolderThatIsNot) {
  EXPECT_EQ(Open(/*create=*/false).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(FileExists(path_));
  path_ = directory_.File("no/such/sprint.db");
  EXPECT_EQ(OpenError().code(), absl::StatusCode::kNotFound);
  path_ = directory_.path();
  EXPECT_EQ(OpenError().code(), absl::StatusCode::kNotFound);
}

TEST_F(SqliteStoreTest, RefusesASecondOwnerInTheSameProcessAndNamesTheFirst) {
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<Store> first, Open());
  const absl::Status second = OpenError();
  EXPECT_EQ(ReasonOf(second), Reason::kDatabaseOwned);
  EXPECT_THAT(std::string(second.message()), HasSubstr(absl::StrCat("pid ", getpid(), " on host ")));
  ExpectOneLine(second);
  first.reset();
  EXPECT_OK(Open());
}

TEST_F(SqliteStoreTest, MeetsTheSameLockUnderAnotherNameOfTheFile) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Store> first, Open());
  const std::string link = directory_.File("link.db");
  std::filesystem::create_symlink(path_, link);
  path_ = link;
  EXPECT_EQ(ReasonOf(OpenError()), Reason::kDatabaseOwned);
}

TEST_F(SqliteStoreTest, RefusesAnotherProcessUntilTheOwnerWasKilled) {
  Fill(1);
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t owner = fork();
  if (owner == 0) {
    const auto store = Open();
    const char byte = store.ok() ? 'y' : 'n';
    [[maybe_unused]] const ssize_t written = write(ready[1], &byte, 1);
    for (;;) pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  const absl::Status refused = OpenError();
  EXPECT_EQ(ReasonOf(refused), Reason::kDatabaseOwned);
  EXPECT_THAT(std::string(refused.message()), HasSubstr(absl::StrCat("pid ", owner)));
  kill(owner, SIGKILL);
  waitpid(owner, nullptr, 0);
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Store> successor, Open());
  ASSERT_OK_AND_ASSIGN(const ExperimentRecord record, successor->LoadExperiment(ExperimentId(1)));
  EXPECT_THAT(record.done, SizeIs(1));
  close(ready[0]);
  close(ready[1]);
}

TEST_F(SqliteStoreTest, KeepsWhatItAcknowledgedWhenKilledInTheMiddle) {
  int acknowledged[2];
  ASSERT_EQ(pipe(acknowledged), 0);
  const pid_t writer = fork();
  if (writer == 0) {
    auto store = Open();
    const auto created = store.value()->CreateExperiment(GridPlan(200, 4), TestTime());
    const auto record = store.value()->LoadExperiment(created->id);
    for (size_t q = 0; q < 200; ++q) {
      WriteBatch batch;
      for (size_t a = 0; a < 4; ++a) batch.outcomes.push_back(TestOutcome(CellAt(*record, q, a)));
      if (!store.value()->Commit(batch).ok()) break;
      const char byte = 'k';
      if (write(acknowledged[1], &byte, 1) != 1) break;
    }
    for (;;) pause();
  }
  close(acknowledged[1]);
  char bytes[37];
  size_t seen = 0;
  while (seen < sizeof(bytes)) {
    const ssize_t n = read(acknowledged[0], bytes + seen, sizeof(bytes) - seen);
    ASSERT_GT(n, 0);
    seen += static_cast<size_t>(n);
  }
  kill(writer, SIGKILL);
  waitpid(writer, nullptr, 0);
  close(acknowledged[0]);
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Store> store, Open());
  ASSERT_OK_AND_ASSIGN(const ExperimentRecord record, store->LoadExperiment(ExperimentId(1)));
  EXPECT_GE(record.done.size(), 4 * seen);
  EXPECT_EQ(record.done.size() % 4, 0u);  // never half a batch
  int64_t counted = 0;
  for (const ArmCounters& counters : record.counters) counted += counters.done;
  EXPECT_EQ(counted, static_cast<int64_t>(record.done.size()));
}

TEST_F(SqliteStoreTest, AFileOfTheFirstSchemaGainsDecodingRulesAndItsRunsStayWhatTheyWere) {
  Fill(2);
  // Back to what the first version wrote.
  Sql("DROP VIEW v_outcome");
  for (const char* column :
       {"temperature", "top_k", "top_p", "min_p", "repetition_penalty", "stop_strings", "loop_repeats"}) {
    Sql(absl::StrCat("ALTER TABLE run DROP COLUMN ", column));
  }
  Sql("CREATE VIEW v_outcome AS SELECT 1");
  Sql("DROP VIEW v_feature");
  Sql("DROP TABLE feature");
  Sql("DROP TABLE feature_kind");
  Sql("ALTER TABLE experiment DROP COLUMN hidden_layers");
  Sql("DROP TABLE selector");
  Sql("DROP TABLE training");
  Sql("PRAGMA user_version = 1");
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Store> store, Open());
  ASSERT_OK_AND_ASSIGN(const ExperimentRecord record, store->LoadExperiment(ExperimentId(1)));
  EXPECT_EQ(record.runs[0].run.ContentHash(), TestRun().ContentHash());
  EXPECT_TRUE(record.hidden_layers.empty());
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Reader> reader, Reader::Open(path_));
  int64_t rows = 0;
  ASSERT_OK(reader->ForEachRow("SELECT finish FROM v_outcome", {}, [&](const auto&, const auto&) {
    ++rows;
    return true;
  }));
  EXPECT_EQ(rows, static_cast<int64_t>(record.done.size()));
}

TEST_F(SqliteStoreTest, AFileOfTheThirdSchemaHasNoHiddenStatesAndGainsThem) {
  Fill(1);
  Sql("DROP VIEW v_feature; DROP TABLE feature; DROP TABLE feature_kind");
  Sql("ALTER TABLE experiment DROP COLUMN hidden_layers; PRAGMA user_version = 3");
  const FeatureKind kind{TestRun().weights_hash, "f32", 1};
  const std::vector<Hash256> questions = {TestQuestion(0).ContentHash()};
  const auto missing = [&] {
    const absl::StatusOr<std::unique_ptr<Reader>> reader = Reader::Open(path_);
    EXPECT_OK(reader);
    const absl::StatusOr<StoredFeatures> read = ReadFeatures(**reader, kind, questions);
    EXPECT_OK(read);
    return read->missing.size();
  };
  EXPECT_EQ(missing(), 1u);
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Store> store, Open());
  ExperimentPlan plan = GridPlan(1, 1);
  plan.runs = {TestRun(9)};
  ASSERT_OK_AND_ASSIGN(const CreatedExperiment created, store->CreateExperiment(plan, TestTime()));
  ASSERT_OK_AND_ASSIGN(const ExperimentRecord record, store->LoadExperiment(created.id));
  WriteBatch batch;
  batch.outcomes = {TestOutcome(CellAt(record, 0, 0))};
  batch.outcomes[0].hidden = {{1, {1.5F, 2.5F}}};
  ASSERT_OK(store->Commit(batch));
  EXPECT_EQ(missing(), 0u);
}

TEST_F(SqliteStoreTest, RefusesANewerSchemaAndNamesBothVersions) {
  Fill(1);
  Sql("PRAGMA user_version = 99");
  const absl::Status status = OpenError();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), Reason::kDatabaseNewer);
  EXPECT_THAT(std::string(status.message()), HasSubstr("99"));
  EXPECT_EQ(ReasonOf(Reader::Open(path_).status()), Reason::kDatabaseNewer);
  ExpectOneLine(status);
}

TEST_F(SqliteStoreTest, RefusesFilesOfOthersAndLeavesThemAsTheyWere) {
  const std::string text = "a text of some length that is not a database at all";
  ASSERT_OK(WriteFileAtomically(path_, text));
  EXPECT_EQ(ReasonOf(OpenError()), Reason::kDatabaseForeign);
  EXPECT_EQ(ReasonOf(Reader::Open(path_).status()), Reason::kDatabaseForeign);
  EXPECT_EQ(ReadFile(path_).value(), text);

  std::filesystem::remove(path_);
  Sql("CREATE TABLE mine (x)");
  EXPECT_EQ(ReasonOf(OpenError()), Reason::kDatabaseForeign);
  Sql("PRAGMA application_id = 77");
  const absl::Status status = OpenError();
  EXPECT_EQ(ReasonOf(status), Reason::kDatabaseForeign);
  EXPECT_THAT(std::string(status.message()), HasSubstr("77"));
  EXPECT_EQ(ReasonOf(Reader::Open(path_).status()), Reason::kDatabaseForeign);
  ExpectOneLine(status);
}

TEST_F(SqliteStoreTest, TakesAnEmptyFileForANewDatabase) {
  ASSERT_OK(WriteFileAtomically(path_, ""));
  EXPECT_OK(Open());
}

// Overwrites `size` bytes of the page's middle, leaving the file's first page alone.
void Damage(const std::string& path, int64_t offset, size_t size) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(offset);
  file << std::string(size, '\xa5');
}

TEST_F(SqliteStoreTest, NamesADamagedPageItMeets) {
  Fill(400);
  const auto pages = static_cast<int64_t>(std::filesystem::file_size(path_)) / 4096;
  ASSERT_GT(pages, 40);
  for (int64_t page = 1; page < pages; ++page) Damage(path_, page * 4096, 64);  // all b-trees' heads
  absl::Status status;
  const absl::StatusOr<std::unique_ptr<Store>> store = Open();
  status = store.ok() ? (*store)->LoadExperiment(ExperimentId(1)).status() : store.status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_EQ(ReasonOf(status), Reason::kDatabaseCorrupt);
  EXPECT_THAT(std::string(status.message()), HasSubstr("age "));  // "Page 7: …" or "Tree 7 page 7: …"
  ExpectOneLine(status);
}

TEST_F(SqliteStoreTest, ReportsADamagedPageOnCommitAndKeepsTheRest) {
  Fill(400);
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
  sqlite3_stmt* statement = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(database, "SELECT rootpage FROM sqlite_schema WHERE name = 'outcome'", -1,
                               &statement, nullptr),
            SQLITE_OK);
  ASSERT_EQ(sqlite3_step(statement), SQLITE_ROW);
  const int64_t root = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  sqlite3_close(database);
  Damage(path_, (root - 1) * 4096, 64);

  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Store> store, Open());
  const CellKey cell{RunId(1), QuestionId(1), ArmId(1), 1};
  WriteBatch batch;
  batch.outcomes = {TestOutcome(cell)};
  const absl::Status status = store->Commit(batch);
  EXPECT_EQ(ReasonOf(status), Reason::kDatabaseCorrupt) << status;
  EXPECT_OK(store->InternNumerics("what is not damaged goes on"));
}

TEST_F(SqliteStoreTest, ReportsATruncatedFile) {
  Fill(400);
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) / 2);
  const absl::StatusOr<std::unique_ptr<Store>> store = Open();
  const absl::Status status =
      store.ok() ? (*store)->LoadExperiment(ExperimentId(1)).status() : store.status();
  EXPECT_EQ(ReasonOf(status), Reason::kDatabaseCorrupt) << status;
}

// Commits cells of ever larger answers until one is refused; gives what was acknowledged.
absl::Status FillUntilRefused(Store& store, const ExperimentRecord& record,
                              std::vector<CellKey>& acknowledged, size_t& next) {
  for (; next < record.questions.size(); ++next) {
    WriteBatch batch;
    batch.outcomes = {TestOutcome(CellAt(record, next, 0)), TestOutcome(CellAt(record, next, 1))};
    for (OutcomeRecord& outcome : batch.outcomes) {
      for (uint32_t i = 0; i < 3000; ++i)
        outcome.tokens.push_back(static_cast<int32_t>(i * 2654435761u >> 4));
    }
    const absl::Status status = store.Commit(batch);
    if (!status.ok()) return status;
    for (const OutcomeRecord& outcome : batch.outcomes) acknowledged.push_back(outcome.cell);
  }
  return absl::OkStatus();
}

TEST_F(SqliteStoreTest, RefusesWhatHasNoRoomKeepsWhatItAcknowledgedAndGoesOnLater) {
  max_pages_ = 150;
  std::vector<CellKey> acknowledged;
  size_t next = 0;
  {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Store> store, Open());
    ASSERT_OK_AND_ASSIGN(const CreatedExperiment created,
                         store->CreateExperiment(GridPlan(60, 2), TestTime()));
    ASSERT_OK_AND_ASSIGN(const ExperimentRecord record, store->LoadExperiment(created.id));
    const absl::Status full = FillUntilRefused(*store, record, acknowledged, next);
    EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted) << full;
    EXPECT_EQ(ReasonOf(full), Reason::kDatabaseFull);
    ExpectOneLine(full);
    EXPECT_FALSE(acknowledged.empty());
    ASSERT_OK_AND_ASSIGN(const ExperimentRecord kept, store->LoadExperiment(created.id));
    EXPECT_EQ(kept.done, acknowledged);
  }
  max_pages_ = 0;  // there is room again
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Store> store, Open());
  ASSERT_OK_AND_ASSIGN(const ExperimentRecord kept, store->LoadExperiment(ExperimentId(1)));
  EXPECT_EQ(kept.done, acknowledged);
  EXPECT_OK(FillUntilRefused(*store, kept, acknowledged, next));
  EXPECT_EQ(next, 60u);
}

TEST_F(SqliteStoreTest, GoesOnInTheSameProcessWhenAFileLimitIsLifted) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Store> store, Open());
  ASSERT_OK_AND_ASSIGN(const CreatedExperiment created, store->CreateExperiment(GridPlan(60, 2), TestTime()));
  ASSERT_OK_AND_ASSIGN(const ExperimentRecord record, store->LoadExperiment(created.id));
  struct rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit small = before;
  small.rlim_cur = 700'000;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  std::vector<CellKey> acknowledged;
  size_t next = 0;
  const absl::Status full = FillUntilRefused(*store, record, acknowledged, next);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, SIG_DFL);
  EXPECT_EQ(ReasonOf(full), Reason::kDatabaseFull) << full;
  ASSERT_OK_AND_ASSIGN(const ExperimentRecord kept, store->LoadExperiment(created.id));
  EXPECT_EQ(kept.done, acknowledged);
  EXPECT_OK(FillUntilRefused(*store, record, acknowledged, next));
  ASSERT_OK_AND_ASSIGN(const ExperimentRecord all, store->LoadExperiment(created.id));
  EXPECT_THAT(all.done, SizeIs(120));
}

// Takes the right to override file permissions away from root, for the scope.
class WithoutPrivileges {
 public:
  WithoutPrivileges() : root_(geteuid() == 0) {
    if (root_ && seteuid(65534) != 0) root_ = false;
  }
  ~WithoutPrivileges() {
    if (root_ && seteuid(0) != 0) std::abort();
  }

 private:
  bool root_;
};

TEST_F(SqliteStoreTest, RefusesAReadOnlyFileAndAReadOnlyFolderButReadsThem) {
  Fill(1);
  ASSERT_EQ(chmod((path_ + ".lock").c_str(), 0666), 0);
  ASSERT_EQ(chmod(path_.c_str(), 0444), 0);
  ASSERT_EQ(chmod(directory_.path().c_str(), 0777), 0);
  {
    const WithoutPrivileges plain;
    const absl::Status file = OpenError();
    EXPECT_EQ(file.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ReasonOf(file), Reason::kDatabaseReadOnly) << file;
    ExpectOneLine(file);
  }
  std::filesystem::remove(path_ + ".lock");
  ASSERT_EQ(chmod(directory_.path().c_str(), 0555), 0);
  {
    const WithoutPrivileges plain;
    EXPECT_EQ(ReasonOf(OpenError()), Reason::kDatabaseReadOnly);
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Reader> reader, Reader::Open(path_));
    int64_t rows = 0;
    EXPECT_OK(reader->ForEachRow("SELECT * FROM v_outcome", {}, [&rows](const auto&, const auto&) {
      ++rows;
      return true;
    }));
    EXPECT_EQ(rows, 1);
  }
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
}

TEST_F(SqliteStoreTest, RefusesNetworkFileSystemsWithTheWayOut) {
  SqliteStoreOptions options;
  options.path = path_;
  for (const int64_t type : {0x6969, 0x517b, 0x65735546, 0x0bd00bd0}) {
    options.file_system_type = [type](const std::string&) { return absl::StatusOr<int64_t>(type); };
    const absl::Status status = OpenSqliteStore(options).status();
    EXPECT_EQ(ReasonOf(status), Reason::kDatabaseNetworkFs);
    EXPECT_THAT(std::string(status.message()), HasSubstr("local disk"));
    EXPECT_FALSE(FileExists(path_));
    ExpectOneLine(status);
  }
  options.file_system_type = [](const std::string&) { return absl::StatusOr<int64_t>(0xef53); };  // ext4
  EXPECT_OK(OpenSqliteStore(options));
}

TEST_F(SqliteStoreTest, KeepsTheLogShortUnlessAForeignReaderHoldsItBackAndSaysSo) {
  fold_in_background_ = false;  // so that each commit's fold has ended when it returns
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Store> store, Open());
  ASSERT_OK_AND_ASSIGN(const CreatedExperiment created,
                       store->CreateExperiment(GridPlan(1200, 2), TestTime()));
  ASSERT_OK_AND_ASSIGN(const ExperimentRecord record, store->LoadExperiment(created.id));
  auto commit = [&, next = size_t{0}](size_t count) mutable {
    for (; count > 0; --count, ++next) {
      WriteBatch batch;
      batch.outcomes = {TestOutcome(CellAt(record, next, 0)), TestOutcome(CellAt(record, next, 1))};
      for (OutcomeRecord& outcome : batch.outcomes) {
        for (uint32_t i = 0; i < 3000; ++i)
          outcome.tokens.push_back(static_cast<int32_t>(i * 2654435761u >> 4));
      }
      ASSERT_OK(store->Commit(batch));
    }
  };
  commit(400);
  EXPECT_LT(store->wal_status().bytes, 8 << 20);
  EXPECT_FALSE(store->wal_status().held_back);

  sqlite3* foreign = nullptr;
  ASSERT_EQ(sqlite3_open_v2(path_.c_str(), &foreign, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
  sqlite3_stmt* snapshot = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(foreign, "SELECT * FROM outcome", -1, &snapshot, nullptr), SQLITE_OK);
  ASSERT_EQ(sqlite3_step(snapshot), SQLITE_ROW);
  commit(700);
  EXPECT_TRUE(store->wal_status().held_back);
  EXPECT_GT(store->wal_status().bytes, 16 << 20);
  sqlite3_finalize(snapshot);
  sqlite3_close(foreign);
  commit(2);
  EXPECT_FALSE(store->wal_status().held_back);
  EXPECT_LT(store->wal_status().bytes, 1 << 20);
}

}  // namespace
}  // namespace sprint::testing
