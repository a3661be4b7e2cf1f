// The agent's side of the stream: connecting, greeting, replay, heartbeats, credit.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "worker/agent_state.h"

namespace sprint {
namespace {

// A coordinator that took the stream but does not greet back for so long is not one.
constexpr absl::Duration kGreeting = absl::Seconds(30);
constexpr size_t kOutcomesPerMessage = 64;
// Beyond so many values of hidden states the next outcomes go into another message.
constexpr size_t kHiddenPerMessage = size_t{4} << 20;
constexpr int kMostDoublings = 20;

}  // namespace

void Agent::State::Connect() {
  link = Link::kConnecting;
  effects.connect = true;
}

void Agent::State::WaitToReconnect() {
  link = Link::kWaiting;
  const absl::Duration full =
      std::min(options.backoff_max, options.backoff_min * (int64_t{1} << std::min(attempts, kMostDoublings)));
  ++attempts;
  retry_at = now + full * (0.5 + 0.5 * jitter.NextDouble());
  CheckPatience();
}

void Agent::State::CheckPatience() {
  if (link == Link::kOpen || link == Link::kDone || now - lost_since < options.patience) return;
  effects.close = link == Link::kGreeting || link == Link::kConnecting;
  Exit(Error(absl::StatusCode::kUnavailable, Reason::kNotReachable,
             absl::StrCat("no coordinator answered for ", absl::FormatDuration(options.patience), "; ",
                          outcomes.size(), " outcomes were not acknowledged and will be computed again")));
}

void Agent::State::Exit(absl::Status status) {
  link = Link::kDone;
  effects.exit = std::move(status);
  effects.connect = false;
  effects.wakeup = absl::InfiniteFuture();
}

void Agent::State::On(const AgentStarted&) {
  lost_since = now;
  counted_since = now;
  Connect();
}

void Agent::State::On(const StreamOpened&) {
  if (link != Link::kConnecting) return;
  link = Link::kGreeting;
  greeted_until = now + kGreeting;
  effects.messages.push_back(MakeHello());
}

void Agent::State::On(const StreamClosed&) {
  if (link == Link::kWaiting || link == Link::kNone) return;
  if (link == Link::kOpen) lost_since = now;
  WaitToReconnect();
}

void Agent::State::On(const AgentTick&) {
  CheckPatience();
  if (link == Link::kWaiting && now >= retry_at) Connect();
  if (link == Link::kGreeting && now >= greeted_until) {
    effects.close = true;
    WaitToReconnect();
  }
  if (link == Link::kOpen && now >= next_heartbeat) Beat();
}

absl::Time Agent::State::Wakeup() const {
  const absl::Time patience = lost_since + options.patience;
  switch (link) {
    case Link::kOpen:
      return next_heartbeat;
    case Link::kWaiting:
      return std::min(retry_at, patience);
    case Link::kGreeting:
      return std::min(greeted_until, patience);
    case Link::kConnecting:
      return patience;
    case Link::kNone:
    case Link::kDone:
      return absl::InfiniteFuture();
  }
  return absl::InfiniteFuture();
}

Hello Agent::State::MakeHello() const {
  Hello hello;
  hello.instance = options.instance;
  hello.name = options.name;
  hello.software = options.software;
  hello.device = options.device;
  hello.auth_token = options.auth_token;
  hello.loaded_run = loaded;
  hello.numerics = numerics;
  for (const auto& [lease, grant] : grants) {
    hello.held.push_back(
        {lease, grant.grant.token, grant.cells, {grant.missing.begin(), grant.missing.end()}});
  }
  return hello;
}

void Agent::State::Say(WorkerMessage message) {
  if (link == Link::kOpen) effects.messages.push_back(std::move(message));
}

void Agent::State::On(const FromCoordinator& event) {
  // What comes before the greeting was meant for an earlier stream: this Hello has overtaken it, and the
  // coordinator does not count on it any more.
  const bool greets =
      std::holds_alternative<Welcome>(event.message) || std::holds_alternative<Refused>(event.message);
  if (link != Link::kOpen && !(link == Link::kGreeting && greets)) return;
  std::visit([&](const auto& message) { Hear(message); }, event.message);
}

void Agent::State::Hear(const Welcome& message) {
  link = Link::kOpen;
  attempts = 0;
  if (message.heartbeat > absl::ZeroDuration()) heartbeat = message.heartbeat;
  Replay();
  Beat();
}

void Agent::State::Hear(const Refused& message) {
  const absl::Status status = Error(absl::StatusCode::kFailedPrecondition, message.reason,
                                    absl::StrCat("the coordinator refused: ", message.message));
  effects.close = true;
  if (message.permanent) return Exit(status);
  if (link == Link::kOpen) lost_since = now;
  WaitToReconnect();
}

void Agent::State::Hear(const Drain&) { StartDraining(); }
void Agent::State::On(const DrainRequested&) { StartDraining(); }

// What the coordinator may not have heard: it was said on another stream, or on none.
void Agent::State::Replay() {
  std::vector<int64_t> numbers;
  for (const auto& [number, outcome] : outcomes) numbers.push_back(number);
  SayOutcomes(numbers);
  for (const auto& [cell, failure] : reported) Say(failure);
}

void Agent::State::SayOutcomes(const std::vector<int64_t>& numbers) {
  for (size_t next = 0; next < numbers.size();) {
    Outcomes message;
    std::set<LeaseId> leases;
    size_t hidden = 0;
    while (next < numbers.size() && message.outcomes.size() < kOutcomesPerMessage &&
           hidden < kHiddenPerMessage) {
      message.outcomes.push_back(outcomes.at(numbers[next++]));
      leases.insert(message.outcomes.back().lease);
      for (const HiddenState& state : message.outcomes.back().hidden) hidden += state.values.size();
    }
    for (const LeaseId lease : leases) {
      const AgentGrant& grant = grants.at(lease);
      message.grants.push_back({lease, grant.grant.token, grant.cells, {}});
    }
    Say(std::move(message));
  }
}

void Agent::State::Beat() {
  Heartbeat message;
  for (const auto& [lease, grant] : grants) message.leases.push_back(lease);
  for (const auto& [cell, task] : tasks) {
    if (task.stage != AgentTask::Stage::kQueued) message.started.push_back(cell);
  }
  const double seconds = absl::ToDoubleSeconds(now - counted_since);
  if (seconds > 0) message.tokens_per_second = static_cast<double>(generated) / seconds;
  generated = 0;
  counted_since = now;
  next_heartbeat = now + heartbeat;
  Say(std::move(message));
  OfferCredit(/*always=*/true);
}

// The engine's free places and a look-ahead of a quarter of all, less what waits already: so that a
// place that falls free is filled while the next grant is on its way.
int32_t Agent::State::CreditNow() const {
  if (draining) return 0;
  const int64_t kept = static_cast<int64_t>(outcomes.size() + tasks.size());
  const int64_t room = options.max_unacknowledged - kept;
  const int32_t queued = static_cast<int32_t>(tasks.size()) - in_engine;
  int64_t credit = Slots() + std::max(1, Slots() / 4) - in_engine - queued;
  if (!loaded.valid()) credit = options.first_credit - queued;
  return static_cast<int32_t>(std::max<int64_t>(0, std::min(credit, room)));
}

void Agent::State::OfferCredit(bool always) {
  const int32_t credit = CreditNow();
  // A place more is worth a message when it is an eighth of all, or when nothing waits.
  const bool starving = static_cast<int32_t>(tasks.size()) == in_engine;
  const int32_t step = starving ? 1 : std::max(1, Slots() / 8);
  if (!always && credit >= credit_believed && credit - credit_believed < step) return;
  credit_believed = credit;
  Say(Credit{credit, last_lease});
}

}  // namespace sprint
