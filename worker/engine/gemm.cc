#include "worker/engine/gemm.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "hwy/cache_control.h"
#include "worker/engine/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "worker/engine/gemm.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "worker/engine/gemm_part.h"
#include "worker/engine/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sprint {
namespace HWY_NAMESPACE {

// Two vectors of sums a row, the vectors of weights and one of x must fit the registers: 32 of
// them with AVX-512, 16 below.
constexpr int kTileRows = HWY_MAX_BYTES >= 64 ? 12 : 6;

// Adds x[k] times the weights of input k; f32.
template <int R>
HWY_INLINE void AddInputs(const float* x, int64_t stride, const float* w, int64_t inputs, VecF (&a)[R],
                          VecF (&b)[R], gemm::Ahead ahead) {
  const F32 d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t k = 0; k < inputs; ++k, w += kPanelRows) {
    const VecF wa = hn::LoadU(d, w);
    const VecF wb = hn::LoadU(d, w + lanes);
    hwy::Prefetch(w + 16 * kPanelRows);
    hwy::Prefetch(w + 16 * kPanelRows + lanes);
    ahead.Fetch();
    HWY_UNROLL(16)
    for (int i = 0; i < R; ++i) {
      const VecF v = hn::Set(d, x[i * stride + k]);
      a[i] = hn::MulAdd(v, wa, a[i]);
      b[i] = hn::MulAdd(v, wb, b[i]);
    }
  }
}

HWY_INLINE float Widen(Bf16 v) { return std::bit_cast<float>(static_cast<uint32_t>(v.bits) << 16); }

// The same for bf16, whose panels hold pairs of inputs: the even one in the lower half of a lane.
template <int R>
HWY_INLINE void AddInputs(const Bf16* x, int64_t stride, const Bf16* w, int64_t inputs, VecF (&a)[R],
                          VecF (&b)[R], gemm::Ahead ahead) {
  const F32 d;
  const hn::Rebind<uint32_t, F32> du;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto upper = hn::Set(du, 0xffff0000u);
  for (int64_t k = 0; k < inputs; k += 2, w += 2 * kPanelRows) {
    const auto pa = hn::LoadU(du, reinterpret_cast<const uint32_t*>(w));
    const auto pb = hn::LoadU(du, reinterpret_cast<const uint32_t*>(w + 2 * lanes));
    ahead.Fetch();
    const VecF wa = hn::BitCast(d, hn::ShiftLeft<16>(pa));
    const VecF wb = hn::BitCast(d, hn::ShiftLeft<16>(pb));
    HWY_UNROLL(16)
    for (int i = 0; i < R; ++i) {
      const VecF v = hn::Set(d, Widen(x[i * stride + k]));
      a[i] = hn::MulAdd(v, wa, a[i]);
      b[i] = hn::MulAdd(v, wb, b[i]);
    }
    if (k + 1 == inputs) return;
    const VecF odd_a = hn::BitCast(d, hn::And(pa, upper));
    const VecF odd_b = hn::BitCast(d, hn::And(pb, upper));
    HWY_UNROLL(16)
    for (int i = 0; i < R; ++i) {
      const VecF v = hn::Set(d, Widen(x[i * stride + k + 1]));
      a[i] = hn::MulAdd(v, odd_a, a[i]);
      b[i] = hn::MulAdd(v, odd_b, b[i]);
    }
  }
}

// R rows against two vectors' columns of a panel at a time.
template <int R, typename T>
HWY_INLINE void Tile(const T* x, int64_t x_stride, const T* w, int64_t inputs, bool resume, float* y,
                     int64_t y_stride, const gemm::Ahead& ahead) {
  const F32 d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  constexpr int64_t kPair = 4 / static_cast<int64_t>(sizeof(T));
  for (int64_t c = 0; c < kPanelRows; c += 2 * lanes) {
    VecF a[R];
    VecF b[R];
    for (int i = 0; i < R; ++i) {
      a[i] = resume ? hn::LoadU(d, y + i * y_stride + c) : hn::Zero(d);
      b[i] = resume ? hn::LoadU(d, y + i * y_stride + c + lanes) : hn::Zero(d);
    }
    AddInputs<R>(x, x_stride, w + c * kPair, inputs, a, b, ahead);
    for (int i = 0; i < R; ++i) {
      hn::StoreU(a[i], d, y + i * y_stride + c);
      hn::StoreU(b[i], d, y + i * y_stride + c + lanes);
    }
  }
}

