#include "cli/estimate.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/render/text.h"
#include "model/engine_mode.h"

namespace sprint {
namespace {

struct Line {
  std::string label;
  std::string value;
};

std::string CellsText(const LaunchEstimate& estimate, const PreparedLaunch& launch) {
  const std::string questions = Plural(estimate.questions, "question", "questions");
  const std::string arms = Plural(estimate.arms, "arm", "arms");
  if (IsEmbedMode(launch.run.engine_mode))
    return absl::StrCat(" = ", Plural(std::ssize(launch.hidden_layers), "layer", "layers"), " x ", questions);
  if (estimate.own_arms) return absl::StrCat(": ", questions, " under arms of their own, of ", arms);
  const int32_t samples = launch.spec.samples();
  return absl::StrCat(" = ", arms, " x ", questions,
                      samples > 1 ? absl::StrCat(" x ", Plural(samples, "sample", "samples")) : "");
}

std::string TimeOf(const LaunchEstimate& estimate) {
  if (estimate.missing == 0) return "none: every row exists";
  if (estimate.workers == 0) return "not known: no worker is at hand";
  if (estimate.seconds < 0) {
    return absl::StrCat("not known: this run has no measured rate yet (",
                        Plural(estimate.workers, "worker", "workers"), ")");
  }
  return absl::StrCat("about ", FormatSeconds(estimate.seconds), " on ",
                      Plural(estimate.workers, "worker", "workers"), " (",
                      FormatRate(estimate.tokens_per_second), " tokens/s each, measured)");
}

// Hidden states: every layer's with an answer of the unpruned model, its own with an embed run's outcome.
int64_t StateBytes(const LaunchEstimate& estimate, const PreparedLaunch& launch) {
  if (launch.hidden_layers.empty()) return 0;
  const int64_t states =
      IsEmbedMode(launch.run.engine_mode)
          ? estimate.missing
          : std::min(estimate.missing, estimate.questions) * std::ssize(launch.hidden_layers);
  return states * static_cast<int64_t>(sizeof(float)) * launch.model->config.hidden;
}

}  // namespace

int64_t OutcomeBytes(double tokens) {
  // Measured on the demo sweep: 3,000 outcomes of 33 tokens take 373 bytes each, all tables and indices
  // included; of that about 4 bytes a token are its id and its text, compressed.
  return static_cast<int64_t>(std::llround(240 + 4 * tokens));
}

LaunchEstimate EstimateLaunch(const PreparedLaunch& launch, const SelectionCensus& census, int workers) {
  LaunchEstimate estimate;
  estimate.arms = static_cast<int64_t>(launch.arms.size());
  estimate.own_arms = !launch.choices.empty();
  estimate.questions = static_cast<int64_t>(launch.questions.size());
  estimate.problems = static_cast<int64_t>(launch.problems.size());
  estimate.cells = launch.cells();
  estimate.existing = census.existing;
  estimate.missing = std::max<int64_t>(0, estimate.cells - census.existing);
  const double mean_prompt = estimate.cells == 0 ? 0
                                                 : static_cast<double>(launch.cell_prompt_tokens()) /
                                                       static_cast<double>(estimate.cells);
  const auto missing = static_cast<double>(estimate.missing);
  estimate.prompt_tokens = std::llround(mean_prompt * missing);
  estimate.generated_at_most = estimate.missing * launch.run.decoding.max_new_tokens;
  estimate.mean_tokens = census.mean_tokens;
  estimate.generated_expected =
      census.mean_tokens > 0 ? std::llround(census.mean_tokens * missing) : estimate.generated_at_most;
  estimate.workers = workers;
  estimate.tokens_per_second = census.tokens_per_second;
  if (estimate.missing == 0) {
    estimate.seconds = 0;
  } else if (workers > 0 && census.tokens_per_second > 0) {
    estimate.seconds =
        static_cast<double>(estimate.generated_expected) / (census.tokens_per_second * workers);
  }
  const double length = census.mean_tokens > 0 ? census.mean_tokens : launch.run.decoding.max_new_tokens;
  estimate.disk_bytes = estimate.missing * OutcomeBytes(length) + StateBytes(estimate, launch);
  return estimate;
}

std::string FormatEstimate(const LaunchEstimate& estimate, const PreparedLaunch& launch) {
  std::vector<Line> lines;
  const ModelConfig& config = launch.model->config;
  lines.push_back({"experiment", launch.spec.name()});
  lines.push_back(
      {"model", absl::StrCat(config.name, ", ", config.layers, " layers x ", config.heads, " heads, ",
                             launch.run.dtype, ", weights ", launch.run.weights_hash.Short())});
  lines.push_back({"cells", absl::StrCat(FormatCount(estimate.cells), CellsText(estimate, launch))});
  if (estimate.problems != estimate.questions) {
    lines.push_back(
        {"", absl::StrCat(FormatCount(estimate.problems), " rows of the dataset render to these prompts")});
  }
  lines.push_back({"rows that exist", FormatCount(estimate.existing)});
  lines.push_back({"rows to compute", FormatCount(estimate.missing)});
  lines.push_back({"prompt tokens", absl::StrCat(FormatCount(estimate.prompt_tokens), " (",
                                                 FormatCount(launch.prompt_tokens()), " distinct)")});
  std::string generated = absl::StrCat("at most ", FormatCount(estimate.generated_at_most));
  if (estimate.mean_tokens > 0) {
    absl::StrAppend(&generated, "; about ", FormatCount(estimate.generated_expected), " at ",
                    absl::StrFormat("%.1f", estimate.mean_tokens), " an answer so far");
  }
  lines.push_back({"generated tokens", generated});
  lines.push_back({"time", TimeOf(estimate)});
  lines.push_back({"disk", absl::StrCat(estimate.mean_tokens > 0 ? "about " : "at most about ",
                                        FormatBytes(estimate.disk_bytes))});
  std::string text;
  for (const Line& line : lines) absl::StrAppend(&text, Pad(line.label, 18, Align::kLeft), line.value, "\n");
  return text;
}

std::string EstimateJson(const LaunchEstimate& estimate, const PreparedLaunch& launch) {
  nlohmann::ordered_json json;
  json["experiment"] = launch.spec.name();
  json["model"] = launch.model->config.name;
  json["weights"] = launch.run.weights_hash.Hex();
  json["run"] = launch.run.ContentHash().Hex();
  json["arms"] = estimate.arms;
  json["own_arms"] = estimate.own_arms;
  json["questions"] = estimate.questions;
  json["problems"] = estimate.problems;
  json["cells"] = estimate.cells;
  json["existing"] = estimate.existing;
  json["missing"] = estimate.missing;
  json["prompt_tokens"] = estimate.prompt_tokens;
  json["distinct_prompt_tokens"] = launch.prompt_tokens();
  json["generated_at_most"] = estimate.generated_at_most;
  json["generated_expected"] = estimate.generated_expected;
  json["workers"] = estimate.workers;
  const auto known = [](bool is_known, double value) {
    return is_known ? nlohmann::ordered_json(value) : nlohmann::ordered_json();
  };
  json["mean_tokens"] = known(estimate.mean_tokens > 0, estimate.mean_tokens);
  json["tokens_per_second"] = known(estimate.tokens_per_second > 0, estimate.tokens_per_second);
  json["seconds"] = known(estimate.seconds >= 0, estimate.seconds);
  json["disk_bytes"] = estimate.disk_bytes;
  return json.dump(2) + "\n";
}

}  // namespace sprint
