// The workers' side of the coordinator: streams, and their messages as the core's events.
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/status.h"
#include "coordinator/rpc/coordinator.h"
#include "storage/payload.h"

namespace sprint {

void Coordinator::Hello(WorkerStreamPtr stream, sprint::Hello hello) {
  if (!options_.auth_token.empty() && !ConstantTimeEquals(options_.auth_token, hello.auth_token)) {
    const std::string message =
        "the worker's token is not the coordinator's; give both the same --token-file";
    stream->Send(Refused{Reason::kUnspecified, message, true});
    stream->Close(absl::UnauthenticatedError(message));
    return;
  }
  loop_.Post([this, stream = std::move(stream), hello = std::move(hello)] { Connect(stream, hello); });
}

void Coordinator::Connect(const WorkerStreamPtr& stream, const sprint::Hello& hello) {
  // The store before the core's other words are durable would be ahead of them only by a name.
  const absl::StatusOr<WorkerId> worker =
      loop_.store().InternWorker({hello.instance, hello.name, hello.device, hello.software, loop_.Now()});
  absl::StatusOr<NumericsId> numerics = NumericsId();
  if (worker.ok() && !hello.numerics.empty()) numerics = Numerics(hello.numerics);
  const absl::Status status = worker.ok() ? numerics.status() : worker.status();
  if (!status.ok()) {
    loop_.EndIfFatal(status);
    stream->Close(absl::UnavailableError(status.message()));  // it comes back
    return;
  }
  // What the core has said to the worker so far is for its earlier stream.
  if (const absl::Status flushed = loop_.Flush(); !flushed.ok()) {
    return stream->Close(absl::UnavailableError(flushed.message()));
  }
  WorkerStreamPtr& current = streams_[*worker];
  if (current != nullptr && current != stream) {
    workers_.erase(current.get());
    current->Close(absl::CancelledError("the worker opened another stream"));
  }
  current = stream;
  workers_[stream.get()] = *worker;
  instances_[hello.instance] = *worker;
  SPRINT_LOG(kInfo) << "worker " << worker->value() << " connected: " << hello.name << ", " << hello.device
                    << ", holds " << hello.held.size() << " grants";
  loop_.Apply(WorkerConnected{*worker, *numerics, hello});
}

WorkerId Coordinator::WorkerOf(const WorkerStreamPtr& stream) const {
  const auto found = workers_.find(stream.get());
  return found == workers_.end() ? WorkerId() : found->second;
}

void Coordinator::Receive(WorkerStreamPtr stream, WorkerMessage message, Receipt receipt) {
  std::vector<JudgedOutcome> judged;
  if (auto* outcomes = std::get_if<Outcomes>(&message)) {
    for (Outcome& outcome : outcomes->outcomes) {
      JudgedOutcome one;
      golds_.Judge(outcome.cell, outcome.text, one.verdicts);
      EncodedPayload encoded = EncodePayload(outcome.tokens, outcome.text);
      one.encoded_tokens = std::move(encoded.tokens);
      one.encoded_text = std::move(encoded.text);
      one.outcome = std::move(outcome);
      judged.push_back(std::move(one));
    }
    outcomes->outcomes.clear();
  }
  loop_.Post(
      [this, stream = std::move(stream), message = std::move(message), judged = std::move(judged),
       receipt = std::move(receipt)]() mutable { Handle(stream, std::move(message), std::move(judged)); });
}

void Coordinator::Handle(const WorkerStreamPtr& stream, WorkerMessage message,
                         std::vector<JudgedOutcome> judged) {
  const WorkerId worker = WorkerOf(stream);
  if (!worker.valid()) return;  // replaced: the worker said all again on its new stream
  const absl::Status status = Apply(stream, worker, std::move(message), std::move(judged));
  if (status.ok()) return;
  // Unacknowledged, so nothing is lost: the worker comes back and says it again.
  loop_.EndIfFatal(status);
  stream->Close(absl::UnavailableError(status.message()));
}

absl::Status Coordinator::Apply(const WorkerStreamPtr& stream, WorkerId worker, WorkerMessage message,
                                std::vector<JudgedOutcome> judged) {
  if (auto* outcomes = std::get_if<Outcomes>(&message)) {
    for (JudgedOutcome& one : judged) {
      SPRINT_ASSIGN_OR_RETURN(one.numerics, Numerics(one.outcome.numerics));
      // Golds that a submission brought while this was on its way.
      golds_.Judge(one.outcome.cell, one.outcome.text, one.verdicts);
    }
    loop_.Apply(OutcomesArrived{worker, std::move(judged), std::move(outcomes->grants)});
  } else if (auto* credit = std::get_if<Credit>(&message)) {
    loop_.Apply(CreditOffered{worker, *credit});
  } else if (auto* heartbeat = std::get_if<Heartbeat>(&message)) {
    loop_.Apply(HeartbeatReceived{worker, std::move(*heartbeat)});
  } else if (auto* failed = std::get_if<CellFailed>(&message)) {
    SPRINT_LOG(kWarning) << "worker " << worker.value() << ": " << ToString(failed->cell)
                         << " failed: " << failed->error;
    loop_.Apply(CellFailureReported{worker, std::move(*failed)});
  } else if (auto* ready = std::get_if<RunReady>(&message)) {
    SPRINT_ASSIGN_OR_RETURN(const NumericsId numerics, Numerics(ready->numerics));
    loop_.Apply(RunReadyReported{worker, ready->run, numerics});
  } else if (auto* refused = std::get_if<RunRefused>(&message)) {
    SPRINT_LOG(kWarning) << "worker " << worker.value() << " refused run " << refused->run.value() << ": "
                         << refused->message;
    loop_.Apply(RunRefusedReported{worker, std::move(*refused)});
  } else if (std::get_if<Goodbye>(&message) != nullptr) {
    SPRINT_LOG(kInfo) << "worker " << worker.value() << " left";
    loop_.Apply(WorkerLeft{worker});
    workers_.erase(stream.get());
    streams_.erase(worker);
    loop_.AfterCommit([stream] { stream->Close(absl::OkStatus()); });
  } else {
    stream->Close(absl::InvalidArgumentError("a second Hello on one stream"));
  }
  return absl::OkStatus();
}

void Coordinator::Ended(WorkerStreamPtr stream) {
  loop_.Post([this, stream = std::move(stream)] {
    const WorkerId worker = WorkerOf(stream);
    if (!worker.valid()) return;
    workers_.erase(stream.get());
    streams_.erase(worker);
    SPRINT_LOG(kInfo) << "worker " << worker.value() << " disconnected";
    loop_.Apply(WorkerDisconnected{worker});
  });
}

void Coordinator::WorkerProcessDied(const std::string& instance) {
  loop_.Post([this, instance] {
    const auto found = instances_.find(instance);
    if (found == instances_.end()) return;  // it never said Hello: it holds nothing
    SPRINT_LOG(kWarning) << "worker " << found->second.value() << " died";
    loop_.Apply(WorkerDied{found->second});
  });
}

absl::StatusOr<NumericsId> Coordinator::Numerics(const std::string& description) {
  const auto known = numerics_.find(description);
  if (known != numerics_.end()) return known->second;
  SPRINT_ASSIGN_OR_RETURN(const NumericsId id, loop_.store().InternNumerics(description));
  numerics_[description] = id;
  return id;
}

void Coordinator::Deliver(const Outgoing& outgoing) {
  const auto found = streams_.find(outgoing.to);
  if (found == streams_.end()) return;
  found->second->Send(outgoing.message);
  const auto* refused = std::get_if<Refused>(&outgoing.message);
  if (refused == nullptr) return;
  found->second->Close(Error(absl::StatusCode::kFailedPrecondition, refused->reason, refused->message));
}

}  // namespace sprint
