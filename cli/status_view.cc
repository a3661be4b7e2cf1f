#include "cli/status_view.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "cli/render/table.h"
#include "cli/render/text.h"

namespace sprint {
namespace {

constexpr char kProgressColumns[] =
    "SELECT experiment_id, experiment, state, cells, done, quarantined, correct, tokens, priority FROM "
    "v_progress";

v1::ExperimentStatus FromProgressRow(const std::vector<SqlValue>& row) {
  v1::ExperimentStatus status;
  status.set_id(IntegerOf(row[0]));
  status.set_name(TextOf(row[1]));
  status.set_state(TextOf(row[2]));
  status.set_cells(IntegerOf(row[3]));
  status.set_done(IntegerOf(row[4]));
  status.set_quarantined(IntegerOf(row[5]));
  status.set_correct(IntegerOf(row[6]));
  status.set_generated_tokens(IntegerOf(row[7]));
  status.set_priority(static_cast<int32_t>(IntegerOf(row[8])));
  status.set_eta_seconds(status.state() == "finished" ? 0 : -1);
  status.set_workers(-1);
  return status;
}

Tone ToneOf(const std::string& state) {
  if (state == "finished") return Tone::kGood;
  if (state == "cancelled") return Tone::kDim;
  return state == "paused" ? Tone::kWarning : Tone::kAccent;
}

std::string Share(int64_t part, int64_t whole) {
  return whole == 0 ? "" : FormatPercent(static_cast<double>(part) / static_cast<double>(whole));
}

void AppendArms(const v1::ExperimentStatus& status, const Style& style, int width, std::string& text) {
  if (status.arms().empty()) return;
  constexpr int kShown = 40;
  Table table({{"arm", Align::kLeft, true},
               {"done", Align::kRight},
               {"of", Align::kRight},
               {"right", Align::kRight},
               {"accuracy", Align::kRight},
               {"cut off", Align::kRight},
               {"tokens", Align::kRight}});
  for (const v1::ArmStatus& arm : status.arms()) {
    if (table.rows() == kShown) break;
    table.AddRow({arm.name(), FormatCount(arm.done()), FormatCount(arm.cells()), FormatCount(arm.correct()),
                  Share(arm.correct(), arm.done()), FormatCount(arm.truncated()), FormatCount(arm.tokens())});
  }
  absl::StrAppend(&text, "\n", table.Render(style, width));
  if (status.arms_size() > kShown) {
    absl::StrAppend(&text,
                    style.Paint(Tone::kDim, absl::StrCat("… and ", status.arms_size() - kShown,
                                                         " more: sprint query v_arm_accuracy")),
                    "\n");
  }
}

}  // namespace

absl::StatusOr<v1::ExperimentStatus> StatusFromDatabase(Reader& reader, ExperimentId id) {
  v1::ExperimentStatus status;
  SPRINT_RETURN_IF_ERROR(reader.ForEachRow(absl::StrCat(kProgressColumns, " WHERE experiment_id = ?1"),
                                           {id.value()}, [&](const auto&, const std::vector<SqlValue>& row) {
                                             status = FromProgressRow(row);
                                             return false;
                                           }));
  SPRINT_RETURN_IF_ERROR(reader.ForEachRow(
      "SELECT a.name, x.cells, x.done, x.correct, x.truncated, x.tokens FROM experiment_arm x "
      "CROSS JOIN arm a ON a.arm_id = x.arm_id WHERE x.experiment_id = ?1 ORDER BY x.ordinal",
      {id.value()}, [&](const auto&, const std::vector<SqlValue>& row) {
        v1::ArmStatus& arm = *status.add_arms();
        arm.set_name(TextOf(row[0]));
        arm.set_cells(IntegerOf(row[1]));
        arm.set_done(IntegerOf(row[2]));
        arm.set_correct(IntegerOf(row[3]));
        arm.set_truncated(IntegerOf(row[4]));
        arm.set_tokens(IntegerOf(row[5]));
        return true;
      }));
  return status;
}

absl::StatusOr<std::vector<v1::ExperimentStatus>> ListFromDatabase(Reader& reader) {
  std::vector<v1::ExperimentStatus> experiments;
  SPRINT_RETURN_IF_ERROR(reader.ForEachRow(absl::StrCat(kProgressColumns, " ORDER BY experiment_id"), {},
                                           [&](const auto&, const std::vector<SqlValue>& row) {
                                             experiments.push_back(FromProgressRow(row));
                                             return true;
                                           }));
  return experiments;
}

std::string FormatStatus(const v1::ExperimentStatus& status, bool live, const Style& style, int width) {
  std::string state = status.state();
  if (!live && state == "running") state = "unfinished; no coordinator runs (sprint resume)";
  std::string text = absl::StrCat(style.Paint(Tone::kStrong, Printable(status.name())), "  (experiment ",
                                  status.id(), ", ", style.Paint(ToneOf(status.state()), state), ")\n");
  const auto line = [&text](absl::string_view label, const std::string& value) {
    absl::StrAppend(&text, "  ", Pad(label, 13, Align::kLeft), value, "\n");
  };
  line("cells", absl::StrCat(FormatCount(status.done()), " of ", FormatCount(status.cells()), " done (",
                             Share(status.done(), status.cells()), ")",
                             live ? absl::StrCat(", ", FormatCount(status.running()), " running") : ""));
  if (status.quarantined() > 0) {
    line("quarantined",
         style.Paint(Tone::kBad, absl::StrCat(FormatCount(status.quarantined()), " (sprint retry ",
                                              status.id(), " puts them back)")));
  }
  line("right", absl::StrCat(FormatCount(status.correct()), " (", Share(status.correct(), status.done()),
                             " of done)"));
  line("generated", absl::StrCat(FormatCount(status.generated_tokens()), " tokens"));
  if (live && status.state() == "running") {
    line("workers", FormatCount(status.workers()));
    if (status.cells_per_second() > 0) {
      line("rate", absl::StrCat(FormatRate(status.cells_per_second()), " cells/s, ",
                                FormatRate(status.tokens_per_second()), " tokens/s"));
    }
    if (status.eta_seconds() >= 0) line("left", FormatSeconds(status.eta_seconds()));
  }
  if (status.determinism_alarms() > 0) {
    line("alarms",
         style.Paint(Tone::kBad, absl::StrCat(FormatCount(status.determinism_alarms()),
                                              " late answers differ: sprint query \"SELECT * FROM alarm\"")));
  }
  for (const std::string& note : status.notes()) line("note", style.Paint(Tone::kWarning, Printable(note)));
  AppendArms(status, style, width, text);
  return text;
}

std::string FormatList(const std::vector<v1::ExperimentStatus>& experiments, const Style& style, int width) {
  Table table({{"id", Align::kRight},
               {"name", Align::kLeft, true},
               {"state"},
               {"done", Align::kRight},
               {"cells", Align::kRight},
               {"%", Align::kRight},
               {"right", Align::kRight},
               {"quarantined", Align::kRight},
               {"left", Align::kRight}});
  for (const v1::ExperimentStatus& status : experiments) {
    const std::string left = status.state() == "finished" ? ""
                             : status.eta_seconds() >= 0  ? FormatSeconds(status.eta_seconds())
                                                          : "?";
    table.AddRow({absl::StrCat(status.id()),
                  {status.name(), Tone::kStrong},
                  {status.state(), ToneOf(status.state())},
                  FormatCount(status.done()),
                  FormatCount(status.cells()),
                  Share(status.done(), status.cells()),
                  Share(status.correct(), status.done()),
                  {status.quarantined() > 0 ? FormatCount(status.quarantined()) : "", Tone::kBad},
                  left});
  }
  return table.Render(style, width);
}

std::string FormatWorkers(const v1::WorkersResponse& workers, const Style& style, int width) {
  Table table({{"id", Align::kRight},
               {"name", Align::kLeft, true},
               {"state"},
               {"device", Align::kLeft, true},
               {"running", Align::kRight},
               {"done", Align::kRight},
               {"tokens/s", Align::kRight},
               {"heard", Align::kRight},
               {"last error", Align::kLeft, true}});
  for (const v1::WorkerStatus& worker : workers.workers()) {
    const Tone tone = worker.state() == "lost"      ? Tone::kBad
                      : worker.state() == "working" ? Tone::kGood
                                                    : Tone::kDim;
    table.AddRow({absl::StrCat(worker.id()),
                  worker.name(),
                  {worker.state(), tone},
                  worker.device(),
                  FormatCount(worker.running()),
                  FormatCount(worker.done()),
                  FormatRate(worker.tokens_per_second()),
                  absl::StrCat(FormatSeconds(static_cast<double>(worker.last_heard_ms_ago()) / 1000), " ago"),
                  {worker.last_error(), Tone::kBad}});
  }
  return table.Render(style, width);
}

nlohmann::ordered_json StatusJson(const v1::ExperimentStatus& status) {
  nlohmann::ordered_json json = {{"id", status.id()},
                                 {"name", status.name()},
                                 {"state", status.state()},
                                 {"cells", status.cells()},
                                 {"done", status.done()},
                                 {"running", status.running()},
                                 {"quarantined", status.quarantined()},
                                 {"correct", status.correct()},
                                 {"generated_tokens", status.generated_tokens()},
                                 {"cells_per_second", status.cells_per_second()},
                                 {"tokens_per_second", status.tokens_per_second()}};
  json["eta_seconds"] = nullptr;
  if (status.eta_seconds() >= 0) json["eta_seconds"] = status.eta_seconds();
  json["workers"] = nullptr;
  if (status.workers() >= 0) json["workers"] = status.workers();
  json["priority"] = status.priority();
  json["determinism_alarms"] = status.determinism_alarms();
  json["notes"] = std::vector<std::string>(status.notes().begin(), status.notes().end());
  json["arms"] = nlohmann::ordered_json::array();
  for (const v1::ArmStatus& arm : status.arms()) {
    json["arms"].push_back({{"name", arm.name()},
                            {"cells", arm.cells()},
                            {"done", arm.done()},
                            {"correct", arm.correct()},
                            {"truncated", arm.truncated()},
                            {"tokens", arm.tokens()}});
  }
  return json;
}

nlohmann::ordered_json WorkersJson(const v1::WorkersResponse& workers) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const v1::WorkerStatus& worker : workers.workers()) {
    json.push_back({{"id", worker.id()},
                    {"name", worker.name()},
                    {"device", worker.device()},
                    {"numerics", worker.numerics()},
                    {"state", worker.state()},
                    {"running", worker.running()},
                    {"done", worker.done()},
                    {"tokens_per_second", worker.tokens_per_second()},
                    {"last_error", worker.last_error()},
                    {"last_heard_ms_ago", worker.last_heard_ms_ago()}});
  }
  return json;
}

ProgressState ProgressOf(const v1::ExperimentStatus& status) {
  ProgressState state;
  state.label = status.name();
  state.done = status.done();
  state.total = status.cells();
  state.cells_per_second = status.cells_per_second();
  state.tokens_per_second = status.tokens_per_second();
  state.eta_seconds = status.eta_seconds();
  state.quarantined = status.quarantined();
  state.state = status.state();
  state.workers = status.workers();
  return state;
}

}  // namespace sprint
