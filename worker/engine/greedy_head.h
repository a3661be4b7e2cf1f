// The most probable token of a row, without all of its logits.
//
// Method: filter and refine. The product with the projection in 8 bits (head_screen.h) is exact in integers,
// so a logit is off by what rounding took, which Cauchy and Schwarz bound:
//   |x . w - x' . w'| <= |x - x'| |w| + |x'| |w - w'|    (x', w': rounded)
// A token whose logit plus bound stays below another's logit less its bound is not the largest. The few that
// remain, and those within kExactNats of the best, get their logits as gemm.h computes them: the largest of
// these is the largest of all, with certainty, ties and all.
//
// The log-probability sums exponentials of these exact logits and, for the rest, of the 8-bit ones. It was
// found to be off by 0.0005 in the mean from the one by all logits, a twelfth of what bf16 is off from f32
// (bench: engine, head-logprob); that is a measurement, and no bound.
//
// Promise: what a row gives depends on its x and the matrices alone, bit for bit.
#ifndef SPRINT_WORKER_ENGINE_GREEDY_HEAD_H_
#define SPRINT_WORKER_ENGINE_GREEDY_HEAD_H_

#include <cstdint>
#include <vector>

#include "worker/engine/gemm.h"
#include "worker/engine/head_screen.h"
#include "worker/engine/kernels.h"
#include "worker/engine/matrix.h"
#include "worker/engine/parallel.h"

namespace sprint {

// Not thread-safe.
class GreedyHead {
 public:
  // Whether 8-bit products are faster than those of bf16 on this processor: with AVX512-BF16 and -VNNI.
  static bool Pays();

  // All outlive it. `head` is in bf16.
  GreedyHead(const Matrix& head, const HeadScreen& screen, ThreadPool& pool, Gemm& gemm);

  struct Choice {
    kernels::Best best;
    // False: the row has a value that is not finite, or too many tokens are too near each other; `best` says
    // nothing, and all logits must be looked at.
    bool known = false;
  };
  // For x [rows, head.cols]. `then` is the matrix of the next product: a hint.
  std::vector<Choice> Choose(const Bf16* x, int64_t rows, const Matrix* then);

  // Of all calls.
  int64_t rows() const { return rows_; }
  int64_t exact_logits() const { return exact_logits_; }

 private:
  // A row of x.
  struct Row {
    bool finite = false;
    int32_t offset = 0;   // what its integers' bias added to each sum
    float scale = 0;      // times a token's step and the sum: the logit
    float per_norm = 0;   // times a token's norm, and
    float per_error = 0;  // times its error: the bound
  };
  // A token that may be a row's largest.
  struct Candidate {
    int64_t row = 0;
    int64_t token = 0;
    float screened = 0;  // its logit in 8 bits
    float upper = 0;     // that and its bound
    float exact = 0;
  };
  // Of a row's logits in a piece: the largest, and the sum of exp(logit - largest).
  struct Peak {
    float largest = 0;
    float sum = 0;
  };
  // What a thread knows of a row: its largest logit in 8 bits, and the largest lower bound of one.
  struct Best {
    float top = 0;
    float low = 0;
    float Threshold() const;
  };
  struct Thread {
    std::vector<Best> bests;
    std::vector<Candidate> candidates;
    std::vector<int64_t> counts;  // of a row's candidates
    std::vector<float> logits;    // of a piece, and their upper bounds
    std::vector<Bf16> x;          // rows that want the same panel's logits
    std::vector<float> y;
  };

  Row Round(const Bf16* x, I8* integers) const;
  // Takes a row's sums with a piece of the tokens: its peak, its bests, and candidates by the thread's own
  // threshold as it stands, or by one that is given.
  void Look(Thread& thread, int64_t row, int64_t piece, const int32_t* sums, const float* threshold);
  // Looks at all tokens with all rows. Leaves bests_.
  void Filter(int64_t rows, const Matrix* then);
  // Whether a thread met so many candidates of the row that it kept no more of them.
  bool Flooded(int64_t row) const;
  // Looks at all tokens once more, by the final thresholds.
  void FilterAgain(const std::vector<int64_t>& rows);
  // The candidates that pass the final thresholds, by row and token; none of a row that has too many.
  std::vector<Candidate> Passed(int64_t rows) const;
  void Refine(const Bf16* x, std::vector<Candidate>& candidates);
  Choice Conclude(int64_t row, const Candidate* begin, const Candidate* end) const;

  const Matrix& head_;
  const HeadScreen& screen_;
  ThreadPool& pool_;
  Gemm& gemm_;
  const Pieces pieces_;
  std::vector<Row> rounded_;
  std::vector<I8> integers_;  // [rows, screen.padded_cols()]
  std::vector<Peak> peaks_;   // [rows, pieces]
  std::vector<Best> bests_;   // of all threads
  std::vector<Thread> threads_;
  int64_t rows_ = 0;
  int64_t exact_logits_ = 0;
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_GREEDY_HEAD_H_
