// What both stores do alike.
#include "storage/store.h"

#include <algorithm>

#include "base/status.h"
#include "storage/payload.h"
#include "tests/storage/store_fixture.h"

namespace sprint::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

INSTANTIATE_TEST_SUITE_P(Stores, StoreTest, ::testing::Values(Kind::kMemory, Kind::kSqlite), KindName);

int64_t Sum(const ExperimentRecord& record, int64_t ArmCounters::*field) {
  int64_t sum = 0;
  for (const ArmCounters& counters : record.counters) sum += counters.*field;
  return sum;
}

TEST_P(StoreTest, GivesBackAnExperimentAsItWasPlanned) {
  ExperimentPlan plan = GridPlan(3, 4, 2);
  plan.runs[0].decoding.sampling = {0.7, 40, 0.95, 0.05, 1.1};
  plan.runs[0].decoding.stop_strings = {"\n\"Q\":", "end"};
  plan.runs[0].decoding.loop_repeats = 6;
  plan.runs[0].sampler_version = 1;
  plan.priority = 7;
  plan.mixed_numerics = true;
  const ExperimentRecord record = Create(plan);
  EXPECT_EQ(record.name, "grid");
  EXPECT_EQ(record.state, ExperimentState::kRunning);
  EXPECT_EQ(record.priority, 7);
  EXPECT_TRUE(record.mixed_numerics);
  EXPECT_EQ(record.created, TestTime());
  EXPECT_EQ(record.selection, plan.SelectionHash());
  ASSERT_THAT(record.runs, SizeIs(1));
  EXPECT_EQ(record.runs[0].run.ContentHash(), plan.runs[0].ContentHash());
  EXPECT_EQ(record.runs[0].run.model_path, "/models/tiny");
  EXPECT_EQ(record.runs[0].run.decoding, plan.runs[0].decoding);
  ASSERT_THAT(record.questions, SizeIs(3));
  EXPECT_EQ(record.questions[2].tokens, plan.questions[2].tokens);
  ASSERT_THAT(record.arms, SizeIs(4));
  EXPECT_TRUE(record.arms[0].arm.is_baseline());
  EXPECT_EQ(record.arms[3].arm, plan.arms[3]);
  ASSERT_THAT(record.blocks, SizeIs(1));
  EXPECT_THAT(record.blocks[0].questions, SizeIs(3));
  EXPECT_EQ(record.blocks[0].samples, 2);
  EXPECT_THAT(record.counters, SizeIs(4));
  EXPECT_EQ(Sum(record, &ArmCounters::cells), 3 * 4 * 2);
  EXPECT_THAT(record.done, IsEmpty());
  EXPECT_FALSE(record.numerics.valid());
}

TEST_P(StoreTest, GivesBackTheSameAfterAReopen) {
  const ExperimentRecord before = Create(GridPlan(2, 3));
  const CellKey cell = CellAt(before, 1, 2);
  ASSERT_OK(CommitOutcomes({Judged(before, cell, true)}));
  const std::string key = store_->grant_key();
  const int64_t epoch = store_->epoch();
  Reopen();
  EXPECT_EQ(store_->grant_key(), key);
  EXPECT_THAT(key, SizeIs(32));
  EXPECT_GT(store_->epoch(), epoch);
  const ExperimentRecord after = Load(before.id);
  EXPECT_THAT(after.done, ElementsAre(cell));
  EXPECT_EQ(after.counters[2], (ArmCounters{cell.arm, 2, 1, 1, 1, 0, 4}));
}

