// Arms: the ways to run one model.
//
// An arm is a canonical set of (layer, head, operation). Pruning head h of layer l replaces that
// query head's attention output a_h = Attention(Q_h, K_h, V_h) by 0 before the heads are
// concatenated and passed through o_proj, at every position, prompt and generated alike
// (SPRINT, Nguyen et al., Findings of ACL 2025). With grouped-query attention it is a query head;
// its K/V head stays for the others of its group. Scaling a head multiplies a_h by a factor instead: a
// control, to tell what pruning does from what any disturbance of that head does. The empty set is the
// baseline.
#ifndef SPRINT_MODEL_ARM_H_
#define SPRINT_MODEL_ARM_H_

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/hash.h"

namespace sprint {

// What is done to a head. Frozen: the numbers are stored.
enum class HeadOp : int32_t {
  kZero = 0,
  // 1 is kept for replacing a head's output by its mean.
  kScaleZero = 10'000,  // kScaleZero + t multiplies by t / 1000, t from 1 to 10,000 but for 1,000
};
// The operation that multiplies by `factor`. INVALID_ARGUMENT (kArmInvalid) unless it is a multiple of 0.001
// above 0, at most 10, and not 1.
absl::StatusOr<HeadOp> ScaleBy(double factor);
bool IsHeadOp(HeadOp op);
// What a head's output is multiplied by: 0 for kZero. REQUIRES: IsHeadOp(op).
float FactorOf(HeadOp op);

struct HeadEdit {
  int32_t layer = 0;  // from 0
  int32_t head = 0;   // query head, from 0
  HeadOp op = HeadOp::kZero;
  friend auto operator<=>(const HeadEdit&, const HeadEdit&) = default;
};

// The canonical name of the unpruned model.
inline constexpr char kBaselineName[] = "baseline";

// Immutable value; copies are cheap for the few edits an arm has.
class Arm {
 public:
  // The baseline.
  Arm() = default;
  // Sorts and removes repeats. INVALID_ARGUMENT (kArmInvalid) for a negative layer or head, or two
  // operations on one head.
  static absl::StatusOr<Arm> Create(std::vector<HeadEdit> edits);
  // Reads a name as Name() writes it, and what people type: "baseline", "3:5", "L3H5", "L3H0-8",
  // "L3H5*0.5" (multiplied by 0.5), several joined by "+". "L3H*" is not an arm: it needs the model (see
  // ArmSpec).
  static absl::StatusOr<Arm> Parse(absl::string_view name);

  bool is_baseline() const { return edits_.empty(); }
  const std::vector<HeadEdit>& edits() const { return edits_; }
  // The lowest edited layer; layers below it compute what the baseline's do. -1 for the baseline.
  int32_t first_layer() const { return edits_.empty() ? -1 : edits_.front().layer; }

  // The canonical name: "baseline", "L3H5", "L3H0-8" for a run of heads, "L3H5+L7H0-2*0.5".
  std::string Name() const;
  // The identity: a hash over the canonical edits ("arm/1").
  Hash256 ContentHash() const;

  // INVALID_ARGUMENT (kArmInvalid) naming the first edit that a model of `layers` x `heads` lacks.
  absl::Status CheckFits(int32_t layers, int32_t heads) const;

  friend bool operator==(const Arm&, const Arm&) = default;
  friend auto operator<=>(const Arm&, const Arm&) = default;

 private:
  std::vector<HeadEdit> edits_;  // sorted, unique
};

// How a spec names arms; expanded once the model's shape is known.
struct ArmSpec {
  std::vector<std::string> explicit_arms;  // as Arm::Parse reads
  std::vector<int32_t> head_layers;        // every head of these layers, one arm a head (or group)
  std::vector<int32_t> whole_layers;       // one arm per layer: all its heads
  bool all_heads = false;                  // every head of every layer
  double factor = 0;  // what the heads of the last three are multiplied by; 0: switched off
  int32_t group = 1;  // heads taken together in head_layers and all_heads: consecutive groups of g
};

// The unpruned baseline first, then the arms in the order of their canonical edits, without
// repeats. INVALID_ARGUMENT (kArmInvalid) for what the model does not have, or a group that does
// not divide the head count.
absl::StatusOr<std::vector<Arm>> ExpandArms(const ArmSpec& spec, int32_t layers, int32_t heads);

}  // namespace sprint

#endif  // SPRINT_MODEL_ARM_H_
