#include "cli/launch_spec.h"

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "cli/app.h"
#include "eval/dataset_fields.h"
#include "model/arm.h"
#include "proto/spec_io.h"

namespace sprint {
namespace {

// More layers than any model has; keeps "0-2000000000" from becoming a list.
constexpr int32_t kMostLayers = 100000;

std::string Absolute(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.lexically_normal().string();
}

absl::Status AddArmWord(absl::string_view word, v1::Arms& arms) {
  if (word == "all") {
    arms.set_all_heads(true);
    return absl::OkStatus();
  }
  absl::string_view layers = word;
  if (absl::ConsumePrefix(&layers, "L")) {
    const bool every_head = absl::ConsumeSuffix(&layers, "H*");
    int32_t first = 0;
    int32_t last = 0;
    if (ParseRange(layers, first, last)) {
      for (int32_t layer = first; layer <= last; ++layer) {
        every_head ? arms.add_head_layers(layer) : arms.add_whole_layers(layer);
      }
      return absl::OkStatus();
    }
  }
  if (const absl::StatusOr<Arm> arm = Arm::Parse(word); !arm.ok()) {
    return UsageError(absl::StrCat("--arms \"", word, "\": ", arm.status().message(),
                                   " (or: all, L3H* for each head of layer 3, L3 for the whole layer)"));
  }
  if (word != "baseline") arms.add_explicit_()->set_name(std::string(word));
  return absl::OkStatus();
}

absl::Status ApplyPreset(const std::string& name, v1::Dataset& dataset) {
  const std::optional<DatasetFields> fields = DatasetPreset(name);
  if (!fields) {
    return UsageError(absl::StrCat("--field \"preset=", name, "\": the presets are ",
                                   absl::StrJoin(DatasetPresetNames(), ", ")));
  }
  dataset.set_id_field(fields->id);
  dataset.set_question_field(fields->question);
  dataset.set_answer_field(fields->answer);
  dataset.set_subject_field(fields->subject);
  dataset.set_level_field(fields->level);
  return absl::OkStatus();
}

absl::Status ApplyFields(const std::vector<std::string>& fields, v1::Dataset& dataset) {
  for (const std::string& field : fields) {
    const std::vector<std::string> sides = absl::StrSplit(field, absl::MaxSplits('=', 1));
    const std::string to = sides.size() == 2 ? sides[1] : "";
    if (to.empty()) return UsageError(absl::StrCat("--field \"", field, "\": write it as question=NAME"));
    if (sides[0] == "preset") {
      SPRINT_RETURN_IF_ERROR(ApplyPreset(to, dataset));
    } else if (sides[0] == "id") {
      dataset.set_id_field(to);
    } else if (sides[0] == "question") {
      dataset.set_question_field(to);
    } else if (sides[0] == "answer") {
      dataset.set_answer_field(to);
    } else if (sides[0] == "subject") {
      dataset.set_subject_field(to);
    } else if (sides[0] == "level") {
      dataset.set_level_field(to);
    } else {
      return UsageError(absl::StrCat(
          "--field \"", field, "\": the fields are id, question, answer, subject and level, or preset"));
    }
  }
  return absl::OkStatus();
}

absl::Status ApplyDataset(const LaunchFlags& flags, v1::ExperimentSpec& spec) {
  if (!flags.dataset && flags.ids.empty() && flags.fields.empty() && !flags.offset && !flags.limit) {
    return absl::OkStatus();
  }
  v1::Dataset& dataset = *spec.mutable_dataset();
  if (flags.dataset) dataset.set_path(Absolute(*flags.dataset));
  if (!flags.ids.empty()) {
    dataset.clear_ids();
    for (const std::string& id : flags.ids) dataset.add_ids(id);
  }
  if (flags.offset) dataset.set_offset(*flags.offset);
  if (flags.limit) dataset.set_limit(*flags.limit);
  return ApplyFields(flags.fields, dataset);
}

void ApplyDecoding(const LaunchFlags& flags, v1::ExperimentSpec& spec) {
  v1::Decoding& decoding = *spec.mutable_decoding();
  if (flags.max_new_tokens) decoding.set_max_new_tokens(*flags.max_new_tokens);
  if (!flags.stop_tokens.empty()) {
    decoding.clear_stop_tokens();
    for (const int32_t token : flags.stop_tokens) decoding.add_stop_tokens(token);
  }
  if (flags.ignore_eos) decoding.set_ignore_eos(true);
  if (flags.temperature) decoding.set_temperature(*flags.temperature);
  if (flags.top_k) decoding.set_top_k(*flags.top_k);
  if (flags.top_p) decoding.set_top_p(*flags.top_p);
  if (flags.min_p) decoding.set_min_p(*flags.min_p);
  if (flags.repetition_penalty) decoding.set_repetition_penalty(*flags.repetition_penalty);
  if (!flags.stop_strings.empty()) {
    decoding.clear_stop_strings();
    for (const std::string& stop : flags.stop_strings) decoding.add_stop_strings(stop);
  }
  if (flags.loop_repeats) decoding.set_loop_repeats(*flags.loop_repeats);
  if (flags.samples) spec.set_samples(*flags.samples);
}

void ApplyModelAndPrompt(const LaunchFlags& flags, v1::ExperimentSpec& spec) {
  if (flags.name) spec.set_name(*flags.name);
  if (flags.model) spec.mutable_model()->set_path(Absolute(*flags.model));
  if (flags.dtype) spec.mutable_model()->set_dtype(*flags.dtype);
  if (flags.format) spec.mutable_prompt()->set_format(*flags.format);
  if (flags.system) spec.mutable_prompt()->set_system(*flags.system);
  if (flags.prompt_template) spec.mutable_prompt()->set_template_(*flags.prompt_template);
  if (!flags.hidden_states.empty()) {
    spec.clear_hidden_states();
    for (const std::string& layer : flags.hidden_states) spec.add_hidden_states(layer);
  }
  if (flags.seed) spec.set_seed(*flags.seed);
  if (flags.priority) spec.set_priority(*flags.priority);
}

// "demo/model" + "problems.jsonl" is called "problems".
std::string DefaultName(const v1::ExperimentSpec& spec) {
  return std::filesystem::path(spec.dataset().path()).stem().string();
}

}  // namespace

bool ParseRange(absl::string_view text, int32_t& first, int32_t& last) {
  const std::pair<absl::string_view, absl::string_view> ends = absl::StrSplit(text, absl::MaxSplits('-', 1));
  const absl::string_view upper = absl::StrContains(text, "-") ? ends.second : ends.first;
  for (const absl::string_view end : {ends.first, upper}) {
    if (end.empty() || end.find_first_not_of("0123456789") != absl::string_view::npos) return false;
  }
  return absl::SimpleAtoi(ends.first, &first) && absl::SimpleAtoi(upper, &last) && first <= last &&
         last < kMostLayers;
}

absl::Status AddArmWords(const std::vector<std::string>& words, v1::Arms& arms) {
  for (const std::string& several : words) {
    for (const absl::string_view word : absl::StrSplit(several, absl::ByAnyChar(", "), absl::SkipEmpty())) {
      SPRINT_RETURN_IF_ERROR(AddArmWord(word, arms));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::ExperimentSpec> BuildSpec(const LaunchFlags& flags) {
  v1::ExperimentSpec spec;
  std::string folder = std::filesystem::current_path().string();
  if (!flags.spec.empty()) {
    SPRINT_ASSIGN_OR_RETURN(spec, ReadSpec(flags.spec));
    folder = std::filesystem::path(Absolute(flags.spec)).parent_path().string();
  } else if (!flags.model || !flags.dataset) {
    return UsageError("launch needs a spec file, or --model and --dataset");
  }
  ApplyModelAndPrompt(flags, spec);
  ApplyDecoding(flags, spec);
  SPRINT_RETURN_IF_ERROR(ApplyDataset(flags, spec));
  if (!flags.arms.empty()) {
    spec.clear_arms();
    SPRINT_RETURN_IF_ERROR(AddArmWords(flags.arms, *spec.mutable_arms()));
  }
  if (flags.choices) {
    if (!flags.arms.empty()) return UsageError("--choices and --arms exclude each other; give one");
    spec.clear_arms();
    spec.mutable_arms()->set_per_question(Absolute(*flags.choices));
  }
  if (flags.group) spec.mutable_arms()->set_group(*flags.group);
  if (flags.scale) spec.mutable_arms()->set_scale(*flags.scale);
  SPRINT_RETURN_IF_ERROR(CompleteSpec(spec, folder));
  if (spec.name().empty()) spec.set_name(DefaultName(spec));
  return spec;
}

}  // namespace sprint
