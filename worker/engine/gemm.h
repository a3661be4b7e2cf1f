// y = x W^T on the CPU: f32, bf16 operands with f32 sums, or 8-bit integers with 32-bit ones.
//
// Promise: an element of y is one sum over the inputs in the order of the file, in one accumulator.
// It is a function of its row of x, its row of W and the instruction set alone: how many rows share
// the call, their place, blocking and threads do not enter.
//
// Method: W lies in panels (matrix.h). A tile of some rows of x against one panel keeps its sums in
// registers while it runs down the panel, which stays in the cache for the tiles of the other rows
// (the register and cache blocking of Goto & van de Geijn, "Anatomy of High-Performance Matrix
// Multiplication", 2008). Meanwhile each tile asks memory for its share of the panel that is read next.
// Sums of long rows are kept in y between two parts, so that the order does not change.
#ifndef SPRINT_WORKER_ENGINE_GEMM_H_
#define SPRINT_WORKER_ENGINE_GEMM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "worker/engine/kernels.h"
#include "worker/engine/matrix.h"
#include "worker/engine/parallel.h"

namespace sprint {

// How a product is cut: piece p has the panels [p * run, p * run + run), the same `distance` further on, and
// so on, `runs` times; what lies beyond the matrix is left out of a last, only run.
struct Pieces {
  int64_t count = 0;
  int64_t run = 1;
  int64_t runs = 1;
  int64_t distance = 0;

  int64_t width() const { return run * runs * kPanelRows; }  // outputs

  // A matrix of so many panels cut into runs of `width` outputs, a multiple of kPanelRows.
  static Pieces Of(int64_t panels, int64_t width) {
    const int64_t run = width / kPanelRows;
    return {(panels + run - 1) / run, run};
  }
};

// Not thread-safe.
class Gemm {
 public:
  // `pool` must outlive it.
  explicit Gemm(ThreadPool& pool) : pool_(pool) {}

  // y[rows, w.rows] = x[rows, w.cols] W^T, all dense. `then` is the matrix of the next call, if known: a
  // hint. REQUIRES: w of x's dtype.
  void Multiply(const Matrix& w, const float* x, int64_t rows, float* y, const Matrix* then = nullptr);
  void Multiply(const Matrix& w, const Bf16* x, int64_t rows, float* y, const Matrix* then = nullptr);

  // The product handed out in pieces instead of stored, so that what comes next finds it in the cache:
  // take(piece, y), with y f32 [rows, pieces.width()] valid during the call; several threads, in any order.
  void MultiplyPieces(const Matrix& w, const float* x, int64_t rows, const Pieces& pieces,
                      absl::FunctionRef<void(int64_t, const float*)> take, const Matrix* then = nullptr);
  void MultiplyPieces(const Matrix& w, const Bf16* x, int64_t rows, const Pieces& pieces,
                      absl::FunctionRef<void(int64_t, const float*)> take, const Matrix* then = nullptr);
  // The same in 8-bit integers, with sums of 32 bits. Those of x mean what they say, those of w are bytes of
  // 128 more than they mean, as the processors' instruction has it: a sum is 128 times the sum of its row of
  // x too large. `take` learns its thread, too, below the pool's threads(). REQUIRES: w.cols is a multiple of
  // 4 and below 65,536.
  void MultiplyPieces(const Panels<I8>& w, const I8* x, int64_t rows, const Pieces& pieces,
                      absl::FunctionRef<void(int64_t, int, const int32_t*)> take,
                      const Matrix* then = nullptr);

  int64_t calls() const { return calls_; }

 private:
  template <typename T>
  void Piecewise(const Panels<T>& w, const T* x, int64_t rows, const Pieces& pieces,
                 absl::FunctionRef<void(int64_t, int, const float*)> take, const Matrix* then);

  ThreadPool& pool_;
  std::vector<std::vector<float>> pieces_;  // a thread's
  int64_t calls_ = 0;
};

// "gemm AVX3" or "gemm AVX512_BF16": the instructions that decide the bits of a product. With
// AVX512_BF16 two products are added at a time and subnormal values count as zero; without, products of
// bf16 are exact in f32 and added one by one.
std::string DescribeGemm(Dtype dtype);

namespace gemm {

// Part of a product, for one thread.
template <typename T>
struct Part {
  const T* x = nullptr;  // [rows, inputs]
  int64_t rows = 0;
  const T* w = nullptr;  // the first of the panels
  int64_t inputs = 0;
  int64_t first_output = 0;  // of the first panel
  int64_t last_output = 0;   // end of the outputs to compute
  float* y = nullptr;        // [rows, outputs]; of 8-bit integers, the bits of int32 sums
  int64_t outputs = 0;
  const void* next = nullptr;  // the panel that is read after the last one here, where it is known
};

// As this processor does it best.
void Multiply(const Part<float>& part);
void Multiply(const Part<Bf16>& part);
void Multiply(const Part<I8>& part);

// With Highway's vectors, or plain loops for integers: on any processor.
void MultiplyPortable(const Part<float>& part);
void MultiplyPortable(const Part<Bf16>& part);
void MultiplyPortable(const Part<I8>& part);
// Whether this processor has AVX512-BF16 (and VNNI, which came before it), and products with it. REQUIRES: it
// has.
bool HasAvx512Dots();
void MultiplyAvx512Dots(const Part<Bf16>& part);
void MultiplyAvx512Dots(const Part<I8>& part);

}  // namespace gemm
}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_GEMM_H_
