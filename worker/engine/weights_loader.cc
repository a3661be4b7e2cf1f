#include "worker/engine/weights_loader.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "worker/engine/kernels.h"
#include "worker/engine/parallel.h"

namespace sprint {
namespace {

bool AllFinite(const std::vector<float>& values) {
  return kernels::AllFinite(values.data(), static_cast<int64_t>(values.size()));
}

absl::Status NotFinite(const TensorInfo& tensor) {
  return Error(absl::StatusCode::kFailedPrecondition, Reason::kModelDamaged,
               absl::StrCat("tensor ", tensor.name,
                            " holds a NaN or an infinity; the file is damaged, or was saved "
                            "from a run that diverged: fetch or convert it again"));
}

// Where row `row` of the wanted matrix lies in the file. GGUF's interleaved order keeps the pair
// (i, i + head_dim / 2) of a head at (2 i, 2 i + 1).
int64_t SourceRow(int64_t row, int64_t head_dim, bool interleaved) {
  if (!interleaved) return row;
  const int64_t in_head = row % head_dim;
  const int64_t half = head_dim / 2;
  return row - in_head + 2 * (in_head % half) + in_head / half;
}

class Loader {
 public:
  // The matrices lie in `shared`, or without it in `memory`.
  Loader(const ModelFiles& model, const WeightsOptions& options, SharedWeights* shared, BufferArena& memory)
      : model_(model), dtype_(options.dtype), pool_(options.threads), shared_(shared), memory_(memory) {}

  absl::StatusOr<AlignedBuffer> Take(int64_t bytes) {
    return shared_ == nullptr ? memory_.Take(bytes) : shared_->Take(bytes);
  }

  absl::StatusOr<Matrix> New(int64_t rows, int64_t cols) {
    Matrix matrix;
    matrix.rows = rows;
    matrix.cols = cols;
    matrix.dtype = dtype_;
    SPRINT_ASSIGN_OR_RETURN(matrix.data, Take(matrix.bytes()));
    return matrix;
  }

  // Decodes `tensor` into rows [first_row, …) of `out`.
  absl::Status Into(const TensorInfo& tensor, int64_t first_row, bool interleaved, Matrix& out) {
    if (shared_ != nullptr && shared_->filled()) return absl::OkStatus();
    const int64_t rows = tensor.shape[0];
    std::atomic<bool> finite{true};
    pool_.For(rows, kPanelRows, [&](int64_t begin, int64_t end, int) {
      std::vector<float> values(static_cast<size_t>((end - begin) * out.cols));
      for (int64_t r = begin; r < end; ++r) {
        const int64_t source = SourceRow(r, model_.config.head_dim, interleaved);
        DecodeToF32(tensor, source * out.cols,
                    absl::MakeSpan(values).subspan(static_cast<size_t>((r - begin) * out.cols),
                                                   static_cast<size_t>(out.cols)));
      }
      if (!AllFinite(values)) finite = false;
      StoreRows(values.data(), first_row + begin, end - begin, out);
    });
    return finite ? absl::OkStatus() : NotFinite(tensor);
  }

  absl::StatusOr<Matrix> Load(const TensorInfo& tensor) {
    SPRINT_ASSIGN_OR_RETURN(Matrix out, New(tensor.shape[0], tensor.shape[1]));
    SPRINT_RETURN_IF_ERROR(Into(tensor, 0, false, out));
    return out;
  }

  absl::StatusOr<HeadScreen> Screen(const Matrix& head) {
    const HeadScreenBytes bytes = BytesOfHeadScreen(head.rows, head.cols);
    HeadScreen screen;
    screen.rows = head.rows;
    screen.cols = head.cols;
    SPRINT_ASSIGN_OR_RETURN(screen.weights, Take(bytes.weights));
    SPRINT_ASSIGN_OR_RETURN(screen.columns, Take(bytes.columns));
    if (shared_ == nullptr || !shared_->filled()) FillHeadScreen(head, pool_, screen);
    return screen;
  }

  absl::StatusOr<std::vector<float>> Vector(const TensorInfo* tensor, bool interleaved = false) {
    std::vector<float> file(tensor == nullptr ? 0 : static_cast<size_t>(tensor->elements()));
    if (tensor == nullptr) return file;
    DecodeToF32(*tensor, 0, absl::MakeSpan(file));
    if (!AllFinite(file)) return NotFinite(*tensor);
    if (!interleaved) return file;
    std::vector<float> out(file.size());
    for (size_t i = 0; i < out.size(); ++i) {
      out[i] = file[static_cast<size_t>(SourceRow(static_cast<int64_t>(i), model_.config.head_dim, true))];
    }
    return out;
  }