TEST_P(StoreTest, KeepsASelectorOnceAndTrainingsUntilTheyEnd) {
  const SelectorRecord selector = {"mine", Sha256("snapshot"), "{}", std::string("bytes\0more", 10),
                                   TestTime()};
  ASSERT_OK_AND_ASSIGN(const bool first, store_->PutSelector(selector));
  EXPECT_TRUE(first);
  ASSERT_OK_AND_ASSIGN(const bool again, store_->PutSelector(selector));
  EXPECT_FALSE(again);
  TrainingRecord training;
  training.name = "mine";
  training.folder = "/somewhere";
  training.arguments = {"a b", "--seed", "1"};
  training.created = TestTime();
  ASSERT_OK_AND_ASSIGN(const int64_t one, store_->AddTraining(training));
  ASSERT_OK_AND_ASSIGN(const int64_t two, store_->AddTraining(training));
  EXPECT_NE(one, two);
  ASSERT_OK(store_->EndTraining(one, TrainingState::kFailed, "no luck", TestTime(5)));
  EXPECT_EQ(store_->EndTraining(99, TrainingState::kFinished, "", TestTime(5)).code(),
            absl::StatusCode::kNotFound);
  Reopen();
  ASSERT_OK_AND_ASSIGN(const std::vector<TrainingRecord> all, store_->Trainings());
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].id, one);
  EXPECT_EQ(all[0].state, TrainingState::kFailed);
  EXPECT_EQ(all[0].message, "no luck");
  EXPECT_EQ(all[0].finished, TestTime(5));
  EXPECT_EQ(all[1].state, TrainingState::kRunning);
  EXPECT_EQ(all[1].arguments, training.arguments);
  EXPECT_EQ(all[1].folder, "/somewhere");
}

TEST_P(StoreTest, ContinuesAKnownSelectionWhateverItsOrderNameAndPaths) {
  ExperimentPlan plan = GridPlan(3, 3);
  const ExperimentRecord first = Create(plan);
  ASSERT_OK(CommitOutcomes({Judged(first, CellAt(first, 0, 0), true)}));
  WriteBatch cancel;
  cancel.states = {{first.id, ExperimentState::kCancelled}};
  ASSERT_OK(store_->Commit(cancel));

  plan.name = "another name";
  plan.priority = 9;
  plan.runs[0].model_path = "/elsewhere";
  std::reverse(plan.problems.begin(), plan.problems.end());
  std::reverse(plan.blocks[0].questions.begin(), plan.blocks[0].questions.end());
  ASSERT_OK_AND_ASSIGN(const CreatedExperiment again, store_->CreateExperiment(plan, TestTime(5)));
  EXPECT_TRUE(again.continued);
  EXPECT_EQ(again.id, first.id);
  EXPECT_EQ(again.cells, 9);
  EXPECT_EQ(again.existing, 1);
  const ExperimentRecord record = Load(again.id);
  EXPECT_EQ(record.state, ExperimentState::kRunning);
  EXPECT_EQ(record.name, "another name");
  EXPECT_EQ(record.priority, 9);
  EXPECT_EQ(record.runs[0].run.model_path, "/elsewhere");
  EXPECT_EQ(record.created, TestTime());
}

TEST_P(StoreTest, LeavesAFinishedExperimentFinishedWhenItIsLaunchedAgain) {
  const ExperimentRecord record = Create(GridPlan(1, 1));
  WriteBatch batch;
  batch.states = {{record.id, ExperimentState::kFinished}};
  ASSERT_OK(store_->Commit(batch));
  EXPECT_EQ(Create(GridPlan(1, 1)).state, ExperimentState::kFinished);
  ASSERT_OK_AND_ASSIGN(const std::vector<ExperimentId> unfinished, store_->UnfinishedExperiments());
  EXPECT_THAT(unfinished, IsEmpty());
}

TEST_P(StoreTest, ReusesTheRowsThatALargerSelectionShares) {
  const ExperimentRecord small = Create(GridPlan(2, 2));
  ASSERT_OK(
      CommitOutcomes({Judged(small, CellAt(small, 0, 0), true), Judged(small, CellAt(small, 1, 1), false)}));
  ASSERT_OK_AND_ASSIGN(const CreatedExperiment large, store_->CreateExperiment(GridPlan(3, 4), TestTime()));
  EXPECT_FALSE(large.continued);
  EXPECT_NE(large.id, small.id);
  EXPECT_EQ(large.cells, 12);
  EXPECT_EQ(large.existing, 2);
  const ExperimentRecord record = Load(large.id);
  EXPECT_THAT(record.done, UnorderedElementsAre(CellAt(small, 0, 0), CellAt(small, 1, 1)));
  EXPECT_EQ(Sum(record, &ArmCounters::judged), 2);
  EXPECT_EQ(Sum(record, &ArmCounters::correct), 1);
}

