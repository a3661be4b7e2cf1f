#include "worker/engine/row_rule.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sprint {
namespace {

// Padding a single row to more than this many costs more than tiles do.
constexpr int64_t kMostPadding = 64;
constexpr int64_t kTiles[] = {32, 16, 8, 1};
// The bits that count are those of a call of at least this many rows, whatever the limit of the
// engine at hand: engines with other limits then agree.
constexpr int64_t kReferenceRows = 128;

struct Probe {
  RowGemm gemm;
  const char* x;
  int64_t x_row;
  int64_t y_row;

  std::vector<char> Run(int64_t first, int64_t rows) const {
    std::vector<char> y(static_cast<size_t>(rows * y_row));
    gemm(x + first * x_row, rows, y.data());
    return y;
  }
  // Whether rows computed `rows` at a time, from several starts, have the bits that `reference`
  // (rows [0, reference_rows) computed at once) has.
  bool Agrees(int64_t rows, const std::vector<char>& reference, int64_t reference_rows) const {
    for (const int64_t first : {int64_t{0}, int64_t{1}, reference_rows - rows}) {
      if (first + rows > reference_rows) continue;
      const std::vector<char> y = Run(first, rows);
      if (std::memcmp(y.data(), reference.data() + first * y_row, y.size()) != 0) return false;
    }
    return true;
  }
  // Whether a call of `rows` rows gives a row the same bits one place further up: any dependence
  // on the place shows for some row.
  bool PlaceIsFree(int64_t rows, const std::vector<char>& at_zero) const {
    const std::vector<char> y = Run(1, rows);
    return std::memcmp(y.data(), at_zero.data() + y_row, static_cast<size_t>((rows - 1) * y_row)) == 0;
  }
};

}  // namespace

int64_t ProbeRows(int64_t max_rows) { return std::max(kReferenceRows, CandidateRows(max_rows).back()) + 1; }

std::vector<int64_t> CandidateRows(int64_t max_rows) {
  std::vector<int64_t> rows = {1, 2, 4, 8};
  while (rows.back() < max_rows) {
    const int64_t last = rows.back();
    const int64_t quarter = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(last))) / 4;
    rows.push_back(last + std::max<int64_t>(8, quarter));
  }
  return rows;
}

RowRule::Call RowRule::Next(int64_t rows) const {
  const auto it = std::lower_bound(classes.begin(), classes.end(), rows);
  const int64_t computed = it == classes.end() ? classes.back() : *it;
  return {std::min(rows, computed), computed};
}

int64_t RowRule::PaddedRows(int64_t rows) const {
  int64_t padded = 0;
  while (rows > 0) {
    const Call call = Next(rows);
    padded += call.computed;
    rows -= call.used;
  }
  return padded;
}

std::string RowRule::Describe() const {
  if (tiled) return absl::StrCat("tile ", classes.front());
  // Classes below the largest rejected count are named; above it, all measured counts agree.
  std::vector<int64_t> named;
  for (const int64_t rows : classes) {
    named.push_back(rows);
    if (rows > largest_rejected) break;
  }
  return absl::StrCat(absl::StrJoin(named, ","), "+");
}

RowRule MeasureRowRule(RowGemm gemm, int64_t max_rows, const void* x, int64_t x_row_bytes,
                       int64_t y_row_bytes) {
  const Probe probe{gemm, static_cast<const char*>(x), x_row_bytes, y_row_bytes};
  const std::vector<int64_t> candidates = CandidateRows(max_rows);
  const int64_t reference_rows = std::max(kReferenceRows, candidates.back());
  const std::vector<char> reference = probe.Run(0, reference_rows);

  RowRule rule;
  if (probe.PlaceIsFree(reference_rows, reference)) {
    for (const int64_t rows : candidates) {
      if (rows == reference_rows || probe.Agrees(rows, reference, reference_rows)) {
        rule.classes.push_back(rows);
      } else {
        rule.largest_rejected = rows;
      }
    }
    if (!rule.classes.empty() && rule.classes.front() <= kMostPadding) return rule;
  }
  rule = RowRule{};
  rule.tiled = true;
  for (const int64_t tile : kTiles) {
    if (tile == 1 || probe.PlaceIsFree(tile, probe.Run(0, tile))) {
      rule.classes = {tile};
      break;
    }
  }
  return rule;
}

}  // namespace sprint