template <int R, typename T>
HWY_INLINE void TileOf(int64_t rows, const T* x, int64_t x_stride, const T* w, int64_t inputs, bool resume,
                       float* y, int64_t y_stride, const gemm::Ahead& ahead) {
  if (rows == R) {
    Tile<R>(x, x_stride, w, inputs, resume, y, y_stride, ahead);
  } else if constexpr (R > 1) {
    TileOf<R - 1>(rows, x, x_stride, w, inputs, resume, y, y_stride, ahead);
  }
}

template <typename T>
struct AnyTile {
  int64_t x_stride;
  HWY_ATTR void operator()(int64_t rows, const T* x, const T* w, int64_t inputs, bool resume, float* y,
                           int64_t y_stride, const gemm::Ahead& ahead) const {
    TileOf<kTileRows>(rows, x, x_stride, w, inputs, resume, y, y_stride, ahead);
  }
};

void PartF32(const gemm::Part<float>& part) { gemm::RunPart(part, kTileRows, AnyTile<float>{part.inputs}); }
void PartBf16(const gemm::Part<Bf16>& part) { gemm::RunPart(part, kTileRows, AnyTile<Bf16>{part.inputs}); }

}  // namespace HWY_NAMESPACE
}  // namespace sprint
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sprint {

HWY_EXPORT(PartF32);
HWY_EXPORT(PartBf16);
void gemm::MultiplyPortable(const Part<float>& part) { HWY_DYNAMIC_DISPATCH(PartF32)(part); }
void gemm::MultiplyPortable(const Part<Bf16>& part) { HWY_DYNAMIC_DISPATCH(PartBf16)(part); }

void gemm::MultiplyPortable(const Part<I8>& part) {
  RunPart(part, 1,
          [](int64_t rows, const I8* x, const I8* w, int64_t inputs, bool resume, float* y,
             int64_t /*stride*/, const Ahead&) {
            for (int64_t c = 0; c < kPanelRows && rows > 0; ++c) {
              int32_t sum = resume ? std::bit_cast<int32_t>(y[c]) : 0;
              for (int64_t k = 0; k < inputs; ++k) {
                sum += static_cast<int8_t>(x[k].bits) * w[(k / 4 * kPanelRows + c) * 4 + k % 4].bits;
              }
              y[c] = std::bit_cast<float>(sum);
            }
          });
}

void gemm::Multiply(const Part<float>& part) { MultiplyPortable(part); }
void gemm::Multiply(const Part<Bf16>& part) {
  HasAvx512Dots() ? MultiplyAvx512Dots(part) : MultiplyPortable(part);
}
void gemm::Multiply(const Part<I8>& part) {
  HasAvx512Dots() ? MultiplyAvx512Dots(part) : MultiplyPortable(part);
}

namespace {

// Work worth handing to a thread, in multiplications.
constexpr int64_t kLeastWork = 1 << 19;

// Panel `i` of w, or what comes so far behind its last in the product after it; null: nobody knows.
template <typename T>
const void* Ahead(const Panels<T>& w, int64_t i, const Matrix* then) {
  if (i < w.count()) return w.At(i);
  i -= w.count();
  if (then == nullptr || i >= then->panels()) return nullptr;
  return then->data.as<char>() + i * then->panel() * DtypeBytes(then->dtype);
}

// Threads take panels; when there are few of them, each is cut into spans of rows as well.
template <typename T>
void MultiplyParts(ThreadPool& pool, const Panels<T>& w, const T* x, int64_t rows, float* y,
                   const Matrix* then) {
  const int64_t panels = w.count();
  const int64_t wanted = 4 * pool.threads();
  const int64_t most = (rows + 2 * gemm::kMaxTileRows - 1) / (2 * gemm::kMaxTileRows);
  const int64_t spans = pool.threads() == 1 ? 1 : std::clamp<int64_t>(wanted / panels, 1, most);
  const int64_t span = (rows + spans - 1) / spans;
  const int64_t work = kPanelRows * w.cols * span;
  const int64_t chunk = std::clamp<int64_t>(kLeastWork / work, 1, std::max<int64_t>(1, panels / wanted));
  const int64_t groups = (panels + chunk - 1) / chunk;
  pool.For(groups * spans, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t panel = i / spans * chunk;
      const int64_t row = i % spans * span;
      gemm::Part<T> part;
      part.rows = std::min(span, rows - row);
      if (part.rows <= 0) continue;
      part.x = x + row * w.cols;
      part.w = w.At(panel);
      part.inputs = w.cols;
      part.first_output = panel * kPanelRows;
      part.last_output = std::min(w.rows, (panel + chunk) * kPanelRows);
      part.y = y + row * w.rows;
      part.outputs = w.rows;
      part.next = Ahead(w, panel + chunk * pool.threads(), then);
      gemm::Multiply(part);
    }
  });
}

}  // namespace

