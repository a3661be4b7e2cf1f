#include "cli/stats_tables.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/render/table.h"
#include "cli/render/text.h"

namespace sprint {
namespace {

constexpr double kLevel = 0.05;
constexpr int kWide = 96;  // room for p, tokens and cut off
constexpr size_t kSampledArms = 4;

bool IsWide(const StatsStyle& options) { return options.width == 0 || options.width >= kWide; }

std::string FormatP(double p) { return p < 0.001 ? "<0.001" : absl::StrFormat("%.3f", p); }
std::string Points(double share) { return absl::StrFormat("%.1f", 100 * share); }
std::string Range(const Interval& interval) {
  return absl::StrFormat("%.1f-%.1f", 100 * interval.low, 100 * interval.high);
}
// With a sign: a difference.
std::string Change(double share) {
  const std::string text = absl::StrFormat("%+.1f", 100 * share);
  return text == "-0.0" || text == "+0.0" ? "0.0" : text;
}
std::string ChangeRange(const Interval& interval) {
  return absl::StrCat(Change(interval.low), "..", Change(interval.high));
}

// Which of `order` a table shows: all, or the first and the last, with a place for the others.
struct Shown {
  std::vector<size_t> first, last;
  size_t left_out = 0;
};
Shown Choose(const std::vector<size_t>& order, size_t most) {
  if (order.size() <= most) return {order, {}, 0};
  const size_t last = most / 3;
  const size_t first = most - last;
  Shown shown;
  shown.first.assign(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(first));
  shown.last.assign(order.end() - static_cast<std::ptrdiff_t>(last), order.end());
  shown.left_out = order.size() - most;
  return shown;
}

void AddComparison(const ArmStatistics& arm, bool with_p, std::vector<TableCell>& row) {
  row.push_back(Change(arm.difference.effect));
  row.push_back({ChangeRange(arm.difference.interval), Tone::kDim});
  row.push_back({absl::StrCat(arm.fixed), arm.fixed > 0 ? Tone::kGood : Tone::kDim});
  row.push_back({absl::StrCat(arm.broken), arm.broken > 0 ? Tone::kBad : Tone::kDim});
  if (with_p) row.push_back(FormatP(arm.p));
  row.push_back({FormatP(arm.q), arm.q < kLevel ? Tone::kStrong : Tone::kDim});
}

void AddComparisonColumns(bool with_p, std::vector<TableColumn>& columns) {
  for (const char* title : {"effect", "95 %", "fixed", "broken"}) columns.push_back({title, Align::kRight});
  if (with_p) columns.push_back({"p", Align::kRight});
  columns.push_back({"q", Align::kRight});
}

// The arms' own questions, where they are not all the same number.
bool QuestionsDiffer(const std::vector<ArmStatistics>& arms) {
  return std::any_of(arms.begin(), arms.end(), [&](const ArmStatistics& arm) {
    return arm.accuracy.questions != arms[0].accuracy.questions;
  });
}

// Builds the table of arms row by row.
class ArmTableBuilder {
 public:
  ArmTableBuilder(const Stats& stats, bool wide)
      : stats_(stats), wide_(wide), differ_(QuestionsDiffer(stats.statistics.arms)) {
    cut_off_ = wide && std::any_of(stats.statistics.totals.begin(), stats.statistics.totals.end(),
                                   [](const ArmTotals& totals) { return totals.truncated > 0; });
  }
  std::vector<TableColumn> Columns() const {
    std::vector<TableColumn> columns = {{"arm", Align::kLeft, true}};
    if (differ_) columns.push_back({"of", Align::kRight});
    columns.push_back({"right %", Align::kRight});
    columns.push_back({"95 %", Align::kRight});
    if (stats_.judged.baseline) AddComparisonColumns(wide_, columns);
    if (wide_) columns.push_back({"tokens", Align::kRight});
    if (cut_off_) columns.push_back({"cut off", Align::kRight});
    return columns;
  }
  std::vector<TableCell> Row(size_t arm) const {
    const ArmStatistics& statistics = stats_.statistics.arms[arm];
    const ArmTotals& totals = stats_.statistics.totals[arm];
    const bool baseline = arm == stats_.judged.baseline;
    std::vector<TableCell> row = {{stats_.judged.arms[arm], baseline ? Tone::kStrong : Tone::kPlain}};
    if (differ_) row.push_back(absl::StrCat(statistics.accuracy.questions));
    row.push_back(totals.cells == 0 ? "" : Points(statistics.accuracy.share));
    row.push_back({totals.cells == 0 ? "" : Range(statistics.accuracy.interval), Tone::kDim});
    if (stats_.judged.baseline) {
      if (baseline || statistics.difference.questions == 0) {
        row.insert(row.end(), wide_ ? 6 : 5, TableCell(""));
      } else {
        AddComparison(statistics, wide_, row);
      }
    }
    if (wide_) {
      row.push_back(totals.cells == 0 ? ""
                                      : absl::StrFormat("%.1f", static_cast<double>(totals.tokens) /
                                                                    static_cast<double>(totals.cells)));
    }
    if (cut_off_) row.push_back(totals.truncated == 0 ? "" : absl::StrCat(totals.truncated));
    return row;
  }

