// The step on the CPU, in kernels of our own.
#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "worker/engine/attention.h"
#include "worker/engine/gemm.h"
#include "worker/engine/kernels.h"
#include "worker/engine/parallel.h"
#include "worker/engine/rope.h"
#include "worker/engine/runner.h"

namespace sprint {
namespace {

// Work of about this many elements is worth handing to another thread.
constexpr int64_t kElementsPerTask = 16384;

int64_t RowsPerTask(int64_t width) {
  return std::max<int64_t>(1, kElementsPerTask / std::max<int64_t>(1, width));
}

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

// What an edited head's output becomes, [n]; arithmetic in f32.
void ScaleHead(float* head, int64_t n, float factor) {
  // Not a product where nothing is to stay: 0 * infinity is no 0.
  if (factor == 0) {
    std::fill(head, head + n, 0.0F);
  } else {
    for (int64_t i = 0; i < n; ++i) head[i] *= factor;
  }
}
void ScaleHead(Bf16* head, int64_t n, float factor) {
  constexpr int64_t kAtATime = 64;
  float wide[kAtATime];
  for (int64_t first = 0; first < n; first += kAtATime) {
    const int64_t count = std::min(kAtATime, n - first);
    kernels::Bf16ToF32(head + first, count, wide);
    ScaleHead(wide, count, factor);
    kernels::F32ToBf16(wide, count, head + first);
  }
}

// T is how weights, GEMM operands and K/V are stored; the residual stream is f32.
template <typename T>
class CpuRunner : public Runner {
 public:
  CpuRunner(const ModelConfig& config, LoadedWeights weights, const RunnerOptions& options)
      : config_(config),
        options_(options),
        weights_(std::move(weights)),
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
    return absl::StrCat("cpu ", kernels::Target(), ", ", DtypeName(kDtype), ", ", DescribeGemm(kDtype));
  }

 private:
  struct Zeroed {
    int32_t layer;
    Matrix o;
  };
  // body(row) for each row, in tasks of a size that suits rows of `width` elements.
  template <typename Body>
  void ForRows(int64_t rows, int64_t width, const Body& body) {
    pool_.For(rows, RowsPerTask(width), [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) body(row);
    });
  }
  float* Residual(int64_t row) { return residual_.as<float>() + row * config_.hidden; }

  // `then` is the matrix of the next product.
  void Multiply(const Matrix& w, const T* x, int64_t rows, float* y, const Matrix* then) {
    const Timed timed(&seconds_.gemm);
    gemm_.Multiply(w, x, rows, y, then);
  }
  void Embed(const StepBatch& batch);
  // Takes in the sequences whose rows begin at `layer`: active_ grows, their rows are normed.
  void Enter(int32_t layer, const StepBatch& batch);
  void Layer(int32_t layer, const StepBatch& batch);
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
  void SampleRow(const RowSampler& sampler, int64_t row, const float* logits, const kernels::Best& best,
                 StepOutput* output);

  const ModelConfig& config_;
  const RunnerOptions options_;
  const LoadedWeights weights_;
  ThreadPool pool_;
  Gemm gemm_;
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
  AlignedBuffer residual_;        // f32 [rows, hidden]
  AlignedBuffer normed_;          // T [rows, hidden]
  AlignedBuffer qkv_;             // f32 [rows, q + 2 kv]; q is rotated in place
  AlignedBuffer attended_;        // T [rows, q]
  AlignedBuffer delta_;           // f32 [rows, hidden]
  AlignedBuffer gate_up_;         // f32 [rows, 2 intermediate]
  AlignedBuffer act_;             // T [rows, intermediate]
  AlignedBuffer head_in_;         // T [logit rows, hidden]
  AlignedBuffer logits_;          // f32 [logit rows, vocab]
  std::vector<AlignedBuffer> k_;  // per layer: T [blocks, shape_.block()]
  std::vector<AlignedBuffer> v_;
};

