#include "worker/engine/lanes.h"

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace sprint {

LaneEngine::LaneEngine(std::vector<std::unique_ptr<Engine>> lanes, CheckFn check) : check_(std::move(check)) {
  for (std::unique_ptr<Engine>& engine : lanes) {
    auto lane = std::make_unique<Lane>();
    lane->capacity = engine->Capacity();
    lane->engine = std::move(engine);
    lanes_.push_back(std::move(lane));
  }
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    lane->thread = std::thread([this, lane = lane.get()] { Work(*lane); });
  }
}

LaneEngine::~LaneEngine() {
  {
    MutexLock lock(&mutex_);
    stop_ = true;
    changed_.SignalAll();
  }
  for (const std::unique_ptr<Lane>& lane : lanes_) lane->thread.join();
}

void LaneEngine::Work(Lane& lane) {
  for (;;) {
    {
      MutexLock lock(&mutex_);
      while (!stop_ && lane.state != Lane::State::kStepping) changed_.Wait(&mutex_);
      if (stop_) return;
    }
    absl::StatusOr<std::vector<SequenceResult>> results = lane.engine->Step();
    MutexLock lock(&mutex_);
    lane.results = std::move(results);
    lane.state = Lane::State::kDone;
    changed_.SignalAll();
  }
}

bool LaneEngine::Stepping(Lane& lane) {
  {
    MutexLock lock(&mutex_);
    if (lane.state == Lane::State::kStepping) return true;
  }
  failed_.Update(Settle(lane));
  return false;
}

int LaneEngine::Capacity() const {
  if (!failed_.ok()) return 0;
  int capacity = 0;
  for (const std::unique_ptr<Lane>& lane : lanes_) capacity += std::max(0, lane->capacity - lane->load);
  return capacity;
}

// The lane that has the prompt's other sequences, unless it is full; otherwise the one with most room.
LaneEngine::Lane& LaneEngine::LaneFor(uint64_t prompt) {
  const auto known = prompts_.find(prompt);
  if (known != prompts_.end() && known->second.lane->load < known->second.lane->capacity) {
    return *known->second.lane;
  }
  const auto emptiest = std::max_element(lanes_.begin(), lanes_.end(), [](const auto& a, const auto& b) {
    return a->capacity - a->load < b->capacity - b->load;
  });
  return **emptiest;
}

absl::Status LaneEngine::Submit(SequenceRequest request) {
  SPRINT_RETURN_IF_ERROR(failed_);
  SPRINT_RETURN_IF_ERROR(check_(request));
  const SequenceId id = request.id;
  if (sequences_.contains(id)) {
    return absl::InvalidArgumentError(absl::StrCat("sequence ", id, " is already running"));
  }
  if (Capacity() <= 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the engine already has its ", sequences_.size(), " sequences"));
  }
  const uint64_t hash = absl::HashOf(request.prompt);
  Lane& lane = LaneFor(hash);
  // A lane that computes takes it when its step has ended.
  if (Stepping(lane)) {
    lane.inbox.push_back(std::move(request));
  } else {
    SPRINT_RETURN_IF_ERROR(failed_);
    SPRINT_RETURN_IF_ERROR(lane.engine->Submit(std::move(request)));
  }
  ++lane.load;
  sequences_[id] = {&lane, hash};
  Prompt& prompt = prompts_[hash];
  prompt.lane = &lane;
  ++prompt.sequences;
  return absl::OkStatus();
}

void LaneEngine::Forget(SequenceId id) {
  const auto found = sequences_.find(id);
  if (found == sequences_.end()) return;
  --found->second.lane->load;
  const auto prompt = prompts_.find(found->second.prompt);
  if (--prompt->second.sequences == 0) prompts_.erase(prompt);
  sequences_.erase(found);
}

void LaneEngine::Cancel(SequenceId id) {
  const auto found = sequences_.find(id);
  if (found == sequences_.end()) return;
  Lane& lane = *found->second.lane;
  Forget(id);
  if (std::erase_if(lane.inbox, [id](const SequenceRequest& request) { return request.id == id; }) > 0)
    return;
  lane.cancelled.push_back(id);
  Stepping(lane);
}

absl::Status LaneEngine::Settle(Lane& lane) {
  for (const SequenceId id : std::exchange(lane.cancelled, {})) {
    lane.engine->Cancel(id);
    if (!lane.results.ok()) continue;
    std::erase_if(*lane.results, [id](const SequenceResult& result) { return result.id == id; });
  }
  for (SequenceRequest& request : std::exchange(lane.inbox, {})) {
    SPRINT_RETURN_IF_ERROR(lane.engine->Submit(std::move(request)));
  }
  return absl::OkStatus();
}

absl::Status LaneEngine::Collect(Lane& lane, std::vector<SequenceResult>& finished) {
  SPRINT_RETURN_IF_ERROR(lane.results.status());
  SPRINT_RETURN_IF_ERROR(Settle(lane));
  lane.stats = lane.engine->stats();
  for (SequenceResult& result : std::exchange(*lane.results, {})) {
    Forget(result.id);
    finished.push_back(std::move(result));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SequenceResult>> LaneEngine::Step() {
  SPRINT_RETURN_IF_ERROR(failed_);
  std::vector<Lane*> done;
  {
    MutexLock lock(&mutex_);
    for (const std::unique_ptr<Lane>& lane : lanes_) {
      if (lane->state == Lane::State::kFree && !lane->engine->Idle()) lane->state = Lane::State::kStepping;
    }
    changed_.SignalAll();
    for (;;) {
      for (const std::unique_ptr<Lane>& lane : lanes_) {
        if (lane->state != Lane::State::kDone) continue;
        lane->state = Lane::State::kFree;
        done.push_back(lane.get());
      }
      if (!done.empty() || sequences_.empty()) break;
      changed_.Wait(&mutex_);
    }
  }
  std::vector<SequenceResult> finished;
  for (Lane* lane : done) failed_.Update(Collect(*lane, finished));
  SumStats();
  if (!failed_.ok() && finished.empty()) return failed_;
  return finished;
}

void LaneEngine::SumStats() {
  stats_ = StepStats();
  const auto lanes = static_cast<double>(lanes_.size());
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    const StepStats& one = lane->stats;
    stats_.steps += one.steps;
    stats_.tokens += one.tokens;
    stats_.generated += one.generated;
    stats_.gemm_calls += one.gemm_calls;
    stats_.running += lane->load == 0 ? 0 : one.running;
    stats_.peak_kv_tokens += one.peak_kv_tokens;
    stats_.drafted += one.drafted;
    stats_.accepted += one.accepted;
    stats_.reused += one.reused;
    stats_.resumed += one.resumed;
    stats_.followed += one.followed;
    stats_.gemm_seconds += one.gemm_seconds / lanes;
    stats_.attention_seconds += one.attention_seconds / lanes;
    stats_.step_seconds += one.step_seconds / lanes;
    stats_.preemptions += one.preemptions;
  }
}

std::string LaneEngine::NumericsDescription() const { return lanes_.front()->engine->NumericsDescription(); }

}  // namespace sprint
