// The store in memory: for tests and the simulator, which crash and reopen it.
#ifndef SPRINT_STORAGE_MEMORY_STORE_H_
#define SPRINT_STORAGE_MEMORY_STORE_H_

#include <memory>

#include "storage/store.h"

namespace sprint {

// The "disk": outlives the stores opened over it. Opening another store fences the earlier one.
struct MemoryDisk;
std::shared_ptr<MemoryDisk> MakeMemoryDisk();
std::unique_ptr<Store> OpenMemoryStore(std::shared_ptr<MemoryDisk> disk);

// Every durable outcome, by cell; for assertions, also while a store of another thread is at work.
std::vector<OutcomeRecord> AllOutcomes(const MemoryDisk& disk);
std::vector<AlarmRecord> AllAlarms(const MemoryDisk& disk);
std::vector<FailureRecord> AllFailures(const MemoryDisk& disk);
// An experiment's counters, counted anew from the rows; empty when it is unknown.
std::vector<ArmCounters> RecountCounters(const MemoryDisk& disk, ExperimentId id);

}  // namespace sprint

#endif  // SPRINT_STORAGE_MEMORY_STORE_H_
