// The loops around a tile, the same for every kind of tile.
#ifndef SPRINT_WORKER_ENGINE_GEMM_PART_H_
#define SPRINT_WORKER_ENGINE_GEMM_PART_H_

#include <algorithm>
#include <cstdint>

#include "worker/engine/gemm.h"

namespace sprint::gemm {

// Rows of a tile at most; x has stride `inputs`.
inline constexpr int64_t kMaxTileRows = 12;
// Bytes of a panel's part that should stay in the second-level cache.
inline constexpr int64_t kPanelBytes = 256 << 10;

// What a tile fetches into the second-level cache while it computes, spread over its time: `step` bytes an
// input. Memory answers at once then, where a panel read as fast as it is used would have to wait for it.
struct Ahead {
  const char* at = nullptr;
  int64_t step = 0;  // 0: nothing new

  void Fetch() {
    __builtin_prefetch(at, /*rw=*/0, /*locality=*/2);
    at += step;
  }
};

// Calls tile(rows, x, w, inputs, resume, y, stride, ahead) so that all of `part` is computed: y[i * stride +
// c] for rows i and a panel's columns c, continued from what is there when `resume`. `tile` takes up to
// `tile_rows` rows. Every compiler target includes this with a tile of its own type, so inlining it
// never mixes instruction sets.
template <typename T, typename Tile>
inline void RunPart(const Part<T>& part, int64_t tile_rows, const Tile& tile) {
  // A line an input at most: what would need more is left to the processor.
  const auto step = [](int64_t bytes, int64_t inputs) {
    return std::min<int64_t>(64, (bytes + inputs - 1) / std::max<int64_t>(1, inputs));
  };
  // Panels of bf16 hold pairs of inputs, those of bytes four.
  constexpr int64_t kUnit = 4 / static_cast<int64_t>(sizeof(T));
  const int64_t panel = (part.inputs + kUnit - 1) / kUnit * kUnit * kPanelRows;
  const int64_t depth = kPanelBytes / (kPanelRows * static_cast<int64_t>(sizeof(T)));
  const int64_t blocks = (part.rows + tile_rows - 1) / tile_rows;
  const int64_t tiles = blocks * ((part.inputs + depth - 1) / depth);
  const T* w = part.w;
  for (int64_t n = part.first_output; n < part.last_output; n += kPanelRows, w += panel) {
    const int64_t width = std::min(kPanelRows, part.outputs - n);
    if (width == kPanelRows) {
      const void* next = n + kPanelRows < part.last_output ? w + panel : part.next;
      const char* ahead = static_cast<const char*>(next == nullptr ? w : next);
      const int64_t share = next == nullptr ? 0 : panel * static_cast<int64_t>(sizeof(T)) / tiles;
      for (int64_t k = 0; k < part.inputs; k += depth) {
        const int64_t inputs = std::min(depth, part.inputs - k);
        // Blocks of nearly equal size: no tile is left with a row or two.
        for (int64_t b = 0, row = 0; b < blocks; ++b) {
          const int64_t end = part.rows * (b + 1) / blocks;
          tile(end - row, part.x + row * part.inputs + k, w + k * kPanelRows, inputs, k > 0,
               part.y + row * part.outputs + n, part.outputs, Ahead{ahead, step(share, inputs / kUnit)});
          row = end;
          ahead += share;
        }
      }
      continue;
    }
    for (int64_t row = 0; row < part.rows; row += tile_rows) {
      float columns[kMaxTileRows * kPanelRows];
      const int64_t rows = std::min(tile_rows, part.rows - row);
      tile(rows, part.x + row * part.inputs, w, part.inputs, false, columns, kPanelRows,
           Ahead{reinterpret_cast<const char*>(w), 0});
      for (int64_t i = 0; i < rows; ++i) {
        std::copy_n(columns + i * kPanelRows, width, part.y + (row + i) * part.outputs + n);
      }
    }
  }
}

}  // namespace sprint::gemm

#endif  // SPRINT_WORKER_ENGINE_GEMM_PART_H_
