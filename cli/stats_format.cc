#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/render/table.h"
#include "cli/render/text.h"
#include "cli/stats.h"
#include "cli/stats_conclusions.h"
#include "cli/stats_tables.h"

namespace sprint {
namespace {

constexpr int kTextWidth = 100;

std::string Paragraph(absl::string_view text, absl::string_view bullet, int width) {
  std::string result;
  bool first = true;
  for (const std::string& line : Wrap(text, width - static_cast<int>(bullet.size()))) {
    absl::StrAppend(&result, first ? bullet : std::string(bullet.size(), ' '), line, "\n");
    first = false;
  }
  return result;
}

std::string Heading(const Stats& stats, const Style& style) {
  std::string text = absl::StrCat(style.Paint(Tone::kStrong, Printable(stats.name)), "  (experiment ",
                                  stats.experiment, ", ", stats.state, "): ", FormatCount(stats.done), " of ",
                                  Plural(stats.cells, "cell", "cells"), ", ",
                                  Plural(stats.judgeable, "question", "questions"));
  if (stats.statistics.samples > 1) absl::StrAppend(&text, ", ", stats.statistics.samples, " samples");
  if (stats.quarantined > 0) {
    absl::StrAppend(&text, ", ",
                    style.Paint(Tone::kBad, absl::StrCat(FormatCount(stats.quarantined), " quarantined")));
  }
  return text + "\n";
}

std::string Interim(const Stats& stats) {
  const bool cancelled = stats.state == "cancelled";
  return absl::StrCat(
      "Interim: ", FormatCount(stats.cells - stats.done - stats.quarantined), " of ",
      FormatCount(stats.cells), cancelled ? " cells were not computed." : " cells are still to come.",
      " Only the first ", FormatCount(stats.statistics.questions), " of ", FormatCount(stats.judgeable),
      " questions are counted, up to the first that some arm has not finished: what is unfinished is mostly "
      "long answers, which are wrong more often, so counting all that is finished would make arms look too "
      "good.",
      cancelled ? "" : " Numbers will change; judge at the end.");
}

std::string Commands(const Stats& stats, const StatsStyle& options) {
  const std::string db = options.database == "sprint.db" ? "" : absl::StrCat(" --db ", options.database);
  const int64_t id = stats.experiment;
  const std::string first =
      !stats.statistics.subjects.empty() ? absl::StrCat("sprint stats", db, " ", id, " --by subject")
      : !stats.statistics.levels.empty() ? absl::StrCat("sprint stats", db, " ", id, " --by level")
                                         : absl::StrCat("sprint query", db, " v_coverage --experiment ", id);
  const std::string what = !stats.statistics.subjects.empty() ? "every arm by subject"
                           : !stats.statistics.levels.empty() ? "every arm by level"
                                                              : "each question, and who is right";
  const std::string second = absl::StrCat("sprint plan", db, " --from ", id, " --effect 3");
  const std::string third = absl::StrCat("sprint export", db, " ", id, " --out results/");
  const int width = std::max({DisplayWidth(first), DisplayWidth(second), DisplayWidth(third)});
  const auto line = [width](const std::string& command, const std::string& says) {
    return absl::StrCat("  ", Pad(command, width, Align::kLeft), "   ", says, "\n");
  };
  return absl::StrCat("Next:\n", line(first, what), line(second, "questions for 3 points"),
                      line(third, "every answer, as JSON lines"));
}

}  // namespace

std::string FormatStats(const Stats& stats, const StatsStyle& options) {
  const Style& style = options.style;
  const int width = options.width > 0 ? std::min(options.width, kTextWidth) : kTextWidth;
  std::string text = Heading(stats, style);
  if (stats.interim()) absl::StrAppend(&text, "\n", Paragraph(Interim(stats), "", width));
  if (stats.statistics.questions == 0) {
    absl::StrAppend(
        &text, "\n",
        Paragraph(stats.judgeable == 0
                      ? "No question has a right answer: nothing can be said of accuracy."
                      : "The first question is not finished by every arm yet: there is nothing to compare. "
                        "sprint status shows how far each arm is.",
                  "", width));
    return text;
  }
  absl::StrAppend(&text, "\n", ArmTable(stats, options));
  const std::vector<std::pair<std::string, std::string>> tables = {
      {"By number of samples", SampleTable(stats, options)},
      {"By subject", GroupTable(stats, stats.statistics.subjects, "subject", options)},
      {"By level", GroupTable(stats, stats.statistics.levels, "level", options)}};
  for (const auto& [title, table] : tables) {
    if (!table.empty()) absl::StrAppend(&text, "\n", style.Paint(Tone::kStrong, title), "\n", table);
  }
  absl::StrAppend(&text, "\n", style.Paint(Tone::kStrong, "What this shows, and what it cannot"), "\n");
  for (const std::string& sentence : Conclusions(stats)) text += Paragraph(sentence, "- ", width);
  const std::vector<StatsWarning> warnings = WarningsOf(stats);
  if (!warnings.empty()) {
    absl::StrAppend(&text, "\n", style.Paint(Tone::kWarning, "Warnings"), "\n");
    for (const StatsWarning& warning : warnings) text += Paragraph(warning.text, "- ", width);
  }
  if (!options.database.empty()) absl::StrAppend(&text, "\n", Commands(stats, options));
  return text;
}

}  // namespace sprint
