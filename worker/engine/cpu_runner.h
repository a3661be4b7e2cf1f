// The step on the CPU, in kernels of our own: the class behind MakeCpuRunner, for its two source files.
#ifndef SPRINT_WORKER_ENGINE_CPU_RUNNER_H_
#define SPRINT_WORKER_ENGINE_CPU_RUNNER_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "worker/engine/attention.h"
#include "worker/engine/gemm.h"
#include "worker/engine/greedy_head.h"
#include "worker/engine/kernels.h"
#include "worker/engine/parallel.h"
#include "worker/engine/rope.h"
#include "worker/engine/runner.h"

namespace sprint {

// Work of about this many elements is worth handing to another thread.
inline constexpr int64_t kElementsPerTask = 16384;

// Adds the time between its making and its end.
class Timed {
 public:
  explicit Timed(double* seconds) : seconds_(seconds), start_(std::chrono::steady_clock::now()) {}
  ~Timed() { *seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  double* const seconds_;
  const std::chrono::steady_clock::time_point start_;
};

// T is how weights, GEMM operands and K/V are stored; the residual stream is f32.
template <typename T>
class CpuRunner : public Runner {
 public:
  CpuRunner(const ModelConfig& config, std::shared_ptr<const LoadedWeights> weights,
            const RunnerOptions& options)
      : config_(config),
        options_(options),
        held_(std::move(weights)),
        weights_(*held_),
        pool_(options.threads),
        gemm_(pool_),
        rope_(config.rope, config.head_dim),
        scratch_(static_cast<size_t>(options.threads)) {
    shape_.kv_heads = config.kv_heads;
    shape_.group = config.heads / config.kv_heads;
    shape_.head_dim = config.head_dim;
    shape_.window = config.sliding_window;
    q_dim_ = static_cast<int64_t>(config.heads) * config.head_dim;
    kv_dim_ = static_cast<int64_t>(config.kv_heads) * config.head_dim;
  }

  absl::Status Prepare();

  int64_t KvBlockBytes() const override {
    return 2 * config_.layers * shape_.block() * static_cast<int64_t>(sizeof(T));
  }
  int64_t ActivationBytes() const override {
    int64_t bytes = 0;
    for (const AlignedBuffer* buffer :
         {&residual_, &normed_, &qkv_, &attended_, &delta_, &gate_up_, &act_, &head_in_, &logits_}) {
      bytes += buffer->bytes();
    }
    return bytes;
  }
  absl::Status AllocateKv(int64_t blocks) override;
  absl::Status CopyKv(absl::Span<const int32_t> from, absl::Span<const int32_t> to, int32_t first,
                      int32_t last) override;
  bool CanResume() const override { return true; }
  absl::Status Run(const StepBatch& batch, StepOutput* output) override;
  absl::Status ZeroOutputColumns(int32_t layer, int64_t first, int64_t last) override;
  void RestoreOutputProjection() override { zeroed_.reset(); }
  int64_t gemm_calls() const override { return gemm_.calls(); }
  RunSeconds seconds() const override { return seconds_; }
  std::string Describe() const override {
    constexpr Dtype kDtype = std::is_same_v<T, float> ? Dtype::kF32 : Dtype::kBF16;
    return absl::StrCat("cpu ", kernels::Target(), ", ", DtypeName(kDtype), ", ", DescribeGemm(kDtype),
                        greedy_head_ ? ", screened head" : "");
  }

 private:
  struct Zeroed {
    int32_t layer;
    Matrix o;
  };
  // Rows of a task, where each has `width` elements of work: the same number of tasks for every thread.
  int64_t RowsPerTask(int64_t rows, int64_t width) const {
    const int64_t tasks = rows * width / kElementsPerTask / pool_.threads() * pool_.threads();
    return tasks == 0 ? std::max<int64_t>(1, kElementsPerTask / std::max<int64_t>(1, width))
                      : (rows + tasks - 1) / tasks;
  }
  // body(row) for each row, in tasks of a size that suits rows of `width` elements.
  template <typename Body>
  void ForRows(int64_t rows, int64_t width, const Body& body) {
    pool_.For(rows, RowsPerTask(rows, width), [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) body(row);
    });
  }
  // Whether gate and up of the same units lie in panels of their own, so that a piece of the product has
  // both.
  bool GatesInPieces() const { return config_.intermediate % kPanelRows == 0; }
  float* Residual(int64_t row) { return residual_.as<float>() + row * config_.hidden; }

