#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "cli/stats.h"
#include "cli/status_view.h"
#include "eval/aggregation.h"
#include "model/arm.h"

namespace sprint {
namespace {

// The mean probability of a token, geometrically: what weighs a vote and picks the best of k.
double Confidence(const JudgedCell& cell) {
  return cell.tokens > 0 ? std::exp(cell.logprob_sum / cell.tokens) : 0;
}

std::vector<CellResult> ResultsOf(const JudgedQuestion& question, bool votes) {
  std::vector<CellResult> results;
  results.reserve(question.cells.size());
  AnswerClasses groups;
  int32_t arm = -1;
  for (const JudgedCell& cell : question.cells) {
    if (cell.arm != arm) groups.Clear();
    arm = cell.arm;
    CellResult& result = results.emplace_back();
    result.arm = cell.arm;
    result.sample = cell.sample;
    result.right = cell.right;
    result.truncated = cell.truncated;
    result.unanswered = cell.unanswered;
    result.tokens = cell.tokens;
    if (!votes) continue;
    result.group = cell.unanswered ? -1 : groups.Of(cell.answer);
    result.score = Confidence(cell);
  }
  return results;
}

}  // namespace

absl::StatusOr<Stats> LoadStats(Reader& reader, ExperimentId id, const SweepOptions& options) {
  Stats stats;
  SPRINT_ASSIGN_OR_RETURN(const v1::ExperimentStatus status, StatusFromDatabase(reader, id));
  if (status.id() == 0) {
    return Error(absl::StatusCode::kNotFound, Reason::kExperimentUnknown,
                 absl::StrCat("there is no experiment ", id.value(), ": sprint list"));
  }
  stats.experiment = status.id();
  stats.name = status.name();
  stats.state = status.state();
  stats.cells = status.cells();
  stats.done = status.done();
  stats.quarantined = status.quarantined();
  stats.correction = options.correction;
  std::optional<size_t> baseline;
  for (int i = 0; i < status.arms_size(); ++i) {
    if (status.arms(i).name() == Arm().Name()) baseline = static_cast<size_t>(i);
  }
  SweepTable table(static_cast<size_t>(status.arms_size()), baseline);
  bool open = false;  // a question that is not settled came
  SPRINT_ASSIGN_OR_RETURN(
      stats.judged, reader.Judged(id, ReadAnswers::kOfSamples, [&](const JudgedQuestion& question) {
        ++stats.judgeable;
        open = open || !question.settled();
        // Before the end only the questions before the first open one count: see SweepTable.
        if (question.settled() && !(open && stats.interim())) {
          const bool votes = std::any_of(question.cells.begin(), question.cells.end(),
                                         [](const JudgedCell& cell) { return cell.sample > 0; });
          table.AddQuestion(question.subject, question.level, ResultsOf(question, votes));
        }
        return true;
      }));
  stats.statistics = table.Analyse(options);
  return stats;
}

std::vector<size_t> ArmsByEffect(const Stats& stats) {
  std::vector<size_t> arms;
  for (size_t arm = 0; arm < stats.statistics.arms.size(); ++arm) {
    if (arm != stats.judged.baseline) arms.push_back(arm);
  }
  std::stable_sort(arms.begin(), arms.end(), [&](size_t a, size_t b) {
    const ArmStatistics& left = stats.statistics.arms[a];
    const ArmStatistics& right = stats.statistics.arms[b];
    if (!stats.judged.baseline) return left.accuracy.share > right.accuracy.share;
    return left.difference.effect > right.difference.effect;
  });
  return arms;
}

}  // namespace sprint