TEST_P(StoreTest, SharesNothingWithAnotherSeed) {
  const ExperimentRecord first = Create(GridPlan(1, 1));
  ASSERT_OK(CommitOutcomes({Judged(first, CellAt(first, 0, 0), true)}));
  ExperimentPlan plan = GridPlan(1, 1);
  plan.runs = {TestRun(2)};
  ASSERT_OK_AND_ASSIGN(const CreatedExperiment other, store_->CreateExperiment(plan, TestTime()));
  EXPECT_FALSE(other.continued);
  EXPECT_EQ(other.existing, 0);
}

TEST_P(StoreTest, MovesTheCountersOfEveryExperimentThatHoldsTheCell) {
  const ExperimentRecord one = Create(GridPlan(2, 2));
  const ExperimentRecord two = Create(GridPlan(2, 3));
  OutcomeRecord outcome = Judged(one, CellAt(one, 1, 1), true);
  outcome.finish = FinishReason::kLength;
  outcome.experiments = {one.id};  // the core had not loaded the other
  ASSERT_OK(CommitOutcomes({outcome}));
  for (const ExperimentId id : {one.id, two.id}) {
    const ExperimentRecord record = Load(id);
    EXPECT_EQ(record.counters[1], (ArmCounters{outcome.cell.arm, 2, 1, 1, 1, 1, 4}));
    EXPECT_EQ(record.counters, Recount(id));
  }
}

TEST_P(StoreTest, TakesALaterVerdictAndCountsTheLatestVersion) {
  const ExperimentRecord record = Create(GridPlan(1, 1));
  const CellKey cell = CellAt(record, 0, 0);
  ASSERT_OK(CommitOutcomes({Judged(record, cell, true)}));
  const GoldId gold = GoldOf(record, cell.question);
  WriteBatch batch;
  batch.verdicts = {TestVerdict(cell, gold, false, 3)};
  ASSERT_OK(store_->Commit(batch));
  EXPECT_EQ(Load(record.id).counters[0].correct, 0);
  EXPECT_EQ(Load(record.id).counters[0].judged, 1);
  batch.verdicts = {TestVerdict(cell, gold, true, 2)};  // an older judge's word comes late
  ASSERT_OK(store_->Commit(batch));
  EXPECT_EQ(Load(record.id).counters[0].correct, 0);
  batch.verdicts = {TestVerdict(cell, gold, true, 3)};  // the same version again replaces
  ASSERT_OK(store_->Commit(batch));
  EXPECT_EQ(Load(record.id).counters[0].correct, 1);
  EXPECT_EQ(Load(record.id).counters, Recount(record.id));
}

TEST_P(StoreTest, JudgesAnExperimentByItsOwnGolds) {
  const ExperimentRecord one = Create(GridPlan(1, 1));
  ExperimentPlan plan = GridPlan(1, 1);
  plan.problems[0].gold = "another gold";
  const ExperimentRecord two = Create(plan);
  EXPECT_NE(two.id, one.id);
  const CellKey cell = CellAt(one, 0, 0);
  ASSERT_OK(CommitOutcomes({Judged(one, cell, true)}));
  EXPECT_EQ(Load(one.id).counters[0].correct, 1);
  EXPECT_EQ(Load(two.id).counters[0].done, 1);
  EXPECT_EQ(Load(two.id).counters[0].judged, 0);

  ASSERT_OK_AND_ASSIGN(const std::vector<UnjudgedAnswer> unjudged, store_->Unjudged(two.id, 1, 10));
  ASSERT_THAT(unjudged, SizeIs(1));
  EXPECT_EQ(unjudged[0].cell, cell);
  EXPECT_EQ(unjudged[0].gold_text, "another gold");
  EXPECT_EQ(unjudged[0].text, TestOutcome(cell).text);
  WriteBatch batch;
  batch.verdicts = {TestVerdict(cell, unjudged[0].gold, true)};
  ASSERT_OK(store_->Commit(batch));
  EXPECT_EQ(Load(two.id).counters[0].correct, 1);
  ASSERT_OK_AND_ASSIGN(const std::vector<UnjudgedAnswer> left, store_->Unjudged(two.id, 1, 10));
  EXPECT_THAT(left, IsEmpty());
}

