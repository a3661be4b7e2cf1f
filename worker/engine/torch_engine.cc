#include "worker/engine/torch_engine.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "worker/engine/attention.h"
#include "worker/engine/device.h"
#include "worker/engine/greedy_head.h"
#include "worker/engine/lanes.h"
#include "worker/engine/memory_limit.h"
#include "worker/engine/parallel.h"
#include "worker/engine/runner.h"
#include "worker/engine/scheduler.h"
#include "worker/engine/self_test.h"
#include "worker/engine/weights_loader.h"

namespace sprint {
namespace {

// Without a limit of one's own, an engine takes this share of the free memory: two workers that
// start together on one machine both fit.
constexpr double kDefaultMemoryShare = 0.45;

std::string Mib(int64_t bytes) { return absl::StrCat(bytes >> 20, " MiB"); }

class TorchEngine : public Engine {
 public:
  TorchEngine(std::shared_ptr<const ModelFiles> model, std::unique_ptr<Runner> runner,
              const SchedulerOptions& options)
      : model_(std::move(model)),
        runner_(std::move(runner)),
        scheduler_(model_->config, options),
        options_(options) {}

  int Capacity() const override { return failed_.ok() ? scheduler_.Capacity() : 0; }
  absl::Status Submit(SequenceRequest request) override { return scheduler_.Submit(std::move(request)); }
  void Cancel(SequenceId id) override { scheduler_.Cancel(id); }
  bool Idle() const override { return scheduler_.Idle(); }
  const StepStats& stats() const override { return stats_; }
  std::string NumericsDescription() const override { return runner_->Describe(); }
  absl::StatusOr<std::vector<SequenceResult>> Step() override;

  // Forward, with o_proj changed when `zero_columns` is not null.
  absl::StatusOr<ForwardResult> RunWhole(absl::Span<const int32_t> tokens, const Arm& arm, bool want_hidden,
                                         const HeadEdit* zero_columns);
  absl::Status SelfTest();
  absl::Status CheckFits(const SequenceRequest& request) const { return scheduler_.CheckFits(request); }

 private:
  absl::Status ForwardChunks(absl::Span<const int32_t> tokens, const Arm& arm, bool want_hidden,
                             const std::vector<int32_t>& blocks, ForwardResult* result);

