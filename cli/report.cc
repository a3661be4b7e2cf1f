#include "cli/report.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "cli/status_view.h"
#include "eval/statistics/multiple_testing.h"
#include "eval/statistics/paired_tests.h"

namespace sprint {
namespace {

int64_t Integer(const SqlValue& value) {
  const auto* integer = std::get_if<int64_t>(&value);
  return integer == nullptr ? 0 : *integer;
}

absl::Status LoadArms(Reader& reader, ExperimentId id, Report& report, std::map<int64_t, size_t>& places) {
  return reader.ForEachRow(
      "SELECT x.arm_id, a.name, a.edits, x.cells, x.done, x.judged, x.correct, x.truncated, x.tokens "
      "FROM experiment_arm x CROSS JOIN arm a ON a.arm_id = x.arm_id "
      "WHERE x.experiment_id = ?1 ORDER BY x.ordinal",
      {id.value()}, [&](const auto&, const std::vector<SqlValue>& row) {
        places[Integer(row[0])] = report.arms.size();
        ArmResult& arm = report.arms.emplace_back();
        if (const auto* name = std::get_if<std::string>(&row[1])) arm.name = *name;
        arm.baseline = Integer(row[2]) == 0;
        arm.cells = Integer(row[3]);
        arm.done = Integer(row[4]);
        arm.judged = Integer(row[5]);
        arm.correct = Integer(row[6]);
        arm.truncated = Integer(row[7]);
        if (arm.done > 0)
          arm.mean_tokens = static_cast<double>(Integer(row[8])) / static_cast<double>(arm.done);
        return true;
      });
}

absl::Status LoadFlips(Reader& reader, ExperimentId id, Report& report,
                       const std::map<int64_t, size_t>& places) {
  SPRINT_RETURN_IF_ERROR(
      reader.ForEachRow("SELECT arm_id, fixed, broken FROM v_flips WHERE experiment_id = ?1", {id.value()},
                        [&](const auto&, const std::vector<SqlValue>& row) {
                          const auto place = places.find(Integer(row[0]));
                          if (place == places.end()) return true;
                          report.arms[place->second].fixed = Integer(row[1]);
                          report.arms[place->second].broken = Integer(row[2]);
                          return true;
                        }));
  SPRINT_RETURN_IF_ERROR(
      reader.ForEachRow("SELECT count(*), sum(any_right) FROM v_coverage WHERE experiment_id = ?1",
                        {id.value()}, [&](const auto&, const std::vector<SqlValue>& row) {
                          report.problems = Integer(row[0]);
                          report.any_right = Integer(row[1]);
                          return false;
                        }));
  report.flips_known = true;
  return absl::OkStatus();
}

void ComputeStatistics(Report& report) {
  std::vector<double> p_values;
  for (ArmResult& arm : report.arms) {
    arm.interval = WilsonInterval(std::min(arm.correct, arm.judged), arm.judged);
    if (arm.baseline) continue;
    arm.p = McNemarExact(arm.fixed, arm.broken);
    p_values.push_back(arm.p);
  }
  const std::vector<double> q_values = QValues(p_values);
  size_t next = 0;
  for (ArmResult& arm : report.arms) {
    if (!arm.baseline) arm.q = q_values[next++];
  }
}

}  // namespace

absl::StatusOr<Report> LoadReport(Reader& reader, ExperimentId id) {
  SPRINT_ASSIGN_OR_RETURN(const v1::ExperimentStatus status, StatusFromDatabase(reader, id));
  Report report;
  report.experiment = status.id();
  report.name = status.name();
  report.state = status.state();
  report.cells = status.cells();
  report.done = status.done();
  report.quarantined = status.quarantined();
  std::map<int64_t, size_t> places;
  SPRINT_RETURN_IF_ERROR(LoadArms(reader, id, report, places));
  SPRINT_RETURN_IF_ERROR(LoadFlips(reader, id, report, places));
  ComputeStatistics(report);
  return report;
}

Report ReportOf(const v1::ExperimentStatus& status) {
  Report report;
  report.experiment = status.id();
  report.name = status.name();
  report.state = status.state();
  report.cells = status.cells();
  report.done = status.done();
  report.quarantined = status.quarantined();
  for (const v1::ArmStatus& counters : status.arms()) {
    ArmResult& arm = report.arms.emplace_back();
    arm.name = counters.name();
    arm.baseline = counters.name() == "baseline";
    arm.cells = counters.cells();
    arm.done = counters.done();
    arm.judged = counters.done();
    arm.correct = counters.correct();
    arm.truncated = counters.truncated();
    if (arm.done > 0)
      arm.mean_tokens = static_cast<double>(counters.tokens()) / static_cast<double>(arm.done);
  }
  ComputeStatistics(report);
  return report;
}

int64_t FewestOneSidedFlips(int64_t arms) {
  int64_t flips = 1;
  while (flips < 64 && McNemarExact(flips, 0) * static_cast<double>(std::max<int64_t>(1, arms)) >= 0.05)
    ++flips;
  return flips;
}

std::string ReportJson(const Report& report) {
  nlohmann::ordered_json json = {
      {"experiment", report.experiment}, {"name", report.name}, {"state", report.state},
      {"cells", report.cells},           {"done", report.done}, {"quarantined", report.quarantined}};
  json["arms"] = nlohmann::ordered_json::array();
  for (const ArmResult& arm : report.arms) {
    nlohmann::ordered_json row = {{"arm", arm.name},
                                  {"cells", arm.cells},
                                  {"done", arm.done},
                                  {"judged", arm.judged},
                                  {"correct", arm.correct},
                                  {"accuracy", arm.accuracy()},
                                  {"low", arm.interval.low},
                                  {"high", arm.interval.high},
                                  {"truncated", arm.truncated},
                                  {"mean_tokens", arm.mean_tokens}};
    if (report.flips_known && !arm.baseline) {
      row["fixed"] = arm.fixed;
      row["broken"] = arm.broken;
      row["p"] = arm.p;
      row["q"] = arm.q;
    }
    json["arms"].push_back(std::move(row));
  }
  if (report.flips_known) {
    json["problems"] = report.problems;
    json["any_right"] = report.any_right;
  }
  return json.dump(2) + "\n";
}

}  // namespace sprint
