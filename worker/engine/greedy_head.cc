#include "worker/engine/greedy_head.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "worker/engine/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "worker/engine/greedy_head.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "worker/engine/simd-inl.h"

#ifndef SPRINT_WORKER_ENGINE_GREEDY_HEAD_SPAN_
#define SPRINT_WORKER_ENGINE_GREEDY_HEAD_SPAN_
namespace sprint {
// A row's sums with some tokens, and what turns these into logits and bounds.
struct ScreenSpan {
  const int32_t* sums = nullptr;
  int64_t n = 0;
  const float* steps = nullptr;
  const float* norms = nullptr;
  const float* errors = nullptr;
  int32_t offset = 0;
  float scale = 0;
  float per_norm = 0;
  float per_error = 0;
};
struct ScreenedSpan {
  float low = 0;      // the largest lower bound
  float high = 0;     // and the largest upper one
  float largest = 0;  // logit
  float sum = 0;      // of exp(logit - largest), by RoughExp
};
}  // namespace sprint
#endif

HWY_BEFORE_NAMESPACE();
namespace sprint {
namespace HWY_NAMESPACE {

HWY_INLINE VecF BoundOf(F32 d, VecF norm, VecF error, const ScreenSpan& span) {
  return hn::MulAdd(norm, hn::Set(d, span.per_norm), hn::Mul(error, hn::Set(d, span.per_error)));
}

// exp(x) for x <= 0 within two ten-thousandths of itself; 0 below -80. As Exp of simd-inl.h with a polynomial
// of 2^r that has half the terms.
HWY_INLINE VecF RoughExp(F32 d, VecF x) {
  const hn::Rebind<int32_t, F32> di;
  const VecF shift = hn::Set(d, 12582912.0f);
  const VecF y = hn::Mul(x, hn::Set(d, 1.44269504f));
  const VecF sum = hn::Add(y, shift);
  const VecF r = hn::Sub(y, hn::Sub(sum, shift));
  VecF p = hn::Set(d, 5.460254e-2f);
  p = hn::MulAdd(p, r, hn::Set(d, 2.419243e-1f));
  p = hn::MulAdd(p, r, hn::Set(d, 6.933165e-1f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0f));
  const auto bits = hn::Add(hn::BitCast(di, p), hn::ShiftLeft<23>(hn::BitCast(di, sum)));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -80.0f)), hn::BitCast(d, bits));
}

// Writes logits and upper bounds, [n] each and up to a whole vector of what cannot be chosen.
ScreenedSpan ScreenImpl(const ScreenSpan& span, float* logits, float* uppers) {
  const F32 d;
  const hn::Rebind<int32_t, F32> di;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const float least = -std::numeric_limits<float>::infinity();
  const VecF none = hn::Set(d, least);
  const VecF scale = hn::Set(d, span.scale);
  const auto offset = hn::Set(di, span.offset);
  VecF low = none;
  VecF high = none;
  VecF top = none;
  int64_t i = 0;
  for (; i + lanes <= span.n; i += lanes) {
    const auto sum = hn::Sub(hn::LoadU(di, span.sums + i), offset);
    const VecF value = hn::Mul(hn::Mul(scale, hn::LoadU(d, span.steps + i)), hn::ConvertTo(d, sum));
    const VecF bound = BoundOf(d, hn::LoadU(d, span.norms + i), hn::LoadU(d, span.errors + i), span);
    const VecF upper = hn::Add(value, bound);
    hn::StoreU(value, d, logits + i);
    hn::StoreU(upper, d, uppers + i);
    low = hn::Max(low, hn::Sub(value, bound));
    high = hn::Max(high, upper);
    top = hn::Max(top, value);
  }
  ScreenedSpan out;
  out.low = hn::GetLane(hn::MaxOfLanes(d, low));
  out.high = hn::GetLane(hn::MaxOfLanes(d, high));
  out.largest = hn::GetLane(hn::MaxOfLanes(d, top));
  for (; i < span.n; ++i) {
    const float value = (span.scale * span.steps[i]) * static_cast<float>(span.sums[i] - span.offset);
    const float bound = span.norms[i] * span.per_norm + span.errors[i] * span.per_error;
    logits[i] = value;
    uppers[i] = value + bound;
    out.low = std::max(out.low, value - bound);
    out.high = std::max(out.high, uppers[i]);
    out.largest = std::max(out.largest, value);
  }
  for (; i % lanes != 0; ++i) logits[i] = uppers[i] = least;
  const VecF largest = hn::Set(d, out.largest);
  VecF sum = hn::Zero(d);
  for (i = 0; i < span.n; i += lanes) {
    sum = hn::Add(sum, RoughExp(d, hn::Sub(hn::LoadU(d, logits + i), largest)));
  }
  out.sum = hn::GetLane(hn::SumOfLanes(d, sum));
  return out;
}