  const std::shared_ptr<const ModelFiles> model_;
  const std::unique_ptr<Runner> runner_;
  Scheduler scheduler_;
  const SchedulerOptions options_;
  StepStats stats_;
  absl::Status failed_;
  StepOutput output_;
};

absl::StatusOr<std::vector<SequenceResult>> TorchEngine::Step() {
  SPRINT_RETURN_IF_ERROR(failed_);
  const StepBatch& batch = scheduler_.Plan();
  stats_.running = scheduler_.running();
  if (batch.rows() == 0) return std::vector<SequenceResult>();
  const int64_t calls = runner_->gemm_calls();
  for (const KvCopy& copy : batch.copies) {
    failed_ = runner_->CopyKv(copy.from, copy.to, 0, copy.layers);
    SPRINT_RETURN_IF_ERROR(failed_);
  }
  failed_ = runner_->Run(batch, &output_);
  SPRINT_RETURN_IF_ERROR(failed_);
  ++stats_.steps;
  stats_.tokens += batch.rows();
  stats_.gemm_calls += runner_->gemm_calls() - calls;
  const RunSeconds seconds = runner_->seconds();
  stats_.gemm_seconds = seconds.gemm;
  stats_.attention_seconds = seconds.attention;
  stats_.step_seconds = seconds.total;
  stats_.preemptions = scheduler_.preemptions();
  stats_.reused = scheduler_.reused_tokens();
  stats_.resumed = scheduler_.resumed_tokens();
  stats_.followed = scheduler_.followed_tokens();
  stats_.peak_kv_tokens = std::max(stats_.peak_kv_tokens, scheduler_.kv_tokens() + batch.rows());
  std::vector<SequenceResult> finished = scheduler_.Commit(output_.next, output_.logprobs, output_.accepted);
  stats_.generated = scheduler_.generated();
  stats_.drafted = scheduler_.drafted();
  stats_.accepted = scheduler_.accepted();
  return finished;
}

absl::StatusOr<ForwardResult> TorchEngine::RunWhole(absl::Span<const int32_t> tokens, const Arm& arm,
                                                    bool want_hidden, const HeadEdit* zero_columns) {
  const ModelConfig& config = model_->config;
  SPRINT_RETURN_IF_ERROR(failed_);
  SPRINT_RETURN_IF_ERROR(arm.CheckFits(config.layers, config.heads));
  const int64_t n = static_cast<int64_t>(tokens.size());
  if (n == 0 || n > config.context) {
    return absl::InvalidArgumentError(absl::StrCat(n, " tokens; the model takes 1 to ", config.context));
  }
  for (const int32_t token : tokens) {
    if (token < 0 || token >= config.vocab) {
      return absl::InvalidArgumentError(
          absl::StrCat("token ", token, " is outside the vocabulary of ", config.vocab));
    }
  }
  BlockPool& pool = scheduler_.pool();
  const int64_t needed = (n + kBlockTokens - 1) / kBlockTokens;
  if (!scheduler_.MakeRoom(needed)) {
    return Error(absl::StatusCode::kResourceExhausted, Reason::kOutOfMemory,
                 absl::StrCat("the engine's K/V memory has no room for ", n, " tokens now"));
  }
  std::vector<int32_t> blocks;
  for (int64_t i = 0; i < needed; ++i) blocks.push_back(pool.Take());
  ForwardResult result;
  absl::Status status;
  if (zero_columns != nullptr) {
    const int64_t first = static_cast<int64_t>(zero_columns->head) * config.head_dim;
    status = runner_->ZeroOutputColumns(zero_columns->layer, first, first + config.head_dim);
  }
  if (status.ok()) status = ForwardChunks(tokens, arm, want_hidden, blocks, &result);
  runner_->RestoreOutputProjection();
  for (const int32_t block : blocks) pool.Unref(block);
  SPRINT_RETURN_IF_ERROR(status);
  return result;
}

absl::Status TorchEngine::ForwardChunks(absl::Span<const int32_t> tokens, const Arm& arm, bool want_hidden,
                                        const std::vector<int32_t>& blocks, ForwardResult* result) {
  StepOutput output;
  result->hidden.resize(want_hidden ? static_cast<size_t>(model_->config.layers) + 1 : 0);
  for (size_t first = 0; first < tokens.size(); first += static_cast<size_t>(options_.max_tokens_per_step)) {
    const auto chunk = tokens.subspan(first, static_cast<size_t>(options_.max_tokens_per_step));
    StepBatch batch;
    batch.tokens.assign(chunk.begin(), chunk.end());
    batch.want_logits = true;
    batch.want_hidden = want_hidden;
    for (int64_t row = 0; row < batch.rows(); ++row) batch.logit_rows.push_back(row);
    StepSequence sequence;
    sequence.rows = batch.rows();
    sequence.first_position = static_cast<int64_t>(first);
    sequence.blocks = blocks.data();
    sequence.arm = &arm;
    batch.sequences.push_back(sequence);
    SPRINT_RETURN_IF_ERROR(runner_->Run(batch, &output));
    result->logits.insert(result->logits.end(), output.logits.begin(), output.logits.end());
    for (size_t i = 0; i < result->hidden.size(); ++i) {
      result->hidden[i].insert(result->hidden[i].end(), output.hidden[i].begin(), output.hidden[i].end());
    }
  }
  return absl::OkStatus();
}

absl::Status TorchEngine::SelfTest() {
  return TestMask(model_->config,
                  [this](const std::vector<int32_t>& tokens, const Arm& arm, const HeadEdit* zero_columns) {
                    return RunWhole(tokens, arm, /*want_hidden=*/true, zero_columns);
                  });
}

// What prompts' residual streams may take (prompt_traces.h): room for so many tokens of them, and an
// eighth of what the weights leave at most.
int64_t TraceBytes(const ModelConfig& config, int64_t left) {
  const int64_t token = int64_t{config.layers - 1} * config.hidden * static_cast<int64_t>(sizeof(float));
  return std::clamp<int64_t>(left / 8, 0, kMaxTracedTokens * token);
}

// Sequences at once where nobody says how many: as many as pay, up to this.
constexpr int kWidest = 256;

// Times steps of up to kWidest rows, the shortest of some tries each; the blocks' contents are overwritten. A
// large model gets fewer tries, whose noise is small beside a long step, and fewer widths: loading is not
// held up.
absl::StatusOr<StepCost> MeasureStepCost(Runner& runner, const SchedulerOptions& options) {
  constexpr int kTries = 4;
  constexpr double kLongStep = 0.1;  // seconds: one try is enough
  constexpr double kEnough = 2;      // seconds for all
  double spent = 0;
  std::vector<std::pair<int64_t, double>> points;
  const Arm baseline;
  std::vector<int32_t> blocks;
  for (int64_t rows = 1; rows <= kWidest && rows <= options.max_tokens_per_step; rows *= 2) {
    while (static_cast<int64_t>(blocks.size()) * kBlockTokens < rows) {
      blocks.push_back(static_cast<int32_t>(blocks.size()));
    }
    if (static_cast<int64_t>(blocks.size()) > options.kv_blocks) break;
    StepBatch batch;
    StepSequence sequence;
    sequence.rows = rows;
    sequence.blocks = blocks.data();
    sequence.arm = &baseline;
    for (int64_t row = 0; row < rows; ++row) {
      batch.tokens.push_back(0);
      batch.logit_rows.push_back(row);
    }
    batch.sequences.push_back(sequence);
    double best = std::numeric_limits<double>::infinity();
    for (int attempt = 0; attempt < kTries && (attempt == 0 || best < kLongStep); ++attempt) {
      StepOutput output;
      const auto start = std::chrono::steady_clock::now();
      SPRINT_RETURN_IF_ERROR(runner.Run(batch, &output));
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      best = std::min(best, seconds);
      spent += seconds;
    }
    points.emplace_back(rows, best);
    if (spent > kEnough && points.size() >= 2) break;
  }
  return points.size() < 2 ? StepCost() : StepCost(std::move(points));
}

// What an engine may use, and what is gone before its lanes get their shares.
struct MemoryShare {
  int64_t limit = 0;
  int64_t weights = 0;
  int lanes = 1;
  int64_t of_lane() const { return (limit - weights) / lanes; }
};

// How many K/V blocks a lane's share leaves room for beside its traces; an error when not even one sequence
// fits.
absl::StatusOr<int64_t> KvBlocks(const ModelConfig& config, const Runner& runner, const MemoryShare& share,
                                 int64_t trace_bytes, int max_sequences) {
  const int64_t whole_context = (config.context + kBlockTokens - 1) / kBlockTokens;
  const int64_t useful = whole_context * max_sequences + 1;
  const int64_t left = share.of_lane() - trace_bytes - runner.ActivationBytes();
  const int64_t blocks = std::min(useful, left / runner.KvBlockBytes());
  if (blocks >= 2) return blocks;
  return Error(absl::StatusCode::kResourceExhausted, Reason::kOutOfMemory,
               absl::StrCat("the engine may use ", Mib(share.limit), ", but the weights take ",
                            Mib(share.weights), ", a step's activations ", Mib(runner.ActivationBytes()),
                            " and ", kBlockTokens, " cached tokens ", Mib(runner.KvBlockBytes()),
                            share.lanes > 1 ? absl::StrCat(" in each of ", share.lanes, " lanes") : "",
                            "; raise the memory limit, choose bf16, lower max_tokens_per_step",
                            share.lanes > 1 ? ", or use fewer lanes" : ""));
}

absl::Status CheckOptions(const TorchEngineOptions& options) {
  if (options.max_sequences < 0 || options.max_tokens_per_step < 1 || options.threads < 0 ||
      options.memory_bytes < 0 || options.lanes < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("engine options: max_sequences ", options.max_sequences, ", max_tokens_per_step ",
                     options.max_tokens_per_step, ", threads ", options.threads, ", memory ",
                     options.memory_bytes, ", lanes ", options.lanes,
                     "; max_tokens_per_step and lanes are at least 1, the others not negative"));
  }
  return absl::OkStatus();
}

// As many as are asked for, where each gets a thread and a sequence.
int Lanes(const TorchEngineOptions& options, bool own_kernels, int threads) {
  int most = own_kernels ? threads : 1;
  if (options.max_sequences > 0) most = std::min(most, options.max_sequences);
  const int lanes = std::min(options.lanes, most);
  if (lanes < options.lanes) {
    SPRINT_LOG(kWarning) << lanes << " lanes of " << options.lanes << ": "
                         << (own_kernels ? "there are no more threads or sequences" : "the device has one");
  }
  return lanes;
}

// Shared where it is wanted and can be; a folder that will not do costs memory, and no run.
absl::StatusOr<LoadedWeights> LoadSharedOrOwn(const ModelFiles& model, const TorchEngineOptions& options,
                                              bool own_kernels, const WeightsOptions& wanted) {
  if (!own_kernels || options.shared_folder.empty() || options.shared_key.empty())
    return LoadWeights(model, wanted);
  const std::string key = absl::StrCat(options.shared_key, "-", DtypeName(options.dtype), "-", kPanelRows,
                                       wanted.screen ? "-screen1" : "");
  absl::StatusOr<std::unique_ptr<SharedWeights>> shared = SharedWeights::Open(options.shared_folder, key);
  absl::Status status = shared.status();
  if (status.ok()) {
    absl::StatusOr<LoadedWeights> weights =
        LoadWeights(model, wanted, std::shared_ptr<SharedWeights>(*std::move(shared)));
    if (weights.ok() || ReasonOf(weights.status()) == Reason::kModelDamaged) return weights;
    status = weights.status();
  }
  SPRINT_LOG(kWarning) << "weights are not shared with other workers: " << status.message();
  return LoadWeights(model, wanted);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> LoadTorchEngine(std::shared_ptr<const ModelFiles> model,
                                                        const TorchEngineOptions& options) {
  SPRINT_RETURN_IF_ERROR(CheckOptions(options));
  const ModelConfig& config = model->config;
  SPRINT_ASSIGN_OR_RETURN(const TorchDevice device, ResolveTorchDevice(options.device));
  int64_t limit = options.memory_bytes;
  if (limit == 0) limit = static_cast<int64_t>(kDefaultMemoryShare * static_cast<double>(AvailableMemory()));
  if (options.memory_bytes == 0 && device.cuda) limit = device.memory_bytes / 10 * 9;

  const MemoryEstimate estimate = EstimateMemory(config, options.dtype, EngineShape());
  if (limit > 0 && estimate.weights > limit) {
    return Error(
        absl::StatusCode::kResourceExhausted, Reason::kOutOfMemory,
        absl::StrCat("the weights of ", model->path, " take ", Mib(estimate.weights), " as ",
                     DtypeName(options.dtype), ", the engine may use ", Mib(limit),
                     "; raise the memory limit", options.dtype == Dtype::kF32 ? " or choose bf16" : ""));
  }
  const int threads = options.threads > 0 ? options.threads : UsableCpus();
  const int lanes = Lanes(options, device.own_kernels, threads);
  WeightsOptions wanted;
  wanted.dtype = options.dtype;
  wanted.threads = threads;
  // Not where it would take much of what is left for K/V.
  wanted.screen = device.own_kernels && options.screened_head && options.dtype == Dtype::kBF16 &&
                  GreedyHead::Pays() && estimate.screen <= (limit - estimate.weights) / 4;
  SPRINT_ASSIGN_OR_RETURN(LoadedWeights weights,
                          LoadSharedOrOwn(*model, options, device.own_kernels, wanted));
  const int64_t weight_bytes = weights.bytes();
  const int most_sequences = options.max_sequences > 0 ? options.max_sequences / lanes : kWidest;
  RunnerOptions runner_options;
  runner_options.max_rows = std::max(options.max_tokens_per_step, most_sequences);
  // Drafts add rows to few sequences: a narrower head would read its weights again for each.
  constexpr int kLeastLogitRows = 32;
  runner_options.max_logit_rows = std::max(most_sequences, kLeastLogitRows);
  std::vector<std::unique_ptr<Runner>> runners;
  if (device.own_kernels) {
    const auto shared = std::make_shared<const LoadedWeights>(std::move(weights));
    for (int lane = 0; lane < lanes; ++lane) {
      runner_options.threads = threads * (lane + 1) / lanes - threads * lane / lanes;
      SPRINT_ASSIGN_OR_RETURN(runners.emplace_back(), MakeCpuRunner(config, shared, runner_options));
    }
  } else {
    runner_options.threads = threads;
    SPRINT_ASSIGN_OR_RETURN(runners.emplace_back(),
                            MakeAtenRunner(config, std::move(weights), runner_options, device.name));
  }
  Runner& first = *runners.front();
  SchedulerOptions scheduler_options;
  scheduler_options.max_sequences = most_sequences;
  // Arms of a question come together, and stay so if a lane may have some more of them than it has room for.
  constexpr int kWaiting = 16;
  scheduler_options.max_waiting = lanes > 1 ? kWaiting : 0;
  scheduler_options.max_tokens_per_step = runner_options.max_rows;
  if (model->tokenizer != nullptr) {
    scheduler_options.token_bytes = [model](int32_t id) {
      return model->tokenizer->IsSpecial(id) ? std::string() : model->tokenizer->TokenBytes(id);
    };
  }
  scheduler_options.prefix_reuse = options.prefix_reuse;
  scheduler_options.layer_resume = options.layer_resume && first.CanResume();
  const MemoryShare share{limit, weight_bytes, lanes};
  if (scheduler_options.layer_resume) {
    scheduler_options.trace_bytes = TraceBytes(config, share.of_lane() - first.ActivationBytes());
  }
  SPRINT_ASSIGN_OR_RETURN(scheduler_options.kv_blocks,
                          KvBlocks(config, first, share, scheduler_options.trace_bytes, most_sequences));
  for (const std::unique_ptr<Runner>& runner : runners) {
    SPRINT_RETURN_IF_ERROR(runner->AllocateKv(scheduler_options.kv_blocks));
  }
  scheduler_options.max_draft = options.max_draft;
  scheduler_options.step_cost = options.draft_cost;
  const bool measured_width = options.max_sequences == 0;
  if ((options.max_draft > 0 || measured_width) && !options.draft_cost.known()) {
    SPRINT_ASSIGN_OR_RETURN(scheduler_options.step_cost, MeasureStepCost(first, scheduler_options));
  }
  if (measured_width && scheduler_options.step_cost.known()) {
    scheduler_options.max_sequences = static_cast<int>(scheduler_options.step_cost.WidthThatPays());
    SPRINT_LOG(kInfo) << "up to " << lanes * scheduler_options.max_sequences
                      << " answers at once, by what steps cost here";
  }
  std::vector<std::unique_ptr<Engine>> engines;
  const TorchEngine* checker = nullptr;
  for (std::unique_ptr<Runner>& runner : runners) {
    auto engine = std::make_unique<TorchEngine>(model, std::move(runner), scheduler_options);
    if (engines.empty() && options.self_test) SPRINT_RETURN_IF_ERROR(engine->SelfTest());
    if (checker == nullptr) checker = engine.get();
    engines.push_back(std::move(engine));
  }
  if (lanes == 1) return std::move(engines.front());
  return std::make_unique<LaneEngine>(
      std::move(engines), [checker](const SequenceRequest& request) { return checker->CheckFits(request); });
}

absl::StatusOr<ForwardResult> Forward(Engine& torch_engine, absl::Span<const int32_t> tokens, const Arm& arm,
                                      bool want_hidden) {
  auto* engine = dynamic_cast<TorchEngine*>(&torch_engine);
  if (engine == nullptr)
    return absl::InvalidArgumentError("Forward needs an engine of one lane made by LoadTorchEngine");
  return engine->RunWhole(tokens, arm, want_hidden, nullptr);
}

}  // namespace sprint