  absl::StatusOr<LayerWeights> Layer(const LayerTensors& in) {
    const ModelConfig& config = model_.config;
    const int64_t q = static_cast<int64_t>(config.heads) * config.head_dim;
    const int64_t kv = static_cast<int64_t>(config.kv_heads) * config.head_dim;
    LayerWeights out;
    SPRINT_ASSIGN_OR_RETURN(out.attention_norm, Vector(in.attention_norm));
    SPRINT_ASSIGN_OR_RETURN(out.mlp_norm, Vector(in.mlp_norm));
    SPRINT_ASSIGN_OR_RETURN(out.q_norm, Vector(in.q_norm));
    SPRINT_ASSIGN_OR_RETURN(out.k_norm, Vector(in.k_norm));
    SPRINT_ASSIGN_OR_RETURN(out.o_bias, Vector(in.o_bias));
    SPRINT_ASSIGN_OR_RETURN(out.qkv, New(q + 2 * kv, config.hidden));
    SPRINT_RETURN_IF_ERROR(Into(*in.q, 0, in.interleaved_qk, out.qkv));
    SPRINT_RETURN_IF_ERROR(Into(*in.k, q, in.interleaved_qk, out.qkv));
    SPRINT_RETURN_IF_ERROR(Into(*in.v, q + kv, false, out.qkv));
    if (in.q_bias != nullptr || in.k_bias != nullptr || in.v_bias != nullptr) {
      SPRINT_ASSIGN_OR_RETURN(std::vector<float> q_bias, Vector(in.q_bias, in.interleaved_qk));
      SPRINT_ASSIGN_OR_RETURN(std::vector<float> k_bias, Vector(in.k_bias, in.interleaved_qk));
      SPRINT_ASSIGN_OR_RETURN(std::vector<float> v_bias, Vector(in.v_bias));
      out.qkv_bias.assign(static_cast<size_t>(q + 2 * kv), 0.0f);
      std::copy(q_bias.begin(), q_bias.end(), out.qkv_bias.begin());
      std::copy(k_bias.begin(), k_bias.end(), out.qkv_bias.begin() + q);
      std::copy(v_bias.begin(), v_bias.end(), out.qkv_bias.begin() + q + kv);
    }
    SPRINT_ASSIGN_OR_RETURN(out.o, Load(*in.o));
    SPRINT_ASSIGN_OR_RETURN(out.gate_up, New(2 * static_cast<int64_t>(config.intermediate), config.hidden));
    SPRINT_RETURN_IF_ERROR(Into(*in.gate, 0, false, out.gate_up));
    SPRINT_RETURN_IF_ERROR(Into(*in.up, config.intermediate, false, out.gate_up));
    SPRINT_ASSIGN_OR_RETURN(out.down, Load(*in.down));
    return out;
  }

 private:
  const ModelFiles& model_;
  Dtype dtype_;
  ThreadPool pool_;
  SharedWeights* const shared_;  // null: none
  BufferArena& memory_;
};

}  // namespace

int64_t LoadedWeights::bytes() const {
  int64_t total =
      embedding.data.bytes() + (lm_head ? lm_head->data.bytes() : 0) + (screen ? screen->bytes() : 0);
  for (const LayerWeights& layer : layers) {
    total +=
        layer.qkv.data.bytes() + layer.o.data.bytes() + layer.gate_up.data.bytes() + layer.down.data.bytes();
  }
  return total;
}

absl::StatusOr<LoadedWeights> LoadWeights(const ModelFiles& model, const WeightsOptions& options,
                                          std::shared_ptr<SharedWeights> shared) {
  LoadedWeights out;
  Loader loader(model, options, shared.get(), out.memory);
  out.shared = std::move(shared);
  SPRINT_ASSIGN_OR_RETURN(out.embedding, loader.Load(*model.tensors.embedding));
  SPRINT_ASSIGN_OR_RETURN(out.final_norm, loader.Vector(model.tensors.final_norm));
  if (model.tensors.lm_head != nullptr && model.tensors.lm_head != model.tensors.embedding) {
    SPRINT_ASSIGN_OR_RETURN(out.lm_head, loader.Load(*model.tensors.lm_head));
  }
  for (const LayerTensors& layer : model.tensors.layers) {
    SPRINT_ASSIGN_OR_RETURN(LayerWeights loaded, loader.Layer(layer));
    out.layers.push_back(std::move(loaded));
    model.weights->DropPages();
  }
  if (options.screen) {
    SPRINT_ASSIGN_OR_RETURN(out.screen, loader.Screen(out.head()));
  }
  if (out.shared == nullptr) return out;
  for (LayerWeights& layer : out.layers) {
    for (Matrix* matrix : {&layer.qkv, &layer.o, &layer.gate_up, &layer.down}) matrix->data.Protect();
  }
  out.embedding.data.Protect();
  if (out.lm_head) out.lm_head->data.Protect();
  if (out.screen) {
    out.screen->weights.Protect();
    out.screen->columns.Protect();
  }
  SPRINT_RETURN_IF_ERROR(out.shared->Publish());
  SPRINT_RETURN_IF_ERROR(out.shared->CheckSize());
  return out;
}

}  // namespace sprint
