#include "worker/engine/gemm.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mm.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <exception>
#include <map>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/status.h"
#include "worker/engine/kernels.h"
#include "worker/engine/row_rule.h"

namespace sprint {
namespace {

// Rows of the probe that go into the description's hash.
constexpr int64_t kHashedRows = 4;

at::ScalarType TorchType(Dtype dtype) { return dtype == Dtype::kF32 ? at::kFloat : at::kBFloat16; }

// Values like activations after a norm: uniform in (-2, 2), the same on every machine.
absl::StatusOr<Matrix> ProbeInput(int64_t rows, int64_t cols, Dtype dtype) {
  SPRINT_ASSIGN_OR_RETURN(Matrix x, NewMatrix(rows, cols, dtype));
  CounterRng rng(/*seed=*/1, /*stream=*/static_cast<uint64_t>(cols));
  for (int64_t i = 0; i < rows * cols; ++i) {
    const float value = static_cast<float>(rng.NextUint64() >> 40) * 0x1p-22f - 2.0f;
    if (dtype == Dtype::kF32) {
      x.data.as<float>()[i] = value;
    } else {
      kernels::F32ToBf16(&value, 1, x.data.as<Bf16>() + i);
    }
  }
  return x;
}

}  // namespace

struct Gemm::Impl {
  int threads;
  // By (in, out), so that the description is in a fixed order.
  std::map<std::pair<int64_t, int64_t>, RowRule> rules;
  std::vector<std::string> probes;
  // Making a tensor costs more than a small product: each view of a buffer is made once.
  absl::flat_hash_map<std::tuple<const void*, int64_t, int64_t>, at::Tensor> views;
  absl::flat_hash_map<const void*, at::Tensor> transposed;

  const at::Tensor& View(void* data, int64_t rows, int64_t cols, Dtype dtype) {
    at::Tensor& view = views[{data, rows, cols}];
    if (!view.defined()) view = at::from_blob(data, {rows, cols}, TorchType(dtype));
    return view;
  }
  const at::Tensor& Transposed(const Matrix& w) {
    at::Tensor& view = transposed[w.data.as<void>()];
    if (!view.defined()) {
      view = at::from_blob(const_cast<void*>(w.data.as<void>()), {w.rows, w.cols}, TorchType(w.dtype)).t();
    }
    return view;
  }
};

void SetTorchThreads(int threads) {
  thread_local int current = 0;
  if (current == threads) return;
  at::set_num_threads(threads);
  current = threads;
}

Gemm::Gemm(int threads) : impl_(std::make_unique<Impl>()) {
  impl_->threads = threads;
  SetTorchThreads(threads);
}
Gemm::~Gemm() = default;

absl::Status Gemm::Measure(const Matrix& weights, int64_t max_rows) {
  RowRule& rule = impl_->rules[{weights.cols, weights.rows}];
  if (!rule.classes.empty()) return absl::OkStatus();
  try {
    const c10::InferenceMode guard;
    SPRINT_ASSIGN_OR_RETURN(const Matrix x, ProbeInput(ProbeRows(max_rows), weights.cols, weights.dtype));
    const int64_t bytes = DtypeBytes(weights.dtype);
    const at::Tensor w = Impl{}.Transposed(weights);
    const auto multiply = [&](const void* in, int64_t rows, void* out) {
      const at::Tensor x_view =
          at::from_blob(const_cast<void*>(in), {rows, weights.cols}, TorchType(weights.dtype));
      at::Tensor y_view = at::from_blob(out, {rows, weights.rows}, TorchType(weights.dtype));
      at::mm_out(y_view, x_view, w);
    };
    rule = MeasureRowRule(multiply, max_rows, x.data.as<void>(), weights.cols * bytes, weights.rows * bytes);
    const int64_t probed = std::max(kHashedRows, rule.classes.front());
    const int64_t computed = rule.Next(probed).computed;
    std::vector<char> y(static_cast<size_t>(computed * weights.rows * bytes));
    multiply(x.data.as<void>(), computed, y.data());
    const size_t hashed = static_cast<size_t>(std::min(kHashedRows, computed) * weights.rows * bytes);
    impl_->probes.push_back(Sha256(absl::string_view(y.data(), hashed)).Hex());
  } catch (const std::exception& e) {
    return absl::InternalError(absl::StrCat("libtorch failed on a matrix product: ", e.what()));
  }
  return absl::OkStatus();
}

int64_t Gemm::PaddedRows(int64_t rows) const {
  int64_t padded = rows;
  for (const auto& [shape, rule] : impl_->rules) padded = std::max(padded, rule.PaddedRows(rows));
  return padded;
}

void Gemm::Multiply(const Matrix& weights, void* x, int64_t rows, void* y) {
  const c10::InferenceMode guard;
  const RowRule& rule = impl_->rules.at({weights.cols, weights.rows});
  const int64_t bytes = DtypeBytes(weights.dtype);
  const at::Tensor& w = impl_->Transposed(weights);
  for (int64_t row = 0; row < rows;) {
    const RowRule::Call call = rule.Next(rows - row);
    char* in = static_cast<char*>(x) + row * weights.cols * bytes;
    char* out = static_cast<char*>(y) + row * weights.rows * bytes;
    std::fill(in + call.used * weights.cols * bytes, in + call.computed * weights.cols * bytes, 0);
    // Looked up first: a second look-up may move what the first one refers to.
    at::Tensor result = impl_->View(out, call.computed, weights.rows, weights.dtype);
    at::mm_out(result, impl_->View(in, call.computed, weights.cols, weights.dtype), w);
    ++calls_;
    row += call.used;
  }
}

std::string Gemm::Describe() const {
  std::vector<std::string> rules;
  for (const auto& [shape, rule] : impl_->rules) {
    rules.push_back(absl::StrCat(shape.first, "x", shape.second, ":", rule.Describe()));
  }
  Hasher hasher("gemm-probe/1");
  for (const std::string& probe : impl_->probes) hasher.Add("probe", probe);
  return absl::StrCat("rows ", absl::StrJoin(rules, " "), ", probe ", hasher.Finish().Short());
}

}  // namespace sprint