 private:
  const Stats& stats_;
  const bool wide_;
  const bool differ_;
  bool cut_off_ = false;
};

double MeanOfArms(const Stats& stats, const GroupStatistics& group) {
  double sum = 0, count = 0;
  for (size_t arm = 0; arm < group.arms.size(); ++arm) {
    if (arm == stats.judged.baseline || group.arms[arm].accuracy.samples == 0) continue;
    sum += group.arms[arm].accuracy.share;
    ++count;
  }
  return count == 0 ? 0 : sum / count;
}

}  // namespace

std::string ArmTable(const Stats& stats, const StatsStyle& options) {
  const ArmTableBuilder builder(stats, IsWide(options));
  Table table(builder.Columns());
  if (stats.judged.baseline) table.AddRow(builder.Row(*stats.judged.baseline));
  const Shown shown = Choose(ArmsByEffect(stats), options.most_arms);
  for (const size_t arm : shown.first) table.AddRow(builder.Row(arm));
  if (shown.left_out > 0) table.AddRow({{absl::StrCat("(", shown.left_out, " more: --all)"), Tone::kDim}});
  for (const size_t arm : shown.last) table.AddRow(builder.Row(arm));
  return table.Render(options.style, options.width);
}

std::string SampleTable(const Stats& stats, const StatsStyle& options) {
  if (stats.statistics.samples < 2) return "";
  std::vector<size_t> arms = ArmsByEffect(stats);
  if (arms.size() > kSampledArms) arms.resize(kSampledArms);
  if (stats.judged.baseline) arms.insert(arms.begin(), *stats.judged.baseline);
  Table table({{"arm", Align::kLeft, true},
               {"k", Align::kRight},
               {"pass %", Align::kRight},
               {"95 %", Align::kRight},
               {"majority %", Align::kRight},
               {"95 %", Align::kRight},
               {"weighted %", Align::kRight},
               {"best %", Align::kRight}});
  for (const size_t arm : arms) {
    for (const AtK& at_k : stats.statistics.at_k[arm]) {
      table.AddRow({stats.judged.arms[arm],
                    absl::StrCat(at_k.k),
                    Points(at_k.pass.mean),
                    {Range(at_k.pass.interval), Tone::kDim},
                    Points(at_k.majority.mean),
                    {Range(at_k.majority.interval), Tone::kDim},
                    Points(at_k.weighted.mean),
                    Points(at_k.best.mean)});
    }
  }
  return table.Render(options.style, options.width);
}

std::string GroupTable(const Stats& stats, const std::vector<GroupStatistics>& groups,
                       const std::string& kind, const StatsStyle& options) {
  if (groups.empty() || !stats.judged.baseline || !stats.statistics.best_arm) return "";
  const size_t best = *stats.statistics.best_arm;
  Table table({{kind, Align::kLeft, true},
               {"questions", Align::kRight},
               {"baseline %", Align::kRight},
               {"95 %", Align::kRight},
               {"arms' mean %", Align::kRight},
               {stats.judged.arms[best], Align::kRight},
               {"fixed", Align::kRight},
               {"broken", Align::kRight}});
  for (const GroupStatistics& group : groups) {
    const ArmStatistics& baseline = group.arms[*stats.judged.baseline];
    const ArmStatistics& arm = group.arms[best];
    table.AddRow({group.name.empty() ? "(none)" : group.name,
                  FormatCount(group.questions),
                  Points(baseline.accuracy.share),
                  {Range(baseline.accuracy.interval), Tone::kDim},
                  Points(MeanOfArms(stats, group)),
                  Points(arm.accuracy.share),
                  {absl::StrCat(arm.fixed), arm.fixed > 0 ? Tone::kGood : Tone::kDim},
                  {absl::StrCat(arm.broken), arm.broken > 0 ? Tone::kBad : Tone::kDim}});
  }
  return table.Render(options.style, options.width);
}

std::string ArmGroupTable(const Stats& stats, const std::vector<GroupStatistics>& groups,
                          const std::string& kind, const StatsStyle& options) {
  const bool wide = IsWide(options);
  std::vector<TableColumn> columns = {{kind, Align::kLeft, true}, {"arm", Align::kLeft, true}};
  for (const char* title : {"of", "right %", "95 %"}) columns.push_back({title, Align::kRight});
  AddComparisonColumns(wide, columns);
  std::vector<std::pair<size_t, size_t>> pairs;  // group, arm
  for (size_t group = 0; group < groups.size(); ++group) {
    for (size_t arm = 0; arm < groups[group].arms.size(); ++arm) {
      if (arm != stats.judged.baseline) pairs.emplace_back(group, arm);
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(), [&](const auto& a, const auto& b) {
    return groups[a.first].arms[a.second].difference.effect >
           groups[b.first].arms[b.second].difference.effect;
  });
  std::vector<size_t> order(pairs.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  const Shown shown = Choose(order, options.most_arms);
  Table table(std::move(columns));
  const auto add = [&](const std::vector<size_t>& places) {
    for (const size_t i : places) {
      const GroupStatistics& group = groups[pairs[i].first];
      const ArmStatistics& arm = group.arms[pairs[i].second];
      std::vector<TableCell> row = {group.name.empty() ? "(none)" : group.name,
                                    stats.judged.arms[pairs[i].second], absl::StrCat(arm.accuracy.questions),
                                    Points(arm.accuracy.share),
                                    TableCell(Range(arm.accuracy.interval), Tone::kDim)};
      AddComparison(arm, wide, row);
      table.AddRow(std::move(row));
    }
  };
  add(shown.first);
  if (shown.left_out > 0) table.AddRow({{absl::StrCat("(", shown.left_out, " more: --all)"), Tone::kDim}});
  add(shown.last);
  return table.Render(options.style, options.width);
}

}  // namespace sprint
