#include "cli/prepare.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "cli/own_arms.h"
#include "conversation/codec_rules.h"
#include "conversation/messages.h"
#include "model/chat_format.h"
#include "model/hidden_state.h"

namespace sprint {
namespace {

absl::StatusOr<ArmSpec> ArmSpecOf(const v1::Arms& arms) {
  ArmSpec spec;
  spec.all_heads = arms.all_heads();
  spec.head_layers.assign(arms.head_layers().begin(), arms.head_layers().end());
  spec.whole_layers.assign(arms.whole_layers().begin(), arms.whole_layers().end());
  spec.group = arms.group();
  spec.factor = arms.scale();
  for (const v1::ArmSet& set : arms.explicit_()) {
    if (!set.name().empty()) {
      spec.explicit_arms.push_back(set.name());
      continue;
    }
    std::vector<HeadEdit> edits;
    for (const v1::HeadEdit& edit : set.heads()) {
      HeadOp op = HeadOp::kZero;
      if (edit.op() == "scale") {
        SPRINT_ASSIGN_OR_RETURN(op, ScaleBy(edit.factor()));
      }
      edits.push_back({edit.layer(), edit.head(), op});
    }
    SPRINT_ASSIGN_OR_RETURN(const Arm arm, Arm::Create(std::move(edits)));
    spec.explicit_arms.push_back(arm.Name());
  }
  return spec;
}

// Sorted and without repeats: the order of stop tokens changes no answer, so it may not change the run.
std::vector<int32_t> StopTokensOf(const v1::Decoding& decoding, const ModelConfig& config) {
  std::set<int32_t> stops(decoding.stop_tokens().begin(), decoding.stop_tokens().end());
  if (!decoding.ignore_eos()) stops.insert(config.eos_tokens.begin(), config.eos_tokens.end());
  return {stops.begin(), stops.end()};
}

absl::StatusOr<Decoding> DecodingOf(const v1::Decoding& spec, const ModelConfig& config) {
  Decoding decoding;
  decoding.max_new_tokens = spec.max_new_tokens();
  decoding.stop_tokens = StopTokensOf(spec, config);
  decoding.sampling.temperature = spec.temperature();
  decoding.sampling.top_k = spec.top_k();
  if (spec.has_top_p()) decoding.sampling.top_p = spec.top_p();
  decoding.sampling.min_p = spec.min_p();
  if (spec.has_repetition_penalty()) decoding.sampling.repetition_penalty = spec.repetition_penalty();
  const std::set<std::string> strings(spec.stop_strings().begin(), spec.stop_strings().end());
  decoding.stop_strings.assign(strings.begin(), strings.end());
  decoding.loop_repeats = spec.loop_repeats();
  SPRINT_RETURN_IF_ERROR(Annotate(CheckDecoding(decoding), "spec: decoding"));
  return decoding;
}

absl::Status CheckStopTokens(const std::vector<int32_t>& stops, const ModelConfig& config) {
  for (const int32_t stop : stops) {
    if (stop >= 0 && stop < config.vocab) continue;
    return Error(absl::StatusCode::kInvalidArgument, Reason::kSpecInvalid,
                 absl::StrCat("decoding.stop_tokens names token ", stop, "; the model has ", config.vocab,
                              ", from 0 on"));
  }
  return absl::OkStatus();
}

// Cells that a block has of each of its questions.
int64_t CellsOfEach(const BlockPlan& block) { return std::ssize(block.arms) * block.samples; }

absl::Status RenderAll(PreparedLaunch& launch) {
  PromptOptions options;
  SPRINT_ASSIGN_OR_RETURN(options.format, ParseChatFormat(launch.spec.prompt().format()));
  options.system = launch.spec.prompt().system();
  options.user_template = launch.spec.prompt().template_();
  SPRINT_RETURN_IF_ERROR(CheckPrompt(options, *launch.model->tokenizer));
  absl::flat_hash_map<Hash256, int32_t> known;
  for (const Problem& problem : launch.problems) {
    SPRINT_ASSIGN_OR_RETURN(RenderedPrompt prompt,
                            Render(options, problem, *launch.model->tokenizer, launch.model->config,
                                   launch.run.decoding.max_new_tokens));
    AddPrompt(std::move(prompt), known, launch);
  }
  return absl::OkStatus();
}

}  // namespace

void AddPrompt(RenderedPrompt prompt, absl::flat_hash_map<Hash256, int32_t>& known, PreparedLaunch& launch) {
  const Hash256 hash = QuestionRecord{prompt.tokens, prompt.text}.ContentHash();
  const auto [found, is_new] = known.try_emplace(hash, static_cast<int32_t>(launch.questions.size()));
  if (is_new) {
    launch.questions.push_back(hash);
    launch.prompt_lengths.push_back(static_cast<int32_t>(prompt.tokens.size()));
  }
  launch.question_of.push_back(found->second);
  launch.prompts.push_back(std::move(prompt));
}

DatasetOptions DatasetOptionsOf(const v1::Dataset& dataset) {
  DatasetOptions options;
  options.fields = {dataset.id_field(), dataset.question_field(), dataset.answer_field(),
                    dataset.subject_field(), dataset.level_field()};
  options.ids.assign(dataset.ids().begin(), dataset.ids().end());
  options.offset = dataset.offset();
  options.limit = dataset.limit();
  return options;
}

int64_t PreparedLaunch::cells() const {
  int64_t cells = 0;
  for (const BlockPlan& block : blocks) cells += std::ssize(block.questions) * CellsOfEach(block);
  return cells;
}

int64_t PreparedLaunch::prompt_tokens() const {
  return std::accumulate(prompt_lengths.begin(), prompt_lengths.end(), int64_t{0});
}

int64_t PreparedLaunch::cell_prompt_tokens() const {
  int64_t tokens = 0;
  for (const BlockPlan& block : blocks) {
    for (const int32_t question : block.questions)
      tokens += prompt_lengths[static_cast<size_t>(question)] * CellsOfEach(block);
  }
  return tokens;
}

absl::StatusOr<PreparedLaunch> Prepare(const v1::ExperimentSpec& spec,
                                       const std::function<void(double)>& fingerprinting,
                                       const PreparedLaunch* like) {
  PreparedLaunch launch;
  launch.spec = spec;
  if (like != nullptr) {
    launch.model = like->model;
  } else {
    SPRINT_ASSIGN_OR_RETURN(launch.model, OpenModel(spec.model().path()));
  }
  const ModelConfig& config = launch.model->config;
  if (config.labels > 0) {
    return Error(
        absl::StatusCode::kInvalidArgument, Reason::kModelUnsupported,
        absl::StrCat(config.name, " is a reward model: it scores answers (sprint score) and gives none"));
  }
  const bool own_arms = HasOwnArms(spec.arms());
  if (!own_arms) {
    SPRINT_ASSIGN_OR_RETURN(const ArmSpec arms, ArmSpecOf(spec.arms()));
    SPRINT_ASSIGN_OR_RETURN(launch.arms, ExpandArms(arms, config.layers, config.heads));
  }
  SPRINT_ASSIGN_OR_RETURN(launch.run.decoding, DecodingOf(spec.decoding(), config));
  launch.run.sampler_version = launch.run.decoding.sampler_version();
  const std::vector<std::string> layers(spec.hidden_states().begin(), spec.hidden_states().end());
  SPRINT_ASSIGN_OR_RETURN(launch.hidden_layers, LayersOf(layers, config.layers, "hidden_states"));
  SPRINT_RETURN_IF_ERROR(CheckStopTokens(launch.run.decoding.stop_tokens, config));
  SPRINT_ASSIGN_OR_RETURN(launch.problems,
                          ReadDataset(spec.dataset().path(), DatasetOptionsOf(spec.dataset())));
  SPRINT_RETURN_IF_ERROR(RenderAll(launch));
  if (own_arms) {
    SPRINT_RETURN_IF_ERROR(UseOwnArms(launch));
  } else {
    UseGrid(launch);
  }
  launch.run.tokenizer_hash = launch.model->tokenizer->Fingerprint();
  launch.run.dtype = spec.model().dtype();
  launch.run.engine_mode = spec.engine_mode();
  launch.run.seed = spec.seed();
  launch.run.model_name = config.name;
  launch.run.model_path = spec.model().path();
  if (like != nullptr) {
    launch.run.weights_hash = like->run.weights_hash;
    return launch;
  }
  const int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  SPRINT_ASSIGN_OR_RETURN(launch.run.weights_hash,
                          FingerprintWeights(*launch.model, threads, fingerprinting));
  return launch;
}

v1::Submission SubmissionOf(const PreparedLaunch& launch) {
  v1::Submission header;
  header.set_protocol(kProtocolVersion);
  *header.mutable_spec() = launch.spec;
  if (!launch.choices.empty()) WriteChoices(launch.choices, *header.mutable_spec()->mutable_arms());
  header.set_name(launch.spec.name());
  header.set_weights_hash(std::string(launch.run.weights_hash.Raw()));
  header.set_tokenizer_hash(std::string(launch.run.tokenizer_hash.Raw()));
  header.set_model_name(launch.run.model_name);
  header.set_model_path(launch.run.model_path);
  header.set_dtype(launch.run.dtype);
  header.set_engine_mode(launch.run.engine_mode);
  header.set_max_new_tokens(launch.run.decoding.max_new_tokens);
  for (const int32_t stop : launch.run.decoding.stop_tokens) header.add_stop_tokens(stop);
  if (launch.run.decoding.HasRules()) WriteRules(launch.run.decoding, *header.mutable_rules());
  for (const Arm& arm : launch.arms) header.add_arms(arm.Name());
  for (const int32_t layer : launch.hidden_layers) header.add_hidden_layers(layer);
  return header;
}

std::vector<v1::Question> QuestionsOf(const PreparedLaunch& launch) {
  std::vector<v1::Question> questions;
  questions.reserve(launch.problems.size());
  for (size_t i = 0; i < launch.problems.size(); ++i) {
    const Problem& problem = launch.problems[i];
    v1::Question& question = questions.emplace_back();
    question.set_id(problem.id);
    question.set_text(problem.question);
    question.set_prompt(launch.prompts[i].text);
    question.mutable_tokens()->Add(launch.prompts[i].tokens.begin(), launch.prompts[i].tokens.end());
    question.set_gold(problem.gold);
    question.set_subject(problem.subject);
    question.set_level(problem.level);
  }
  AddOwnArms(launch, questions);
  return questions;
}

}  // namespace sprint
