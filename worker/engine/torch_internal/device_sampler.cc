#include "worker/engine/torch_internal/device_sampler.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <tuple>
#include <utility>

namespace sprint {
namespace {

constexpr int64_t kTile = DeviceSampler::kTileRows;
constexpr uint64_t kLeastHistory = 64;

// The place of the first kept weight at which the running sum of probabilities passes the draw, the last
// kept one when rounding leaves the sum short of it. weights: f64 [rows, n]; kept: bool; u: [rows, 1].
at::Tensor Pick(const at::Tensor& weights, const at::Tensor& kept, const at::Tensor& u) {
  const int64_t n = weights.size(1);
  const at::Tensor left = weights.mul(kept);
  const at::Tensor total = left.cumsum(1).narrow(1, n - 1, 1);
  const at::Tensor sums = left.div(total).cumsum_(1);
  const at::Tensor places = at::arange(n, weights.options().dtype(at::kInt)).unsqueeze(0);
  const at::Tensor passed = kept.logical_and(sums.gt(u));
  const at::Tensor first = places.masked_fill(passed.logical_not(), n).amin(1, /*keepdim=*/true);
  const at::Tensor last = places.masked_fill(kept.logical_not(), -1).amax(1, /*keepdim=*/true);
  return at::where(first.lt(n), first, last).to(at::kLong);
}

// The `n` highest of a row, or all: by value, equal ones by id.
std::pair<at::Tensor, at::Tensor> Highest(const at::Tensor& scores, int64_t n) {
  at::Tensor values = scores;
  at::Tensor ids;
  if (n < scores.size(1)) {
    const auto [found, places] = at::topk(scores, n, 1, /*largest=*/true, /*sorted=*/false);
    const auto [ascending, order] = at::sort(places, 1);
    values = found.gather(1, order);
    ids = ascending;
  }
  const auto [descending, order] = at::sort(values, /*stable=*/true, 1, /*descending=*/true);
  return {descending, ids.defined() ? ids.gather(1, order) : order};
}

}  // namespace

DeviceSampler::Kind DeviceSampler::KindOf(const Sampling& sampling) {
  if (sampling.temperature <= 0) return Kind::kPenalised;
  return sampling.top_k > 0 || sampling.top_p < 1 ? Kind::kDrawnInOrder : Kind::kDrawn;
}

void DeviceSampler::AddRow(const RowRules& rules, int64_t row, Tile& tile) const {
  const Sampling& sampling = *rules.sampling;
  const int64_t top_k = sampling.top_k > 0 ? std::min<int64_t>(sampling.top_k, vocab_) : vocab_;
  tile.penalised = tile.penalised || sampling.repetition_penalty != 1;
  tile.all_weighed = tile.all_weighed || top_k == vocab_;
  tile.rows.push_back(row);
  tile.top_k.push_back(top_k);
  const double top_p = sampling.top_p < 1 ? sampling.top_p : std::numeric_limits<double>::infinity();
  tile.numbers.insert(tile.numbers.end(), {top_p, sampling.min_p, rules.u});
  tile.divisors.push_back(static_cast<float>(sampling.repetition_penalty));
  tile.divisors.push_back(sampling.temperature > 0 ? static_cast<float>(sampling.temperature) : 1.0F);
}

void DeviceSampler::Finish(Tile& tile, PackedInputs& inputs) {
  while (static_cast<int64_t>(tile.rows.size()) < kTile) AddRow(tile.rules.front(), padded_, tile);
  tile.rows_part = inputs.Add(tile.rows);
  tile.divisors_part = inputs.Add(tile.divisors);
  tile.numbers_part = inputs.Add(tile.numbers);
  tile.top_k_part = inputs.Add(tile.top_k);
  if (tile.penalised) {
    size_t longest = kLeastHistory;
    for (const RowRules& rules : tile.rules) {
      size_t tokens = 0;
      for (const absl::Span<const int32_t> piece : rules.before) tokens += piece.size();
      longest = std::max(longest, tokens);
    }
    tile.history = static_cast<int64_t>(std::bit_ceil(longest));
    std::vector<int32_t> history;
    for (int64_t i = 0; i < kTile; ++i) {
      const RowRules& rules = tile.rules[std::min(static_cast<size_t>(i), tile.rules.size() - 1)];
      for (const absl::Span<const int32_t> piece : rules.before) {
        history.insert(history.end(), piece.begin(), piece.end());
      }
      // A token is penalised once, however often it is named.
      history.resize(static_cast<size_t>((i + 1) * tile.history), rules.before.front().front());
    }
    tile.history_part = inputs.Add(history);
  }
  tile.rows.clear();
  tile.top_k.clear();
  tile.numbers.clear();
  tile.divisors.clear();
  tile.rules.clear();  // what they show may go
  tiles_.push_back(std::move(tile));
  tile = Tile{};
}

void DeviceSampler::Plan(const RowSampler* sampler, int64_t first, int64_t rows, int64_t padded,
                         PackedInputs& inputs) {
  padded_ = padded;
  tiles_.clear();
  if (sampler == nullptr) return;
  Tile open[3];
  for (int64_t i = 0; i < rows; ++i) {
    if (!sampler->Samples(first + i)) continue;
    const RowRules rules = sampler->Rules(first + i);
    const Kind kind = KindOf(*rules.sampling);
    Tile& tile = open[static_cast<size_t>(kind)];
    tile.kind = kind;
    AddRow(rules, i, tile);
    tile.rules.push_back(rules);
    if (static_cast<int64_t>(tile.rows.size()) == kTile) Finish(tile, inputs);
  }
  for (Tile& tile : open) {
    if (!tile.rows.empty()) Finish(tile, inputs);
  }
}

at::Tensor DeviceSampler::Choose(const at::Tensor& logits, const PackedInputs& inputs,
                                 int64_t candidates) const {
  const at::Tensor highest = at::argmax(logits, 1);
  if (tiles_.empty()) return highest;
  // One place more, for the rows that only fill a tile.
  at::Tensor chosen = at::cat({highest, highest.narrow(0, 0, 1)}, 0);
  for (const Tile& tile : tiles_) {
    chosen.index_copy_(0, inputs.Get(tile.rows_part), ChooseTile(logits, tile, inputs, candidates));
  }
  return chosen.narrow(0, 0, padded_);
}

at::Tensor DeviceSampler::ChooseTile(const at::Tensor& logits, const Tile& tile, const PackedInputs& inputs,
                                     int64_t candidates) const {
  const at::Tensor rows = inputs.Get(tile.rows_part).clamp_max(padded_ - 1);
  at::Tensor scores = logits.index_select(0, rows);
  const at::Tensor divisors = inputs.Get(tile.divisors_part).view({kTile, 2});
  if (tile.penalised) {
    const at::Tensor history = inputs.Get(tile.history_part).view({kTile, tile.history}).to(at::kLong);
    const at::Tensor penalty = divisors.narrow(1, 0, 1);
    const at::Tensor named = scores.gather(1, history);
    scores.scatter_(1, history, at::where(named.lt(0), named.mul(penalty), named.div(penalty)));
  }
  if (tile.kind == Kind::kPenalised) return at::argmax(scores, 1);
  scores.div_(divisors.narrow(1, 1, 1));
  if (tile.kind == Kind::kDrawnInOrder) return InOrder(scores, tile, inputs, candidates);
  const at::Tensor numbers = inputs.Get(tile.numbers_part).view({kTile, 3});
  const at::Tensor weights = scores.sub(scores.amax(1, /*keepdim=*/true)).to(at::kDouble).exp_();
  return Pick(weights, weights.ge(numbers.narrow(1, 1, 1)), numbers.narrow(1, 2, 1)).squeeze(1);
}

at::Tensor DeviceSampler::InOrder(const at::Tensor& scores, const Tile& tile, const PackedInputs& inputs,
                                  int64_t candidates) const {
  const int64_t n = std::min(candidates, vocab_);
  const at::Tensor numbers = inputs.Get(tile.numbers_part).view({kTile, 3});
  const at::Tensor top_k = inputs.Get(tile.top_k_part).view({kTile, 1});
  // A negative zero equals a zero, in whatever way the device sorts.
  const auto [values, ids] = Highest(scores.add(0.0), n);
  const at::Tensor last = values.narrow(1, n - 1, 1);
  const at::Tensor limited = top_k.lt(vocab_);
  const at::Tensor lowest = values.gather(1, top_k.sub(1).clamp_max(n - 1))
                                .masked_fill(limited.logical_not(), -std::numeric_limits<double>::infinity());
  at::Tensor kept = values.ge(lowest);
  const at::Tensor best = values.narrow(1, 0, 1);
  const at::Tensor weights = values.sub(best).to(at::kDouble).exp_();
  const at::Tensor mass = weights.mul(kept).cumsum(1);
  at::Tensor total = mass.narrow(1, n - 1, 1);
  if (tile.all_weighed && n < vocab_) {
    total = at::where(limited, total, scores.sub(best).to(at::kDouble).exp_().sum(1, /*keepdim=*/true));
  }
  const at::Tensor before = at::cat({at::zeros_like(best, at::kDouble), mass.narrow(1, 0, n - 1)}, 1);
  kept = kept.logical_and(before.lt(numbers.narrow(1, 0, 1).mul(total)));
  // Of the values that equal the last one some may be missing, and all below it are.
  const at::Tensor lost = kept.logical_and(values.eq(last)).any(1, /*keepdim=*/true);
  const at::Tensor unknown = lost.logical_or(limited.logical_and(lowest.le(last)));
  kept = kept.logical_and(weights.ge(numbers.narrow(1, 1, 1)));
  const at::Tensor tokens = ids.gather(1, Pick(weights, kept, numbers.narrow(1, 2, 1)));
  return (n < vocab_ ? tokens.masked_fill(unknown, kUndecided) : tokens).squeeze(1);
}

std::vector<int64_t> DeviceSampler::Shape() const {
  std::vector<int64_t> shape = {padded_};
  for (const Tile& tile : tiles_) {
    shape.push_back(static_cast<int64_t>(tile.kind));
    shape.push_back(tile.all_weighed ? 1 : 0);
    shape.push_back(tile.history);
  }
  return shape;
}

at::Tensor CountAccepted(const at::Tensor& chosen, const at::Tensor& guesses) {
  const int64_t n = chosen.size(0);
  const at::Tensor places = at::arange(n, chosen.options());
  const at::Tensor wrong = places.masked_fill(chosen.eq(guesses), n);
  return std::get<0>(at::cummin(wrong.flip(0), 0)).flip(0).sub(places);
}

}  // namespace sprint
