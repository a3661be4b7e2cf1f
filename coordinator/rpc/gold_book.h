// The golds of every loaded experiment, by question, and verdicts by them.
#ifndef SPRINT_COORDINATOR_RPC_GOLD_BOOK_H_
#define SPRINT_COORDINATOR_RPC_GOLD_BOOK_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/ids.h"
#include "base/mutex.h"
#include "storage/store.h"

namespace sprint {

// One verdict as it is stored. Pure.
VerdictRecord JudgeText(const CellKey& cell, GoldId gold, const std::string& gold_text,
                        const std::string& text);

// Thread-safe: the event loop adds, the pool judges.
class GoldBook {
 public:
  // A gold that is known already, or has no text, is skipped.
  void Add(const std::vector<GoldEntry>& golds);

  // Appends a verdict for each gold of the cell's question that `verdicts` has none of.
  void Judge(const CellKey& cell, const std::string& text, std::vector<VerdictRecord>& verdicts) const;

 private:
  std::vector<GoldEntry> Of(QuestionId question) const;

  mutable Mutex mutex_;
  absl::flat_hash_map<QuestionId, std::vector<GoldEntry>> golds_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sprint

#endif  // SPRINT_COORDINATOR_RPC_GOLD_BOOK_H_
