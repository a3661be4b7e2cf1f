#include "worker/engine/head_screen.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace sprint {
namespace {

constexpr int64_t kLargestBlock = 64;
constexpr float kLargestInteger = 127;

// A square root of a sum that was rounded some times, and not below the true one; infinite where rotation
// has overflowed.
float NotBelowRoot(double sum) {
  const auto root = static_cast<float>(std::sqrt(sum) * (1 + 1e-6));
  return std::isnan(root) ? std::numeric_limits<float>::infinity() : root;
}

// v H for each block of v, by butterflies.
void Rotate(int64_t cols, int64_t block, float* v) {
  for (int64_t first = 0; first < cols; first += block) {
    for (int64_t half = 1; half < block; half *= 2) {
      for (int64_t i = first; i < first + block; i += 2 * half) {
        for (int64_t j = i; j < i + half; ++j) {
          const float a = v[j];
          const float b = v[j + half];
          v[j] = a + b;
          v[j + half] = a - b;
        }
      }
    }
  }
}

}  // namespace

int64_t RotationBlock(int64_t cols) {
  int64_t block = 1;
  while (block < kLargestBlock && cols % (2 * block) == 0) block *= 2;
  return block;
}

Rounded RotateAndRound(int64_t cols, float* values, int8_t* integers) {
  // Below this a step's inverse is infinite: the row's integers are 0, and all of it is error.
  constexpr float kLeastStep = 1e-36f;
  Rotate(cols, RotationBlock(cols), values);
  float largest = 0;
  for (int64_t i = 0; i < cols; ++i) largest = std::max(largest, std::abs(values[i]));
  Rounded out;
  const float step = largest / kLargestInteger;
  const bool rounds = step > kLeastStep && std::isfinite(step);
  if (rounds) out.step = step;
  double norm = 0;
  double rounded = 0;
  double error = 0;
  for (int64_t i = 0; i < cols; ++i) {
    const float whole =
        rounds ? std::clamp(std::nearbyint(values[i] / step), -kLargestInteger, kLargestInteger) : 0;
    const double value = values[i];
    const double kept = static_cast<double>(whole) * out.step;
    integers[i] = static_cast<int8_t>(whole);
    out.sum += integers[i];
    norm += value * value;
    rounded += kept * kept;
    error += (value - kept) * (value - kept);
  }
  out.norm = NotBelowRoot(norm);
  out.rounded = NotBelowRoot(rounded);
  out.error = NotBelowRoot(error);
  return out;
}

HeadScreenBytes BytesOfHeadScreen(int64_t rows, int64_t cols) {
  const int64_t panels = (rows + kPanelRows - 1) / kPanelRows;
  return {panels * kPanelRows * ((cols + 3) / 4 * 4), 3 * rows * static_cast<int64_t>(sizeof(float))};
}

void FillHeadScreen(const Matrix& head, ThreadPool& pool, HeadScreen& screen) {
  const int64_t panel = screen.panels().panel;
  auto* const weights = screen.weights.as<I8>();
  auto* const columns = screen.columns.as<float>();
  pool.For(head.rows, kPanelRows, [&](int64_t begin, int64_t end, int) {
    std::vector<float> values(static_cast<size_t>(head.cols));
    std::vector<int8_t> integers(values.size());
    for (int64_t row = begin; row < end; ++row) {
      LoadRow(head, row, values.data());
      const Rounded rounded = RotateAndRound(head.cols, values.data(), integers.data());
      columns[row] = rounded.step;
      columns[head.rows + row] = rounded.norm;
      columns[2 * head.rows + row] = rounded.error;
      I8* const out = weights + row / kPanelRows * panel + row % kPanelRows * 4;
      for (int64_t k = 0; k < head.cols; ++k) {
        out[k / 4 * 4 * kPanelRows + k % 4].bits =
            static_cast<uint8_t>(integers[static_cast<size_t>(k)] + 128);
      }
    }
  });
}

}  // namespace sprint
