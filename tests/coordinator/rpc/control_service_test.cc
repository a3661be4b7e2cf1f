#include <grpcpp/grpcpp.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "conversation/grpc_status.h"
#include "tests/coordinator/rpc/fixture.h"

namespace sprint::testing {
namespace {

using ::testing::HasSubstr;
using Stub = v1::Control::Stub;

TEST_F(ServiceTest, RunsASubmittedExperimentToItsEndAndJudgesIt) {
  ASSERT_OK_AND_ASSIGN(const auto submitted, client_->Submit({}));
  EXPECT_EQ(submitted.cells(), 12);
  EXPECT_EQ(submitted.existing(), 0);
  EXPECT_FALSE(submitted.continued());
  StartWorker();
  ASSERT_OK_AND_ASSIGN(const auto status, client_->WatchToTheEnd("made-up"));
  EXPECT_EQ(status.state(), "finished");
  EXPECT_EQ(status.done(), 12);
  EXPECT_EQ(status.running(), 0);
  ASSERT_EQ(status.arms_size(), 3);
  EXPECT_EQ(status.arms(0).name(), "baseline");
  // The fake engine boxes the right answer in some cells and another in the rest.
  int64_t correct = 0;
  for (const OutcomeRecord& outcome : AllOutcomes(*disk_)) {
    ASSERT_EQ(outcome.verdicts.size(), 1U);
    correct += outcome.verdicts[0].correct ? 1 : 0;
  }
  EXPECT_GT(correct, 0);
  EXPECT_LT(correct, 12);
  EXPECT_EQ(status.correct(), correct);
  EXPECT_GT(status.cells_per_second(), 0);
}

TEST_F(ServiceTest, SubmittingTheSameSelectionAgainContinuesItAndALargerOneReusesItsRows) {
  StartWorker();
  ASSERT_OK_AND_ASSIGN(const auto first, client_->Submit({}));
  ASSERT_OK(client_->WatchToTheEnd(absl::StrCat(first.experiment())));
  ASSERT_OK_AND_ASSIGN(const auto again, client_->Submit({}));
  EXPECT_TRUE(again.continued());
  EXPECT_EQ(again.experiment(), first.experiment());
  EXPECT_EQ(again.existing(), 12);
  MadeUpExperiment larger;
  larger.questions = 6;
  larger.arms.push_back("L1H0");
  ASSERT_OK_AND_ASSIGN(const auto grown, client_->Submit(larger));
  EXPECT_EQ(grown.cells(), 24);
  EXPECT_EQ(grown.existing(), 12);
  ASSERT_OK_AND_ASSIGN(const auto status, client_->WatchToTheEnd(absl::StrCat(grown.experiment())));
  EXPECT_EQ(status.done(), 24);
  EXPECT_EQ(AllOutcomes(*disk_).size(), 24U);
}

TEST_F(ServiceTest, PausesAndResumes) {
  ASSERT_OK(client_->Submit({}));
  ASSERT_OK_AND_ASSIGN(const auto paused, client_->Do(&Stub::Pause, "made-up"));
  EXPECT_EQ(paused.state(), "paused");
  StartWorker();
  ASSERT_OK_AND_ASSIGN(const auto resumed, client_->Do(&Stub::Resume, "made-up"));
  EXPECT_EQ(resumed.state(), "running");
  EXPECT_EQ(resumed.done(), 0);
  ASSERT_OK_AND_ASSIGN(const auto status, client_->WatchToTheEnd("made-up"));
  EXPECT_EQ(status.done(), 12);
}

TEST_F(ServiceTest, ACancelledExperimentEndsItsWatchersAndIsGoneAfterADelete) {
  ASSERT_OK_AND_ASSIGN(const auto submitted, client_->Submit({}));
  ASSERT_OK_AND_ASSIGN(const auto cancelled, client_->Do(&Stub::Cancel, "made-up"));
  EXPECT_EQ(cancelled.state(), "cancelled");
  ASSERT_OK_AND_ASSIGN(const auto watched, client_->WatchToTheEnd("made-up"));
  EXPECT_EQ(watched.state(), "cancelled");
  grpc::ClientContext context;
  v1::ExperimentRequest request;
  request.set_experiment(absl::StrCat(submitted.experiment()));
  v1::DeleteResponse response;
  ASSERT_OK(FromGrpc(client_->stub().Delete(&context, request, &response)));
  EXPECT_EQ(ReasonOf(client_->Status(request.experiment()).status()), Reason::kExperimentUnknown);
}

TEST_F(ServiceTest, ACellThatFailsThreeTimesIsQuarantinedAndRetryPutsItBack) {
  FakeEngineOptions engine;
  engine.failing = {"L0H1@102"};
  StartWorker(engine);
  ASSERT_OK(client_->Submit({}));
  ASSERT_OK_AND_ASSIGN(const auto status, client_->WatchToTheEnd("made-up"));
  EXPECT_EQ(status.state(), "finished");
  EXPECT_EQ(status.done(), 11);
  EXPECT_EQ(status.quarantined(), 1);
  ASSERT_GE(status.notes_size(), 1);
  EXPECT_THAT(status.DebugString(), HasSubstr("the fake engine refuses this cell"));
  StopWorkers();
  StartWorker();
  ASSERT_OK_AND_ASSIGN(const auto retried, client_->Do(&Stub::Retry, "made-up"));
  EXPECT_EQ(retried.quarantined(), 0);
  ASSERT_OK_AND_ASSIGN(const auto end, client_->WatchToTheEnd("made-up"));
  EXPECT_EQ(end.done(), 12);
}

TEST_F(ServiceTest, ARunThatAWorkerRefusesIsSaidInTheStatus) {
  FakeEngineOptions engine;
  engine.refuse = "these are other weights";
  StartWorker(engine);
  ASSERT_OK(client_->Submit({}));
  ASSERT_OK_AND_ASSIGN(const auto status,
                       client_->WatchUntil("made-up", [](const v1::ExperimentStatus& status) {
                         return absl::StrContains(status.DebugString(), "these are other weights");
                       }));
  EXPECT_EQ(status.state(), "running");
  EXPECT_EQ(status.done(), 0);
}

TEST_F(ServiceTest, ARestartedCoordinatorGoesOnWhereTheStoreIs) {
  ASSERT_OK(client_->Submit({}));
  StartWorker();
  ASSERT_OK(client_->WatchToTheEnd("made-up"));
  MadeUpExperiment second;
  second.name = "second";
  second.questions = 8;
  StopWorkers();
  ASSERT_OK(client_->Submit(second));
  StopCoordinator();
  StartCoordinator();
  StartWorker();
  ASSERT_OK_AND_ASSIGN(const auto status, client_->WatchToTheEnd("second"));
  EXPECT_EQ(status.done(), 24);
  EXPECT_EQ(AllOutcomes(*disk_).size(), 24U);
  // A finished experiment is not loaded, and still has a status by its number.
  ASSERT_OK_AND_ASSIGN(const auto finished, client_->Status("1"));
  EXPECT_EQ(finished.state(), "finished");
  EXPECT_EQ(finished.done(), 12);
}

TEST_F(ServiceTest, ANameMeansTheLatestExperimentOfItAlsoWhereOnlyTheDatabaseHoldsThat) {
  ASSERT_OK(client_->Submit({}));
  MadeUpExperiment later;
  later.questions = 2;
  ASSERT_OK_AND_ASSIGN(const auto second, client_->Submit(later));
  StartWorker();
  ASSERT_OK(client_->WatchToTheEnd(absl::StrCat(second.experiment())));
  ASSERT_OK(client_->WatchToTheEnd("1"));
  MadeUpExperiment grown;
  grown.questions = 5;
  StopWorkers();
  ASSERT_OK(client_->Submit(grown));  // runs on after the restart; the two others are not loaded
  StopCoordinator();
  find_experiment_ = [](const std::string&) -> absl::StatusOr<ExperimentId> { return ExperimentId(2); };
  StartCoordinator();
  ASSERT_OK_AND_ASSIGN(const auto status, client_->Status("made-up"));
  EXPECT_EQ(status.id(), 2);
  EXPECT_EQ(status.cells(), 6);
}

TEST_F(ServiceTest, AnUnknownExperimentIsAnErrorWithItsReason) {
  for (const char* name : {"nobody", "77", ""}) {
    const absl::Status status = client_->Status(name).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << name;
    EXPECT_EQ(ReasonOf(status), Reason::kExperimentUnknown) << name;
  }
  EXPECT_EQ(ReasonOf(client_->WatchToTheEnd("nobody").status()), Reason::kExperimentUnknown);
  EXPECT_EQ(ReasonOf(client_->Do(&Stub::Pause, "nobody").status()), Reason::kExperimentUnknown);
}

TEST_F(ServiceTest, ABadSubmissionIsRefusedNamingWhatIsWrong) {
  using H = v1::Submission;
  using Q = v1::Question;
  const auto refusal = [this](const std::function<void(H&, Q&)>& change) {
    std::vector<v1::SubmitRequest> requests(2);
    *requests[0].mutable_header() = ControlClient::Header({});
    v1::Question& question = *requests[1].mutable_questions()->add_questions();
    question.set_id("a");
    question.add_tokens(5);
    change(*requests[0].mutable_header(), question);
    const absl::Status status = client_->SubmitRaw(requests).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(refusal([](H& header, Q&) { header.set_weights_hash("short"); }), HasSubstr("weights_hash"));
  EXPECT_THAT(refusal([](H& header, Q&) { header.set_dtype("f8"); }), HasSubstr("f8"));
  EXPECT_THAT(refusal([](H& header, Q&) { header.set_arms(1, "L0Hx"); }), HasSubstr("L0Hx"));
  EXPECT_THAT(refusal([](H& header, Q&) { header.set_arms(0, "L0H3"); }), HasSubstr("baseline comes first"));
  const auto own = [](std::vector<int32_t> arms, std::vector<int32_t> samples) {
    return [arms, samples](H&, Q& question) {
      question.mutable_own_arms()->Add(arms.begin(), arms.end());
      question.mutable_own_samples()->Add(samples.begin(), samples.end());
    };
  };
  EXPECT_THAT(refusal(own({3}, {1})), HasSubstr("question \"a\" names arm 3 of 3"));
  EXPECT_THAT(refusal(own({-1}, {1})), HasSubstr("names arm -1"));
  EXPECT_THAT(refusal(own({1, 1}, {1, 1})), HasSubstr("arm 1 twice"));
  EXPECT_THAT(refusal(own({1, 2}, {1})), HasSubstr("2 arms and 1 numbers"));
  EXPECT_THAT(refusal(own({1}, {0})), HasSubstr("0 samples"));
  EXPECT_THAT(refusal(own({1}, {4})), HasSubstr("greedy decoding has 1"));
  EXPECT_THAT(refusal([](H&, Q& question) { question.clear_tokens(); }), HasSubstr("empty prompt"));
  EXPECT_THAT(refusal([](H& header, Q&) { header.mutable_spec()->set_samples(3); }), HasSubstr("samples"));
  EXPECT_THAT(refusal([](H& header, Q&) { header.set_max_new_tokens(0); }), HasSubstr("max_new_tokens"));
  v1::SubmitRequest early;
  early.mutable_questions();
  EXPECT_THAT(std::string(client_->SubmitRaw({early}).status().message()), HasSubstr("before the header"));
  EXPECT_THAT(std::string(client_->SubmitRaw({}).status().message()), HasSubstr("no header"));
}

// Four questions: two under L0H1 alone, one under the baseline, one under two arms.
std::vector<v1::SubmitRequest> WithOwnArms() {
  std::vector<v1::SubmitRequest> requests(2);
  MadeUpExperiment experiment;
  experiment.name = "own";
  *requests[0].mutable_header() = ControlClient::Header(experiment);
  const std::vector<std::vector<int32_t>> arms = {{2}, {0}, {2}, {2, 1}};
  for (int i = 0; i < 4; ++i) {
    v1::Question& question = *requests[1].mutable_questions()->add_questions();
    question.set_id(absl::StrCat("q", 100 + i));
    question.add_tokens(100 + i);
    question.add_tokens(7);
    question.set_gold(absl::StrCat(100 + i));
    for (const int32_t arm : arms[static_cast<size_t>(i)]) {
      question.add_own_arms(arm);
      question.add_own_samples(1);
    }
  }
  return requests;
}

TEST_F(ServiceTest, EachQuestionRunsUnderItsOwnArmsAndTheGridTakesItsRowsOver) {
  ASSERT_OK_AND_ASSIGN(const auto submitted, client_->SubmitRaw(WithOwnArms()));
  EXPECT_EQ(submitted.cells(), 5);
  StartWorker();
  ASSERT_OK_AND_ASSIGN(const auto status, client_->WatchToTheEnd("own"));
  EXPECT_EQ(status.state(), "finished");
  EXPECT_EQ(status.done(), 5);
  EXPECT_EQ(AllOutcomes(*disk_).size(), 5U);
  ASSERT_EQ(status.arms_size(), 3);
  EXPECT_EQ(status.arms(0).cells(), 1) << "the baseline runs where it is chosen";
  EXPECT_EQ(status.arms(1).cells(), 1);
  EXPECT_EQ(status.arms(2).cells(), 3);
  EXPECT_EQ(status.arms(2).done(), 3);
  ASSERT_OK_AND_ASSIGN(const auto again, client_->SubmitRaw(WithOwnArms()));
  EXPECT_TRUE(again.continued());
  EXPECT_EQ(again.existing(), 5);
  ASSERT_OK_AND_ASSIGN(const auto grid, client_->Submit({}));
  EXPECT_EQ(grid.cells(), 12);
  EXPECT_EQ(grid.existing(), 5);
}

TEST_F(ServiceTest, BaselineAnswersBringTheHiddenStatesThatTheExperimentAsksFor) {
  MadeUpExperiment experiment;
  ASSERT_OK(client_->Submit(experiment));
  experiment.hidden_layers = {0, 5};
  ASSERT_OK_AND_ASSIGN(const auto submitted, client_->Submit(experiment));
  EXPECT_TRUE(submitted.continued()) << "hidden states are not part of the selection";
  StopCoordinator();
  StartCoordinator();  // what is asked for is durable
  StartWorker();
  ASSERT_OK(client_->WatchToTheEnd("made-up"));
  int64_t states = 0;
  for (const OutcomeRecord& outcome : AllOutcomes(*disk_)) {
    states += std::ssize(outcome.hidden);
    EXPECT_EQ(outcome.hidden.size(), outcome.cell.arm == ArmId(1) ? 2U : 0U) << ToString(outcome.cell);
  }
  EXPECT_EQ(states, 4 * 2);
}

TEST_F(ServiceTest, AnEmbedExperimentHasACellAPromptAndLayer) {
  StartWorker();
  MadeUpExperiment embed;
  embed.engine_mode = "embed";
  embed.arms = {"baseline"};
  embed.hidden_layers = {2, 7};
  ASSERT_OK_AND_ASSIGN(const auto submitted, client_->Submit(embed));
  EXPECT_EQ(submitted.cells(), 4 * 2);
  ASSERT_OK(client_->WatchToTheEnd("made-up"));
  for (const OutcomeRecord& outcome : AllOutcomes(*disk_)) {
    ASSERT_EQ(outcome.hidden.size(), 1U);
    EXPECT_EQ(outcome.hidden[0].layer, outcome.cell.sample);
    EXPECT_EQ(outcome.hidden[0].values.size(), static_cast<size_t>(kFakeWidth));
    EXPECT_TRUE(outcome.tokens.empty());
  }
  // One layer more computes that layer.
  embed.hidden_layers = {2, 5, 7};
  ASSERT_OK_AND_ASSIGN(const auto more, client_->Submit(embed));
  EXPECT_EQ(more.existing(), 4 * 2);
  EXPECT_EQ(more.cells(), 4 * 3);
  embed.hidden_layers = {5, 2};
  EXPECT_THAT(std::string(client_->Submit(embed).status().message()), HasSubstr("hidden_layers[1] is 2"));
  embed.hidden_layers = {};
  EXPECT_THAT(std::string(client_->Submit(embed).status().message()), HasSubstr("names no hidden_layers"));
}

TEST_F(ServiceTest, OwnArmsOfSomeQuestionsOnlyAreRefused) {
  std::vector<v1::SubmitRequest> requests = WithOwnArms();
  requests[1].mutable_questions()->mutable_questions(3)->clear_own_arms();
  requests[1].mutable_questions()->mutable_questions(3)->clear_own_samples();
  const absl::Status status = client_->SubmitRaw(requests).status();
  EXPECT_EQ(ReasonOf(status), Reason::kArmInvalid);
  EXPECT_THAT(std::string(status.message()), HasSubstr("question \"q103\" has no arms of its own"));
}

TEST_F(ServiceTest, AnotherProtocolVersionIsRefusedWithBothNamed) {
  std::vector<v1::SubmitRequest> requests(1);
  *requests[0].mutable_header() = ControlClient::Header({});
  requests[0].mutable_header()->set_protocol(99);
  const absl::Status submitted = client_->SubmitRaw(requests).status();
  EXPECT_EQ(ReasonOf(submitted), Reason::kProtocolVersion);
  EXPECT_THAT(std::string(submitted.message()), HasSubstr("version 99"));
  EXPECT_THAT(std::string(submitted.message()), HasSubstr(absl::StrCat("version ", kProtocolVersion)));
  grpc::ClientContext context;
  v1::InfoRequest request;
  v1::InfoResponse response;
  request.set_protocol(99);
  EXPECT_EQ(ReasonOf(FromGrpc(client_->stub().Info(&context, request, &response))), Reason::kProtocolVersion);
}

TEST_F(ServiceTest, WhoDoesNotShowTheTokenIsRefusedEveryCall) {
  StopCoordinator();
  token_ = "s3cret";
  StartCoordinator();
  ASSERT_OK(client_->Submit({}));
  for (const char* token : {"", "s3cre", "another"}) {
    ControlClient stranger(server_->InProcessChannel(), token);
    const auto expect_refusal = [](const absl::Status& status) {
      EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
      EXPECT_THAT(std::string(status.message()), HasSubstr("--token-file"));
    };
    expect_refusal(stranger.Submit({}).status());
    expect_refusal(stranger.Status("made-up").status());
    expect_refusal(stranger.WatchToTheEnd("made-up").status());
    expect_refusal(stranger.Do(&Stub::Cancel, "made-up").status());
    grpc::ClientContext contexts[5];
    v1::ListResponse list;
    v1::WorkersResponse workers;
    v1::InfoResponse info;
    v1::ShutdownResponse shutdown;
    v1::DeleteResponse deleted;
    expect_refusal(FromGrpc(stranger.stub().List(&contexts[0], {}, &list)));
    expect_refusal(FromGrpc(stranger.stub().Workers(&contexts[1], {}, &workers)));
    expect_refusal(FromGrpc(stranger.stub().Info(&contexts[2], {}, &info)));
    expect_refusal(FromGrpc(stranger.stub().Shutdown(&contexts[3], {}, &shutdown)));
    expect_refusal(FromGrpc(stranger.stub().Delete(&contexts[4], {}, &deleted)));
  }
  ASSERT_OK_AND_ASSIGN(const auto status, client_->Status("made-up"));
  EXPECT_EQ(status.state(), "running");
  EXPECT_FALSE(coordinator_->draining());
}

TEST_F(ServiceTest, InfoSaysWhoAnswers) {
  grpc::ClientContext context;
  v1::InfoResponse response;
  ASSERT_OK(FromGrpc(client_->stub().Info(&context, {}, &response)));
  EXPECT_EQ(response.protocol(), kProtocolVersion);
  EXPECT_EQ(response.version(), "test");
  EXPECT_EQ(response.epoch(), coordinator_->epoch());
}

TEST_F(ServiceTest, ListsExperimentsAndWorkers) {
  StartWorker();
  ASSERT_OK(client_->Submit({}));
  ASSERT_OK(client_->WatchToTheEnd("made-up"));
  grpc::ClientContext list_context;
  v1::ListResponse list;
  ASSERT_OK(FromGrpc(client_->stub().List(&list_context, {}, &list)));
  ASSERT_EQ(list.experiments_size(), 1);
  EXPECT_EQ(list.experiments(0).name(), "made-up");
  grpc::ClientContext workers_context;
  v1::WorkersResponse workers;
  ASSERT_OK(FromGrpc(client_->stub().Workers(&workers_context, {}, &workers)));
  ASSERT_EQ(workers.workers_size(), 1);
  EXPECT_EQ(workers.workers(0).name(), "worker-1");
  EXPECT_EQ(workers.workers(0).done(), 12);
  EXPECT_EQ(workers.workers(0).state(), "idle");
}

TEST_F(ServiceTest, ListsExperimentsThatOnlyTheDatabaseHolds) {
  StopCoordinator();
  ExperimentSummary old;
  old.id = ExperimentId(1);
  old.name = "of last week";
  old.state = ExperimentState::kFinished;
  old.cells = 7;
  old.done = 6;
  old.quarantined = 1;
  ExperimentSummary stale;  // the core knows it better
  stale.id = ExperimentId(2);
  stale.name = "as it was";
  MadeUpExperiment first;
  first.questions = 5;
  list_experiments_ = [old, stale]() -> absl::StatusOr<std::vector<ExperimentSummary>> {
    return std::vector<ExperimentSummary>{old, stale};
  };
  StartCoordinator();
  ASSERT_OK(client_->Submit(first));
  ASSERT_OK_AND_ASSIGN(const auto second, client_->Submit({}));
  ASSERT_EQ(second.experiment(), 2);
  grpc::ClientContext context;
  v1::ListResponse list;
  ASSERT_OK(FromGrpc(client_->stub().List(&context, {}, &list)));
  // Experiment 1 is held too: what the core says of it counts.
  ASSERT_EQ(list.experiments_size(), 2);
  EXPECT_EQ(list.experiments(1).name(), "made-up");
  EXPECT_EQ(list.experiments(1).cells(), 12);
  StopCoordinator();
  disk_ = MakeMemoryDisk();
  StartCoordinator();
  grpc::ClientContext again;
  ASSERT_OK(FromGrpc(client_->stub().List(&again, {}, &list)));
  ASSERT_EQ(list.experiments_size(), 2);
  EXPECT_EQ(list.experiments(0).name(), "of last week");
  EXPECT_EQ(list.experiments(0).state(), "finished");
  EXPECT_EQ(list.experiments(0).done(), 6);
  EXPECT_EQ(list.experiments(0).quarantined(), 1);
}

TEST_F(ServiceTest, ShutdownDrainsTheWorkersThenIsDone) {
  StartWorker();
  ASSERT_OK(client_->Submit({}));
  ASSERT_OK(client_->WatchToTheEnd("made-up"));
  grpc::ClientContext context;
  v1::ShutdownResponse response;
  ASSERT_OK(FromGrpc(client_->stub().Shutdown(&context, {}, &response)));
  absl::Status why;
  ASSERT_TRUE(coordinator_->WaitDone(absl::Seconds(60), &why));
  EXPECT_OK(why);
  for (const auto& worker : workers_) {
    worker->thread.join();
    EXPECT_OK(worker->status);
  }
  workers_.clear();
}

}  // namespace
}  // namespace sprint::testing