void Gemm::Multiply(const Matrix& w, const float* x, int64_t rows, float* y, const Matrix* then) {
  ++calls_;
  MultiplyParts(pool_, w.in_panels<float>(), x, rows, y, then);
}

void Gemm::Multiply(const Matrix& w, const Bf16* x, int64_t rows, float* y, const Matrix* then) {
  ++calls_;
  MultiplyParts(pool_, w.in_panels<Bf16>(), x, rows, y, then);
}

template <typename T>
void Gemm::Piecewise(const Panels<T>& w, const T* x, int64_t rows, const Pieces& pieces,
                     absl::FunctionRef<void(int64_t, int, const float*)> take, const Matrix* then) {
  ++calls_;
  const auto size = static_cast<size_t>(rows * pieces.width());
  pieces_.resize(static_cast<size_t>(pool_.threads()));
  for (std::vector<float>& piece : pieces_) piece.resize(std::max(piece.size(), size));
  pool_.For(pieces.count, 1, [&](int64_t begin, int64_t end, int thread) {
    float* const y = pieces_[static_cast<size_t>(thread)].data();
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t run = 0; run < pieces.runs; ++run) {
        const int64_t panel = i * pieces.run + run * pieces.distance;
        const int64_t panels = std::min(pieces.run, w.count() - panel);
        gemm::Part<T> part;
        part.rows = rows;
        part.x = x;
        part.w = w.At(panel);
        part.inputs = w.cols;
        part.last_output = panels * kPanelRows;
        part.y = y + run * pieces.run * kPanelRows;
        part.outputs = pieces.width();
        part.next = run + 1 < pieces.runs                ? w.At(panel + pieces.distance)
                    : i + pool_.threads() < pieces.count ? w.At((i + pool_.threads()) * pieces.run)
                                                         : Ahead(w, w.count(), then);
        gemm::Multiply(part);
      }
      take(i, thread, y);
    }
  });
}

void Gemm::MultiplyPieces(const Matrix& w, const float* x, int64_t rows, const Pieces& pieces,
                          absl::FunctionRef<void(int64_t, const float*)> take, const Matrix* then) {
  const auto of_piece = [&](int64_t piece, int /*thread*/, const float* y) { take(piece, y); };
  Piecewise<float>(w.in_panels<float>(), x, rows, pieces, of_piece, then);
}

void Gemm::MultiplyPieces(const Matrix& w, const Bf16* x, int64_t rows, const Pieces& pieces,
                          absl::FunctionRef<void(int64_t, const float*)> take, const Matrix* then) {
  const auto of_piece = [&](int64_t piece, int /*thread*/, const float* y) { take(piece, y); };
  Piecewise<Bf16>(w.in_panels<Bf16>(), x, rows, pieces, of_piece, then);
}

void Gemm::MultiplyPieces(const Panels<I8>& w, const I8* x, int64_t rows, const Pieces& pieces,
                          absl::FunctionRef<void(int64_t, int, const int32_t*)> take, const Matrix* then) {
  const auto sums = [&](int64_t piece, int thread, const float* y) {
    take(piece, thread, reinterpret_cast<const int32_t*>(y));
  };
  Piecewise<I8>(w, x, rows, pieces, sums, then);
}

std::string DescribeGemm(Dtype dtype) {
  const bool dot = dtype == Dtype::kBF16 && gemm::HasAvx512Dots();
  return absl::StrCat("gemm ", dot ? "AVX512_BF16" : kernels::Target());
}

}  // namespace sprint
#endif  // HWY_ONCE
