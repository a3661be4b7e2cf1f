// Choosing tokens where the logits are: the rules of sampler.h as ATen operators over [rows, vocab], without
// a value of the device being looked at on the host.
//
// The order of operations is sampler.h's. Draws are made on the host, before the step. Rows of one kind are
// taken kTileRows at a time, so that a row's bits do not depend on how many rows there are. Where top_k or
// top_p is set, only the kCandidates highest logits are put in order: a row that needs more is marked, and
// the runner asks again for it with all of them. A sum of exponentials over the vocabulary, and exp itself,
// may differ from the host's in the last bits of a double: a token differs where a draw or an edge falls
// between the two, about once in 10^12.
#ifndef SPRINT_WORKER_ENGINE_TORCH_INTERNAL_DEVICE_SAMPLER_H_
#define SPRINT_WORKER_ENGINE_TORCH_INTERNAL_DEVICE_SAMPLER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "worker/engine/step.h"
#include "worker/engine/torch_internal/packed_inputs.h"

namespace sprint {

class DeviceSampler {
 public:
  static constexpr int64_t kTileRows = 32;
  static constexpr int64_t kCandidates = 1024;
  static constexpr int64_t kUndecided = -1;  // in place of a token

  explicit DeviceSampler(int64_t vocab) : vocab_(vocab) {}

  // Lays out the rules of the logit rows [first, first + rows) and adds them to `inputs`. `sampler` null: the
  // highest logit everywhere. The step's logits have `padded` rows, of which the last ones may be anyone's.
  void Plan(const RowSampler* sampler, int64_t first, int64_t rows, int64_t padded, PackedInputs& inputs);
  // `logits`: f32 [padded, vocab], finite. Returns int64 [padded]: tokens, or kUndecided where more than
  // `candidates` would have to be put in order.
  at::Tensor Choose(const at::Tensor& logits, const PackedInputs& inputs,
                    int64_t candidates = kCandidates) const;

  // What the shapes of Choose follow from.
  std::vector<int64_t> Shape() const;
  // Bytes that Choose takes at most.
  int64_t WorkBytes() const { return kTileRows * vocab_ * 64; }

 private:
  enum class Kind { kPenalised, kDrawn, kDrawnInOrder };  // the first: the highest penalised logit
  struct Tile {
    Kind kind = Kind::kPenalised;
    bool penalised = false;       // any row's logits are
    bool all_weighed = false;     // in order: any row needs the weight of the whole vocabulary
    std::vector<int64_t> rows;    // [kTileRows] of the logits; padded: none
    std::vector<int64_t> top_k;   // [kTileRows]; vocab: all
    std::vector<double> numbers;  // [kTileRows, 3]: top_p (infinite: all), min_p, u
    std::vector<float> divisors;  // [kTileRows, 2]: penalty, temperature
    std::vector<RowRules> rules;  // of the rows, without what fills the tile
    int64_t history = 0;          // tokens a row whose logits are penalised, padded
    PackedInputs::Part rows_part, top_k_part, numbers_part, divisors_part, history_part;
  };
  static Kind KindOf(const Sampling& sampling);
  void AddRow(const RowRules& rules, int64_t row, Tile& tile) const;
  void Finish(Tile& tile, PackedInputs& inputs);
  at::Tensor ChooseTile(const at::Tensor& logits, const Tile& tile, const PackedInputs& inputs,
                        int64_t candidates) const;
  // Tokens of scores behind the temperature, [kTileRows, vocab].
  at::Tensor InOrder(const at::Tensor& scores, const Tile& tile, const PackedInputs& inputs,
                     int64_t candidates) const;

  const int64_t vocab_;
  int64_t padded_ = 0;
  std::vector<Tile> tiles_;
};

// Per row how many guesses from it on were what was chosen, up to the first that was not. int64 [n] each; a
// guess of -1 is never right.
at::Tensor CountAccepted(const at::Tensor& chosen, const at::Tensor& guesses);

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_TORCH_INTERNAL_DEVICE_SAMPLER_H_
