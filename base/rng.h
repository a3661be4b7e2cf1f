// Counter-based random numbers: a number is a function of (key, counter), so what is drawn does not
// depend on batch, worker or order. Philox-4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011).
#ifndef SPRINT_BASE_RNG_H_
#define SPRINT_BASE_RNG_H_

#include <array>
#include <cstdint>

namespace sprint {

// The ten-round block function, exactly as published.
std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// One stream of numbers: the i-th draw is a function of (seed, stream, i) alone. Copyable; not
// thread-safe.
class CounterRng {
 public:
  CounterRng(uint64_t seed, uint64_t stream) : seed_(seed), stream_(stream) {}
  uint32_t NextUint32();
  uint64_t NextUint64();
  // Uniform in [0, 1), with 53 bits.
  double NextDouble();
  // Uniform in [0, bound), without modulo bias. REQUIRES: bound > 0.
  uint64_t NextBelow(uint64_t bound);
  // Standard normal (Box-Muller).
  double NextNormal();

 private:
  uint64_t seed_;
  uint64_t stream_;
  uint64_t block_ = 0;
  std::array<uint32_t, 4> buffer_{};
  int left_ = 0;
};

}  // namespace sprint

#endif  // SPRINT_BASE_RNG_H_
