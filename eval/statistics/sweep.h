// The statistics of a sweep: each arm by itself, each against the baseline, all of them together, and by
// subject and level. docs/STATISTICS.md has every quantity's definition and limits.
//
// What may be added: of a complete sweep, every question whose cells have an answer or never will. Of one
// that is still running, only the questions before the first that is not complete, in the order in which they
// are handed out. What is unfinished is mostly long answers, and long answers are wrong more often: an arm
// counted over all it has finished, or paired with the baseline over all that both have, looks better than it
// is, the more so where the baseline ran first; and of the questions that are complete the latest are those
// whose answers are short. Which questions come before a given one depends on no answer. The caller sees to
// it.
#ifndef SPRINT_EVAL_STATISTICS_SWEEP_H_
#define SPRINT_EVAL_STATISTICS_SWEEP_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "eval/statistics/intervals.h"
#include "eval/statistics/multiple_testing.h"
#include "eval/statistics/null_best.h"

namespace sprint {

// A judged answer.
struct CellResult {
  int32_t arm = 0;
  int32_t sample = 0;
  bool right = false;
  bool truncated = false;   // ended by length or context
  bool unanswered = false;  // nothing could be extracted
  int32_t tokens = 0;
  // For votes, where a question has several samples: see SampledAnswer.
  int32_t group = -1;
  double score = 0;
};

// What k answers are worth, as a mean over questions with at least k.
struct AtK {
  int k = 0;
  int64_t questions = 0;
  struct Measure {
    double mean = 0;
    Interval interval;  // bootstrap over questions
  };
  Measure pass, majority, weighted, best;
};

struct ArmStatistics {
  ClusteredShare accuracy;
  // Against the baseline, over the questions (and sample numbers) both have; empty for the baseline.
  PairedDifference difference;
  int64_t fixed = 0;   // questions that the arm gets right more often than the baseline
  int64_t broken = 0;  // and less often
  double p = 1;        // McNemarExact, or SignFlipExact with several samples
  double q = 1;        // p corrected for all arms
};

// Of all counted cells of an arm.
struct ArmTotals {
  int64_t cells = 0;
  int64_t truncated = 0;
  int64_t unanswered = 0;
  int64_t tokens = 0;
};

// The questions of one subject, or of one level.
struct GroupStatistics {
  std::string name;
  int64_t questions = 0;
  std::vector<ArmStatistics> arms;  // q corrects for every arm of every group of its kind
};

struct SweepStatistics {
  int64_t questions = 0;  // counted
  int64_t samples = 0;    // at most, of one arm on one question
  int64_t any_right = 0;  // questions that some arm gets right
  std::vector<ArmStatistics> arms;
  std::vector<ArmTotals> totals;
  std::vector<std::vector<AtK>> at_k;             // by arm; empty unless there are several samples
  std::vector<GroupStatistics> subjects, levels;  // by name; empty unless there are two at least
  // Of the arms' (fixed + broken) / compared; 0 without arms.
  double median_discordance = 0;
  std::optional<size_t> best_arm;  // with the largest effect
  // Luck among the arms that are not shown to be worse (q < 0.05): those that break the model cannot be the
  // best, and their many flips are no measure of what the others do by chance.
  NullBest best;
  int64_t best_of = 0;  // so many arms
};

struct SweepOptions {
  Correction correction = Correction::kBenjaminiHochberg;
  uint64_t seed = 1;      // of the bootstrap and of the null arms
  int replicates = 1000;  // of both
};

// Collects a sweep question by question. Not thread-safe. Memory: 16 bytes a (question, arm).
class SweepTable {
 public:
  // `baseline`: which arm the others are compared with, if it is among them.
  SweepTable(size_t arms, std::optional<size_t> baseline);

  // REQUIRES: `cells` by (arm, sample), each at most once, arm < arms.
  void AddQuestion(absl::string_view subject, absl::string_view level, absl::Span<const CellResult> cells);
  size_t questions() const { return any_right_.size(); }
  size_t arms() const { return columns_.size(); }

  SweepStatistics Analyse(const SweepOptions& options = {}) const;

 private:
  struct Column {
    std::vector<QuestionCount> counts;
    std::vector<QuestionDifference> differences;
    ArmTotals totals;
    std::map<int, std::vector<AtK>> at_k;  // by k: one a question, its means being that question's values
  };
  using Label = std::map<std::string, std::vector<size_t>>;  // to the questions that have it

  void AddVotes(Column& column, absl::Span<const CellResult> cells);
  ArmStatistics Compare(const Column& column, const std::vector<size_t>* subset) const;
  std::vector<GroupStatistics> Groups(const Label& label, const SweepOptions& options) const;
  void AnalyseBest(const SweepOptions& options, SweepStatistics& result) const;
  void AnalyseVotes(const SweepOptions& options, SweepStatistics& result) const;

  std::optional<size_t> baseline_;
  std::vector<Column> columns_;
  std::vector<bool> any_right_;
  Label subjects_, levels_;
  int64_t samples_ = 0;
};

}  // namespace sprint

#endif  // SPRINT_EVAL_STATISTICS_SWEEP_H_
