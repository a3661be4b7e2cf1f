// The spec of a launch: a file, flags, or flags over a file.
#ifndef SPRINT_CLI_LAUNCH_SPEC_H_
#define SPRINT_CLI_LAUNCH_SPEC_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sprint/v1/experiment.pb.h"

namespace sprint {

// What was written on the command line; what was not stays the spec's.
struct LaunchFlags {
  std::string spec;  // a file; may be empty
  std::optional<std::string> name;
  std::optional<std::string> model;
  std::optional<std::string> dtype;
  std::optional<std::string> dataset;
  std::vector<std::string> ids;
  std::vector<std::string> fields;  // "question=problem": which of a row's fields is which
  std::optional<int64_t> offset;
  std::optional<int64_t> limit;
  std::vector<std::string> arms;       // as AddArmWords reads; instead of the spec's
  std::optional<std::string> choices;  // a file of each question's own arms; instead of the spec's
  std::optional<int32_t> group;
  std::optional<double> scale;
  std::optional<std::string> format;
  std::optional<std::string> system;
  std::optional<std::string> prompt_template;
  std::optional<int32_t> max_new_tokens;
  std::vector<int32_t> stop_tokens;
  bool ignore_eos = false;
  std::optional<double> temperature;
  std::optional<int32_t> top_k;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<double> repetition_penalty;
  std::vector<std::string> stop_strings;
  std::optional<int32_t> loop_repeats;
  std::optional<int32_t> samples;
  std::vector<std::string> hidden_states;  // layers; instead of the spec's
  std::optional<uint64_t> seed;
  std::optional<int32_t> priority;
};

// The complete spec, with absolute paths. Paths of flags are relative to the working folder, those of a
// file to the file's. A usage error (cli/app.h) for a flag that does not read; else as ReadSpec and
// CompleteSpec.
absl::StatusOr<v1::ExperimentSpec> BuildSpec(const LaunchFlags& flags);

// Arms as people write them: "all" (every head of every layer), "L3H*" (every head of layer 3, one arm a
// head), "L0-5H*" (of layers 0 to 5), "L3" (all of layer 3 in one arm), "L0-5", and explicit ones: "3:5",
// "L3H0-8+L7H2". Separated by commas or spaces.
absl::Status AddArmWords(const std::vector<std::string>& words, v1::Arms& arms);

// What a command asks of a layer list: "0-5" or "3". False when it does not read as one.
bool ParseRange(absl::string_view text, int32_t& first, int32_t& last);

}  // namespace sprint

#endif  // SPRINT_CLI_LAUNCH_SPEC_H_
