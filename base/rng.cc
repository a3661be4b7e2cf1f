#include "base/rng.h"

#include <cassert>
#include <cmath>
#include <numbers>

namespace sprint {

std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  constexpr uint64_t kMultiplier0 = 0xD2511F53;
  constexpr uint64_t kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9;
  constexpr uint32_t kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = kMultiplier0 * counter[0];
    const uint64_t product1 = kMultiplier1 * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

uint32_t CounterRng::NextUint32() {
  if (left_ == 0) {
    buffer_ = Philox4x32({static_cast<uint32_t>(block_), static_cast<uint32_t>(block_ >> 32),
                          static_cast<uint32_t>(stream_), static_cast<uint32_t>(stream_ >> 32)},
                         {static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32)});
    ++block_;
    left_ = 4;
  }
  return buffer_[4 - left_--];
}

uint64_t CounterRng::NextUint64() {
  const uint64_t low = NextUint32();
  return low | static_cast<uint64_t>(NextUint32()) << 32;
}

double CounterRng::NextDouble() { return static_cast<double>(NextUint64() >> 11) * 0x1.0p-53; }

uint64_t CounterRng::NextBelow(uint64_t bound) {
  assert(bound > 0);
  const uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  uint64_t value = NextUint64();
  while (value >= limit) value = NextUint64();
  return value % bound;
}

double CounterRng::NextNormal() {
  const double radius = std::sqrt(-2.0 * std::log1p(-NextDouble()));
  return radius * std::cos(2.0 * std::numbers::pi * NextDouble());
}

}  // namespace sprint
