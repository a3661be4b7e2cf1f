// The state of experiments, from a coordinator or straight from the database, shown to people and programs.
#ifndef SPRINT_CLI_STATUS_VIEW_H_
#define SPRINT_CLI_STATUS_VIEW_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/render/color.h"
#include "cli/render/progress.h"
#include "sprint/v1/control.pb.h"
#include "storage/reader.h"

namespace sprint {

// What the database knows: no rates, no leases, no workers.
absl::StatusOr<v1::ExperimentStatus> StatusFromDatabase(Reader& reader, ExperimentId id);
absl::StatusOr<std::vector<v1::ExperimentStatus>> ListFromDatabase(Reader& reader);

// `live`: a coordinator said it, so a running experiment is being worked on.
std::string FormatStatus(const v1::ExperimentStatus& status, bool live, const Style& style, int width);
std::string FormatList(const std::vector<v1::ExperimentStatus>& experiments, const Style& style, int width);
std::string FormatWorkers(const v1::WorkersResponse& workers, const Style& style, int width);

nlohmann::ordered_json StatusJson(const v1::ExperimentStatus& status);
nlohmann::ordered_json WorkersJson(const v1::WorkersResponse& workers);

ProgressState ProgressOf(const v1::ExperimentStatus& status);

}  // namespace sprint

#endif  // SPRINT_CLI_STATUS_VIEW_H_
