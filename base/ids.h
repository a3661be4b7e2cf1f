// Typed ids, so that a question's number never stands where an arm's is expected.
//
// An id is the row number that the store gave to a content-addressed thing. It means something in
// one database only; across databases the content hash (base/hash.h) is the identity.
#ifndef SPRINT_BASE_IDS_H_
#define SPRINT_BASE_IDS_H_

#include <compare>
#include <cstdint>
#include <string>
#include <utility>

namespace sprint {

template <typename Tag>
class Id {
 public:
  constexpr Id() = default;
  constexpr explicit Id(int64_t value) : value_(value) {}
  constexpr int64_t value() const { return value_; }
  // False for the default-made id, which names nothing: the store counts from 1.
  constexpr bool valid() const { return value_ > 0; }
  friend constexpr auto operator<=>(Id, Id) = default;
  template <typename H>
  friend H AbslHashValue(H h, Id id) {
    return H::combine(std::move(h), id.value_);
  }

 private:
  int64_t value_ = 0;
};

using RunId = Id<struct RunTag>;
using QuestionId = Id<struct QuestionTag>;
using ArmId = Id<struct ArmTag>;
using ExperimentId = Id<struct ExperimentTag>;
using WorkerId = Id<struct WorkerTag>;      // one worker process, from its registration on; durable
using LeaseId = Id<struct LeaseTag>;        // unique within one coordinator epoch
using NumericsId = Id<struct NumericsTag>;  // a numerics class (docs/ARCHITECTURE.md)
using GoldId = Id<struct GoldTag>;

// A cell: the unit of work and of result. Its outcome is a function of the cell alone within one
// numerics class.
struct CellKey {
  RunId run;
  QuestionId question;
  ArmId arm;
  int32_t sample = 0;  // 0 for greedy decoding
  friend auto operator<=>(const CellKey&, const CellKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const CellKey& key) {
    return H::combine(std::move(h), key.run, key.question, key.arm, key.sample);
  }
};

// "run 1 question 7 arm 3 sample 0", for messages.
std::string ToString(const CellKey& key);

}  // namespace sprint

#endif  // SPRINT_BASE_IDS_H_
