// The two towers as training sees them: all parameters in one array, a batch's loss, and its gradient
// by hand-written derivatives. Every product is the engine's own GEMM (worker/engine/gemm.h), whose
// elements are sums in one order, and every other sum runs in a fixed order: results are the same bits
// whatever the number of threads.
//
//   h = relu(W1 x + b1)   z = W2 h + b2   v_a = arm_a + M c_a   s_a = score(z, v_a)
//
// c_a are an arm's features (arm_features.h); without them v_a is arm_a alone.
#ifndef SPRINT_SELECTOR_TWO_TOWER_H_
#define SPRINT_SELECTOR_TWO_TOWER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "selector/selector.h"

namespace sprint {

class ThreadPool;

struct TowerShape {
  int64_t features = 0;      // F
  int64_t hidden = 0;        // H
  int64_t d = 0;             // of the common space
  int64_t arms = 0;          // A
  int64_t arm_features = 0;  // K; 0: none
};

// Where each part lies in the array of parameters.
struct TowerLayout {
  explicit TowerLayout(const TowerShape& shape);
  size_t w1, b1, w2, b2;  // [H, F], [H], [d, H], [d]
  size_t arm, map;        // [A, d], [d, K]
  size_t size;
};

struct TowerOptions {
  TowerShape shape;
  ScoreKind score = ScoreKind::kDot;
  double temperature = 1;
  bool logistic = false;            // each arm a question of its own; else a softmax over the arms
  std::vector<float> arm_features;  // [A, K]
};

// Questions of a batch: row r is x[row * F…], its target target[row * A…].
struct TowerData {
  const float* x = nullptr;        // [rows, F], standardised
  const float* target = nullptr;   // [rows, A]; softmax: each row sums to 1
  const uint8_t* known = nullptr;  // [rows, A]; a row has at least one
};

// Units of the hidden layer left out at random in a training step, the others scaled up (Srivastava et al.,
// "Dropout", JMLR 2014). Which ones is a function of (seed, step, row of the batch, unit) alone.
struct Dropout {
  double share = 0;  // in [0, 1)
  uint64_t seed = 0;
  int64_t step = 0;
};

// Not thread-safe. Holds buffers for the batch sizes it has seen.
class TwoTower {
 public:
  // `pool` must outlive it.
  TwoTower(TowerOptions options, ThreadPool& pool);
  ~TwoTower();

  const TowerShape& shape() const { return options_.shape; }
  const TowerLayout& layout() const { return layout_; }

  // The MLP uniform in +-1/sqrt(inputs), M a tenth of that; arms normal with deviation 0.1 / sqrt(d)
  // (1 / sqrt(d) under cosine and distance, which need directions). A function of the seed.
  std::vector<float> InitialParameters(uint64_t seed) const;

  // The mean loss over the rows; `gradient` becomes that of the mean.
  // REQUIRES: parameters.size() == gradient.size() == layout().size, rows are not empty.
  // RESOURCE_EXHAUSTED when buffers cannot be had.
  absl::StatusOr<double> Loss(const std::vector<float>& parameters, const TowerData& data,
                              absl::Span<const int32_t> rows, const Dropout& dropout,
                              absl::Span<float> gradient);

  // Loss alone, without dropout, once for each factor on the scores: the sums over the rows are added to
  // `sums`. A logistic score s becomes centre + factor * (s - centre).
  absl::Status AddLosses(const std::vector<float>& parameters, const TowerData& data,
                         absl::Span<const int32_t> rows, absl::Span<const float> factors, float centre,
                         absl::Span<double> sums);
  // The mean of all scores of the rows.
  absl::StatusOr<float> MeanScore(const std::vector<float>& parameters, const TowerData& data,
                                  absl::Span<const int32_t> rows);

  // arm_a + M c_a, [A, d]: what a selector's file holds.
  std::vector<float> ArmVectors(const std::vector<float>& parameters) const;

 private:
  struct Batch;
  absl::StatusOr<Batch*> BatchOf(int64_t rows);
  void Forward(const std::vector<float>& parameters, const TowerData& data, absl::Span<const int32_t> rows,
               const Dropout& dropout, Batch& batch);
  double ScoresToGradient(const TowerData& data, absl::Span<const int32_t> rows, Batch& batch);
  void Backward(const std::vector<float>& parameters, double kept, Batch& batch, absl::Span<float> gradient);
  void BackwardScores(Batch& batch);

  const TowerOptions options_;
  const TowerLayout layout_;
  ThreadPool& pool_;
  std::map<int64_t, std::unique_ptr<Batch>> batches_;
};

}  // namespace sprint

#endif  // SPRINT_SELECTOR_TWO_TOWER_H_