TEST_P(StoreTest, HandsOutUnjudgedAnswersInPortionsUntilNoneIsLeft) {
  const ExperimentRecord record = Create(GridPlan(4, 3));
  std::vector<OutcomeRecord> outcomes;
  for (size_t q = 0; q < 4; ++q) {
    for (size_t a = 0; a < 3; ++a) outcomes.push_back(Judged(record, CellAt(record, q, a), false));
  }
  ASSERT_OK(CommitOutcomes(outcomes));
  size_t judged = 0;
  for (;;) {
    ASSERT_OK_AND_ASSIGN(const std::vector<UnjudgedAnswer> portion, store_->Unjudged(record.id, 2, 5));
    if (portion.empty()) break;
    ASSERT_LE(portion.size(), 5u);
    WriteBatch batch;
    for (const UnjudgedAnswer& answer : portion)
      batch.verdicts.push_back(TestVerdict(answer.cell, answer.gold, true, 2));
    ASSERT_OK(store_->Commit(batch));
    judged += portion.size();
  }
  EXPECT_EQ(judged, 12u);
  EXPECT_EQ(Sum(Load(record.id), &ArmCounters::correct), 12);
}

TEST_P(StoreTest, DoesNotJudgeAProblemWithoutAGold) {
  ExperimentPlan plan = GridPlan(2, 1);
  plan.problems[0].gold = "";
  const ExperimentRecord record = Create(plan);
  ASSERT_OK_AND_ASSIGN(const std::vector<GoldEntry> golds, store_->Golds(record.id));
  ASSERT_THAT(golds, SizeIs(1));
  EXPECT_EQ(golds[0].question, record.blocks[0].questions[1]);
  EXPECT_EQ(golds[0].text, "1");
}

TEST_P(StoreTest, RefusesASecondOutcomeOfACellAndKeepsNothingOfThatBatch) {
  const ExperimentRecord record = Create(GridPlan(1, 2));
  ASSERT_OK(CommitOutcomes({Judged(record, CellAt(record, 0, 0), true)}));
  const absl::Status again = CommitOutcomes(
      {Judged(record, CellAt(record, 0, 1), true), Judged(record, CellAt(record, 0, 0), false)});
  EXPECT_EQ(again.code(), absl::StatusCode::kAlreadyExists) << again;
  EXPECT_THAT(Load(record.id).done, SizeIs(1));
  EXPECT_EQ(Load(record.id).counters, Recount(record.id));
  EXPECT_OK(CommitOutcomes({Judged(record, CellAt(record, 0, 1), true)}));
}

TEST_P(StoreTest, RefusesRecordsThatNameWhatIsNotThere) {
  const ExperimentRecord record = Create(GridPlan(1, 1));
  const CellKey cell = CellAt(record, 0, 0);
  WriteBatch unknown_arm;
  unknown_arm.outcomes = {TestOutcome({cell.run, cell.question, ArmId(99), 0})};
  EXPECT_EQ(store_->Commit(unknown_arm).code(), absl::StatusCode::kInvalidArgument);
  WriteBatch unknown_worker;
  unknown_worker.outcomes = {TestOutcome(cell)};
  unknown_worker.outcomes[0].worker = WorkerId(5);
  EXPECT_EQ(store_->Commit(unknown_worker).code(), absl::StatusCode::kInvalidArgument);
  WriteBatch no_outcome;
  no_outcome.verdicts = {TestVerdict(cell, GoldOf(record, cell.question), true)};
  EXPECT_EQ(store_->Commit(no_outcome).code(), absl::StatusCode::kInvalidArgument);
  WriteBatch unknown_gold;
  unknown_gold.outcomes = {TestOutcome(cell)};
  unknown_gold.outcomes[0].verdicts = {TestVerdict(cell, GoldId(77), true)};
  EXPECT_EQ(store_->Commit(unknown_gold).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Load(record.id).done, IsEmpty());
}

