#include <filesystem>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "proto/spec_io.h"
#include "proto/spec_words.h"

namespace sprint {
namespace {

absl::Status Bad(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, Reason::kSpecInvalid, absl::StrCat("spec: ", message));
}

void Default(std::string* field, const char* value) {
  if (field->empty()) *field = value;
}

std::string Anchored(const std::string& path, const std::string& folder) {
  const std::filesystem::path given(path);
  if (given.is_absolute() || folder.empty()) return path;
  return (std::filesystem::path(folder) / given).lexically_normal().string();
}

absl::Status CompleteModel(v1::ExperimentSpec& spec, const std::string& folder) {
  v1::Model& model = *spec.mutable_model();
  if (model.path().empty()) return Bad("model.path is missing: a Hugging Face folder or a .gguf file");
  model.set_path(Anchored(model.path(), folder));
  Default(model.mutable_dtype(), "f32");
  if (model.dtype() != "f32" && model.dtype() != "bf16") {
    return Bad(absl::StrCat("model.dtype \"", model.dtype(), "\" is not known; use f32 or bf16"));
  }
  Default(spec.mutable_engine_mode(), "exact");
  if (spec.engine_mode() != "exact") {
    return Bad(
        absl::StrCat("engine_mode \"", spec.engine_mode(), "\" is not known; exact is the only one for now"));
  }
  return absl::OkStatus();
}

absl::Status CompleteDataset(v1::Dataset& dataset, const std::string& folder) {
  if (dataset.path().empty()) return Bad("dataset.path is missing: a file of JSON lines");
  dataset.set_path(Anchored(dataset.path(), folder));
  if (dataset.offset() < 0) return Bad(absl::StrCat("dataset.offset is ", dataset.offset(), "; at least 0"));
  if (dataset.limit() < 0) {
    return Bad(absl::StrCat("dataset.limit is ", dataset.limit(), "; at least 1, or 0 for all rows"));
  }
  std::set<std::string> seen;
  for (const std::string& id : dataset.ids()) {
    if (id.empty()) return Bad("dataset.ids holds an empty id");
    if (!seen.insert(id).second) return Bad(absl::StrCat("dataset.ids names \"", id, "\" twice"));
  }
  Default(dataset.mutable_id_field(), "id");
  Default(dataset.mutable_question_field(), "question");
  Default(dataset.mutable_answer_field(), "answer");
  Default(dataset.mutable_subject_field(), "subject");
  Default(dataset.mutable_level_field(), "level");
  return absl::OkStatus();
}

absl::Status CompletePrompt(v1::Prompt& prompt) {
  Default(prompt.mutable_format(), "raw");
  Default(prompt.mutable_template_(), "{question}");
  if (!absl::StrContains(prompt.template_(), "{question}")) {
    return Bad("prompt.template lacks {question}, which stands for the question");
  }
  return absl::OkStatus();
}

absl::Status CheckLayers(const google::protobuf::RepeatedField<int32_t>& layers, const char* field) {
  for (int32_t layer : layers) {
    if (layer < 0) return Bad(absl::StrCat(field, " holds ", layer, "; layers count from 0"));
  }
  return absl::OkStatus();
}

absl::Status CompleteArmSet(v1::ArmSet& set, const std::string& where) {
  if (set.name().empty() && set.heads().empty()) {
    return Bad(absl::StrCat(where, " says nothing; give it heads or a name such as L3H5"));
  }
  if (!set.name().empty() && !set.heads().empty()) {
    return Bad(absl::StrCat(where, " has both a name (\"", set.name(), "\") and heads; give one"));
  }
  for (v1::HeadEdit& edit : *set.mutable_heads()) {
    if (edit.layer() < 0 || edit.head() < 0) {
      return Bad(
          absl::StrCat(where, " names layer ", edit.layer(), " head ", edit.head(), "; both count from 0"));
    }
    Default(edit.mutable_op(), "zero");
    if (edit.op() != "zero" && edit.op() != "scale") {
      return Bad(absl::StrCat(where, ": the operation \"", edit.op(), "\" is not known; zero and scale are"));
    }
    if ((edit.op() == "scale") != (edit.factor() != 0))
      return Bad(absl::StrCat(where, ": scale needs a factor, and zero takes none"));
  }
  return absl::OkStatus();
}

// Arms of each question's own stand alone. What a choice may say, eval/choices.h says and checks.
absl::Status CompleteOwnArms(v1::Arms& arms, const std::string& folder) {
  const char* field = arms.per_question().empty() ? "arms.choices" : "arms.per_question";
  const bool both = !arms.per_question().empty() && !arms.choices().empty();
  if (both || arms.all_heads() || arms.has_group() || arms.scale() != 0 || !arms.head_layers().empty() ||
      !arms.whole_layers().empty() || !arms.explicit_().empty()) {
    return Bad(absl::StrCat(field, " gives each question arms of its own and stands alone; leave the other ",
                            "fields of arms out"));
  }
  if (!arms.per_question().empty()) arms.set_per_question(Anchored(arms.per_question(), folder));
  return absl::OkStatus();
}

absl::Status CompleteArms(v1::Arms& arms, const std::string& folder) {
  if (!arms.per_question().empty() || !arms.choices().empty()) return CompleteOwnArms(arms, folder);
  if (!arms.has_group()) arms.set_group(1);
  if (arms.group() < 1) return Bad(absl::StrCat("arms.group is ", arms.group(), "; at least 1"));
  SPRINT_RETURN_IF_ERROR(CheckLayers(arms.head_layers(), "arms.head_layers"));
  SPRINT_RETURN_IF_ERROR(CheckLayers(arms.whole_layers(), "arms.whole_layers"));
  for (int i = 0; i < arms.explicit__size(); ++i) {
    SPRINT_RETURN_IF_ERROR(
        CompleteArmSet(*arms.mutable_explicit_(i), absl::StrCat("arms.explicit[", i, "]")));
  }
  return absl::OkStatus();
}

absl::Status Unused(absl::string_view field) {
  return Bad(
      absl::StrCat("decoding.", field,
                   " needs a temperature above 0: greedy decoding takes the best token whatever it is"));
}

// Fields at values that change nothing are cleared, so that they never tell two equal runs apart.
// What a rule's range is, model/decoding.h says and checks.
absl::Status CompleteDecoding(v1::Decoding& decoding) {
  if (!decoding.has_max_new_tokens()) decoding.set_max_new_tokens(256);
  if (decoding.max_new_tokens() < 1) {
    return Bad(absl::StrCat("decoding.max_new_tokens is ", decoding.max_new_tokens(), "; at least 1"));
  }
  for (int32_t token : decoding.stop_tokens()) {
    if (token < 0) return Bad(absl::StrCat("decoding.stop_tokens holds ", token, "; token ids count from 0"));
  }
  if (decoding.top_p() == 1) decoding.clear_top_p();
  if (decoding.repetition_penalty() == 1) decoding.clear_repetition_penalty();
  if (decoding.temperature() == 0) {
    if (decoding.top_k() != 0 && decoding.top_k() != 1) return Unused("top_k");
    if (decoding.has_top_p()) return Unused("top_p");
    if (decoding.min_p() != 0) return Unused("min_p");
    decoding.clear_temperature();
    decoding.clear_top_k();
    decoding.clear_min_p();
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CompleteSpec(v1::ExperimentSpec& spec, const std::string& spec_folder) {
  SPRINT_RETURN_IF_ERROR(CompleteModel(spec, spec_folder));
  SPRINT_RETURN_IF_ERROR(CompleteDataset(*spec.mutable_dataset(), spec_folder));
  SPRINT_RETURN_IF_ERROR(CompletePrompt(*spec.mutable_prompt()));
  SPRINT_RETURN_IF_ERROR(CompleteArms(*spec.mutable_arms(), spec_folder));
  SPRINT_RETURN_IF_ERROR(CompleteDecoding(*spec.mutable_decoding()));
  for (int i = 0; i < spec.hidden_states_size(); ++i) {
    const std::string wrong = WrongLayerWord(spec.hidden_states(i));
    if (!wrong.empty()) return Bad(absl::StrCat("hidden_states[", i, "] ", wrong));
  }
  if (!spec.has_samples()) spec.set_samples(1);
  if (spec.samples() < 1) return Bad(absl::StrCat("samples is ", spec.samples(), "; at least 1"));
  if (spec.samples() > 1 && spec.decoding().temperature() == 0) {
    return Bad(
        absl::StrCat("samples is ", spec.samples(),
                     ", but greedy decoding gives one answer; set decoding.temperature or leave it out"));
  }
  if (spec.name().empty()) spec.set_name(std::filesystem::path(spec.dataset().path()).stem().string());
  return absl::OkStatus();
}

}  // namespace sprint
