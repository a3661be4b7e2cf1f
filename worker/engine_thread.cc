#include "worker/engine_thread.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/status.h"

namespace sprint {
namespace {

// Whether one engine serves both runs.
bool SameModel(const RunDescription& a, const RunDescription& b) {
  return a.weights_hash == b.weights_hash && a.tokenizer_hash == b.tokenizer_hash && a.dtype == b.dtype &&
         a.engine_mode == b.engine_mode;
}

std::string HashLogprobs(const std::vector<float>& logprobs) {
  const absl::string_view bytes(reinterpret_cast<const char*>(logprobs.data()),
                                logprobs.size() * sizeof(float));
  return std::string(Sha256(bytes).Raw());
}

}  // namespace

std::string CellForLog(const CellKey& cell) {
  return absl::StrCat("run=", cell.run.value(), " question=", cell.question.value(),
                      " arm=", cell.arm.value(), " sample=", cell.sample);
}

EngineThread::EngineThread(std::unique_ptr<ModelLoader> loader, Clock* clock, Tell tell)
    : loader_(std::move(loader)), clock_(clock), tell_(std::move(tell)), thread_([this] { Run(); }) {}

EngineThread::~EngineThread() {
  {
    MutexLock lock(&mutex_);
    stop_ = true;
    wake_.Signal();
  }
  thread_.join();
}

void EngineThread::Send(EngineCommand command) {
  MutexLock lock(&mutex_);
  commands_.push_back(std::move(command));
  wake_.Signal();
}

void EngineThread::Run() {
  while (TakeCommands()) {
    while (!pending_.empty() && !Blocked()) {
      const EngineCommand command = std::move(pending_.front());
      pending_.pop_front();
      if (const auto* load = std::get_if<LoadRun>(&command)) {
        Load(load->run);
      } else if (const auto* start = std::get_if<StartCell>(&command)) {
        waiting_.push_back(*start);
      } else {
        Cancel(std::get<CancelCells>(command).cells);
      }
    }
    StartWaiting();
    Step();
  }
}

// Waits for commands when there is nothing to compute; false at the end.
bool EngineThread::TakeCommands() {
  MutexLock lock(&mutex_);
  while (commands_.empty() && pending_.empty() && waiting_.empty() && running_.empty() && !stop_) {
    wake_.Wait(&mutex_);
  }
  for (EngineCommand& command : commands_) pending_.push_back(std::move(command));
  commands_.clear();
  return !stop_;
}

// Another model has to wait until this one's cells have ended.
bool EngineThread::Blocked() const {
  const auto* load = std::get_if<LoadRun>(&pending_.front());
  return load != nullptr && loaded_for_.has_value() && !SameModel(load->run, *loaded_for_) &&
         !(running_.empty() && waiting_.empty());
}

void EngineThread::Load(const RunDescription& run) {
  const absl::Status status = LoadModel(run);
  if (!status.ok()) {
    SPRINT_LOG(kError) << "run " << run.run.value() << " is refused: " << status.message();
    tell_(EngineRefused{run.run, ReasonOf(status), std::string(status.message())});
    return;
  }
  runs_[run.run] = run;
  tell_(EngineReady{run.run, numerics_, Capacity()});
}

absl::Status EngineThread::LoadModel(const RunDescription& run) {
  if (model_.engine != nullptr && SameModel(run, *loaded_for_)) return absl::OkStatus();
  model_ = LoadedModel();  // first, so that two are never in memory at once
  loaded_for_.reset();
  SPRINT_LOG(kInfo) << "loading the model of run " << run.run.value() << ": " << run.model_name << " ("
                    << run.dtype << ")";
  SPRINT_ASSIGN_OR_RETURN(model_, loader_->Load(run));
  loaded_for_ = run;
  numerics_ = model_.engine->NumericsDescription();
  SPRINT_LOG(kInfo) << "loaded: " << numerics_;
  return absl::OkStatus();
}

void EngineThread::Cancel(const std::vector<CellKey>& cells) {
  const absl::flat_hash_set<CellKey> unwanted(cells.begin(), cells.end());
  std::erase_if(waiting_, [&](const StartCell& start) { return unwanted.contains(start.cell); });
  std::vector<SequenceId> ids;
  for (const auto& [id, running] : running_) {
    if (unwanted.contains(running.cell)) ids.push_back(id);
  }
  for (const SequenceId id : ids) {
    model_.engine->Cancel(id);
    SPRINT_LOG(kInfo) << "cancel " << CellForLog(running_[id].cell);
    running_.erase(id);
  }
  // The engine has room again.
  tell_(EngineStarted{{}, Capacity()});
}

void EngineThread::StartWaiting() {
  std::vector<CellKey> started;
  while (!waiting_.empty()) {
    const StartCell start = waiting_.front();
    const auto run = runs_.find(start.cell.run);
    absl::Status status = run == runs_.end()
                              ? absl::FailedPreconditionError("the run of the cell was never described")
                              : LoadModel(run->second);
    if (status.ok() && model_.engine->Capacity() <= 0) break;
    absl::StatusOr<Arm> arm = Arm::Parse(start.arm);
    if (status.ok()) status = arm.status();
    const SequenceId id = next_id_++;
    if (status.ok()) status = model_.engine->Submit(RequestOf(id, start, *std::move(arm), run->second));
    if (absl::IsResourceExhausted(status) && !running_.empty()) break;  // it fits when others have ended
    waiting_.pop_front();
    if (!status.ok()) {
      FailStart(start.cell, status);
      continue;
    }
    SPRINT_LOG(kInfo) << "start " << CellForLog(start.cell);
    running_[id] = {start.cell, clock_->Now()};
    started.push_back(start.cell);
  }
  if (!started.empty()) tell_(EngineStarted{std::move(started), Capacity()});
}

SequenceRequest EngineThread::RequestOf(SequenceId id, const StartCell& start, Arm arm,
                                        const RunDescription& run) const {
  SequenceRequest request{id, start.prompt, std::move(arm), run.decoding, run.seed, start.cell.sample};
  if (model_.scores != nullptr) {
    // The text is the prompt; the one token that is generated after it is dropped.
    request.decoding = Decoding();
    request.decoding.max_new_tokens = 1;
    request.hidden_after = {model_.scores->layer()};
  }
  return request;
}

void EngineThread::FailStart(const CellKey& cell, const absl::Status& status) {
  SPRINT_LOG(kWarning) << "failed " << CellForLog(cell) << ": " << status.message();
  tell_(EngineFailed{cell, std::string(status.message()), Capacity()});
}

void EngineThread::Step() {
  if (running_.empty()) return;
  absl::StatusOr<std::vector<SequenceResult>> results = model_.engine->Step();
  if (!results.ok()) return Break(results.status());
  std::vector<Outcome> outcomes;
  for (const SequenceResult& result : *results) {
    const auto found = running_.find(result.id);
    if (found == running_.end()) continue;
    outcomes.push_back(ToOutcome(result, found->second));
    SPRINT_LOG(kInfo) << "finish " << CellForLog(found->second.cell) << " tokens=" << result.tokens.size();
    running_.erase(found);
  }
  if (!outcomes.empty()) tell_(EngineFinished{std::move(outcomes), Capacity()});
}

Outcome EngineThread::ToOutcome(const SequenceResult& result, const Running& running) const {
  Outcome outcome;
  outcome.cell = running.cell;
  if (model_.scores != nullptr) {
    const std::vector<float> logits = model_.scores->Logits(result.hidden.at(0));
    outcome.text = LogitsText(logits);
    outcome.logprob_sum = ScoreOf(logits);
    outcome.finish = FinishReason::kStop;
    Stamp(running, outcome);
    return outcome;
  }
  outcome.tokens = result.tokens;
  outcome.text = model_.decode(result.tokens);
  if (result.finish == FinishReason::kStopString) {
    const std::vector<std::string>& stops = runs_.at(running.cell.run).decoding.stop_strings;
    outcome.text = std::string(BeforeStopString(outcome.text, stops));
  }
  outcome.finish = result.finish;
  for (const float logprob : result.logprobs) outcome.logprob_sum += logprob;
  outcome.logprobs_hash = HashLogprobs(result.logprobs);
  Stamp(running, outcome);
  return outcome;
}

void EngineThread::Stamp(const Running& running, Outcome& outcome) const {
  outcome.numerics = numerics_;
  outcome.started = running.started;
  outcome.finished = clock_->Now();
}

void EngineThread::Break(const absl::Status& status) {
  SPRINT_LOG(kError) << "the engine failed and is loaded anew: " << status.message();
  std::vector<CellKey> cells;
  for (const auto& [id, running] : running_) cells.push_back(running.cell);
  std::sort(cells.begin(), cells.end());
  running_.clear();
  model_ = LoadedModel();
  loaded_for_.reset();
  for (const CellKey& cell : cells) FailStart(cell, status);
}

// Cells that could be taken beyond those that wait here.
int32_t EngineThread::Capacity() const {
  if (model_.engine == nullptr) return 0;
  return std::max(0, model_.engine->Capacity() - static_cast<int>(waiting_.size()));
}

}  // namespace sprint
