#include "storage/reader.h"

#include <thread>

#include "base/file.h"
#include "base/status.h"
#include "storage/sqlite_store.h"
#include "tests/storage/builders.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using Rows = std::vector<std::vector<SqlValue>>;

class ReaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SqliteStoreOptions options;
    options.path = path_;
    ASSERT_OK_AND_ASSIGN(store_, OpenSqliteStore(options));
    ASSERT_OK_AND_ASSIGN(const CreatedExperiment created,
                         store_->CreateExperiment(GridPlan(3, 2), TestTime()));
    ASSERT_OK_AND_ASSIGN(record_, store_->LoadExperiment(created.id));
    ASSERT_OK_AND_ASSIGN(reader_, Reader::Open(path_));
  }
  void Commit(size_t question, size_t arm) {
    WriteBatch batch;
    batch.outcomes = {TestOutcome(CellAt(record_, question, arm))};
    ASSERT_OK(store_->Commit(batch));
  }
  absl::StatusOr<Rows> Select(const std::string& sql, const std::vector<SqlValue>& parameters = {}) {
    Rows rows;
    const absl::Status status = reader_->ForEachRow(sql, parameters, [&rows](const auto&, const auto& row) {
      rows.push_back(row);
      return true;
    });
    if (!status.ok()) return status;
    return rows;
  }
  int64_t Count(const std::string& sql) {
    const absl::StatusOr<Rows> rows = Select(sql);
    EXPECT_OK(rows);
    return rows.ok() ? std::get<int64_t>((*rows)[0][0]) : -1;
  }

  TempDir directory_;
  std::string path_ = directory_.File("sprint.db");
  std::unique_ptr<Store> store_;
  ExperimentRecord record_;
  std::unique_ptr<Reader> reader_;
};

TEST_F(ReaderTest, SeesEachCommitInItsNextCallThoughItStaysOpen) {
  EXPECT_EQ(Count("SELECT count(*) FROM outcome"), 0);
  Commit(0, 0);
  EXPECT_EQ(Count("SELECT count(*) FROM outcome"), 1);
  Commit(0, 1);
  EXPECT_EQ(Count("SELECT count(*) FROM outcome"), 2);
}

TEST_F(ReaderTest, DoesNotBlockAWriterInTheMiddleOfARow) {
  Commit(0, 0);
  int64_t rows = 0;
  ASSERT_OK(reader_->ForEachRow("SELECT * FROM outcome", {}, [&](const auto&, const auto&) {
    Commit(1, static_cast<size_t>(rows));
    ++rows;
    return true;
  }));
  EXPECT_EQ(rows, 1);  // its snapshot is from before
  EXPECT_EQ(Count("SELECT count(*) FROM outcome"), 2);
}

TEST_F(ReaderTest, GivesColumnsAndEveryTypeOfValue) {
  ASSERT_OK_AND_ASSIGN(const Rows rows, Select("SELECT ?1 AS a, ?2 AS b, ?3 AS c, ?4 AS d, NULL AS e",
                                               {int64_t{7}, 0.5, std::string("text"), Blob{"\x01\x02"}}));
  EXPECT_THAT(reader_->columns(), ElementsAre("a", "b", "c", "d", "e"));
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(std::get<int64_t>(rows[0][0]), 7);
  EXPECT_EQ(std::get<double>(rows[0][1]), 0.5);
  EXPECT_EQ(std::get<std::string>(rows[0][2]), "text");
  EXPECT_EQ(std::get<Blob>(rows[0][3]).bytes, "\x01\x02");
  EXPECT_TRUE(std::holds_alternative<std::monostate>(rows[0][4]));
  ASSERT_OK(Select("SELECT 1 AS lonely WHERE 0"));
  EXPECT_THAT(reader_->columns(), ElementsAre("lonely"));
}

TEST_F(ReaderTest, RefusesEverythingThatDoesMoreThanRead) {
  const std::string before = std::to_string(Count("SELECT count(*) FROM experiment"));
  for (const char* sql : {"DELETE FROM outcome",
                          "INSERT INTO meta VALUES ('a', 1)",
                          "UPDATE experiment SET name = 'x'",
                          "DROP TABLE run",
                          "CREATE TABLE t (x)",
                          "CREATE TEMP TABLE t (x)",
                          "BEGIN",
                          "COMMIT",
                          "SAVEPOINT s",
                          "VACUUM",
                          "ATTACH '/tmp/other.db' AS other",
                          "PRAGMA query_only = OFF",
                          "PRAGMA journal_mode = DELETE",
                          "PRAGMA user_version = 5",
                          "PRAGMA wal_checkpoint",
                          "PRAGMA writable_schema = ON",
                          "SELECT load_extension('x')",
                          "REINDEX",
                          "ANALYZE",
                          "WITH t AS (SELECT 1) INSERT INTO meta SELECT 'a', 1 FROM t"}) {
    EXPECT_EQ(Select(sql).status().code(), absl::StatusCode::kInvalidArgument) << sql;
  }
  EXPECT_EQ(std::to_string(Count("SELECT count(*) FROM experiment")), before);
}

