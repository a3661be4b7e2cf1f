#include "selector/arm_answers.h"

#include <algorithm>

#include "base/status.h"
#include "eval/judge.h"
#include "selector/hidden_features.h"
#include "worker/engine/parallel.h"
#include "worker/engine/torch_engine.h"

namespace sprint {
namespace {

ArmAnswer AnswerOf(const SequenceResult& result, const Tokenizer& tokenizer, const Decoding& decoding) {
  ArmAnswer answer;
  const std::string text = tokenizer.Decode(result.tokens, /*skip_special=*/true);
  answer.text = std::string(BeforeStopString(text, decoding.stop_strings));
  answer.answer = ExtractAnswer(answer.text).answer;
  answer.tokens = static_cast<int32_t>(result.tokens.size());
  answer.finish = result.finish;
  for (const float logprob : result.logprobs) answer.logprob_mean += logprob;
  if (!result.logprobs.empty()) answer.logprob_mean /= static_cast<double>(result.logprobs.size());
  return answer;
}

}  // namespace

absl::StatusOr<std::vector<ArmAnswer>> AnswerUnderArms(std::shared_ptr<const ModelFiles> model,
                                                       const std::vector<int32_t>& prompt,
                                                       absl::Span<const Arm> arms,
                                                       const AnsweringOptions& options) {
  for (const Arm& arm : arms)
    SPRINT_RETURN_IF_ERROR(arm.CheckFits(model->config.layers, model->config.heads));
  const int threads = options.threads > 0 ? options.threads : UsableCpus();
  SPRINT_RETURN_IF_ERROR(CheckedFingerprint(*model, options.weights_hash, threads).status());
  TorchEngineOptions engine_options;
  engine_options.dtype = options.dtype;
  engine_options.device = options.device;
  engine_options.threads = threads;
  engine_options.max_sequences = std::max(1, static_cast<int>(arms.size()));
  SPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine, LoadTorchEngine(model, engine_options));
  Decoding decoding = options.decoding;
  decoding.stop_tokens.insert(decoding.stop_tokens.end(), model->config.eos_tokens.begin(),
                              model->config.eos_tokens.end());
  for (size_t i = 0; i < arms.size(); ++i)
    SPRINT_RETURN_IF_ERROR(engine->Submit({static_cast<SequenceId>(i), prompt, arms[i], decoding}));
  std::vector<ArmAnswer> answers(arms.size());
  size_t finished = 0;
  while (!engine->Idle()) {
    SPRINT_ASSIGN_OR_RETURN(const std::vector<SequenceResult> results, engine->Step());
    for (const SequenceResult& result : results)
      answers[static_cast<size_t>(result.id)] = AnswerOf(result, *model->tokenizer, decoding);
    finished += results.size();
  }
  if (finished != arms.size()) return absl::InternalError("the engine lost a sequence");
  return answers;
}

}  // namespace sprint
