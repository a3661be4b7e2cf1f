// y = x W^T on the CPU through libtorch's GEMM (OpenBLAS or MKL for f32, oneDNN for bf16), with row
// counts chosen so that a row's bits do not depend on what shares the call. Torch stays in the .cc.
#ifndef SPRINT_WORKER_ENGINE_GEMM_H_
#define SPRINT_WORKER_ENGINE_GEMM_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "worker/engine/weights_loader.h"

namespace sprint {

// Sets libtorch's thread count, for the calling thread too: OpenMP keeps it per thread. Cheap.
void SetTorchThreads(int threads);

// Not thread-safe. Buffers passed to it keep their address for its life.
class Gemm {
 public:
  explicit Gemm(int threads);
  ~Gemm();

  // Measures the row rule for the shape of `weights`, for calls of up to `max_rows` rows, unless
  // that shape was measured before. INTERNAL when libtorch fails.
  absl::Status Measure(const Matrix& weights, int64_t max_rows);
  // Rows of room that buffers need for `rows` rows, over all measured shapes.
  int64_t PaddedRows(int64_t rows) const;
  // y[0, rows) = x[0, rows) W^T, dense, in the weights' dtype; the padding's rows of x are zeroed,
  // those of y overwritten. REQUIRES: the shape was measured, rows within its limit. Throws what
  // libtorch throws.
  void Multiply(const Matrix& weights, void* x, int64_t rows, void* y);

  int64_t calls() const { return calls_; }
  // "576x960:8+ 576x576:8+ …, probe 3fa9c2…": rules by shape (in x out), and a hash over the bits of
  // the measured products, so that two machines with one description agree on more than names.
  std::string Describe() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  int64_t calls_ = 0;
};

// "libtorch 1.13.1, OpenBLAS 0.3.21 SkylakeX" or "libtorch 2.13.0, MKL …, oneDNN …".
std::string DescribeTorchLibraries();

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_GEMM_H_
