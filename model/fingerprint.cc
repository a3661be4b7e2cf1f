// The identity of a model's weights: a tree of hashes over fixed pieces of each tensor, so that any
// number of threads computes the same.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "base/status.h"
#include "model/model_files.h"
#include "model/model_tensors.h"

namespace sprint {
namespace {

constexpr int64_t kPieceBytes = 4 << 20;  // part of the identity: another size is another hash

struct Piece {
  const TensorInfo* tensor;
  size_t tensor_order;  // in UsedTensors
  int64_t offset;       // bytes into the tensor, whole blocks
  int64_t bytes;
  Hash256 hash;
};

std::vector<Piece> CutIntoPieces(const std::vector<std::pair<std::string, const TensorInfo*>>& used) {
  std::vector<Piece> pieces;
  for (size_t i = 0; i < used.size(); ++i) {
    const TensorInfo* tensor = used[i].second;
    const int64_t block = TensorBytes(tensor->type, TensorBlock(tensor->type));
    const int64_t step = kPieceBytes / block * block;
    const auto size = static_cast<int64_t>(tensor->data.size());
    for (int64_t offset = 0; offset < size; offset += step) {
      pieces.push_back({tensor, i, offset, std::min(step, size - offset), {}});
    }
  }
  return pieces;
}

// Whether `count` little-endian values, `stride` bytes apart, hold one whose exponent (`mask`) is all
// ones: an infinity or a NaN. The index of the first, or -1.
template <typename Bits>
int64_t FindNonFinite(const char* data, int64_t count, int64_t stride, Bits mask) {
  bool any = false;
  for (int64_t i = 0; i < count; ++i) {
    Bits bits;
    std::memcpy(&bits, data + i * stride, sizeof(bits));
    any |= (bits & mask) == mask;
  }
  for (int64_t i = 0; any && i < count; ++i) {
    Bits bits;
    std::memcpy(&bits, data + i * stride, sizeof(bits));
    if ((bits & mask) == mask) return i;
  }
  return -1;
}

// The element (of the tensor) where the first value that is not finite lies, or -1.
int64_t FindNonFinite(const Piece& piece) {
  const TensorType type = piece.tensor->type;
  const int64_t elements = TensorBlock(type);
  const int64_t bytes = TensorBytes(type, elements);
  const int64_t blocks = piece.bytes / bytes;
  const char* data = piece.tensor->data.data() + piece.offset;
  int64_t found = -1;
  switch (type) {
    case TensorType::kF32:
      found = FindNonFinite<uint32_t>(data, blocks, bytes, 0x7f800000u);
      break;
    case TensorType::kBF16:
      found = FindNonFinite<uint16_t>(data, blocks, bytes, uint16_t{0x7f80});
      break;
    case TensorType::kF16:
    case TensorType::kQ8_0:
    case TensorType::kQ4_0:  // the block's scale comes first
      found = FindNonFinite<uint16_t>(data, blocks, bytes, uint16_t{0x7c00});
      break;
    case TensorType::kQ4_1: {  // scale, then shift
      found = FindNonFinite<uint16_t>(data, blocks, bytes, uint16_t{0x7c00});
      const int64_t shift = FindNonFinite<uint16_t>(data + 2, blocks, bytes, uint16_t{0x7c00});
      if (found < 0 || (shift >= 0 && shift < found)) found = shift;
      break;
    }
    case TensorType::kI64:
    case TensorType::kI32:
      break;
  }
  return found < 0 ? -1 : (piece.offset / bytes + found) * elements;
}

// The lowest finding in the order of the tensors, whatever thread made it.
struct Finding {
  Mutex mutex;
  size_t piece ABSL_GUARDED_BY(mutex) = SIZE_MAX;
  int64_t element ABSL_GUARDED_BY(mutex) = -1;
  void Report(size_t at, int64_t where) {
    MutexLock lock(&mutex);
    if (at >= piece) return;
    piece = at;
    element = where;
  }
};

void HashPieces(std::vector<Piece>& pieces, int threads, const std::function<void(double)>& progress,
                Finding& finding) {
  int64_t total = 0;
  for (const Piece& piece : pieces) total += piece.bytes;
  std::atomic<size_t> next{0};
  std::atomic<int64_t> done{0};
  const auto work = [&](bool reports) {
    for (size_t i = next.fetch_add(1); i < pieces.size(); i = next.fetch_add(1)) {
      Piece& piece = pieces[i];
      if (const int64_t element = FindNonFinite(piece); element >= 0) finding.Report(i, element);
      piece.hash = Sha256(
          piece.tensor->data.substr(static_cast<size_t>(piece.offset), static_cast<size_t>(piece.bytes)));
      const int64_t so_far = done.fetch_add(piece.bytes) + piece.bytes;
      if (reports && progress) progress(static_cast<double>(so_far) / static_cast<double>(total));
    }
  };
  std::vector<std::thread> helpers;
  for (int i = 1; i < std::min<int>(threads, static_cast<int>(pieces.size())); ++i)
    helpers.emplace_back(work, false);
  work(true);
  for (std::thread& helper : helpers) helper.join();
  if (progress) progress(1.0);
}

// What computing depends on, and nothing else: no names, no context length, no bos.
void AddConfig(const ModelConfig& config, Hasher& hasher) {
  hasher.AddInt("layers", config.layers)
      .AddInt("hidden", config.hidden)
      .AddInt("heads", config.heads)
      .AddInt("kv_heads", config.kv_heads)
      .AddInt("head_dim", config.head_dim)
      .AddInt("intermediate", config.intermediate)
      .AddInt("vocab", config.vocab)
      .AddDouble("rms_norm_eps", config.rms_norm_eps)
      .AddInt("tied", config.tied_embeddings)
      .AddInt("qkv_bias", config.qkv_bias)
      .AddInt("output_bias", config.output_bias)
      .AddInt("qk_norm", config.qk_norm)
      .AddInt("sliding_window", config.sliding_window)
      .AddDouble("rope_theta", config.rope.theta);
  hasher.AddInt("rope_scaling", static_cast<int64_t>(config.rope.scaling));
  if (config.rope.scaling != RopeConfig::Scaling::kNone) hasher.AddDouble("rope_factor", config.rope.factor);
  if (config.rope.scaling == RopeConfig::Scaling::kLlama3) {
    hasher.AddDouble("rope_low", config.rope.low_freq_factor)
        .AddDouble("rope_high", config.rope.high_freq_factor)
        .AddInt("rope_original_context", config.rope.original_context);
  }
  for (const float factor : config.rope.frequency_factors) hasher.AddDouble("rope_frequency_factor", factor);
  std::vector<int32_t> eos = config.eos_tokens;
  std::sort(eos.begin(), eos.end());
  hasher.AddInts("eos", eos);
}

void AddTensorHeader(const std::string& name, const TensorInfo& tensor, Hasher& hasher) {
  hasher.Add("tensor", name).Add("type", TensorTypeName(tensor.type));
  for (const int64_t size : tensor.shape) hasher.AddInt("size", size);
}

}  // namespace

absl::StatusOr<Hash256> FingerprintWeights(const ModelFiles& model, int threads,
                                           const std::function<void(double)>& progress) {
  const auto used = UsedTensors(model.tensors);
  std::vector<Piece> pieces = CutIntoPieces(used);
  Finding finding;
  HashPieces(pieces, threads, progress, finding);
  {
    MutexLock lock(&finding.mutex);
    if (finding.element >= 0) {
      return Error(absl::StatusCode::kFailedPrecondition, Reason::kModelDamaged,
                   absl::StrCat(model.path, ": tensor ", pieces[finding.piece].tensor->name,
                                " holds a NaN or infinity at element ", finding.element,
                                "; the weights are damaged, download them again"));
    }
  }
  Hasher hasher("weights/1");
  AddConfig(model.config, hasher);
  hasher.AddInt("interleaved_qk", !model.tensors.layers.empty() && model.tensors.layers[0].interleaved_qk);
  size_t next = 0;
  for (size_t i = 0; i < used.size(); ++i) {
    AddTensorHeader(used[i].first, *used[i].second, hasher);
    for (; next < pieces.size() && pieces[next].tensor_order == i; ++next)
      hasher.Add("piece", pieces[next].hash);
  }
  return hasher.Finish();
}

}  // namespace sprint
