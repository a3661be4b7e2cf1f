#include "selector/program/compare_report.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/render/table.h"
#include "cli/render/text.h"

namespace sprint {
namespace {

using Json = nlohmann::ordered_json;

constexpr Aggregation kShown[] = {Aggregation::kCoverage, Aggregation::kMajority, Aggregation::kWeighted};

Json EstimateJson(const Estimate& estimate) {
  return {{"mean", estimate.mean}, {"low", estimate.interval.low}, {"high", estimate.interval.high}};
}

Json ResultJson(CompareReport& report, const MethodResult& result) {
  const VoteRow row = RowOf(result, report.reference.get());
  Json json = {{"method", result.method},
               {"n", result.n},
               {"aggregation", std::string(AggregationName(result.aggregation))},
               {"value", EstimateJson(row.accuracy)},
               {"repetitions", result.of_repetition},
               {"mean_tokens", row.mean_tokens},
               {"mean_seconds", nullptr}};
  if (row.mean_seconds > 0) json["mean_seconds"] = row.mean_seconds;
  const MethodResult* selector = report.comparison.Find(report.selector, result.n, result.aggregation);
  if (selector != nullptr && selector != &result)
    json["selector_minus"] = EstimateJson(PairedDifference(*selector, result));
  if (row.at_equal_n) json["at_equal_n"] = EstimateJson(*row.at_equal_n);
  if (!row.at_equal_tokens) return json;
  json["at_equal_tokens"] = EstimateJson(*row.at_equal_tokens);
  json["at_equal_tokens"]["reference_n"] = row.reference_n;
  json["at_equal_tokens"]["reached"] = row.tokens_reached;
  return json;
}

Json ControlJson(const ControlComparison& control) {
  Json json = {{"snapshot", control.name}, {"questions", control.own.questions}};
  for (const MethodResult& result : control.control.results) {
    const MethodResult* own = control.own.Find(result.method, result.n, result.aggregation);
    if (own == nullptr) continue;
    json["results"].push_back({{"method", result.method},
                               {"n", result.n},
                               {"aggregation", std::string(AggregationName(result.aggregation))},
                               {"own", EstimateJson(EstimateOf(*own))},
                               {"control", EstimateJson(EstimateOf(result))},
                               {"own_minus_control", EstimateJson(PairedDifference(*own, result))}});
  }
  return json;
}

std::string Share(const Estimate& estimate) {
  return absl::StrFormat("%.1f ±%.1f", 100 * estimate.mean,
                         50 * (estimate.interval.high - estimate.interval.low));
}

TableCell Difference(const Estimate& estimate, const char* mark = "") {
  const Tone tone = estimate.interval.low > 0    ? Tone::kGood
                    : estimate.interval.high < 0 ? Tone::kBad
                                                 : Tone::kPlain;
  return {absl::StrFormat("%+.1f (%+.1f to %+.1f)%s", 100 * estimate.mean, 100 * estimate.interval.low,
                          100 * estimate.interval.high, mark),
          tone};
}

// Tables of a row a method, a column an N.
class Tables {
 public:
  Tables(const Terminal& terminal, const std::vector<int32_t>& n) : terminal_(terminal), n_(n) {}

  // `cell` writes one; nothing is shown where all are empty.
  void Show(const std::string& title, const Comparison& comparison, Aggregation aggregation,
            const std::function<TableCell(const MethodResult&)>& cell) const {
    std::vector<TableColumn> columns = {{"method"}};
    std::vector<int32_t> shown;
    for (const int32_t count : n_) {
      const bool any = std::any_of(
          comparison.results.begin(), comparison.results.end(),
          [&](const MethodResult& result) { return result.n == count && result.aggregation == aggregation; });
      if (!any) continue;
      shown.push_back(count);
      columns.push_back({absl::StrCat("N = ", count), Align::kRight});
    }
    Table table(columns);
    for (const std::string& method : MethodsIn(comparison)) {
      std::vector<TableCell> row = {method};
      bool any = false;
      for (const int32_t count : shown) {
        const MethodResult* result = comparison.Find(method, count, aggregation);
        row.push_back(result == nullptr ? TableCell("") : cell(*result));
        any = any || !row.back().text.empty();
      }
      if (any) table.AddRow(std::move(row));
    }
    if (table.rows() == 0) return;
    terminal_.out.Write(
        absl::StrCat("\n", title, "\n", table.Render(terminal_.out.style, terminal_.out.width)));
  }

 private:
  static std::vector<std::string> MethodsIn(const Comparison& comparison) {
    std::vector<std::string> methods;
    for (const MethodResult& result : comparison.results) {
      if (std::find(methods.begin(), methods.end(), result.method) == methods.end())
        methods.push_back(result.method);
    }
    return methods;
  }