// The first place from `i` on whose value is not below the threshold; n or more: none.
int64_t NextAboveImpl(const float* values, int64_t n, int64_t i, float threshold) {
  const F32 d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const VecF least = hn::Set(d, threshold);
  while (i < n) {
    if (i % lanes == 0 && hn::AllFalse(d, hn::Ge(hn::LoadU(d, values + i), least))) {
      i += lanes;
    } else if (values[i] >= threshold) {
      return i;
    } else {
      ++i;
    }
  }
  return n;
}

}  // namespace HWY_NAMESPACE
}  // namespace sprint
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sprint {

HWY_EXPORT(ScreenImpl);
HWY_EXPORT(NextAboveImpl);

namespace {

// Tokens so near the best are summed exactly in a log-probability, in nats: each of the others has less than
// a twentieth of the best one's probability, and 8 bits are wrong by a few hundredths of that.
constexpr float kExactNats = 3;
// A row with more candidates would pay for them more than for all logits.
constexpr int64_t kMostCandidates = 1024;
// So many a thread keeps of a row while it does not know the best yet. In a row whose logits are all alike,
// almost every token is a candidate.
constexpr int64_t kMostKept = 4 * kMostCandidates;

}  // namespace

bool GreedyHead::Pays() { return gemm::HasAvx512Dots(); }

GreedyHead::GreedyHead(const Matrix& head, const HeadScreen& screen, ThreadPool& pool, Gemm& gemm)
    : head_(head),
      screen_(screen),
      pool_(pool),
      gemm_(gemm),
      pieces_(Pieces::Of(head.panels(), kernels::kLogitPiece)) {
  threads_.resize(static_cast<size_t>(pool.threads()));
}

// Below it a token cannot be the largest, nor is it summed exactly.
float GreedyHead::Best::Threshold() const { return std::min(low, top - kExactNats); }

GreedyHead::Row GreedyHead::Round(const Bf16* x, I8* integers) const {
  const int64_t cols = screen_.cols;
  std::vector<float> values(static_cast<size_t>(cols));
  kernels::Bf16ToF32(x, cols, values.data());
  Row row;
  row.finite = kernels::AllFinite(values.data(), cols);
  if (!row.finite) {
    std::fill_n(integers, screen_.padded_cols(), I8{});
    return row;
  }
  const Rounded rounded = RotateAndRound(cols, values.data(), reinterpret_cast<int8_t*>(integers));
  std::fill(integers + cols, integers + screen_.padded_cols(), I8{});
  // What rotation multiplied products by.
  const float turned = 1 / static_cast<float>(RotationBlock(cols));
  // A logit of gemm.h is itself rounded, once an input at most, and so are rotations: each time by half a
  // unit of what Cauchy and Schwarz allow the sum to be. Twice that.
  const float units = static_cast<float>(cols + 64) * std::numeric_limits<float>::epsilon();
  row.offset = 128 * rounded.sum;
  row.scale = rounded.step * turned;
  row.per_norm = (rounded.error + units * rounded.norm) * turned;
  row.per_error = rounded.rounded * turned;
  // Of a row of zeros all logits are alike.
  row.finite = rounded.norm > 0 && std::isfinite(row.per_norm) && std::isfinite(row.per_error);
  return row;
}

void GreedyHead::Look(Thread& thread, int64_t i, int64_t piece, const int32_t* sums, const float* threshold) {
  const Row& row = rounded_[static_cast<size_t>(i)];
  if (!row.finite) return;
  const int64_t first = piece * kernels::kLogitPiece;
  ScreenSpan span;
  span.sums = sums;
  span.n = std::min<int64_t>(kernels::kLogitPiece, screen_.rows - first);
  span.steps = screen_.steps() + first;
  span.norms = screen_.norms() + first;
  span.errors = screen_.errors() + first;
  span.offset = row.offset;
  span.scale = row.scale;
  span.per_norm = row.per_norm;
  span.per_error = row.per_error;
  float* const logits = thread.logits.data();
  float* const uppers = logits + kernels::kLogitPiece;
  const ScreenedSpan screened = HWY_DYNAMIC_DISPATCH(ScreenImpl)(span, logits, uppers);
  peaks_[static_cast<size_t>(i * pieces_.count + piece)] = {screened.largest, screened.sum};
  Best& best = thread.bests[static_cast<size_t>(i)];
  best.top = std::max(best.top, screened.largest);
  best.low = std::max(best.low, screened.low);
  const float least = threshold != nullptr ? *threshold : best.Threshold();
  int64_t& count = thread.counts[static_cast<size_t>(i)];
  if (screened.high < least || count > kMostKept) return;
  const auto next = [&](int64_t from) {
    return HWY_DYNAMIC_DISPATCH(NextAboveImpl)(uppers, span.n, from, least);
  };
  for (int64_t j = next(0); j < span.n; j = next(j + 1)) {
    thread.candidates.push_back({i, first + j, logits[j], uppers[j], 0});
    ++count;
  }
}

void GreedyHead::Filter(int64_t rows, const Matrix* then) {
  const float none = -std::numeric_limits<float>::infinity();
  for (Thread& thread : threads_) {
    thread.bests.assign(static_cast<size_t>(rows), {none, none});
    thread.counts.assign(static_cast<size_t>(rows), 0);
    thread.candidates.clear();
    thread.logits.resize(2 * kernels::kLogitPiece);
  }
  peaks_.resize(static_cast<size_t>(rows * pieces_.count));
  const auto take = [&](int64_t piece, int thread, const int32_t* sums) {
    for (int64_t i = 0; i < rows; ++i) {
      Look(threads_[static_cast<size_t>(thread)], i, piece, sums + i * kernels::kLogitPiece, nullptr);
    }
  };
  gemm_.MultiplyPieces(screen_.panels(), integers_.data(), rows, pieces_, take, then);
  bests_.assign(static_cast<size_t>(rows), {none, none});
  for (const Thread& thread : threads_) {
    for (size_t i = 0; i < bests_.size(); ++i) {
      bests_[i].top = std::max(bests_[i].top, thread.bests[i].top);
      bests_[i].low = std::max(bests_[i].low, thread.bests[i].low);
    }
  }
}

bool GreedyHead::Flooded(int64_t row) const {
  return std::any_of(threads_.begin(), threads_.end(), [row](const Thread& thread) {
    return thread.counts[static_cast<size_t>(row)] > kMostKept;
  });
}

void GreedyHead::FilterAgain(const std::vector<int64_t>& rows) {
  const std::set<int64_t> wanted(rows.begin(), rows.end());
  for (Thread& thread : threads_) {
    std::erase_if(thread.candidates, [&](const Candidate& one) { return wanted.contains(one.row); });
    for (const int64_t row : rows) thread.counts[static_cast<size_t>(row)] = 0;
  }
  const int64_t padded = screen_.padded_cols();
  std::vector<I8> integers;
  for (const int64_t row : rows) {
    integers.insert(integers.end(), integers_.begin() + row * padded, integers_.begin() + (row + 1) * padded);
  }
  const auto take = [&](int64_t piece, int thread, const int32_t* sums) {
    for (const int64_t row : rows) {
      const float threshold = bests_[static_cast<size_t>(row)].Threshold();
      Look(threads_[static_cast<size_t>(thread)], row, piece, sums, &threshold);
      sums += kernels::kLogitPiece;
    }
  };
  gemm_.MultiplyPieces(screen_.panels(), integers.data(), static_cast<int64_t>(rows.size()), pieces_, take);
}

std::vector<GreedyHead::Candidate> GreedyHead::Passed(int64_t rows) const {
  const auto passes = [this](const Candidate& candidate) {
    return candidate.upper >= bests_[static_cast<size_t>(candidate.row)].Threshold();
  };
  std::vector<int64_t> counts(static_cast<size_t>(rows));
  for (const Thread& thread : threads_) {
    for (const Candidate& one : thread.candidates) counts[static_cast<size_t>(one.row)] += passes(one);
  }
  std::vector<Candidate> passed;
  for (const Thread& thread : threads_) {
    for (const Candidate& one : thread.candidates) {
      if (passes(one) && counts[static_cast<size_t>(one.row)] <= kMostCandidates) passed.push_back(one);
    }
  }
  std::sort(passed.begin(), passed.end(), [](const Candidate& a, const Candidate& b) {
    return a.row != b.row ? a.row < b.row : a.token < b.token;
  });
  return passed;
}

void GreedyHead::Refine(const Bf16* x, std::vector<Candidate>& candidates) {
  // Rows that want a panel's logits get them from one product.
  std::vector<int64_t> order(candidates.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
  const auto at = [&](int64_t i) -> Candidate& {
    return candidates[static_cast<size_t>(order[static_cast<size_t>(i)])];
  };
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    const Candidate& first = candidates[static_cast<size_t>(a)];
    const Candidate& second = candidates[static_cast<size_t>(b)];
    const int64_t difference = first.token / kPanelRows - second.token / kPanelRows;
    return difference != 0 ? difference < 0 : a < b;
  });
  std::vector<int64_t> groups;  // where each panel's begin, and the end
  for (int64_t i = 0; i < static_cast<int64_t>(order.size()); ++i) {
    if (i == 0 || at(i).token / kPanelRows != at(i - 1).token / kPanelRows) groups.push_back(i);
  }
  const auto count = static_cast<int64_t>(groups.size());
  groups.push_back(static_cast<int64_t>(order.size()));
  const int64_t cols = head_.cols;
  const Panels<Bf16> panels = head_.in_panels<Bf16>();
  pool_.For(count, 4, [&](int64_t begin, int64_t end, int thread_index) {
    Thread& thread = threads_[static_cast<size_t>(thread_index)];
    for (int64_t group = begin; group < end; ++group) {
      const int64_t first = groups[static_cast<size_t>(group)];
      const int64_t last = groups[static_cast<size_t>(group) + 1];
      thread.x.clear();
      for (int64_t i = first; i < last; ++i) {
        const Bf16* row = x + at(i).row * cols;
        if (i == first || at(i).row != at(i - 1).row) thread.x.insert(thread.x.end(), row, row + cols);
      }
      gemm::Part<Bf16> part;
      part.x = thread.x.data();
      part.rows = static_cast<int64_t>(thread.x.size()) / cols;
      part.w = panels.At(at(first).token / kPanelRows);
      part.inputs = cols;
      part.last_output = part.outputs = kPanelRows;
      part.next = group + 1 < end ? panels.At(at(last).token / kPanelRows) : nullptr;
      thread.y.resize(static_cast<size_t>(part.rows * kPanelRows));
      part.y = thread.y.data();
      gemm::Multiply(part);
      const float* y = part.y;
      for (int64_t i = first; i < last; ++i) {
        if (i > first && at(i).row != at(i - 1).row) y += kPanelRows;
        at(i).exact = y[at(i).token % kPanelRows];
      }
    }
  });
}