TEST_P(StoreTest, KeepsFailuresUntilTheyAreCleared) {
  const ExperimentRecord record = Create(GridPlan(2, 2));
  ASSERT_OK_AND_ASSIGN(const WorkerId worker, store_->InternWorker({"i", "w", "cpu", "1", TestTime()}));
  const CellKey cell = CellAt(record, 0, 1);
  const CellKey other = CellAt(record, 1, 0);
  WriteBatch batch;
  batch.failures = {
      {cell, 1, false, "first", worker}, {cell, 3, true, "third", worker}, {other, 1, false, "x", {}}};
  ASSERT_OK(store_->Commit(batch));
  Reopen();
  ExperimentRecord loaded = Load(record.id);
  ASSERT_THAT(loaded.failures, SizeIs(2));
  EXPECT_EQ(loaded.failures[0].cell, cell);
  EXPECT_EQ(loaded.failures[0].attempts, 3);
  EXPECT_TRUE(loaded.failures[0].quarantined);
  EXPECT_EQ(loaded.failures[0].error, "third");
  EXPECT_EQ(loaded.failures[0].worker, worker);
  WriteBatch clear;
  clear.failures_cleared = {cell, other};
  clear.failures = {{other, 2, false, "again", {}}};
  ASSERT_OK(store_->Commit(clear));
  loaded = Load(record.id);
  ASSERT_THAT(loaded.failures, SizeIs(1));
  EXPECT_EQ(loaded.failures[0].attempts, 2);
}

TEST_P(StoreTest, FindsTheDurableAnswerOfACell) {
  const ExperimentRecord record = Create(GridPlan(1, 1));
  ASSERT_OK_AND_ASSIGN(const NumericsId numerics, store_->InternNumerics("cpu f32"));
  OutcomeRecord outcome = TestOutcome(CellAt(record, 0, 0));
  outcome.numerics = numerics;
  EXPECT_EQ(store_->FindAnswer(outcome.cell).status().code(), absl::StatusCode::kNotFound);
  ASSERT_OK(CommitOutcomes({outcome}));
  ASSERT_OK_AND_ASSIGN(const Store::DurableAnswer answer, store_->FindAnswer(outcome.cell));
  EXPECT_EQ(answer.tokens, outcome.tokens);
  EXPECT_EQ(answer.numerics, numerics);
}

TEST_P(StoreTest, KeepsAnAnswerThatWasEncodedBeforehandAsItWouldItsOwn) {
  const ExperimentRecord record = Create(GridPlan(2, 2));
  OutcomeRecord outcome = TestOutcome(CellAt(record, 0, 0));
  EncodePayload(outcome);
  OutcomeRecord empty = TestOutcome(CellAt(record, 0, 1));
  empty.tokens.clear();
  empty.text.clear();
  EncodePayload(empty);
  ASSERT_OK(CommitOutcomes({outcome, empty}));
  EXPECT_EQ(store_->FindAnswer(outcome.cell)->tokens, outcome.tokens);
  EXPECT_THAT(store_->FindAnswer(empty.cell)->tokens, IsEmpty());
  EXPECT_EQ(Load(record.id).counters, Recount(record.id));
}

