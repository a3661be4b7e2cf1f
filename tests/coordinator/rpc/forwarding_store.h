// A store that hands every call to another; tests override what they would watch or break.
#ifndef SPRINT_TESTS_COORDINATOR_RPC_FORWARDING_STORE_H_
#define SPRINT_TESTS_COORDINATOR_RPC_FORWARDING_STORE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/store.h"

namespace sprint::testing {

class ForwardingStore : public Store {
 public:
  explicit ForwardingStore(std::unique_ptr<Store> store) : store_(std::move(store)) {}
  int64_t epoch() const override { return store_->epoch(); }
  const std::string& grant_key() const override { return store_->grant_key(); }
  absl::StatusOr<CreatedExperiment> CreateExperiment(const ExperimentPlan& plan, absl::Time now) override {
    return store_->CreateExperiment(plan, now);
  }
  absl::StatusOr<ExperimentRecord> LoadExperiment(ExperimentId id) override {
    return store_->LoadExperiment(id);
  }
  absl::StatusOr<std::vector<ExperimentId>> UnfinishedExperiments() override {
    return store_->UnfinishedExperiments();
  }
  absl::Status DeleteExperiment(ExperimentId id) override { return store_->DeleteExperiment(id); }
  absl::StatusOr<WorkerId> InternWorker(const WorkerRecord& worker) override {
    return store_->InternWorker(worker);
  }
  absl::StatusOr<NumericsId> InternNumerics(const std::string& description) override {
    return store_->InternNumerics(description);
  }
  absl::Status Commit(const WriteBatch& batch) override { return store_->Commit(batch); }
  absl::StatusOr<DurableAnswer> FindAnswer(const CellKey& cell) override { return store_->FindAnswer(cell); }
  absl::StatusOr<std::vector<GoldEntry>> Golds(ExperimentId id) override { return store_->Golds(id); }
  absl::StatusOr<std::vector<UnjudgedAnswer>> Unjudged(ExperimentId id, int32_t version,
                                                       int64_t limit) override {
    return store_->Unjudged(id, version, limit);
  }
  absl::StatusOr<bool> PutSelector(const SelectorRecord& selector) override {
    return store_->PutSelector(selector);
  }
  absl::StatusOr<int64_t> AddTraining(const TrainingRecord& training) override {
    return store_->AddTraining(training);
  }
  absl::Status EndTraining(int64_t id, TrainingState state, const std::string& message,
                           absl::Time now) override {
    return store_->EndTraining(id, state, message, now);
  }
  absl::StatusOr<std::vector<TrainingRecord>> Trainings() override { return store_->Trainings(); }

 private:
  const std::unique_ptr<Store> store_;
};

}  // namespace sprint::testing

#endif  // SPRINT_TESTS_COORDINATOR_RPC_FORWARDING_STORE_H_
