#include "conversation/codec.h"

#include <cmath>
#include <limits>

#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::StartsWith;

CellKey Cell(int64_t run, int64_t question, int64_t arm, int32_t sample = 0) {
  return {RunId(run), QuestionId(question), ArmId(arm), sample};
}

HeldGrant Held() {
  return {LeaseId(17),
          std::string("to\0ken\xff", 7),
          {Cell(1, 4, 1), Cell(1, 4, 2), Cell(1, 4, 2, 5)},
          {Cell(1, 4, 2)}};
}

Outcome AnOutcome() {
  Outcome outcome;
  outcome.cell = Cell(1, 4, 2, 3);
  outcome.lease = LeaseId(17);
  outcome.tokens = {0, 5, 151643, 2147483647};
  outcome.text = "Twelve é 😀\n\\boxed{12}";
  outcome.finish = FinishReason::kContext;
  outcome.logprob_sum = -12.000000000000002;
  outcome.logprobs_hash = std::string(Sha256("x").Raw());
  outcome.numerics = "cpu avx512 mkl 2 threads tile 16";
  outcome.started = absl::FromUnixMicros(1'700'000'000'123'456);
  outcome.finished = absl::FromUnixMicros(1'700'000'003'000'001);
  outcome.hidden = {{0, {0.1F, -0.0F}}, {15, {1e-40F, 3.4e38F}}};
  return outcome;
}

// Through the bytes of the wire and back.
absl::StatusOr<WorkerMessage> OverTheWire(const WorkerMessage& message) {
  v1::WorkerMessage received;
  EXPECT_TRUE(received.ParseFromString(ToProto(message).SerializeAsString()));
  return FromProto(received);
}
absl::StatusOr<CoordinatorMessage> OverTheWire(const CoordinatorMessage& message) {
  v1::CoordinatorMessage received;
  EXPECT_TRUE(received.ParseFromString(ToProto(message).SerializeAsString()));
  return FromProto(received);
}

template <typename Message>
void ExpectSurvives(const Message& message) {
  const auto back = OverTheWire(message);
  ASSERT_OK(back);
  EXPECT_EQ(back->index(), message.index());
  EXPECT_TRUE(*back == message) << ToProto(*back).DebugString();
}

TEST(Codec, EveryMessageOfAWorkerSurvivesTheWire) {
  Hello hello{kProtocolVersion, "a1b2",   "node7/0",    "0.1.0", "cpu",
              {Held(), Held()}, RunId(1), "cpu avx512", "secret"};
  const std::vector<WorkerMessage> messages = {
      hello,
      Credit{64, LeaseId(17)},
      Heartbeat{{LeaseId(17), LeaseId(18)}, {Cell(1, 4, 1), Cell(2, 5, 6, 7)}, 123.5},
      Outcomes{{AnOutcome(), AnOutcome()}, {Held()}},
      CellFailed{Cell(1, 4, 2), LeaseId(17), "out of memory"},
      RunReady{RunId(1), "cpu avx512"},
      RunRefused{RunId(1), Reason::kModelMismatch, "the weights differ"},
      Goodbye{},
  };
  ASSERT_EQ(messages.size(), std::variant_size_v<WorkerMessage>);
  for (size_t i = 0; i < messages.size(); ++i) {
    EXPECT_EQ(messages[i].index(), i);
    ExpectSurvives(messages[i]);
  }
}

TEST(Codec, EveryMessageOfACoordinatorSurvivesTheWire) {
  RunDescription run{RunId(1), "SmolLM2", "/m",         Sha256("w"), Sha256("t"),
                     "bf16",   "exact",   {64, {0, 2}}, ~uint64_t{0}};
  RunDescription sampled = run;
  sampled.decoding.sampling = {0.7, 40, 0.95, 0.05, 1.1};
  sampled.decoding.stop_strings = {"A:", "Q:"};
  sampled.decoding.loop_repeats = 6;
  Grant grant{LeaseId(17),   "mac",     RunId(1),
              QuestionId(4), {1, 2, 3}, {{ArmId(1), "baseline", {0}}, {ArmId(2), "L3H5", {0, 1, 2}}},
              {0, 15}};
  const std::vector<CoordinatorMessage> messages = {
      Welcome{kProtocolVersion, WorkerId(3), 5, absl::Seconds(30), absl::Milliseconds(2500)},
      Refused{Reason::kProtocolVersion, "you speak 2, I speak 1", true},
      run,
      grant,
      Ack{{Cell(1, 4, 1), Cell(1, 4, 2)}},
      Revoke{{Cell(1, 4, 1)}},
      Drain{},
  };
  ASSERT_EQ(messages.size(), std::variant_size_v<CoordinatorMessage>);
  for (size_t i = 0; i < messages.size(); ++i) {
    EXPECT_EQ(messages[i].index(), i);
    ExpectSurvives(messages[i]);
  }
  ExpectSurvives(CoordinatorMessage(sampled));
}

TEST(Codec, EmptyMessagesSurviveTheWire) {
  ExpectSurvives(WorkerMessage(Hello{}));
  ExpectSurvives(WorkerMessage(Credit{}));
  ExpectSurvives(WorkerMessage(Heartbeat{}));
  ExpectSurvives(WorkerMessage(Outcomes{}));
  ExpectSurvives(CoordinatorMessage(Ack{}));
  ExpectSurvives(CoordinatorMessage(Refused{}));
}

TEST(Codec, EveryReasonAndFinishSurvivesTheWire) {
  for (int i = 0; i <= static_cast<int>(Reason::kNotReachable); ++i) {
    ExpectSurvives(CoordinatorMessage(Refused{static_cast<Reason>(i), "m", false}));
  }
  for (const FinishReason finish : {FinishReason::kStop, FinishReason::kLength, FinishReason::kContext,
                                    FinishReason::kStopString, FinishReason::kLoop}) {
    Outcome outcome = AnOutcome();
    outcome.finish = finish;
    ExpectSurvives(WorkerMessage(Outcomes{{outcome}, {}}));
  }
}

TEST(Codec, AnUnknownReasonIsKeptAsUnspecified) {
  v1::CoordinatorMessage proto;
  proto.mutable_refused()->set_reason("A_REASON_OF_NEXT_YEAR");
  proto.mutable_refused()->set_message("because");
  ASSERT_OK_AND_ASSIGN(const CoordinatorMessage message, FromProto(proto));
  EXPECT_TRUE(std::get<Refused>(message) == (Refused{Reason::kUnspecified, "because", false}));
}

TEST(Codec, AHelloOfAnotherVersionIsReadFarEnoughToBeRefused) {
  v1::WorkerMessage proto;
  proto.mutable_hello()->set_protocol(7);
  proto.mutable_hello()->set_name("new worker");
  proto.mutable_hello()->set_loaded_run(-1);
  proto.mutable_hello()->add_held()->set_lease(-5);
  ASSERT_OK_AND_ASSIGN(const WorkerMessage message, FromProto(proto));
  EXPECT_EQ(std::get<Hello>(message).protocol, 7);
  EXPECT_EQ(std::get<Hello>(message).name, "new worker");
  EXPECT_TRUE(std::get<Hello>(message).held.empty());
}

// What FromProto says about `message` after `spoil` has changed its proto.
template <typename Message, typename Spoil>
std::string ErrorOf(const Message& message, Spoil spoil) {
  auto proto = ToProto(message);
  spoil(proto);
  const auto read = FromProto(proto);
  if (read.ok()) return "accepted";
  EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(read.status().message());
}

TEST(Codec, AMessageWithoutAKindIsRefused) {
  EXPECT_THAT(std::string(FromProto(v1::WorkerMessage()).status().message()), StartsWith("kind is missing"));
  EXPECT_THAT(std::string(FromProto(v1::CoordinatorMessage()).status().message()),
              StartsWith("kind is missing"));
  v1::WorkerMessage proto;
  ASSERT_TRUE(proto.ParseFromString(std::string("\xFA\x01\x00", 3)));  // field 31, which no version has yet
  EXPECT_EQ(FromProto(proto).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Codec, MalformedOutcomesAreRefusedByField) {
  const WorkerMessage good = Outcomes{{AnOutcome(), AnOutcome()}, {Held()}};
  const auto error = [&](auto spoil) {
    return ErrorOf(good, [&](v1::WorkerMessage& p) { spoil(*p.mutable_outcomes()->mutable_outcomes(1)); });
  };
  EXPECT_EQ(error([](v1::Outcome&) {}), "accepted");
  EXPECT_EQ(error([](v1::Outcome& o) { o.clear_cell(); }), "outcomes: outcomes[1]: cell is missing");
  EXPECT_EQ(error([](v1::Outcome& o) { o.mutable_cell()->set_arm(0); }),
            "outcomes: outcomes[1]: cell: arm is 0; ids count from 1");
  EXPECT_EQ(error([](v1::Outcome& o) { o.mutable_cell()->set_question(-4); }),
            "outcomes: outcomes[1]: cell: question is -4; ids count from 1");
  EXPECT_EQ(error([](v1::Outcome& o) { o.mutable_cell()->set_sample(-1); }),
            "outcomes: outcomes[1]: cell: sample is -1; it cannot be negative");
  EXPECT_EQ(error([](v1::Outcome& o) { o.set_finish(99); }),
            "outcomes: outcomes[1]: finish is 99; no finish reason has this number");
  EXPECT_EQ(error([](v1::Outcome& o) { o.set_tokens(2, -9); }),
            "outcomes: outcomes[1]: tokens[2] is -9; it cannot be negative");
  EXPECT_EQ(error([](v1::Outcome& o) { o.set_logprobs_hash("short"); }),
            "outcomes: outcomes[1]: logprobs_hash has 5 bytes; a hash has 32");
  EXPECT_EQ(error([](v1::Outcome& o) { o.clear_logprobs_hash(); }), "accepted");
  EXPECT_EQ(error([](v1::Outcome& o) { o.set_logprob_sum(std::nan("")); }),
            "outcomes: outcomes[1]: logprob_sum is not a number");
  EXPECT_EQ(error([](v1::Outcome& o) { o.set_lease(-1); }),
            "outcomes: outcomes[1]: lease is -1; ids count from 1, and 0 is none");
  EXPECT_EQ(error([](v1::Outcome& o) { o.mutable_hidden(1)->set_layer(-1); }),
            "outcomes: outcomes[1]: hidden[1]: layer is -1; it cannot be negative");
  EXPECT_EQ(error([](v1::Outcome& o) { o.mutable_hidden(0)->set_values("12345"); }),
            "outcomes: outcomes[1]: hidden[0]: values has 5 bytes; f32 values have 4 each");
  EXPECT_EQ(error([](v1::Outcome& o) { o.mutable_hidden(0)->set_values("\xff\xff\xff\xff"); }),
            "outcomes: outcomes[1]: hidden[0]: values hold one that is not finite");
  EXPECT_EQ(
      ErrorOf(good, [](v1::WorkerMessage& p) { p.mutable_outcomes()->mutable_grants(0)->set_lease(0); }),
      "outcomes: grants[0]: lease is 0; ids count from 1");
  EXPECT_EQ(ErrorOf(good,
                    [](v1::WorkerMessage& p) {
                      p.mutable_outcomes()->mutable_grants(0)->mutable_cells(2)->set_run(0);
                    }),
            "outcomes: grants[0]: cells[2]: run is 0; ids count from 1");
}

TEST(Codec, MalformedWorkerMessagesAreRefusedByField) {
  EXPECT_EQ(ErrorOf(WorkerMessage(Credit{1, {}}), [](auto& p) { p.mutable_credit()->set_cells(-1); }),
            "credit: cells is -1; it cannot be negative");
  EXPECT_EQ(ErrorOf(WorkerMessage(Hello{}), [](auto& p) { p.mutable_hello()->set_loaded_run(-1); }),
            "hello: loaded_run is -1; ids count from 1, and 0 is none");
  EXPECT_EQ(ErrorOf(WorkerMessage(Heartbeat{}), [](auto& p) { p.mutable_heartbeat()->add_leases(0); }),
            "heartbeat: leases is 0; ids count from 1");
  for (const double rate : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(ErrorOf(WorkerMessage(Heartbeat{}),
                      [&](auto& p) { p.mutable_heartbeat()->set_tokens_per_second(rate); }),
              "heartbeat: tokens_per_second is no rate");
  }
  EXPECT_EQ(ErrorOf(WorkerMessage(CellFailed{Cell(1, 1, 1), {}, "e"}),
                    [](auto& p) { p.mutable_cell_failed()->clear_cell(); }),
            "cell_failed: cell is missing");
  EXPECT_EQ(
      ErrorOf(WorkerMessage(RunReady{RunId(1), ""}), [](auto& p) { p.mutable_run_ready()->clear_run(); }),
      "run_ready: run is 0; ids count from 1");
  EXPECT_EQ(ErrorOf(WorkerMessage(RunRefused{RunId(1), {}, ""}),
                    [](auto& p) { p.mutable_run_refused()->clear_run(); }),
            "run_refused: run is 0; ids count from 1");
}

TEST(Codec, MalformedCoordinatorMessagesAreRefusedByField) {
  const CoordinatorMessage welcome =
      Welcome{kProtocolVersion, WorkerId(3), 5, absl::Seconds(30), absl::Seconds(5)};
  EXPECT_EQ(ErrorOf(welcome, [](auto& p) { p.mutable_welcome()->set_worker_id(0); }),
            "welcome: worker_id is 0; ids count from 1");
  EXPECT_EQ(ErrorOf(welcome, [](auto& p) { p.mutable_welcome()->set_lease_ms(-1); }),
            "welcome: lease_ms is -1; it cannot be negative");
  const CoordinatorMessage run = RunDescription{RunId(1), "", "", {}, {}, "f32", "exact", {}, 0};
  EXPECT_EQ(ErrorOf(run, [](auto& p) { p.mutable_run()->set_weights_hash("abc"); }),
            "run: weights_hash has 3 bytes; a hash has 32");
  EXPECT_EQ(ErrorOf(run, [](auto& p) { p.mutable_run()->clear_tokenizer_hash(); }),
            "run: tokenizer_hash has 0 bytes; a hash has 32");
  EXPECT_EQ(ErrorOf(run, [](auto& p) { p.mutable_run()->set_max_new_tokens(-2); }),
            "run: max_new_tokens is -2; it cannot be negative");
  const CoordinatorMessage grant =
      Grant{LeaseId(1), "t", RunId(1), QuestionId(1), {5}, {{ArmId(1), "baseline", {0}}}};
  EXPECT_EQ(ErrorOf(grant, [](auto& p) { p.mutable_grant()->set_lease(0); }),
            "grant: lease is 0; ids count from 1");
  EXPECT_EQ(ErrorOf(grant, [](auto& p) { p.mutable_grant()->set_prompt(0, -5); }),
            "grant: prompt[0] is -5; it cannot be negative");
  EXPECT_EQ(ErrorOf(grant, [](auto& p) { p.mutable_grant()->mutable_arms(0)->clear_name(); }),
            "grant: arms[0]: name is missing");
  EXPECT_EQ(ErrorOf(grant, [](auto& p) { p.mutable_grant()->mutable_arms(0)->set_samples(0, -1); }),
            "grant: arms[0]: samples[0] is -1; it cannot be negative");
  EXPECT_EQ(ErrorOf(CoordinatorMessage(Ack{{Cell(1, 1, 1)}}),
                    [](auto& p) { p.mutable_ack()->mutable_cells(0)->set_arm(0); }),
            "ack: cells[0]: arm is 0; ids count from 1");
}

}  // namespace
}  // namespace sprint
