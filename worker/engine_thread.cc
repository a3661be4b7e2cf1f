#include "worker/engine_thread.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/status.h"
#include "model/engine_mode.h"
#include "model/hidden_state.h"

namespace sprint {
namespace {

// Whether one engine serves both runs: modes differ in what is loaded only where one has a head that scores.
bool SameModel(const RunDescription& a, const RunDescription& b) {
  const bool scores = IsScoreMode(a.engine_mode) || IsScoreMode(b.engine_mode);
  return a.weights_hash == b.weights_hash && a.tokenizer_hash == b.tokenizer_hash && a.dtype == b.dtype &&
         (a.engine_mode == b.engine_mode || !scores);
}

std::string HashFloats(absl::Span<const float> values) {
  return std::string(Sha256(FloatBytes(values)).Raw());
}

bool AllFinite(absl::Span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
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
  for (auto& [id, running] : running_) {
    std::erase_if(running.cells, [&](const CellKey& cell) {
      if (!unwanted.contains(cell)) return false;
      SPRINT_LOG(kInfo) << "cancel " << CellForLog(cell);
      return true;
    });
    if (running.cells.empty()) ids.push_back(id);
  }
  for (const SequenceId id : ids) {
    model_.engine->Cancel(id);
    running_.erase(id);
  }
  // The engine has room again.
  tell_(EngineStarted{{}, Capacity()});
}

std::vector<StartCell> EngineThread::TakeTogether() {
  std::vector<StartCell> starts = {std::move(waiting_.front())};
  waiting_.pop_front();
  const CellKey first = starts[0].cell;
  const auto run = runs_.find(first.run);
  if (run == runs_.end() || !IsEmbedMode(run->second.engine_mode)) return starts;
  std::deque<StartCell> others;
  for (StartCell& start : waiting_) {
    const bool together =
        start.cell.run == first.run && start.cell.question == first.question && start.cell.arm == first.arm;
    if (together) {
      starts.push_back(std::move(start));
    } else {
      others.push_back(std::move(start));
    }
  }
  waiting_.swap(others);
  return starts;
}

void EngineThread::StartWaiting() {
  std::vector<CellKey> started;
  while (!waiting_.empty()) {
    const auto run = runs_.find(waiting_.front().cell.run);
    absl::Status status = run == runs_.end()
                              ? absl::FailedPreconditionError("the run of the cell was never described")
                              : LoadModel(run->second);
    if (status.ok() && model_.engine->Capacity() <= 0) break;
    std::vector<StartCell> starts = TakeTogether();
    absl::StatusOr<Arm> arm = Arm::Parse(starts[0].arm);
    if (status.ok()) status = arm.status();
    Running running{{}, clock_->Now(), {}};
    const SequenceId id = next_id_++;
    if (status.ok()) {
      SequenceRequest request = RequestOf(id, starts, *std::move(arm), run->second);
      running.layers = request.hidden_after;
      status = model_.engine->Submit(std::move(request));
    }
    if (absl::IsResourceExhausted(status) && !running_.empty()) {  // it fits when others have ended
      waiting_.insert(waiting_.begin(), starts.begin(), starts.end());
      break;
    }
    for (const StartCell& start : starts) {
      if (!status.ok()) {
        FailStart(start.cell, status);
        continue;
      }
      SPRINT_LOG(kInfo) << "start " << CellForLog(start.cell);
      running.cells.push_back(start.cell);
      started.push_back(start.cell);
    }
    if (status.ok()) running_[id] = std::move(running);
  }
  if (!started.empty()) tell_(EngineStarted{std::move(started), Capacity()});
}

SequenceRequest EngineThread::RequestOf(SequenceId id, const std::vector<StartCell>& starts, Arm arm,
                                        const RunDescription& run) const {
  const StartCell& first = starts[0];
  SequenceRequest request{id, first.prompt, std::move(arm), run.decoding, run.seed, first.cell.sample};
  request.hidden_after = first.hidden_after;
  const bool embeds = IsEmbedMode(run.engine_mode);
  if (!embeds && model_.scores == nullptr) return request;
  // The text is the prompt; the one token that is generated after it is dropped.
  request.decoding = Decoding();
  request.decoding.max_new_tokens = 1;
  request.sample = 0;
  request.hidden_after.clear();
  if (!embeds) {
    request.hidden_after = {model_.scores->layer()};
    return request;
  }
  for (const StartCell& start : starts) request.hidden_after.push_back(start.cell.sample);
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
    const Running running = std::move(found->second);
    running_.erase(found);
    for (const CellKey& cell : running.cells) {
      absl::StatusOr<Outcome> outcome = ToOutcome(result, running, cell);
      if (!outcome.ok()) {
        FailStart(cell, outcome.status());
        continue;
      }
      SPRINT_LOG(kInfo) << "finish " << CellForLog(cell) << " tokens=" << outcome->tokens.size();
      outcomes.push_back(*std::move(outcome));
    }
  }
  if (!outcomes.empty()) tell_(EngineFinished{std::move(outcomes), Capacity()});
}

absl::StatusOr<Outcome> EngineThread::ToOutcome(const SequenceResult& result, const Running& running,
                                                const CellKey& cell) const {
  Outcome outcome;
  outcome.cell = cell;
  outcome.numerics = numerics_;
  outcome.started = running.started;
  outcome.finished = clock_->Now();
  SPRINT_RETURN_IF_ERROR(Fill(result, running, outcome));
  return outcome;
}

absl::Status EngineThread::Fill(const SequenceResult& result, const Running& running,
                                Outcome& outcome) const {
  const RunDescription& run = runs_.at(outcome.cell.run);
  if (model_.scores != nullptr) {
    const std::vector<float> logits = model_.scores->Logits(result.hidden.at(0));
    outcome.text = LogitsText(logits);
    outcome.logprob_sum = ScoreOf(logits);
    return absl::OkStatus();
  }
  const bool embeds = IsEmbedMode(run.engine_mode);
  for (size_t i = 0; i < running.layers.size(); ++i) {
    if (embeds && running.layers[i] != outcome.cell.sample) continue;
    if (AllFinite(result.hidden.at(i))) outcome.hidden.push_back({running.layers[i], result.hidden[i]});
  }
  if (embeds) {
    if (outcome.hidden.empty())
      return absl::InternalError("the hidden state is not finite: the prompt overflows the model's numbers");
    outcome.logprobs_hash = HashFloats(outcome.hidden[0].values);
    return absl::OkStatus();
  }
  outcome.tokens = result.tokens;
  outcome.text = model_.decode(result.tokens);
  if (result.finish == FinishReason::kStopString)
    outcome.text = std::string(BeforeStopString(outcome.text, run.decoding.stop_strings));
  outcome.finish = result.finish;
  for (const float logprob : result.logprobs) outcome.logprob_sum += logprob;
  outcome.logprobs_hash = HashFloats(result.logprobs);
  return absl::OkStatus();
}

void EngineThread::Break(const absl::Status& status) {
  SPRINT_LOG(kError) << "the engine failed and is loaded anew: " << status.message();
  std::vector<CellKey> cells;
  for (const auto& [id, running] : running_)
    cells.insert(cells.end(), running.cells.begin(), running.cells.end());
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
