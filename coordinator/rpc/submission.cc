#include "coordinator/rpc/submission.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "conversation/codec_rules.h"
#include "conversation/messages.h"
#include "model/engine_mode.h"
#include "model/memory.h"
#include "proto/spec_io.h"
#include "storage/block_builder.h"

namespace sprint {
namespace {

absl::Status Invalid(Reason reason, absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, reason, absl::StrCat("the submission: ", message));
}

absl::StatusOr<RunRecord> RunOf(const v1::Submission& header) {
  RunRecord run;
  const auto hash = [](const std::string& raw, const char* field) -> absl::StatusOr<Hash256> {
    absl::StatusOr<Hash256> parsed = Hash256::FromRaw(raw);
    if (parsed.ok()) return parsed;
    return Invalid(Reason::kSpecInvalid, absl::StrCat(field, " has ", raw.size(), " bytes, not 32"));
  };
  SPRINT_ASSIGN_OR_RETURN(run.weights_hash, hash(header.weights_hash(), "weights_hash"));
  SPRINT_ASSIGN_OR_RETURN(run.tokenizer_hash, hash(header.tokenizer_hash(), "tokenizer_hash"));
  if (const absl::StatusOr<Dtype> dtype = ParseDtype(header.dtype()); !dtype.ok()) {
    return Invalid(Reason::kSpecInvalid, dtype.status().message());
  }
  SPRINT_RETURN_IF_ERROR(Annotate(ParseEngineMode(header.engine_mode()).status(), "the submission"));
  if (header.max_new_tokens() < 1) {
    return Invalid(Reason::kSpecInvalid,
                   absl::StrCat("max_new_tokens is ", header.max_new_tokens(), "; it counts from 1"));
  }
  run.dtype = header.dtype();
  run.engine_mode = header.engine_mode();
  run.decoding.max_new_tokens = header.max_new_tokens();
  run.decoding.stop_tokens.assign(header.stop_tokens().begin(), header.stop_tokens().end());
  if (header.has_rules()) {
    SPRINT_RETURN_IF_ERROR(Annotate(ReadRules(header.rules(), run.decoding), "the submission"));
  }
  run.sampler_version = run.decoding.sampler_version();
  run.seed = header.spec().seed();
  run.model_name = header.model_name();
  run.model_path = header.model_path();
  return run;
}

absl::Status AddArms(const v1::Submission& header, ExperimentPlan& plan) {
  for (const std::string& name : header.arms()) {
    absl::StatusOr<Arm> arm = Arm::Parse(name);
    if (!arm.ok()) return Annotate(arm.status(), "the submission");
    plan.arms.push_back(*std::move(arm));
  }
  if (plan.arms.empty()) return Invalid(Reason::kArmInvalid, "it names no arm; the baseline is one");
  return absl::OkStatus();
}

int32_t SamplesOf(const v1::Submission& header) {
  return header.spec().has_samples() ? header.spec().samples() : 1;
}

// Every question under every arm.
absl::Status AddGrid(const v1::Submission& header, ExperimentPlan& plan) {
  if (!plan.arms[0].is_baseline()) {
    return Invalid(Reason::kArmInvalid, absl::StrCat("its first arm is ", plan.arms[0].Name(),
                                                     "; the unpruned baseline comes first"));
  }
  BlockPlan block;
  block.questions.resize(plan.questions.size());
  std::iota(block.questions.begin(), block.questions.end(), 0);
  block.arms.resize(plan.arms.size());
  std::iota(block.arms.begin(), block.arms.end(), 0);
  block.samples = SamplesOf(header);
  plan.blocks.push_back(std::move(block));
  return absl::OkStatus();
}

// Every question once a layer, the layer as the sample: an embed run's cells.
absl::Status AddLayers(ExperimentPlan& plan) {
  if (plan.arms.size() != 1 || !plan.arms[0].is_baseline())
    return Invalid(Reason::kArmInvalid,
                   "hidden states are of the unpruned model: its one arm is the baseline");
  if (plan.hidden_layers.empty())
    return Invalid(Reason::kSpecInvalid, "it embeds and names no hidden_layers");
  for (const int32_t layer : plan.hidden_layers) {
    BlockPlan& block = plan.blocks.emplace_back();
    block.questions.resize(plan.questions.size());
    std::iota(block.questions.begin(), block.questions.end(), 0);
    block.arms = {0};
    block.first_sample = layer;
  }
  plan.hidden_layers.clear();  // the cells say it
  return absl::OkStatus();
}

absl::Status ReadHiddenLayers(const v1::Submission& header, ExperimentPlan& plan) {
  plan.hidden_layers.assign(header.hidden_layers().begin(), header.hidden_layers().end());
  for (size_t i = 0; i < plan.hidden_layers.size(); ++i) {
    if (plan.hidden_layers[i] < 0 || (i > 0 && plan.hidden_layers[i] <= plan.hidden_layers[i - 1]))
      return Invalid(Reason::kSpecInvalid, absl::StrCat("hidden_layers[", i, "] is ", plan.hidden_layers[i],
                                                        "; they count from 0 and ascend"));
  }
  return absl::OkStatus();
}

// Each question under its own arms.
absl::Status AddOwnArms(const std::vector<v1::Question>& questions, ExperimentPlan& plan) {
  BlockBuilder builder;
  for (size_t i = 0; i < questions.size(); ++i) {
    const v1::Question& question = questions[i];
    const auto wrong = [&](absl::string_view what) {
      return Invalid(Reason::kArmInvalid, absl::StrCat("question \"", question.id(), "\" ", what));
    };
    if (question.own_arms().empty()) return wrong("has no arms of its own, others have");
    if (question.own_samples_size() != question.own_arms_size())
      return wrong(absl::StrCat("has ", question.own_arms_size(), " arms and ", question.own_samples_size(),
                                " numbers of samples"));
    absl::flat_hash_set<int32_t> seen;
    for (int k = 0; k < question.own_arms_size(); ++k) {
      const int32_t arm = question.own_arms(k);
      if (arm < 0 || arm >= std::ssize(plan.arms))
        return wrong(absl::StrCat("names arm ", arm, " of ", plan.arms.size()));
      if (!seen.insert(arm).second) return wrong(absl::StrCat("names arm ", arm, " twice"));
      if (question.own_samples(k) < 1)
        return wrong(absl::StrCat("wants ", question.own_samples(k), " samples of an arm; at least 1"));
      builder.Add(plan.problems[i].question, arm, question.own_samples(k));
    }
  }
  plan.blocks = builder.Blocks();
  return absl::OkStatus();
}

bool HaveOwnArms(const std::vector<v1::Question>& questions) {
  return std::any_of(questions.begin(), questions.end(),
                     [](const v1::Question& question) { return !question.own_arms().empty(); });
}

// Greedy decoding repeats itself.
absl::Status CheckSamples(const ExperimentPlan& plan) {
  if (plan.runs[0].decoding.sampling.temperature > 0) return absl::OkStatus();
  for (const BlockPlan& block : plan.blocks) {
    if (block.samples == 1) continue;
    return Invalid(Reason::kSpecInvalid, absl::StrCat("samples is ", block.samples,
                                                      "; greedy decoding has 1, its repeats are equal"));
  }
  return absl::OkStatus();
}

absl::Status AddQuestions(const std::vector<v1::Question>& questions, ExperimentPlan& plan) {
  absl::flat_hash_map<Hash256, int32_t> known;
  for (const v1::Question& question : questions) {
    if (question.tokens().empty()) {
      return Invalid(Reason::kDatasetInvalid,
                     absl::StrCat("question \"", question.id(), "\" has an empty prompt"));
    }
    QuestionRecord record;
    record.tokens.assign(question.tokens().begin(), question.tokens().end());
    record.prompt = question.prompt();
    const auto [entry, is_new] =
        known.emplace(record.ContentHash(), static_cast<int32_t>(plan.questions.size()));
    if (is_new) plan.questions.push_back(std::move(record));
    plan.problems.push_back({question.id(), entry->second, question.text(), question.gold(),
                             question.subject(), question.level()});
  }
  if (plan.questions.empty()) return Invalid(Reason::kDatasetInvalid, "it has no questions");
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckProtocol(int version, const char* peer) {
  if (version == kProtocolVersion) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, Reason::kProtocolVersion,
               absl::StrCat("the ", peer, " speaks protocol version ", version, ", this coordinator version ",
                            kProtocolVersion, "; run programs of one release"));
}

absl::Status Submission::Add(v1::SubmitRequest&& request) {
  switch (request.kind_case()) {
    case v1::SubmitRequest::kHeader:
      if (has_header_) return Invalid(Reason::kSpecInvalid, "it has a second header");
      SPRINT_RETURN_IF_ERROR(CheckProtocol(request.header().protocol(), "submission"));
      header_ = std::move(*request.mutable_header());
      has_header_ = true;
      return absl::OkStatus();
    case v1::SubmitRequest::kQuestions:
      if (!has_header_) return Invalid(Reason::kSpecInvalid, "questions came before the header");
      for (v1::Question& question : *request.mutable_questions()->mutable_questions()) {
        questions_.push_back(std::move(question));
      }
      return absl::OkStatus();
    case v1::SubmitRequest::KIND_NOT_SET:
      break;
  }
  return Invalid(Reason::kSpecInvalid, "a message without a header or questions");
}

absl::StatusOr<ExperimentPlan> Submission::Plan() const {
  if (!has_header_) return Invalid(Reason::kSpecInvalid, "it has no header");
  ExperimentPlan plan;
  plan.name = header_.name().empty() ? header_.spec().name() : header_.name();
  plan.spec = FormatSpec(header_.spec());
  plan.priority = header_.spec().priority();
  plan.mixed_numerics = header_.spec().mixed_numerics();
  SPRINT_ASSIGN_OR_RETURN(RunRecord run, RunOf(header_));
  plan.runs.push_back(std::move(run));
  SPRINT_RETURN_IF_ERROR(AddArms(header_, plan));
  SPRINT_RETURN_IF_ERROR(AddQuestions(questions_, plan));
  SPRINT_RETURN_IF_ERROR(ReadHiddenLayers(header_, plan));
  if (IsEmbedMode(plan.runs[0].engine_mode)) {
    SPRINT_RETURN_IF_ERROR(AddLayers(plan));
  } else {
    SPRINT_RETURN_IF_ERROR(HaveOwnArms(questions_) ? AddOwnArms(questions_, plan) : AddGrid(header_, plan));
  }
  SPRINT_RETURN_IF_ERROR(CheckSamples(plan));
  SPRINT_RETURN_IF_ERROR(Annotate(CheckPlan(plan), "the submission"));
  return plan;
}

}  // namespace sprint