TEST_P(StoreTest, TellsTheNumericsClassOnlyWhenThereIsOne) {
  const ExperimentRecord record = Create(GridPlan(1, 2));
  ASSERT_OK_AND_ASSIGN(const NumericsId a, store_->InternNumerics("a"));
  ASSERT_OK_AND_ASSIGN(const NumericsId b, store_->InternNumerics("b"));
  ASSERT_NE(a, b);
  OutcomeRecord outcome = TestOutcome(CellAt(record, 0, 0));
  outcome.numerics = a;
  ASSERT_OK(CommitOutcomes({outcome}));
  EXPECT_EQ(Load(record.id).numerics, a);
  outcome.cell = CellAt(record, 0, 1);
  outcome.numerics = b;
  ASSERT_OK(CommitOutcomes({outcome}));
  EXPECT_FALSE(Load(record.id).numerics.valid());
}

TEST_P(StoreTest, KeepsAnAlarmBesideTheDurableAnswer) {
  const ExperimentRecord record = Create(GridPlan(1, 1));
  const CellKey cell = CellAt(record, 0, 0);
  WriteBatch batch;
  batch.alarms = {{cell, {}, {}, {9, 9}, "something else", TestTime()}};
  EXPECT_EQ(store_->Commit(batch).code(), absl::StatusCode::kInvalidArgument);  // nothing to differ from
  ASSERT_OK(CommitOutcomes({TestOutcome(cell)}));
  ASSERT_OK(store_->Commit(batch));
  ASSERT_OK_AND_ASSIGN(const Store::DurableAnswer answer, store_->FindAnswer(cell));
  EXPECT_EQ(answer.tokens, TestOutcome(cell).tokens);
}

TEST_P(StoreTest, NumbersWorkersAndNumericsOnce) {
  ASSERT_OK_AND_ASSIGN(const WorkerId one, store_->InternWorker({"i-1", "w", "cpu", "1", TestTime()}));
  ASSERT_OK_AND_ASSIGN(const WorkerId two, store_->InternWorker({"i-2", "w", "cpu", "1", TestTime()}));
  ASSERT_OK_AND_ASSIGN(const NumericsId numerics, store_->InternNumerics("n"));
  Reopen();
  EXPECT_NE(one, two);
  EXPECT_EQ(store_->InternWorker({"i-1", "renamed", "gpu", "2", TestTime(9)}).value(), one);
  EXPECT_EQ(store_->InternNumerics("n").value(), numerics);
}

TEST_P(StoreTest, DeletesTheSelectionAndKeepsTheRows) {
  const ExperimentRecord record = Create(GridPlan(2, 2));
  ASSERT_OK(CommitOutcomes({Judged(record, CellAt(record, 0, 0), true)}));
  ASSERT_OK(store_->DeleteExperiment(record.id));
  EXPECT_EQ(ReasonOf(store_->LoadExperiment(record.id).status()), Reason::kExperimentUnknown);
  EXPECT_EQ(ReasonOf(store_->DeleteExperiment(record.id)), Reason::kExperimentUnknown);
  EXPECT_EQ(ReasonOf(store_->Golds(record.id).status()), Reason::kExperimentUnknown);
  ASSERT_OK_AND_ASSIGN(const CreatedExperiment again, store_->CreateExperiment(GridPlan(2, 2), TestTime()));
  EXPECT_FALSE(again.continued);
  EXPECT_NE(again.id, record.id);  // a number is never given twice
  EXPECT_EQ(again.existing, 1);
}

TEST_P(StoreTest, CountsNothingForAnExperimentThatWasDeletedMeanwhile) {
  const ExperimentRecord gone = Create(GridPlan(1, 2));
  const ExperimentRecord stays = Create(GridPlan(2, 2));
  OutcomeRecord outcome = Judged(gone, CellAt(gone, 0, 0), true);
  ASSERT_OK(store_->DeleteExperiment(gone.id));
  ASSERT_OK(CommitOutcomes({outcome}));
  WriteBatch batch;
  batch.states = {{gone.id, ExperimentState::kPaused}};
  EXPECT_OK(store_->Commit(batch));
  EXPECT_EQ(Load(stays.id).counters[0].done, 1);
}

