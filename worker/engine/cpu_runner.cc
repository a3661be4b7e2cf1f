// The step on the CPU: from tokens to choices. cpu_runner_layer.cc has what a layer does.
#include "worker/engine/cpu_runner.h"

#include <algorithm>
#include <exception>
#include <utility>
#include <vector>

#include "base/status.h"

namespace sprint {

template <typename T>
absl::Status CpuRunner<T>::Prepare() {
  const int64_t rows = options_.max_rows;
  const int64_t logit_rows = options_.max_logit_rows;
  const int64_t size = sizeof(T);
  const std::pair<AlignedBuffer*, int64_t> buffers[] = {
      {&residual_, rows * config_.hidden * 4},
      {&normed_, rows * config_.hidden * size},
      {&qkv_, rows * (q_dim_ + 2 * kv_dim_) * 4},
      {&attended_, rows * q_dim_ * size},
      {&delta_, rows * config_.hidden * 4},
      {&gate_up_, GatesInPieces() ? 0 : rows * 2 * config_.intermediate * 4},
      {&act_, rows * config_.intermediate * size},
      {&head_in_, logit_rows * config_.hidden * size},
      {&logits_, logit_rows * config_.vocab * 4},
  };
  for (const auto& [buffer, bytes] : buffers) {
    SPRINT_ASSIGN_OR_RETURN(*buffer, memory_.Take(bytes));
  }
  if (std::is_same_v<T, Bf16> && weights_.screen) {
    greedy_head_.emplace(weights_.head(), *weights_.screen, pool_, gemm_);
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
    // Where all rows are decoded, nothing is left out.
    const bool cut = !batch.want_hidden && static_cast<int64_t>(batch.logit_rows.size()) < batch.rows();
    std::vector<int64_t> wanted;
    const StepBatch remaining = cut ? WantedOf(batch, config_.layers, wanted) : StepBatch{};
    const StepBatch& last = cut ? remaining : batch;
    for (int32_t layer = 0; layer < config_.layers; ++layer) {
      Enter(layer, batch);
      Capture(layer, batch);
      if (batch.want_hidden) KeepHidden(batch, /*normed=*/false, output);
      const bool at_last = layer + 1 == config_.layers;
      if (active_ > 0) Layer(layer, at_last ? last : batch, at_last && cut ? &wanted : nullptr);
    }
    Capture(config_.layers, last);
    if (batch.want_hidden) KeepHidden(batch, /*normed=*/true, output);
    Head(last, output);
  } catch (const std::exception& e) {
    return absl::InternalError(absl::StrCat("a step of ", batch.rows(), " tokens failed: ", e.what()));
  }
  return absl::OkStatus();
}

template <typename T>
StepBatch CpuRunner<T>::WantedOf(const StepBatch& batch, int32_t layers, std::vector<int64_t>& wanted) {
  wanted = batch.logit_rows;
  for (const HiddenCapture& capture : batch.captures) {
    if (capture.boundary != layers) continue;
    for (int64_t i = 0; i < capture.rows; ++i) wanted.push_back(capture.first_row + i);
  }
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  const auto place = [&](int64_t row) {
    return std::lower_bound(wanted.begin(), wanted.end(), row) - wanted.begin();
  };
  StepBatch out;
  out.sampler = batch.sampler;
  out.want_logits = batch.want_logits;
  for (const int64_t row : batch.logit_rows) out.logit_rows.push_back(place(row));
  for (HiddenCapture capture : batch.captures) {
    if (capture.boundary != layers) continue;
    capture.first_row = place(capture.first_row);
    out.captures.push_back(capture);
  }
  for (const StepSequence& sequence : batch.sequences) {
    // Rows that follow each other in the sequence stay together.
    const int64_t end = place(sequence.first_row + sequence.rows);
    for (int64_t first = place(sequence.first_row), next = 0; first < end; first = next) {
      for (next = first + 1;
           next < end && wanted[static_cast<size_t>(next)] == wanted[static_cast<size_t>(next) - 1] + 1;) {
        ++next;
      }
      StepSequence part = sequence;
      part.first_position += wanted[static_cast<size_t>(first)] - sequence.first_row;
      part.first_row = first;
      part.rows = next - first;
      out.sequences.push_back(part);
    }
  }
  return out;
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
    for (int64_t row = 0; layer > 0 && row < sequence.rows; ++row) {
      std::copy_n(sequence.hidden + row * sequence.hidden_stride, config_.hidden, Residual(active_ + row));
    }
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
    for (int64_t row = 0; row < capture.rows; ++row) {
      const int64_t at = (capture.first_row + row) * config_.hidden;
      float* to = capture.to + row * capture.to_stride;
      if (boundary < config_.layers) {
        std::copy_n(residual_.as<float>() + at, config_.hidden, to);
      } else if constexpr (std::is_same_v<T, float>) {
        std::copy_n(normed_.as<float>() + at, config_.hidden, to);
      } else {
        kernels::Bf16ToF32(normed_.as<Bf16>() + at, config_.hidden, to);
      }
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
  // How a row is taken does not depend on the others, so that its bits do not.
  std::vector<int64_t> screened;
  std::vector<int64_t> highest;
  std::vector<int64_t> stored;
  for (int64_t i = 0; i < total; ++i) {
    const bool store = batch.want_logits || (batch.sampler != nullptr && batch.sampler->Samples(i));
    (store ? stored : greedy_head_ ? screened : highest).push_back(i);
  }
  const auto in_parts = [this](const std::vector<int64_t>& rows, const auto& take) {
    const auto most = static_cast<size_t>(options_.max_logit_rows);
    for (size_t first = 0; first < rows.size(); first += most) {
      take(absl::MakeConstSpan(rows).subspan(first, most));
    }
  };
  in_parts(screened, [&](absl::Span<const int64_t> rows) { TakeScreened(batch, rows, highest, output); });
  in_parts(highest, [&](absl::Span<const int64_t> rows) { TakeHighest(batch, rows, output); });
  in_parts(stored, [&](absl::Span<const int64_t> rows) { TakeFromLogits(batch, rows, output); });
}

template <typename T>
void CpuRunner<T>::GatherHeadRows(const StepBatch& batch, absl::Span<const int64_t> rows) {
  for (size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(normed_.as<T>() + batch.logit_rows[static_cast<size_t>(rows[i])] * config_.hidden,
                config_.hidden, head_in_.as<T>() + static_cast<int64_t>(i) * config_.hidden);
  }
}

template <typename T>
void CpuRunner<T>::TakeScreened(const StepBatch& batch, absl::Span<const int64_t> rows,
                                std::vector<int64_t>& unknown, StepOutput* output) {
  if constexpr (std::is_same_v<T, Bf16>) {
    GatherHeadRows(batch, rows);
    const Timed timed(&seconds_.gemm);
    const std::vector<GreedyHead::Choice> choices = greedy_head_->Choose(
        head_in_.as<Bf16>(), static_cast<int64_t>(rows.size()), &weights_.layers.front().qkv);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!choices[i].known) {
        unknown.push_back(rows[i]);
        continue;
      }
      output->next[static_cast<size_t>(rows[i])] = static_cast<int32_t>(choices[i].best.index);
      output->logprobs[static_cast<size_t>(rows[i])] = choices[i].best.logprob;
    }
  }
}