TEST_F(ReaderTest, ReadsWithPragmasExplainAndCommonTables) {
  EXPECT_OK(Select("PRAGMA table_info(outcome)"));
  EXPECT_OK(Select("PRAGMA user_version"));
  EXPECT_OK(Select("SELECT name FROM pragma_table_info('outcome')"));
  EXPECT_OK(Select("SELECT value FROM json_each(answer_tokens(NULL))"));
  EXPECT_OK(Select("EXPLAIN QUERY PLAN SELECT * FROM v_flips"));
  EXPECT_OK(Select(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT sum(i) FROM n"));
}

TEST_F(ReaderTest, TakesOneStatementOnly) {
  EXPECT_EQ(Select("SELECT 1; SELECT 2").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Select("SELECT 1; DROP TABLE run").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Select("  -- nothing").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Select("").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_OK(Select("SELECT 1 ;  -- a remark\n /* another */ ; "));
}

TEST_F(ReaderTest, SaysWhatIsWrongWithAStatement) {
  EXPECT_THAT(std::string(Select("SELECT nothing_such FROM outcome").status().message()),
              HasSubstr("nothing_such"));
  EXPECT_EQ(Select("SELECT ?1", {}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ReaderTest, DecodesAnswers) {
  Commit(1, 1);
  const OutcomeRecord outcome = TestOutcome(CellAt(record_, 1, 1));
  ASSERT_OK_AND_ASSIGN(const Rows rows,
                       Select("SELECT answer_text(text), answer_tokens(tokens), answer_text(NULL) "
                              "FROM outcome JOIN answer USING (answer_id)"));
  EXPECT_EQ(std::get<std::string>(rows[0][0]), outcome.text);
  EXPECT_EQ(std::get<std::string>(rows[0][1]),
            absl::StrCat("[5,", outcome.cell.question.value(), ",", outcome.cell.arm.value(), ",2]"));
  EXPECT_TRUE(std::holds_alternative<std::monostate>(rows[0][2]));
  EXPECT_THAT(std::string(Select("SELECT answer_text(x'0102')").status().message()), HasSubstr("damaged"));
}

TEST_F(ReaderTest, StopsWhenTheRowFunctionSaysSoAndWhenInterrupted) {
  int64_t rows = 0;
  EXPECT_OK(reader_->ForEachRow("SELECT * FROM question", {},
                                [&rows](const auto&, const auto&) { return ++rows < 2; }));
  EXPECT_EQ(rows, 2);
  const absl::Status status =
      reader_->ForEachRow("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
                          {}, [this, &rows](const auto&, const auto&) {
                            if (++rows == 10) std::thread([this] { reader_->Interrupt(); }).join();
                            return true;
                          });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Count("SELECT 5"), 5);
}

TEST_F(ReaderTest, FindsAnExperimentByNumberByNameAndTheLatestOfAName) {
  EXPECT_EQ(FindExperiment(*reader_, "").value(), record_.id);
  ASSERT_OK_AND_ASSIGN(const CreatedExperiment larger, store_->CreateExperiment(GridPlan(4, 2), TestTime()));
  ExperimentPlan other = GridPlan(5, 2);
  other.name = "another";
  ASSERT_OK_AND_ASSIGN(const CreatedExperiment third, store_->CreateExperiment(other, TestTime()));
  EXPECT_EQ(FindExperiment(*reader_, "grid").value(), larger.id);
  EXPECT_EQ(FindExperiment(*reader_, absl::StrCat(record_.id.value())).value(), record_.id);
  EXPECT_EQ(FindExperiment(*reader_, "another").value(), third.id);
  EXPECT_EQ(FindExperiment(*reader_, "").value(), third.id);
  const absl::Status unknown = FindExperiment(*reader_, "nothing such").status();
  EXPECT_EQ(ReasonOf(unknown), Reason::kExperimentUnknown);
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("grid"));
}

TEST_F(ReaderTest, ListsEveryExperimentWithItsCounts) {
  ExperimentPlan other = GridPlan(5, 2);
  other.name = "another";
  other.priority = 3;
  ASSERT_OK_AND_ASSIGN(const CreatedExperiment second, store_->CreateExperiment(other, TestTime()));
  WriteBatch batch;
  batch.states.push_back({record_.id, ExperimentState::kFinished});
  ASSERT_OK(store_->Commit(batch));
  ASSERT_OK_AND_ASSIGN(const std::vector<ExperimentSummary> all, ListExperiments(*reader_));
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].id, record_.id);
  EXPECT_EQ(all[0].name, "grid");
  EXPECT_EQ(all[0].state, ExperimentState::kFinished);
  EXPECT_EQ(all[1].id, second.id);
  EXPECT_EQ(all[1].state, ExperimentState::kRunning);
  EXPECT_EQ(all[1].priority, 3);
  EXPECT_EQ(all[1].cells, 10);
  EXPECT_EQ(all[1].done,
            Count(absl::StrCat("SELECT done FROM v_progress WHERE experiment_id = ", second.id.value())));
}

TEST_F(ReaderTest, CountsWhatExistsOfASelection) {
  const ExperimentPlan plan = GridPlan(4, 3);
  std::vector<Hash256> questions;
  for (const QuestionRecord& question : plan.questions) questions.push_back(question.ContentHash());
  std::vector<Hash256> arms;
  for (const Arm& arm : plan.arms) arms.push_back(arm.ContentHash());
  const Hash256 run = plan.runs[0].ContentHash();
  const CensusBlock all{questions, arms, 1};
  ASSERT_OK_AND_ASSIGN(SelectionCensus census, reader_->Census(run, {all}));
  EXPECT_EQ(census.existing, 0);
  EXPECT_EQ(census.mean_tokens, 0);
  EXPECT_EQ(census.tokens_per_second, 0);

  ASSERT_OK_AND_ASSIGN(const WorkerId worker, store_->InternWorker({"i", "w", "cpu", "1", TestTime()}));
  WriteBatch batch;
  for (const auto& [question, arm] : {std::pair<size_t, size_t>{0, 0}, {1, 1}, {2, 0}}) {
    batch.outcomes.push_back(TestOutcome(CellAt(record_, question, arm)));
    batch.outcomes.back().worker = worker;
  }
  // Two of them overlap, the third comes after an hour without work: 3 s and 2 s of work for 12 tokens.
  batch.outcomes[1].started = TestTime(11);
  batch.outcomes[1].finished = TestTime(13);
  batch.outcomes[2].started = TestTime(3600);
  batch.outcomes[2].finished = TestTime(3602);
  ASSERT_OK(store_->Commit(batch));
  ASSERT_OK_AND_ASSIGN(census, reader_->Census(run, {all}));
  EXPECT_EQ(census.existing, 3);
  EXPECT_EQ(census.mean_tokens, 4);
  EXPECT_DOUBLE_EQ(census.tokens_per_second, 12.0 / 5);
  ASSERT_OK_AND_ASSIGN(census, reader_->Census(run, {CensusBlock{{questions[0]}, arms, 1}}));
  EXPECT_EQ(census.existing, 1);
  const std::vector<CensusBlock> own = {{{questions[0], questions[1]}, {arms[0]}, 1},
                                        {{questions[2]}, {arms[0], arms[1]}, 1}};
  ASSERT_OK_AND_ASSIGN(census, reader_->Census(run, own));
  EXPECT_EQ(census.existing, 2) << "question 1 has an outcome of the arm that it was not given";
  ASSERT_OK_AND_ASSIGN(census, reader_->Census(Sha256("another run"), {all}));
  EXPECT_EQ(census.existing, 0);
}

TEST_F(ReaderTest, ReadsBesideALiveOwnerAndAfterIt) {
  Commit(0, 0);
  store_.reset();
  EXPECT_EQ(Count("SELECT count(*) FROM outcome"), 1);
  reader_.reset();
  ASSERT_OK_AND_ASSIGN(reader_, Reader::Open(path_));
  EXPECT_EQ(Count("SELECT count(*) FROM outcome"), 1);
  EXPECT_EQ(Reader::Open(directory_.File("none.db")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Reader::Open(directory_.path()).status().code(), absl::StatusCode::kNotFound);
  ASSERT_OK(WriteFileAtomically(directory_.File("empty.db"), ""));
  EXPECT_EQ(ReasonOf(Reader::Open(directory_.File("empty.db")).status()), Reason::kDatabaseForeign);
}

}  // namespace
}  // namespace sprint::testing