TEST_P(StoreTest, FencesAnOwnerThatAnotherOneFollowed) {
  const ExperimentRecord record = Create(GridPlan(1, 2));
  const std::unique_ptr<Store> orphan = std::move(store_);
  store_ = OpenAnother();
  WriteBatch batch;
  batch.outcomes = {TestOutcome(CellAt(record, 0, 0))};
  EXPECT_EQ(ReasonOf(orphan->Commit(batch)), Reason::kDatabaseFenced);
  EXPECT_EQ(ReasonOf(orphan->CreateExperiment(GridPlan(2, 2), TestTime()).status()), Reason::kDatabaseFenced);
  EXPECT_EQ(ReasonOf(orphan->DeleteExperiment(record.id)), Reason::kDatabaseFenced);
  EXPECT_EQ(ReasonOf(orphan->InternWorker({"new", "w", "", "", TestTime()}).status()),
            Reason::kDatabaseFenced);
  EXPECT_EQ(ReasonOf(orphan->InternNumerics("new").status()), Reason::kDatabaseFenced);
  EXPECT_OK(store_->Commit(batch));
  EXPECT_THAT(Load(record.id).done, SizeIs(1));
}

TEST_P(StoreTest, HoldsBlocksOfTheirOwnArmsForEachQuestion) {
  ExperimentPlan plan = GridPlan(3, 5);
  plan.blocks = {{0, {0}, {0, 1, 2}, 0, 1}, {0, {1}, {0, 3}, 0, 1}, {0, {2}, {4}, 0, 3}, {0, {2}, {4}, 5, 2}};
  const ExperimentRecord record = Create(plan);
  ASSERT_THAT(record.blocks, SizeIs(4));
  EXPECT_EQ(Sum(record, &ArmCounters::cells), 3 + 2 + 3 + 2);
  const CellKey late{record.blocks[3].run, record.blocks[3].questions[0], record.blocks[3].arms[0], 6};
  const CellKey between{late.run, late.question, late.arm, 4};  // in no block
  const CellKey wrong_arm{late.run, record.blocks[0].questions[0], late.arm, 0};
  ASSERT_OK(CommitOutcomes({TestOutcome(late), TestOutcome(between), TestOutcome(wrong_arm)}));
  EXPECT_THAT(Load(record.id).done, ElementsAre(late));
  EXPECT_EQ(Sum(Load(record.id), &ArmCounters::done), 1);
  EXPECT_EQ(Load(record.id).counters, Recount(record.id));
}

TEST_P(StoreTest, RefusesAPlanThatContradictsItself) {
  const auto refused = [this](const ExperimentPlan& plan) {
    return store_->CreateExperiment(plan, TestTime()).status().code() == absl::StatusCode::kInvalidArgument;
  };
  ExperimentPlan plan = GridPlan(2, 2);
  plan.blocks.clear();
  EXPECT_TRUE(refused(plan));
  plan = GridPlan(2, 2);
  plan.blocks[0].arms = {0, 2};
  EXPECT_TRUE(refused(plan));
  plan = GridPlan(2, 2);
  plan.blocks[0].questions = {1, 1};
  EXPECT_TRUE(refused(plan));
  plan = GridPlan(2, 2);
  plan.blocks.push_back({0, {1}, {1}, 0, 1});
  EXPECT_TRUE(refused(plan));
  plan = GridPlan(2, 2);
  plan.problems[1].external_id = plan.problems[0].external_id;
  EXPECT_TRUE(refused(plan));
  plan = GridPlan(2, 2);
  plan.arms[1] = plan.arms[0];
  EXPECT_TRUE(refused(plan));
  plan = GridPlan(2, 2);
  plan.blocks[0].run = -1;
  EXPECT_TRUE(refused(plan));
  plan = GridPlan(2, 2);
  plan.problems[0].question = 2;
  EXPECT_TRUE(refused(plan));
  ASSERT_OK_AND_ASSIGN(const std::vector<ExperimentId> none, store_->UnfinishedExperiments());
  EXPECT_THAT(none, IsEmpty());
}

}  // namespace
}  // namespace sprint::testing
