// Rotary position embedding: the cosines and sines of each position (Su et al., RoFormer), with
// the scalings of RopeConfig. Computed in f32 as transformers does, so that texts agree with it.
#ifndef SPRINT_WORKER_ENGINE_ROPE_H_
#define SPRINT_WORKER_ENGINE_ROPE_H_

#include <cstdint>
#include <vector>

#include "model/config.h"

namespace sprint {

// [head_dim / 2] angles per position step.
std::vector<float> RopeFrequencies(const RopeConfig& rope, int32_t head_dim);

// Grows as positions are used. Not thread-safe while it grows.
class RopeTable {
 public:
  RopeTable(const RopeConfig& rope, int32_t head_dim);
  // Makes positions [0, positions) available.
  void Grow(int64_t positions);
  // [head_dim / 2]. REQUIRES: the position is available. Valid until the next Grow.
  const float* Cos(int64_t position) const { return &cos_[static_cast<size_t>(position * half_)]; }
  const float* Sin(int64_t position) const { return &sin_[static_cast<size_t>(position * half_)]; }

 private:
  const std::vector<float> frequencies_;
  const int64_t half_;
  std::vector<float> cos_;
  std::vector<float> sin_;
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_ROPE_H_