  // `then` is the matrix of the next product.
  void Multiply(const Matrix& w, const T* x, int64_t rows, float* y, const Matrix* then) {
    const Timed timed(&seconds_.gemm);
    gemm_.Multiply(w, x, rows, y, then);
  }
  void Embed(const StepBatch& batch);
  // Takes in the sequences whose rows begin at `layer`: active_ grows, their rows are normed.
  void Enter(int32_t layer, const StepBatch& batch);
  // Of the last layer's rows, those that nobody wants the output of end with its K/V: `batch` is what remains
  // of them, its rows moved together, which are rows `wanted` of what came in; null: all remain.
  void Layer(int32_t layer, const StepBatch& batch, const std::vector<int64_t>* wanted);
  // The rows of the last layer that somebody wants, moved together, without their tokens: `wanted` says which
  // of `batch` they are.
  static StepBatch WantedOf(const StepBatch& batch, int32_t layers, std::vector<int64_t>& wanted);
  void KeepRows(const std::vector<int64_t>& wanted);
  void Norm(const std::vector<float>& weight, int64_t first, int64_t last);
  // residual += delta (+ bias), then the norm that comes next.
  void AddAndNorm(const std::vector<float>& bias, const std::vector<float>& norm, int64_t rows);
  void ProjectHeads(int32_t layer);
  void Attention(int32_t layer, const StepBatch& batch);
  void Gate(int32_t layer, const StepBatch& batch);
  void Mlp(const LayerWeights& layer, int64_t rows, const Matrix& then);
  void KeepHidden(const StepBatch& batch, bool normed, StepOutput* output);
  void Capture(int32_t boundary, const StepBatch& batch);
  void Head(const StepBatch& batch, StepOutput* output);
  // The choices of some logit rows, at most max_logit_rows: the highest logit of each, by way of 8 bits; by
  // all logits, none of which is stored; through stored logits.
  void TakeScreened(const StepBatch& batch, absl::Span<const int64_t> rows, std::vector<int64_t>& unknown,
                    StepOutput* output);
  void TakeHighest(const StepBatch& batch, absl::Span<const int64_t> rows, StepOutput* output);
  void TakeFromLogits(const StepBatch& batch, absl::Span<const int64_t> rows, StepOutput* output);
  // Moves what the head reads of these logit rows to head_in_.
  void GatherHeadRows(const StepBatch& batch, absl::Span<const int64_t> rows);
  void SampleRow(const RowSampler& sampler, int64_t row, const float* logits, const kernels::Best& best,
                 StepOutput* output);

  const ModelConfig& config_;
  const RunnerOptions options_;
  const std::shared_ptr<const LoadedWeights> held_;
  const LoadedWeights& weights_;  // *held_
  ThreadPool pool_;
  Gemm gemm_;
  std::optional<GreedyHead> greedy_head_;  // with bf16, where the weights have a screen
  RopeTable rope_;
  AttentionShape shape_;
  int64_t q_dim_ = 0;
  int64_t kv_dim_ = 0;
  std::optional<Zeroed> zeroed_;
  std::vector<AttentionScratch> scratch_;
  // Per row of the step: its position and its sequence (index in the batch).
  std::vector<int64_t> positions_;
  std::vector<const StepSequence*> owners_;
  int64_t active_ = 0;  // rows that the current layer computes: a prefix of the step's

  RunSeconds seconds_;
  BufferArena memory_;                // of the buffers below, but for K/V
  std::vector<kernels::Peak> peaks_;  // [logit rows, pieces of the head]
  AlignedBuffer residual_;            // f32 [rows, hidden]
  AlignedBuffer normed_;              // T [rows, hidden]
  AlignedBuffer qkv_;                 // f32 [rows, q + 2 kv]; q is rotated in place
  AlignedBuffer attended_;            // T [rows, q]
  AlignedBuffer delta_;               // f32 [rows, hidden]
  AlignedBuffer gate_up_;             // f32 [rows, 2 intermediate]; empty when GatesInPieces()
  AlignedBuffer act_;                 // T [rows, intermediate]
  AlignedBuffer head_in_;             // T [logit rows, hidden]
  AlignedBuffer logits_;              // f32 [logit rows, vocab]
  std::vector<AlignedBuffer> k_;      // per layer: T [blocks, shape_.block()]
  std::vector<AlignedBuffer> v_;
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_CPU_RUNNER_H_
