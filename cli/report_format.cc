#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/render/table.h"
#include "cli/render/text.h"
#include "cli/report.h"

namespace sprint {
namespace {

constexpr double kLevel = 0.05;

// Which arms the table shows: all, or where there are too many the baseline, the best and the worst, with
// `cut` standing where the others would.
std::vector<size_t> ShownArms(const Report& report, size_t most, size_t& cut) {
  std::vector<size_t> order(report.arms.size());
  std::iota(order.begin(), order.end(), 0);
  cut = order.size();
  if (order.size() <= most) return order;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (report.arms[a].baseline != report.arms[b].baseline) return report.arms[a].baseline;
    return report.arms[a].accuracy() > report.arms[b].accuracy();
  });
  const size_t worst = most / 3;
  cut = most - worst;
  std::vector<size_t> shown(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(cut));
  shown.insert(shown.end(), order.end() - static_cast<std::ptrdiff_t>(worst), order.end());
  return shown;
}

std::string FormatP(double p) { return p < 0.001 ? "<0.001" : absl::StrFormat("%.3f", p); }

// Answers that ended by length or context: a column that is shown only where it says something.
bool AnyCutOff(const Report& report) {
  return std::any_of(report.arms.begin(), report.arms.end(),
                     [](const ArmResult& arm) { return arm.truncated > 0; });
}

std::vector<TableCell> Row(const Report& report, const ArmResult& arm) {
  std::vector<TableCell> row = {
      {arm.name, arm.baseline ? Tone::kStrong : Tone::kPlain},
      absl::StrCat(arm.correct, "/", arm.judged),
      arm.judged == 0 ? "" : FormatPercent(arm.accuracy()),
      arm.judged == 0 ? "" : absl::StrFormat("%.1f - %.1f", 100 * arm.interval.low, 100 * arm.interval.high)};
  if (report.flips_known) {
    if (arm.baseline) {
      row.insert(row.end(), 4, TableCell(""));
    } else {
      row.push_back({absl::StrCat(arm.fixed), arm.fixed > 0 ? Tone::kGood : Tone::kDim});
      row.push_back({absl::StrCat(arm.broken), arm.broken > 0 ? Tone::kBad : Tone::kDim});
      row.push_back(FormatP(arm.p));
      row.push_back({FormatP(arm.q), arm.q < kLevel ? Tone::kStrong : Tone::kDim});
    }
  }
  row.push_back(absl::StrFormat("%.1f", arm.mean_tokens));
  if (AnyCutOff(report)) row.push_back(arm.truncated == 0 ? "" : absl::StrCat(arm.truncated));
  return row;
}

std::string ArmTable(const Report& report, const ReportStyle& options) {
  std::vector<TableColumn> columns = {{"arm", Align::kLeft, true},
                                      {"right", Align::kRight},
                                      {"accuracy", Align::kRight},
                                      {"95 % interval", Align::kRight}};
  if (report.flips_known) {
    for (const char* title : {"fixed", "broken", "p", "q"}) columns.push_back({title, Align::kRight});
  }
  columns.push_back({"tokens", Align::kRight});
  if (AnyCutOff(report)) columns.push_back({"cut off", Align::kRight});
  Table table(std::move(columns));
  size_t cut = 0;
  for (const size_t i : ShownArms(report, options.most_arms, cut)) {
    if (table.rows() == cut)
      table.AddRow({{absl::StrCat("(", report.arms.size() - options.most_arms, " more)"), Tone::kDim}});
    table.AddRow(Row(report, report.arms[i]));
  }
  return table.Render(options.style, options.width);
}

std::string Names(const std::vector<const ArmResult*>& arms) {
  std::vector<std::string> names;
  for (const ArmResult* arm : arms) names.push_back(arm->name);
  if (names.size() > 5) {
    names.resize(5);
    names.push_back("…");
  }
  return absl::StrJoin(names, ", ");
}

