// The hidden states that an experiment's prompts have in the database, and the launch that computes the rest.
#ifndef SPRINT_CLI_HIDDEN_STATES_H_
#define SPRINT_CLI_HIDDEN_STATES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/ids.h"
#include "cli/prepare.h"
#include "storage/reader.h"

namespace sprint {

// What `sprint embed` is asked for.
struct EmbedRequest {
  std::vector<std::string> layers;  // words; empty: the experiment's hidden_states, else "middle"
  std::string dtype = "f32";
  std::string model;  // a path; empty: where the experiment found its model
  std::string name;   // empty: NAME-hidden
};
// An experiment of engine mode "embed": every prompt of experiment `id` once a layer. Its weights are those
// of the experiment, as a worker checks. INVALID_ARGUMENT: a layer that the model does not have, an
// experiment of scores or of two models. Errors of OpenModel.
absl::StatusOr<PreparedLaunch> PrepareEmbed(Reader& reader, ExperimentId id, const EmbedRequest& request);

// The questions of `launch` that lack a state of some layer of `launch.hidden_layers`.
absl::StatusOr<int64_t> CountMissingStates(Reader& reader, const PreparedLaunch& launch);

}  // namespace sprint

#endif  // SPRINT_CLI_HIDDEN_STATES_H_