template <typename T>
absl::Status CpuRunner<T>::Prepare() {
  const int64_t rows = options_.max_rows;
  const int64_t logit_rows = options_.max_logit_rows;
  const int64_t size = sizeof(T);
  const std::pair<AlignedBuffer*, int64_t> buffers[] = {
      {&residual_, rows * config_.hidden * 4},     {&normed_, rows * config_.hidden * size},
      {&qkv_, rows * (q_dim_ + 2 * kv_dim_) * 4},  {&attended_, rows * q_dim_ * size},
      {&delta_, rows * config_.hidden * 4},        {&gate_up_, rows * 2 * config_.intermediate * 4},
      {&act_, rows * config_.intermediate * size}, {&head_in_, logit_rows * config_.hidden * size},
      {&logits_, logit_rows * config_.vocab * 4},
  };
  for (const auto& [buffer, bytes] : buffers) {
    SPRINT_ASSIGN_OR_RETURN(*buffer, AlignedBuffer::Create(bytes));
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status CpuRunner<T>::AllocateKv(int64_t blocks) {
  for (int32_t layer = 0; layer < config_.layers; ++layer) {
    for (std::vector<AlignedBuffer>* pool : {&k_, &v_}) {
      SPRINT_ASSIGN_OR_RETURN(AlignedBuffer buffer, AlignedBuffer::Create(blocks * shape_.block() *
                                                                          static_cast<int64_t>(sizeof(T))));
      pool->push_back(std::move(buffer));
    }
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status CpuRunner<T>::CopyKv(absl::Span<const int32_t> from, absl::Span<const int32_t> to, int32_t first,
                                  int32_t last) {
  ForRows(last - first, shape_.block(), [&](int64_t i) {
    for (std::vector<AlignedBuffer>* pool : {&k_, &v_}) {
      T* blocks = (*pool)[static_cast<size_t>(first + i)].template as<T>();
      for (size_t b = 0; b < from.size(); ++b) {
        std::copy_n(blocks + from[b] * shape_.block(), shape_.block(), blocks + to[b] * shape_.block());
      }
    }
  });
  return absl::OkStatus();
}

template <typename T>
absl::Status CpuRunner<T>::ZeroOutputColumns(int32_t layer, int64_t first, int64_t last) {
  const Matrix& o = weights_.layers[static_cast<size_t>(layer)].o;
  SPRINT_ASSIGN_OR_RETURN(Matrix copy, CopyMatrix(o));
  ZeroColumns(first, last, copy);
  zeroed_.emplace(Zeroed{layer, std::move(copy)});
  return absl::OkStatus();
}

template <typename T>
absl::Status CpuRunner<T>::Run(const StepBatch& batch, StepOutput* output) {
  const Timed timed(&seconds_.total);
  *output = StepOutput{};
  if (batch.rows() == 0) return absl::OkStatus();
  try {
    positions_.clear();
    owners_.clear();
    for (const StepSequence& sequence : batch.sequences) {
      for (int64_t i = 0; i < sequence.rows; ++i) {
        positions_.push_back(sequence.first_position + i);
        owners_.push_back(&sequence);
      }
      rope_.Grow(sequence.first_position + sequence.rows);
    }
    Embed(batch);
    active_ = 0;
    for (int32_t layer = 0; layer < config_.layers; ++layer) {
      Enter(layer, batch);
      Capture(layer, batch);
      if (batch.want_hidden) KeepHidden(batch, /*normed=*/false, output);
      if (active_ > 0) Layer(layer, batch);
    }
    Capture(config_.layers, batch);
    if (batch.want_hidden) KeepHidden(batch, /*normed=*/true, output);
    Head(batch, output);
  } catch (const std::exception& e) {
    return absl::InternalError(absl::StrCat("a step of ", batch.rows(), " tokens failed: ", e.what()));
  }
  return absl::OkStatus();
}

template <typename T>
void CpuRunner<T>::Embed(const StepBatch& batch) {
  ForRows(batch.rows(), config_.hidden, [&](int64_t row) {
    LoadRow(weights_.embedding, batch.tokens[static_cast<size_t>(row)], Residual(row));
  });
}

template <typename T>
void CpuRunner<T>::Enter(int32_t layer, const StepBatch& batch) {
  const int64_t first = active_;
  for (const StepSequence& sequence : batch.sequences) {
    if (sequence.first_layer != layer) continue;
    if (layer > 0) std::copy_n(sequence.hidden, sequence.rows * config_.hidden, Residual(active_));
    active_ += sequence.rows;
  }
  Norm(weights_.layers[static_cast<size_t>(layer)].attention_norm, first, active_);
}

template <typename T>
void CpuRunner<T>::Norm(const std::vector<float>& weight, int64_t first, int64_t last) {
  ForRows(last - first, config_.hidden, [&](int64_t i) {
    const int64_t row = first + i;
    kernels::RmsNorm(Residual(row), weight.data(), static_cast<float>(config_.rms_norm_eps), config_.hidden,
                     normed_.as<T>() + row * config_.hidden);
  });
}

template <typename T>
void CpuRunner<T>::AddAndNorm(const std::vector<float>& bias, const std::vector<float>& norm, int64_t rows) {
  ForRows(rows, 2 * config_.hidden, [&](int64_t row) {
    kernels::AddRow(delta_.as<float>() + row * config_.hidden, bias.empty() ? nullptr : bias.data(),
                    config_.hidden, Residual(row));
    kernels::RmsNorm(Residual(row), norm.data(), static_cast<float>(config_.rms_norm_eps), config_.hidden,
                     normed_.as<T>() + row * config_.hidden);
  });
}

template <typename T>
void CpuRunner<T>::Layer(int32_t layer, const StepBatch& batch) {
  const LayerWeights& weights = weights_.layers[static_cast<size_t>(layer)];
  const int64_t rows = active_;
  const Matrix& o = zeroed_ && zeroed_->layer == layer ? zeroed_->o : weights.o;
  Multiply(weights.qkv, normed_.as<T>(), rows, qkv_.as<float>(), &o);
  ProjectHeads(layer);
  Attention(layer, batch);
  Gate(layer, batch);
  Multiply(o, attended_.as<T>(), rows, delta_.as<float>(), &weights.gate_up);
  AddAndNorm(weights.o_bias, weights.mlp_norm, rows);
  const bool last = layer + 1 == config_.layers;
  Mlp(weights, rows, last ? weights_.head() : weights_.layers[static_cast<size_t>(layer) + 1].qkv);
  AddAndNorm({}, last ? weights_.final_norm : weights_.layers[static_cast<size_t>(layer) + 1].attention_norm,
             rows);
}

template <typename T>
void CpuRunner<T>::ProjectHeads(int32_t layer) {
  const LayerWeights& weights = weights_.layers[static_cast<size_t>(layer)];
  T* k = k_[static_cast<size_t>(layer)].template as<T>();
  T* v = v_[static_cast<size_t>(layer)].template as<T>();
  const int64_t dim = config_.head_dim;
  const int64_t width = q_dim_ + 2 * kv_dim_;
  const float* bias = weights.qkv_bias.empty() ? nullptr : weights.qkv_bias.data();
  const auto project = [&](int64_t row, float* head) {
    const int64_t position = positions_[static_cast<size_t>(row)];
    const int32_t block = owners_[static_cast<size_t>(row)]->blocks[position / kBlockTokens];
    float* in = qkv_.as<float>() + row * width;
    kernels::HeadTransform transform;
    transform.head_dim = dim;
    transform.eps = static_cast<float>(config_.rms_norm_eps);
    transform.cos = rope_.Cos(position);
    transform.sin = rope_.Sin(position);
    const auto at = [&](int64_t offset) {
      transform.bias = bias == nullptr ? nullptr : bias + offset;
      return in + offset;
    };
    transform.norm_weight = weights.q_norm.empty() ? nullptr : weights.q_norm.data();
    for (int64_t h = 0; h < config_.heads; ++h) {
      float* q = at(h * dim);
      kernels::TransformHead(q, transform, q);
    }
    transform.norm_weight = weights.k_norm.empty() ? nullptr : weights.k_norm.data();
    for (int64_t h = 0; h < config_.kv_heads; ++h) {
      const float* from = at(q_dim_ + h * dim);
      kernels::TransformHead(from, transform, head);
      StoreKey(shape_, head, position, h, block, k);
    }
    transform.norm_weight = nullptr;
    transform.cos = transform.sin = nullptr;
    for (int64_t h = 0; h < config_.kv_heads; ++h) {
      const float* from = at(q_dim_ + kv_dim_ + h * dim);
      kernels::TransformHead(from, transform, head);
      StoreValue(shape_, head, position, h, block, v);
    }
  };
  pool_.For(active_, RowsPerTask(width), [&](int64_t begin, int64_t end, int) {
    std::vector<float> head(static_cast<size_t>(dim));
    for (int64_t row = begin; row < end; ++row) {
      project(row, head.data());
    }
  });
}

template <typename T>
void CpuRunner<T>::Attention(int32_t layer, const StepBatch& batch) {
  const Timed timed(&seconds_.attention);
  const int64_t tile_rows = AttentionTileRows(shape_);
  std::vector<AttentionTile<T>> tiles;
  for (const StepSequence& sequence : batch.sequences) {
    if (sequence.first_layer > layer) break;
    for (int64_t row = 0; row < sequence.rows; row += tile_rows) {
      AttentionTile<T> tile;
      tile.rows = std::min(tile_rows, sequence.rows - row);
      tile.first_position = sequence.first_position + row;
      tile.blocks = layer < sequence.shared_layers ? sequence.shared_blocks : sequence.blocks;
      tile.k = k_[static_cast<size_t>(layer)].template as<T>();
      tile.v = v_[static_cast<size_t>(layer)].template as<T>();
      tile.q_stride = q_dim_ + 2 * kv_dim_;
      tile.out_stride = q_dim_;
      for (int64_t h = 0; h < config_.kv_heads; ++h) {
        const int64_t head = h * shape_.group * config_.head_dim;
        tile.q = qkv_.as<float>() + (sequence.first_row + row) * tile.q_stride + head;
        tile.out = attended_.as<T>() + (sequence.first_row + row) * q_dim_ + head;
        tile.kv_head = h;
        tiles.push_back(tile);
      }
    }
  }
  for (size_t i = 0; i + 1 < tiles.size(); ++i) tiles[i].next = &tiles[i + 1];
  // A tile of a short sequence is little work: several to a task.
  const int64_t chunk =
      std::max<int64_t>(1, std::min<int64_t>(8, static_cast<int64_t>(tiles.size()) / (4 * options_.threads)));
  pool_.For(static_cast<int64_t>(tiles.size()), chunk, [&](int64_t begin, int64_t end, int thread) {
    for (int64_t i = begin; i < end; ++i)
      Attend(shape_, tiles[static_cast<size_t>(i)], scratch_[static_cast<size_t>(thread)]);
  });
}

template <typename T>
void CpuRunner<T>::Gate(int32_t layer, const StepBatch& batch) {
  for (const StepSequence& sequence : batch.sequences) {
    if (sequence.arm == nullptr || sequence.first_layer > layer) continue;
    for (const HeadEdit& edit : sequence.arm->edits()) {
      if (edit.layer != layer) continue;
      for (int64_t row = sequence.first_row; row < sequence.first_row + sequence.rows; ++row) {
        T* head = attended_.as<T>() + row * q_dim_ + static_cast<int64_t>(edit.head) * config_.head_dim;
        ScaleHead(head, config_.head_dim, FactorOf(edit.op));
      }
    }
  }
}

template <typename T>
void CpuRunner<T>::Mlp(const LayerWeights& layer, int64_t rows, const Matrix& then) {
  Multiply(layer.gate_up, normed_.as<T>(), rows, gate_up_.as<float>(), &layer.down);
  const int64_t n = config_.intermediate;
  ForRows(rows, 4 * n, [&](int64_t row) {
    kernels::SiluMul(gate_up_.as<float>() + row * 2 * n, n, act_.as<T>() + row * n);
  });
  Multiply(layer.down, act_.as<T>(), rows, delta_.as<float>(), &then);
}

template <typename T>
void CpuRunner<T>::KeepHidden(const StepBatch& batch, bool normed, StepOutput* output) {
  const int64_t n = batch.rows() * config_.hidden;
  std::vector<float> hidden(static_cast<size_t>(n));
  if (!normed) {
    std::copy_n(residual_.as<float>(), n, hidden.data());
  } else if constexpr (std::is_same_v<T, float>) {
    std::copy_n(normed_.as<float>(), n, hidden.data());
  } else {
    kernels::Bf16ToF32(normed_.as<Bf16>(), n, hidden.data());
  }
  output->hidden.push_back(std::move(hidden));
}

template <typename T>
void CpuRunner<T>::Capture(int32_t boundary, const StepBatch& batch) {
  for (const HiddenCapture& capture : batch.captures) {
    if (capture.boundary != boundary) continue;
    const int64_t n = capture.rows * config_.hidden;
    const int64_t at = capture.first_row * config_.hidden;
    if (boundary < config_.layers) {
      std::copy_n(residual_.as<float>() + at, n, capture.to);
    } else if constexpr (std::is_same_v<T, float>) {
      std::copy_n(normed_.as<float>() + at, n, capture.to);
    } else {
      kernels::Bf16ToF32(normed_.as<Bf16>() + at, n, capture.to);
    }
  }
}

template <typename T>
void CpuRunner<T>::SampleRow(const RowSampler& sampler, int64_t row, const float* logits,
                             const kernels::Best& best, StepOutput* output) {
  const auto n = static_cast<size_t>(config_.vocab);
  const int32_t token = sampler.Sample(row, absl::MakeConstSpan(logits, n));
  output->next[static_cast<size_t>(row)] = token;
  output->logprobs[static_cast<size_t>(row)] = best.logprob + (logits[token] - logits[best.index]);
}

template <typename T>
void CpuRunner<T>::Head(const StepBatch& batch, StepOutput* output) {
  const int64_t total = static_cast<int64_t>(batch.logit_rows.size());
  output->next.resize(static_cast<size_t>(total));
  output->logprobs.resize(static_cast<size_t>(total));
  if (batch.want_logits) output->logits.resize(static_cast<size_t>(total * config_.vocab));
  for (int64_t first = 0; first < total; first += options_.max_logit_rows) {
    const int64_t rows = std::min(options_.max_logit_rows, total - first);
    for (int64_t i = 0; i < rows; ++i) {
      std::copy_n(normed_.as<T>() + batch.logit_rows[static_cast<size_t>(first + i)] * config_.hidden,
                  config_.hidden, head_in_.as<T>() + i * config_.hidden);
    }
    Multiply(weights_.head(), head_in_.as<T>(), rows, logits_.as<float>(), &weights_.layers.front().qkv);
    ForRows(rows, 4 * static_cast<int64_t>(config_.vocab), [&](int64_t i) {
      const float* logits = logits_.as<float>() + i * config_.vocab;
      const kernels::Best best = kernels::ArgmaxLogSoftmax(logits, config_.vocab);
      output->next[static_cast<size_t>(first + i)] = static_cast<int32_t>(best.index);
      output->logprobs[static_cast<size_t>(first + i)] = best.logprob;
      if (batch.sampler != nullptr && batch.sampler->Samples(first + i)) {
        SampleRow(*batch.sampler, first + i, logits, best, output);
      }
      if (!batch.want_logits) return;
      std::copy_n(logits, config_.vocab, output->logits.data() + (first + i) * config_.vocab);
    });
  }
}

template <typename T>
absl::StatusOr<std::unique_ptr<Runner>> Make(const ModelConfig& config, LoadedWeights weights,
                                             const RunnerOptions& options) {
  auto runner = std::make_unique<CpuRunner<T>>(config, std::move(weights), options);
  SPRINT_RETURN_IF_ERROR(runner->Prepare());
  return std::unique_ptr<Runner>(std::move(runner));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Runner>> MakeCpuRunner(const ModelConfig& config, LoadedWeights weights,
                                                      const RunnerOptions& options) {
  return weights.embedding.dtype == Dtype::kF32 ? Make<float>(config, std::move(weights), options)
                                                : Make<Bf16>(config, std::move(weights), options);
}

}  // namespace sprint