// Sentences on what the numbers allow, and what they do not.
std::vector<std::string> Conclusions(const Report& report) {
  std::vector<std::string> sentences;
  std::vector<const ArmResult*> better, worse;
  const ArmResult* best = nullptr;
  int64_t compared = 0, nominal = 0;
  for (const ArmResult& arm : report.arms) {
    if (arm.baseline) continue;
    ++compared;
    if (arm.p < kLevel) ++nominal;
    if (best == nullptr || arm.accuracy() > best->accuracy()) best = &arm;
    if (arm.q < kLevel) (arm.fixed > arm.broken ? better : worse).push_back(&arm);
  }
  if (best == nullptr) return {"Only the baseline ran: there is nothing to compare it with."};
  sentences.push_back(better.empty()
                          ? "No arm is shown to be better than the baseline (q < 0.05)."
                          : absl::StrCat("Better than the baseline (q < 0.05): ", Names(better), "."));
  if (!worse.empty()) {
    sentences.push_back(absl::StrCat(
        "Worse than the baseline (q < 0.05): ", Plural(static_cast<int64_t>(worse.size()), "arm", "arms"),
        " (", Names(worse), ")."));
  }
  sentences.push_back(absl::StrCat("q is p corrected for ", Plural(compared, "comparison", "comparisons"),
                                   " (Benjamini-Hochberg): ", nominal,
                                   nominal == 1 ? " arm has" : " arms have",
                                   " p < 0.05, and chance alone would give about ",
                                   absl::StrFormat("%.1f", kLevel * static_cast<double>(compared)), "."));
  const int64_t alone = FewestOneSidedFlips(1);
  const int64_t of_all = FewestOneSidedFlips(compared);
  sentences.push_back(absl::StrCat("With ", Plural(best->judged, "question", "questions"),
                                   " a smaller effect stays hidden: an arm that breaks none has to fix ",
                                   alone, " to count alone, ", of_all, " as the best of ", compared, "."));
  sentences.push_back(
      absl::StrCat("The best arm here, ", best->name, " (", FormatPercent(best->accuracy()),
                   "), was picked after the fact: on new questions expect it closer to the baseline."));
  if (report.problems > 0) {
    sentences.push_back(absl::StrCat(
        "Some arm is right on ", FormatCount(report.any_right), " of ", FormatCount(report.problems), " (",
        FormatPercent(static_cast<double>(report.any_right) / static_cast<double>(report.problems)),
        "): a ceiling that only knowing the best arm of each question would reach."));
  }
  return sentences;
}

std::string Commands(const Report& report, const ReportStyle& options) {
  const std::string db = options.database == "sprint.db" ? "" : absl::StrCat(" --db ", options.database);
  const int64_t id = report.experiment;
  return absl::StrCat("Next:\n  sprint query", db, " v_subject_accuracy --experiment ", id,
                      "   which subjects an arm helps\n  sprint query", db, " v_coverage --experiment ", id,
                      "           how many arms get each question right\n  sprint export", db, " ", id,
                      " --out results/                   every answer, as JSON lines\n");
}

}  // namespace

std::string FormatReport(const Report& report, const ReportStyle& options) {
  const Style& style = options.style;
  std::string text = absl::StrCat(style.Paint(Tone::kStrong, Printable(report.name)), "  (experiment ",
                                  report.experiment, ", ", report.state, "): ", FormatCount(report.done),
                                  " of ", Plural(report.cells, "cell", "cells"));
  if (report.quarantined > 0) {
    absl::StrAppend(&text, ", ",
                    style.Paint(Tone::kBad, absl::StrCat(FormatCount(report.quarantined), " quarantined")));
  }
  absl::StrAppend(&text, "\n\n", ArmTable(report, options));
  const int width = options.width > 0 ? std::min(options.width, 110) : 110;
  if (report.flips_known && report.done > 0) {
    absl::StrAppend(&text, "\n", style.Paint(Tone::kStrong, "What this shows, and what it cannot"), "\n");
    for (const std::string& sentence : Conclusions(report)) {
      bool first = true;
      for (const std::string& line : Wrap(sentence, width - 2)) {
        absl::StrAppend(&text, first ? "- " : "  ", line, "\n");
        first = false;
      }
    }
  } else if (!report.flips_known) {
    absl::StrAppend(
        &text, "\nWhat each arm fixed and broke is in the coordinator's database: sprint report --db FILE\n");
  }
  if (report.quarantined > 0) {
    absl::StrAppend(
        &text,
        "\nQuarantined cells failed three times: sprint query \"SELECT * FROM failure\"; sprint retry ",
        report.experiment, " puts them back.\n");
  }
  if (!options.database.empty()) absl::StrAppend(&text, "\n", Commands(report, options));
  return text;
}

}  // namespace sprint
