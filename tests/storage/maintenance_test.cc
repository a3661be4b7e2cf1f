#include "storage/maintenance.h"

#include <sqlite3.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/status.h"
#include "storage/reader.h"
#include "storage/sqlite_store.h"
#include "tests/storage/builders.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class MaintenanceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SqliteStoreOptions options;
    options.path = path_;
    ASSERT_OK_AND_ASSIGN(store_, OpenSqliteStore(options));
    ASSERT_OK_AND_ASSIGN(const CreatedExperiment created,
                         store_->CreateExperiment(GridPlan(100, 2), TestTime()));
    ASSERT_OK_AND_ASSIGN(record_, store_->LoadExperiment(created.id));
    ASSERT_OK_AND_ASSIGN(const std::vector<GoldEntry> golds, store_->Golds(created.id));
    WriteBatch batch;
    for (size_t q = 0; q < 100; ++q) {
      batch.outcomes.push_back(TestOutcome(CellAt(record_, q, 0)));
      batch.outcomes.back().verdicts = {TestVerdict(batch.outcomes.back().cell, golds[q].gold, q % 3 == 0)};
    }
    ASSERT_OK(store_->Commit(batch));
  }
  void Sql(const std::string& sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  std::vector<std::string> Problems() {
    const absl::StatusOr<CheckReport> report = CheckDatabase(path_);
    EXPECT_OK(report);
    return report.ok() ? report->problems : std::vector<std::string>();
  }

  TempDir directory_;
  std::string path_ = directory_.File("sprint.db");
  std::unique_ptr<Store> store_;
  ExperimentRecord record_;
};

TEST_F(MaintenanceTest, FindsNothingWrongWithASoundDatabaseBesideItsOwner) {
  ASSERT_OK_AND_ASSIGN(const CheckReport report, CheckDatabase(path_));
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.outcomes, 100);
  EXPECT_EQ(report.payloads, 100);
}

TEST_F(MaintenanceTest, FindsCountersThatTheRowsContradict) {
  Sql("UPDATE experiment_arm SET correct = correct + 1 WHERE ordinal = 0");
  EXPECT_THAT(Problems(), Contains(HasSubstr("counters say 100 done and 35 correct, the rows 100 and 34")));
}

TEST_F(MaintenanceTest, FindsDamagedPayloadsWrongTokenCountsAndRowsThatNameNothing) {
  Sql("UPDATE answer SET text = x'28b52ffd00' WHERE answer_id = 3;"
      "UPDATE outcome SET token_count = 9 WHERE question_id = 5;"
      "UPDATE question SET tokens = x'' WHERE question_id = 7;"
      "DELETE FROM run");
  const std::vector<std::string> problems = Problems();
  EXPECT_THAT(problems, Contains(HasSubstr("answer is damaged")));
  EXPECT_THAT(problems, Contains(HasSubstr("its row says 9 tokens, its answer has 4")));
  EXPECT_THAT(problems, Contains(HasSubstr("question 7: its tokens")));
  EXPECT_THAT(problems, Contains(HasSubstr("100 rows of outcome name rows of run that are not there")));
}

TEST_F(MaintenanceTest, NamesDamagedPages) {
  store_.reset();
  const auto pages = static_cast<int64_t>(std::filesystem::file_size(path_)) / 4096;
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  for (int64_t page = pages / 2; page < pages; ++page) {
    file.seekp(page * 4096);
    file << std::string(64, '\xa5');
  }
  file.close();
  EXPECT_THAT(Problems(), Contains(HasSubstr("age ")));
}

TEST_F(MaintenanceTest, CopiesADatabaseWhileItIsWritten) {
  const std::string copy = directory_.File("copy.db");
  size_t question = 0;
  ASSERT_OK(BackupDatabase(path_, copy, [&](int64_t done, int64_t total) {
    EXPECT_LE(done, total);
    WriteBatch batch;
    batch.outcomes = {TestOutcome(CellAt(record_, question++, 1))};
    ASSERT_OK(store_->Commit(batch));
  }));
  EXPECT_GT(question, 0u);
  ASSERT_OK_AND_ASSIGN(const CheckReport report, CheckDatabase(copy));
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_GE(report.outcomes, 100);
  SqliteStoreOptions options;
  options.path = copy;
  EXPECT_OK(OpenSqliteStore(options));
}

TEST_F(MaintenanceTest, DoesNotReplaceAFileAndLeavesNothingHalfWritten) {
  const std::string copy = directory_.File("copy.db");
  ASSERT_OK(WriteFileAtomically(copy, "mine"));
  EXPECT_EQ(BackupDatabase(path_, copy).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReadFile(copy).value(), "mine");
  EXPECT_THAT(BackupDatabase(path_, directory_.File("no/folder.db")), Not(absl::OkStatus()));
  EXPECT_EQ(BackupDatabase(directory_.File("none.db"), directory_.File("b.db")).code(),
            absl::StatusCode::kNotFound);
  EXPECT_FALSE(FileExists(directory_.File("b.db")));
}

}  // namespace
}  // namespace sprint::testing