GreedyHead::Choice GreedyHead::Conclude(int64_t row, const Candidate* begin, const Candidate* end) const {
  const Candidate* best = begin;
  for (const Candidate* i = begin; i < end; ++i) {
    if (i->exact > best->exact) best = i;
  }
  const float top = bests_[static_cast<size_t>(row)].top;
  const auto share = [top](float logit) { return double{std::exp(logit - top)}; };
  double sum = 0;
  const Peak* peaks = peaks_.data() + row * pieces_.count;
  for (int64_t i = 0; i < pieces_.count; ++i) sum += peaks[i].sum * share(peaks[i].largest);
  for (const Candidate* i = begin; i < end; ++i) sum += share(i->exact) - share(i->screened);
  sum = std::max(sum, share(best->exact));
  return {{best->token, static_cast<float>(best->exact - top - std::log(sum))}, true};
}

std::vector<GreedyHead::Choice> GreedyHead::Choose(const Bf16* x, int64_t rows, const Matrix* then) {
  const int64_t padded = screen_.padded_cols();
  rounded_.resize(static_cast<size_t>(rows));
  integers_.resize(static_cast<size_t>(rows * padded));
  pool_.For(rows, 8, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      rounded_[static_cast<size_t>(i)] = Round(x + i * head_.cols, integers_.data() + i * padded);
    }
  });
  Filter(rows, then);
  std::vector<int64_t> flooded;
  for (int64_t row = 0; row < rows; ++row) {
    if (Flooded(row)) flooded.push_back(row);
  }
  if (!flooded.empty()) FilterAgain(flooded);
  std::vector<Candidate> candidates = Passed(rows);
  Refine(x, candidates);
  std::vector<Choice> choices(static_cast<size_t>(rows));
  pool_.For(rows, 8, [&](int64_t first, int64_t last, int) {
    for (int64_t row = first; row < last; ++row) {
      const auto [begin, end] =
          std::equal_range(candidates.begin(), candidates.end(), Candidate{row, 0, 0, 0, 0},
                           [](const Candidate& a, const Candidate& b) { return a.row < b.row; });
      if (begin != end) choices[static_cast<size_t>(row)] = Conclude(row, &*begin, &*begin + (end - begin));
    }
  });
  rows_ += rows;
  exact_logits_ += static_cast<int64_t>(candidates.size());
  return choices;
}

}  // namespace sprint
#endif  // HWY_ONCE