  const Terminal& terminal_;
  const std::vector<int32_t>& n_;
};

std::string Title(Aggregation aggregation) {
  switch (aggregation) {
    case Aggregation::kCoverage:
      return "any of N right (coverage), %";
    case Aggregation::kMajority:
      return "majority of N right, %";
    case Aggregation::kWeighted:
      return "weighted majority of N right, %";
    case Aggregation::kBest:
      return "best of N by score right, %";
  }
  return "";
}

void ShowDifferences(CompareReport& report, const Tables& tables, Aggregation aggregation) {
  const std::string name(AggregationName(aggregation));
  tables.Show(absl::StrCat(report.selector, " minus each by ", name,
                           ", points (95 % interval of the paired difference)"),
              report.comparison, aggregation, [&](const MethodResult& result) {
                const MethodResult* selector = report.comparison.Find(report.selector, result.n, aggregation);
                if (selector == nullptr || selector == &result) return TableCell("");
                return Difference(PairedDifference(*selector, result));
              });
  if (report.reference == nullptr) return;
  tables.Show(absl::StrCat("each minus samples by ", name, " at the same N, points"), report.comparison,
              aggregation, [&](const MethodResult& result) {
                const VoteRow row = RowOf(result, report.reference.get());
                return row.at_equal_n ? Difference(*row.at_equal_n) : TableCell("");
              });
  tables.Show(absl::StrCat("each minus samples by ", name,
                           " at the same generated tokens, points (!: the samples cannot spend as much or as "
                           "little)"),
              report.comparison, aggregation, [&](const MethodResult& result) {
                const VoteRow row = RowOf(result, report.reference.get());
                if (!row.at_equal_tokens) return TableCell("");
                return Difference(*row.at_equal_tokens, row.tokens_reached ? "" : " !");
              });
}

void ShowCosts(const CompareReport& report, const Tables& tables) {
  tables.Show(
      "tokens generated a question", report.comparison, Aggregation::kCoverage,
      [](const MethodResult& result) { return TableCell(absl::StrFormat("%.0f", result.mean_tokens)); });
  tables.Show(
      "milliseconds of a worker a question", report.comparison, Aggregation::kCoverage,
      [](const MethodResult& result) {
        return TableCell(result.mean_seconds > 0 ? absl::StrFormat("%.2f", 1000 * result.mean_seconds) : "");
      });
}

void ShowControl(const Terminal& terminal, const ControlComparison& control, const Tables& tables) {
  terminal.out.Write(absl::StrCat("\ncontrol ", control.name, ": ",
                                  Plural(control.own.questions, "question", "questions"),
                                  " that both test\n"));
  for (const Aggregation aggregation : kShown) {
    tables.Show(absl::StrCat("with the control's arms: ", Title(aggregation)), control.control, aggregation,
                [](const MethodResult& result) { return TableCell(Share(EstimateOf(result))); });
    tables.Show(absl::StrCat("these arms minus the control's by ", AggregationName(aggregation),
                             ", points (95 % interval of the paired difference)"),
                control.control, aggregation, [&](const MethodResult& result) {
                  const MethodResult* own = control.own.Find(result.method, result.n, aggregation);
                  return own == nullptr ? TableCell("") : Difference(PairedDifference(*own, result));
                });
  }
}

}  // namespace

std::string CompareJson(CompareReport& report) {
  Json json = {{"questions", report.comparison.questions}, {"incomplete", report.comparison.incomplete}};
  for (const MethodResult& result : report.comparison.results)
    json["results"].push_back(ResultJson(report, result));
  for (const ControlComparison& control : report.controls) json["controls"].push_back(ControlJson(control));
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void ShowCompare(const Terminal& terminal, CompareReport& report) {
  const int64_t incomplete = report.comparison.incomplete;
  terminal.out.Write(absl::StrCat(
      Plural(report.comparison.questions, "test question", "test questions"),
      incomplete > 0 ? absl::StrCat(" (", incomplete, " more lack outcomes)") : "",
      "; 95 % intervals over questions and training seeds, not corrected for the number of comparisons\n"));
  const Tables tables(terminal, report.n);
  for (const Aggregation aggregation : kShown) {
    tables.Show(Title(aggregation), report.comparison, aggregation,
                [](const MethodResult& result) { return TableCell(Share(EstimateOf(result))); });
    ShowDifferences(report, tables, aggregation);
  }
  ShowCosts(report, tables);
  for (const ControlComparison& control : report.controls) ShowControl(terminal, control, tables);
}

}  // namespace sprint
