#include "worker/engine/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sprint {
namespace {

// The frequency-dependent scaling of Llama 3.1: long wavelengths are divided by the factor, short
// ones kept, those between interpolated.
float ScaleLlama3(const RopeConfig& rope, float frequency) {
  const float context = static_cast<float>(rope.original_context);
  const float factor = static_cast<float>(rope.factor);
  const float low = static_cast<float>(rope.low_freq_factor);
  const float high = static_cast<float>(rope.high_freq_factor);
  const float wavelength = 2.0f * std::numbers::pi_v<float> / frequency;
  if (wavelength > context / low) return frequency / factor;
  if (wavelength < context / high) return frequency;
  const float smooth = (context / wavelength - low) / (high - low);
  return (1.0f - smooth) * frequency / factor + smooth * frequency;
}

}  // namespace

std::vector<float> RopeFrequencies(const RopeConfig& rope, int32_t head_dim) {
  std::vector<float> out;
  for (int32_t i = 0; i < head_dim / 2; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_dim);
    float frequency = 1.0f / std::pow(static_cast<float>(rope.theta), exponent);
    if (!rope.frequency_factors.empty()) {
      frequency /= rope.frequency_factors[static_cast<size_t>(i)];
    } else if (rope.scaling == RopeConfig::Scaling::kLinear) {
      frequency /= static_cast<float>(rope.factor);
    } else if (rope.scaling == RopeConfig::Scaling::kLlama3) {
      frequency = ScaleLlama3(rope, frequency);
    }
    out.push_back(frequency);
  }
  return out;
}

RopeTable::RopeTable(const RopeConfig& rope, int32_t head_dim)
    : frequencies_(RopeFrequencies(rope, head_dim)), half_(head_dim / 2) {}

void RopeTable::Grow(int64_t positions) {
  const int64_t have = static_cast<int64_t>(cos_.size()) / half_;
  if (positions <= have) return;
  // By halves more, so that growing token by token copies little.
  const int64_t want = std::max<int64_t>(positions, have + have / 2 + 64);
  for (int64_t position = have; position < want; ++position) {
    for (const float frequency : frequencies_) {
      const float angle = static_cast<float>(position) * frequency;
      cos_.push_back(std::cos(angle));
      sin_.push_back(std::sin(angle));
    }
  }
}

}  // namespace sprint
