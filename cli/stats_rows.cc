#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/stats.h"

namespace sprint {
namespace {

using Json = nlohmann::ordered_json;
using Field = std::pair<const char*, SqlValue>;

// Twelve digits: what libraries of different machines agree on.
SqlValue Real(double value) {
  char text[40];
  std::snprintf(text, sizeof(text), "%.12g", value);
  return std::strtod(text, nullptr);
}

void AddAccuracy(const ArmStatistics& arm, std::vector<Field>& fields) {
  fields.insert(fields.end(), {{"questions", arm.accuracy.questions},
                               {"samples", arm.accuracy.samples},
                               {"right", arm.accuracy.right},
                               {"accuracy", Real(arm.accuracy.share)},
                               {"low", Real(arm.accuracy.interval.low)},
                               {"high", Real(arm.accuracy.interval.high)},
                               {"standard_error", Real(arm.accuracy.standard_error)}});
}

// Empty (NULL) for the baseline.
void AddComparison(const ArmStatistics& arm, bool compared, std::vector<Field>& fields) {
  const auto add = [&](const char* name, const SqlValue& value) {
    fields.emplace_back(name, compared ? value : SqlValue(std::monostate()));
  };
  add("compared", arm.difference.questions);
  add("effect", Real(arm.difference.effect));
  add("effect_low", Real(arm.difference.interval.low));
  add("effect_high", Real(arm.difference.interval.high));
  add("fixed", arm.fixed);
  add("broken", arm.broken);
  add("p", Real(arm.p));
  add("q", Real(arm.q));
}

std::vector<Field> ArmFields(const Stats& stats, size_t arm) {
  const ArmStatistics& statistics = stats.statistics.arms[arm];
  const ArmTotals& totals = stats.statistics.totals[arm];
  std::vector<Field> fields = {{"arm", stats.judged.arms[arm]}};
  AddAccuracy(statistics, fields);
  AddComparison(statistics, stats.judged.baseline && arm != *stats.judged.baseline, fields);
  fields.insert(fields.end(),
                {{"truncated", totals.truncated},
                 {"unanswered", totals.unanswered},
                 {"mean_tokens", Real(totals.cells == 0 ? 0
                                                        : static_cast<double>(totals.tokens) /
                                                              static_cast<double>(totals.cells))}});
  return fields;
}

std::vector<Field> GroupFields(const Stats& stats, const char* kind, const GroupStatistics& group,
                               size_t arm) {
  std::vector<Field> fields = {{kind, group.name}, {"arm", stats.judged.arms[arm]}};
  AddAccuracy(group.arms[arm], fields);
  AddComparison(group.arms[arm], stats.judged.baseline && arm != *stats.judged.baseline, fields);
  return fields;
}

std::vector<Field> SampleFields(const Stats& stats, size_t arm, const AtK& at_k) {
  std::vector<Field> fields = {
      {"arm", stats.judged.arms[arm]}, {"k", int64_t{at_k.k}}, {"questions", at_k.questions}};
  const auto add = [&fields](const char* name, const char* low, const char* high,
                             const AtK::Measure& measure) {
    fields.insert(
        fields.end(),
        {{name, Real(measure.mean)}, {low, Real(measure.interval.low)}, {high, Real(measure.interval.high)}});
  };
  add("pass", "pass_low", "pass_high", at_k.pass);
  add("majority", "majority_low", "majority_high", at_k.majority);
  add("weighted", "weighted_low", "weighted_high", at_k.weighted);
  add("best", "best_low", "best_high", at_k.best);
  return fields;
}

// The baseline first, then the arms by effect.
std::vector<size_t> Order(const Stats& stats) {
  std::vector<size_t> order = ArmsByEffect(stats);
  if (stats.judged.baseline) order.insert(order.begin(), *stats.judged.baseline);
  return order;
}

template <typename Fn>
void ForEachFields(const Stats& stats, StatsRows rows, const Fn& emit) {
  const std::vector<size_t> order = Order(stats);
  switch (rows) {
    case StatsRows::kArms:
      for (const size_t arm : order) emit(ArmFields(stats, arm));
      return;
    case StatsRows::kSubjects:
    case StatsRows::kLevels: {
      const bool subjects = rows == StatsRows::kSubjects;
      for (const GroupStatistics& group : subjects ? stats.statistics.subjects : stats.statistics.levels) {
        for (const size_t arm : order) emit(GroupFields(stats, subjects ? "subject" : "level", group, arm));
      }
      return;
    }
    case StatsRows::kSamples:
      for (const size_t arm : order) {
        if (arm >= stats.statistics.at_k.size()) continue;
        for (const AtK& at_k : stats.statistics.at_k[arm]) emit(SampleFields(stats, arm, at_k));
      }
  }
}

Json ValueJson(const SqlValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) return *integer;
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return nullptr;
}

Json RowsJson(const Stats& stats, StatsRows rows) {
  Json list = Json::array();
  ForEachFields(stats, rows, [&list](const std::vector<Field>& fields) {
    Json& row = list.emplace_back(Json::object());
    for (const auto& [name, value] : fields) row[name] = ValueJson(value);
  });
  return list;
}

double Rounded(double value) { return std::get<double>(Real(value)); }

}  // namespace

std::vector<std::string> ForEachStatsRow(const Stats& stats, StatsRows rows, const StatsRowFn& row) {
  std::vector<std::string> columns;
  ForEachFields(stats, rows, [&](const std::vector<Field>& fields) {
    std::vector<SqlValue> values;
    columns.clear();
    for (const auto& [name, value] : fields) {
      columns.emplace_back(name);
      values.push_back(value);
    }
    row(columns, values);
  });
  return columns;
}

std::string StatsJson(const Stats& stats) {
  const SweepStatistics& statistics = stats.statistics;
  Json json = {{"experiment", stats.experiment},
               {"name", stats.name},
               {"state", stats.state},
               {"cells", stats.cells},
               {"done", stats.done},
               {"quarantined", stats.quarantined},
               {"interim", stats.interim()},
               {"questions", stats.judgeable},
               {"counted", statistics.questions},
               {"samples", statistics.samples},
               {"any_right", statistics.any_right},
               {"correction", stats.correction == Correction::kBenjaminiHochberg ? "bh" : "by"},
               {"median_discordance", Rounded(statistics.median_discordance)}};
  json["best"] = nullptr;
  if (statistics.best_arm) {
    json["best"] = {{"arm", stats.judged.arms[*statistics.best_arm]},
                    {"effect", Rounded(statistics.best.observed)},
                    {"of", statistics.best_of},
                    {"expected_by_luck", Rounded(statistics.best.expected)},
                    {"luck_low", Rounded(statistics.best.range.low)},
                    {"luck_high", Rounded(statistics.best.range.high)},
                    {"chance", Rounded(statistics.best.chance)}};
  }
  json["arms"] = RowsJson(stats, StatsRows::kArms);
  json["subjects"] = RowsJson(stats, StatsRows::kSubjects);
  json["levels"] = RowsJson(stats, StatsRows::kLevels);
  if (statistics.samples > 1) json["at_k"] = RowsJson(stats, StatsRows::kSamples);
  json["warnings"] = Json::array();
  for (const StatsWarning& warning : WarningsOf(stats))
    json["warnings"].push_back({{"kind", warning.kind}, {"text", warning.text}});
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace sprint
