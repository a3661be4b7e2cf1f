#include "storage/census.h"

#include <algorithm>
#include <map>

#include "absl/container/flat_hash_set.h"
#include "base/status.h"

namespace sprint {
namespace {

constexpr int64_t kSampledOutcomes = 200'000;

absl::StatusOr<int64_t> IdOf(Statement& find, const Hash256& hash) {
  Query query(find, hash);
  SPRINT_ASSIGN_OR_RETURN(const bool found, query.Next());
  return found ? query.Int(0) : 0;
}

absl::StatusOr<int64_t> CountExisting(Database& database, int64_t run, absl::Span<const CensusBlock> blocks) {
  SPRINT_ASSIGN_OR_RETURN(Statement find_arm, database.Prepare("SELECT arm_id FROM arm WHERE hash = ?1"));
  SPRINT_ASSIGN_OR_RETURN(Statement find_question,
                          database.Prepare("SELECT question_id FROM question WHERE hash = ?1"));
  SPRINT_ASSIGN_OR_RETURN(Statement cells,
                          database.Prepare("SELECT arm_id FROM outcome WHERE run_id = ?1 AND "
                                           "question_id = ?2 AND sample >= ?3 AND sample < ?3 + ?4"));
  int64_t existing = 0;
  for (const CensusBlock& block : blocks) {
    absl::flat_hash_set<int64_t> wanted;
    for (const Hash256& arm : block.arms) {
      SPRINT_ASSIGN_OR_RETURN(const int64_t id, IdOf(find_arm, arm));
      if (id > 0) wanted.insert(id);
    }
    for (const Hash256& question : block.questions) {
      SPRINT_ASSIGN_OR_RETURN(const int64_t id, IdOf(find_question, question));
      if (id == 0) continue;
      Query query(cells, run, id, block.first_sample, block.samples);
      for (;;) {
        SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
        if (!more) break;
        existing += wanted.contains(query.Int(0)) ? 1 : 0;
      }
    }
  }
  return existing;
}

struct Work {
  int64_t started;
  int64_t finished;
};

// A worker runs many answers at a time and pauses between experiments: its working time is the length
// of the union of its answers' times.
double WorkingSeconds(std::vector<Work> work) {
  std::sort(work.begin(), work.end(), [](const Work& a, const Work& b) { return a.started < b.started; });
  int64_t total = 0;
  int64_t covered = INT64_MIN;
  for (const Work& one : work) {
    const int64_t from = std::max(covered, one.started);
    if (one.finished > from) total += one.finished - from;
    covered = std::max(covered, one.finished);
  }
  return static_cast<double>(total) / 1e6;
}

}  // namespace

absl::StatusOr<SelectionCensus> TakeCensus(Database& database, const Hash256& run,
                                           absl::Span<const CensusBlock> blocks) {
  SelectionCensus census;
  SPRINT_ASSIGN_OR_RETURN(Statement find_run, database.Prepare("SELECT run_id FROM run WHERE hash = ?1"));
  SPRINT_ASSIGN_OR_RETURN(const int64_t run_id, IdOf(find_run, run));
  if (run_id == 0) return census;
  SPRINT_ASSIGN_OR_RETURN(census.existing, CountExisting(database, run_id, blocks));

  SPRINT_ASSIGN_OR_RETURN(
      Statement sample,
      database.Prepare("SELECT token_count, ifnull(worker_id, 0), started, finished FROM outcome "
                       "WHERE run_id = ?1 LIMIT ?2"));
  Query query(sample, run_id, kSampledOutcomes);
  int64_t outcomes = 0;
  int64_t tokens = 0;
  std::map<int64_t, std::vector<Work>> work_of;  // in one order: sums of seconds depend on it
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
    if (!more) break;
    ++outcomes;
    tokens += query.Int(0);
    work_of[query.Int(1)].push_back({query.Int(2), query.Int(3)});
  }
  double seconds = 0;
  for (auto& [worker, work] : work_of) seconds += WorkingSeconds(std::move(work));
  if (outcomes > 0) census.mean_tokens = static_cast<double>(tokens) / static_cast<double>(outcomes);
  if (seconds > 0) census.tokens_per_second = static_cast<double>(tokens) / seconds;
  return census;
}

}  // namespace sprint
