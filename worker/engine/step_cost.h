// What a step of so many rows takes, as measured on the machine and model at hand.
#ifndef SPRINT_WORKER_ENGINE_STEP_COST_H_
#define SPRINT_WORKER_ENGINE_STEP_COST_H_

#include <cstdint>
#include <utility>
#include <vector>

namespace sprint {

class StepCost {
 public:
  StepCost() = default;
  // (rows, seconds), ascending by rows, at least two; more rows never cost less: what was measured so
  // is raised.
  explicit StepCost(std::vector<std::pair<int64_t, double>> points);

  bool known() const { return !points_.empty(); }
  // Between two points on the line through them, beyond the last on the line of the last two.
  double Seconds(int64_t rows) const;
  // The narrowest step measured whose rows take at most 5 % longer each than those of any other measured: how
  // many sequences pay at once. REQUIRES: known().
  int64_t WidthThatPays() const;

 private:
  std::vector<std::pair<int64_t, double>> points_;
};

// How many of the draft tokens to add to a step of `rows` rows while `running` sequences decode.
// `chances` are the tokens' probabilities of being accepted, descending. A token accepted saves what one
// costs in a step without drafts; a row costs what it adds to this step. Of all numbers the one of the
// greatest gain is taken, with 5 % of the savings left out as a margin; 0 when none gains.
int64_t DraftsWorthTheirRows(const StepCost& cost, int64_t rows, int64_t running,
                             const std::vector<double>& chances);

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_STEP_COST_H_