template <typename T>
void CpuRunner<T>::TakeHighest(const StepBatch& batch, absl::Span<const int64_t> rows, StepOutput* output) {
  GatherHeadRows(batch, rows);
  const Matrix& head = weights_.head();
  const auto count = static_cast<int64_t>(rows.size());
  const Pieces pieces = Pieces::Of(head.panels(), kernels::kLogitPiece);
  peaks_.resize(static_cast<size_t>(count * pieces.count));
  const auto peak = [&](int64_t piece, const float* y) {
    const int64_t n = std::min<int64_t>(kernels::kLogitPiece, config_.vocab - piece * kernels::kLogitPiece);
    for (int64_t row = 0; row < count; ++row) {
      peaks_[static_cast<size_t>(row * pieces.count + piece)] =
          kernels::PeakOf(y + row * kernels::kLogitPiece, n);
    }
  };
  const Timed timed(&seconds_.gemm);
  gemm_.MultiplyPieces(head, head_in_.as<T>(), count, pieces, peak, &weights_.layers.front().qkv);
  for (int64_t i = 0; i < count; ++i) {
    const kernels::Best best = kernels::Combine(peaks_.data() + i * pieces.count, pieces.count);
    const auto row = static_cast<size_t>(rows[static_cast<size_t>(i)]);
    output->next[row] = static_cast<int32_t>(best.index);
    output->logprobs[row] = best.logprob;
  }
}

template <typename T>
void CpuRunner<T>::TakeFromLogits(const StepBatch& batch, absl::Span<const int64_t> rows,
                                  StepOutput* output) {
  GatherHeadRows(batch, rows);
  const auto count = static_cast<int64_t>(rows.size());
  Multiply(weights_.head(), head_in_.as<T>(), count, logits_.as<float>(), &weights_.layers.front().qkv);
  ForRows(count, 4 * static_cast<int64_t>(config_.vocab), [&](int64_t i) {
    const int64_t row = rows[static_cast<size_t>(i)];
    const float* logits = logits_.as<float>() + i * config_.vocab;
    const kernels::Best best = kernels::ArgmaxLogSoftmax(logits, config_.vocab);
    output->next[static_cast<size_t>(row)] = static_cast<int32_t>(best.index);
    output->logprobs[static_cast<size_t>(row)] = best.logprob;
    if (batch.sampler != nullptr && batch.sampler->Samples(row)) {
      SampleRow(*batch.sampler, row, logits, best, output);
    }
    if (!batch.want_logits) return;
    std::copy_n(logits, config_.vocab, output->logits.data() + row * config_.vocab);
  });
}

namespace {

template <typename T>
absl::StatusOr<std::unique_ptr<Runner>> Make(const ModelConfig& config,
                                             std::shared_ptr<const LoadedWeights> weights,
                                             const RunnerOptions& options) {
  auto runner = std::make_unique<CpuRunner<T>>(config, std::move(weights), options);
  SPRINT_RETURN_IF_ERROR(runner->Prepare());
  return std::unique_ptr<Runner>(std::move(runner));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Runner>> MakeCpuRunner(const ModelConfig& config,
                                                      std::shared_ptr<const LoadedWeights> weights,
                                                      const RunnerOptions& options) {
  return weights->embedding.dtype == Dtype::kF32 ? Make<float>(config, std::move(weights), options)
                                                 : Make<Bf16>(config, std::move(weights), options);
}

}  // namespace sprint
