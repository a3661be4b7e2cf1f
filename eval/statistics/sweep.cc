#include "eval/statistics/sweep.h"

#include <algorithm>
#include <cassert>

#include "eval/statistics/at_k.h"
#include "eval/statistics/bootstrap.h"
#include "eval/statistics/paired_tests.h"

namespace sprint {
namespace {

constexpr double kShown = 0.05;  // a q below it shows an arm to differ

// The cells of one arm, from the front of `rest`, which loses them.
absl::Span<const CellResult> TakeArm(absl::Span<const CellResult>& rest) {
  size_t end = 0;
  while (end < rest.size() && rest[end].arm == rest[0].arm) ++end;
  const absl::Span<const CellResult> cells = rest.subspan(0, end);
  rest.remove_prefix(end);
  return cells;
}

QuestionCount CountRight(absl::Span<const CellResult> cells) {
  QuestionCount count;
  for (const CellResult& cell : cells) {
    ++count.trials;
    count.right += cell.right ? 1 : 0;
  }
  return count;
}

// Over the sample numbers that both have.
QuestionDifference Subtract(absl::Span<const CellResult> arm, absl::Span<const CellResult> baseline) {
  QuestionDifference result;
  auto other = baseline.begin();
  for (const CellResult& cell : arm) {
    while (other != baseline.end() && other->sample < cell.sample) ++other;
    if (other == baseline.end()) break;
    if (other->sample != cell.sample) continue;
    ++result.trials;
    result.difference += static_cast<int32_t>(cell.right) - static_cast<int32_t>(other->right);
  }
  return result;
}

// Over all arms of all groups given, but the baseline.
void CorrectForMany(std::vector<ArmStatistics*> arms, Correction correction) {
  std::vector<double> p_values;
  p_values.reserve(arms.size());
  for (const ArmStatistics* arm : arms) p_values.push_back(arm->p);
  const std::vector<double> q_values = QValues(p_values, correction);
  for (size_t i = 0; i < arms.size(); ++i) arms[i]->q = q_values[i];
}

double MedianDiscordance(const std::vector<const ArmStatistics*>& arms) {
  std::vector<double> shares;
  for (const ArmStatistics* arm : arms) {
    if (arm->difference.questions == 0) continue;
    shares.push_back(static_cast<double>(arm->fixed + arm->broken) /
                     static_cast<double>(arm->difference.questions));
  }
  if (shares.empty()) return 0;
  std::sort(shares.begin(), shares.end());
  return 0.5 * (shares[(shares.size() - 1) / 2] + shares[shares.size() / 2]);
}

}  // namespace

SweepTable::SweepTable(size_t arms, std::optional<size_t> baseline) : baseline_(baseline), columns_(arms) {}

void SweepTable::AddQuestion(absl::string_view subject, absl::string_view level,
                             absl::Span<const CellResult> cells) {
  const size_t question = any_right_.size();
  subjects_[std::string(subject)].push_back(question);
  levels_[std::string(level)].push_back(question);
  any_right_.push_back(std::any_of(cells.begin(), cells.end(), [](const CellResult& c) { return c.right; }));
  absl::Span<const CellResult> baseline;
  for (absl::Span<const CellResult> rest = cells; baseline_ && !rest.empty();) {
    const absl::Span<const CellResult> arm = TakeArm(rest);
    if (static_cast<size_t>(arm[0].arm) == *baseline_) baseline = arm;
  }
  for (Column& column : columns_) {
    column.counts.emplace_back();
    column.differences.emplace_back();
  }
  for (absl::Span<const CellResult> rest = cells; !rest.empty();) {
    const absl::Span<const CellResult> arm = TakeArm(rest);
    assert(static_cast<size_t>(arm[0].arm) < columns_.size());
    Column& column = columns_[static_cast<size_t>(arm[0].arm)];
    column.counts.back() = CountRight(arm);
    if (static_cast<size_t>(arm[0].arm) != baseline_) column.differences.back() = Subtract(arm, baseline);
    for (const CellResult& cell : arm) {
      ++column.totals.cells;
      column.totals.truncated += cell.truncated ? 1 : 0;
      column.totals.unanswered += cell.unanswered ? 1 : 0;
      column.totals.tokens += cell.tokens;
    }
    samples_ = std::max(samples_, static_cast<int64_t>(arm.size()));
    if (arm.size() > 1) AddVotes(column, arm);
  }
}

void SweepTable::AddVotes(Column& column, absl::Span<const CellResult> cells) {
  std::vector<SampledAnswer> answers;
  int right = 0;
  for (const CellResult& cell : cells) {
    answers.push_back({cell.group, cell.right, cell.score});
    right += cell.right ? 1 : 0;
  }
  const auto n = static_cast<int>(answers.size());
  for (int k = 1; k <= n; k *= 2) {
    AtK one;
    one.k = k;
    one.pass.mean = PassAtK(n, right, k);
    one.majority.mean = MajorityAtK(answers, k);
    one.weighted.mean = WeightedVoteAtK(answers, k);
    one.best.mean = BestAtK(answers, k);
    column.at_k[k].push_back(one);
  }
}

ArmStatistics SweepTable::Compare(const Column& column, const std::vector<size_t>* subset) const {
  std::vector<QuestionCount> counts;
  std::vector<QuestionDifference> differences;
  if (subset != nullptr) {
    for (const size_t question : *subset) {
      counts.push_back(column.counts[question]);
      differences.push_back(column.differences[question]);
    }
  }
  const absl::Span<const QuestionDifference> compared = subset == nullptr ? column.differences : differences;
  ArmStatistics result;
  result.accuracy = ShareByQuestion(subset == nullptr ? column.counts : counts);
  result.difference = DifferenceByQuestion(compared);
  std::vector<int32_t> changed;
  for (const QuestionDifference& question : compared) {
    if (question.difference == 0) continue;
    changed.push_back(question.difference);
    ++(question.difference > 0 ? result.fixed : result.broken);
  }
  result.p = SignFlipExact(changed);
  return result;
}

std::vector<GroupStatistics> SweepTable::Groups(const Label& label, const SweepOptions& options) const {
  std::vector<GroupStatistics> groups;
  if (label.size() < 2) return groups;
  std::vector<ArmStatistics*> tests;
  for (const auto& [name, questions] : label) {
    GroupStatistics& group = groups.emplace_back();
    group.name = name;
    group.questions = static_cast<int64_t>(questions.size());
    for (const Column& column : columns_) group.arms.push_back(Compare(column, &questions));
  }
  for (GroupStatistics& group : groups) {
    for (size_t arm = 0; arm < group.arms.size(); ++arm) {
      if (baseline_ && arm != *baseline_) tests.push_back(&group.arms[arm]);
    }
  }
  CorrectForMany(std::move(tests), options.correction);
  return groups;
}

void SweepTable::AnalyseBest(const SweepOptions& options, SweepStatistics& result) const {
  if (!baseline_) return;
  NullBestSimulation simulation(questions());
  std::vector<int32_t> differences(questions());
  for (size_t arm = 0; arm < columns_.size(); ++arm) {
    const PairedDifference& difference = result.arms[arm].difference;
    if (arm == *baseline_ || difference.samples == 0) continue;
    if (!result.best_arm || difference.effect > result.arms[*result.best_arm].difference.effect)
      result.best_arm = arm;
    if (difference.effect < 0 && result.arms[arm].q < kShown) continue;
    for (size_t q = 0; q < questions(); ++q) differences[q] = columns_[arm].differences[q].difference;
    simulation.AddArm(differences, difference.samples);
  }
  result.best_of = static_cast<int64_t>(simulation.arms());
  result.best = simulation.Run({options.replicates, options.seed});
}

void SweepTable::AnalyseVotes(const SweepOptions& options, SweepStatistics& result) const {
  std::map<size_t, QuestionBootstrap> bootstraps;  // by the number of questions
  for (const Column& column : columns_) {
    std::vector<AtK>& rows = result.at_k.emplace_back();
    for (const auto& [k, questions] : column.at_k) {
      const size_t count = questions.size();
      const QuestionBootstrap& bootstrap =
          bootstraps.try_emplace(count, count, BootstrapOptions{options.replicates, options.seed})
              .first->second;
      AtK& row = rows.emplace_back();
      row.k = k;
      row.questions = static_cast<int64_t>(count);
      for (AtK::Measure AtK::*measure : {&AtK::pass, &AtK::majority, &AtK::weighted, &AtK::best}) {
        std::vector<double> values;
        double sum = 0;
        for (const AtK& question : questions) {
          values.push_back((question.*measure).mean);
          sum += values.back();
        }
        (row.*measure).mean = sum / static_cast<double>(count);
        (row.*measure).interval = bootstrap.MeanInterval(values);
      }
    }
  }
}

SweepStatistics SweepTable::Analyse(const SweepOptions& options) const {
  SweepStatistics result;
  result.questions = static_cast<int64_t>(questions());
  result.samples = samples_;
  result.any_right = std::count(any_right_.begin(), any_right_.end(), true);
  for (const Column& column : columns_) {
    result.arms.push_back(Compare(column, nullptr));
    result.totals.push_back(column.totals);
  }
  std::vector<ArmStatistics*> tests;
  for (size_t arm = 0; arm < result.arms.size(); ++arm) {
    if (baseline_ && arm != *baseline_) tests.push_back(&result.arms[arm]);
  }
  result.median_discordance = MedianDiscordance({tests.begin(), tests.end()});
  CorrectForMany(std::move(tests), options.correction);
  AnalyseBest(options, result);
  result.subjects = Groups(subjects_, options);
  result.levels = Groups(levels_, options);
  if (samples_ > 1) AnalyseVotes(options, result);
  return result;
}

}  // namespace sprint
