// Writes a plan's rows: what is content-addressed is stored once, the rest belongs to one experiment.
#ifndef SPRINT_STORAGE_PLAN_WRITER_H_
#define SPRINT_STORAGE_PLAN_WRITER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "storage/payload.h"
#include "storage/records.h"
#include "storage/sqlite.h"

namespace sprint {

// Within the caller's transaction. Each method may be called once, in this order.
class PlanWriter {
 public:
  PlanWriter(Database* database, PayloadEncoder* encoder, const ExperimentPlan* plan)
      : database_(database), encoder_(encoder), plan_(plan) {}

  // Runs, questions, arms, golds; a run's name and path become the plan's.
  absl::Status InternAll();
  absl::Status WriteProblems(ExperimentId id);
  absl::Status WriteBlocks(ExperimentId id);
  // The arms of the blocks with `counters`, in the plan's order.
  absl::Status WriteCounters(ExperimentId id, const std::vector<ArmCounters>& counters);

 private:
  absl::Status InternRuns();
  absl::Status InternQuestions();
  absl::Status InternArms();
  absl::Status InternGolds();

  Database* const database_;
  PayloadEncoder* const encoder_;
  const ExperimentPlan* const plan_;
  std::vector<int64_t> runs_;  // their numbers, by index in the plan
  std::vector<int64_t> questions_;
  std::vector<int64_t> arms_;
  std::vector<int64_t> golds_;  // by index of the problem; 0: none
};

}  // namespace sprint

#endif  // SPRINT_STORAGE_PLAN_WRITER_H_
