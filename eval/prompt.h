// From a dataset's question to the token ids that are a question's identity.
#ifndef SPRINT_EVAL_PROMPT_H_
#define SPRINT_EVAL_PROMPT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "eval/dataset.h"
#include "model/chat_format.h"
#include "model/config.h"
#include "model/tokenizer.h"

namespace sprint {

struct PromptOptions {
  ChatFormat format = ChatFormat::kRaw;
  std::string system = "";
  std::string user_template = "{question}";  // must contain {question}
};

struct RenderedPrompt {
  std::string text;
  std::vector<int32_t> tokens;
};

// Once for all prompts. INVALID_ARGUMENT (kSpecInvalid): a template without {question}, a format whose
// control tokens the tokenizer lacks.
absl::Status CheckPrompt(const PromptOptions& options, const Tokenizer& tokenizer);

// REQUIRES: CheckPrompt is OK. INVALID_ARGUMENT: kPromptTooLong naming the problem's id when prompt +
// max_new_tokens exceeds the model's context (with both figures).
absl::StatusOr<RenderedPrompt> Render(const PromptOptions& options, const Problem& problem,
                                      const Tokenizer& tokenizer, const ModelConfig& config,
                                      int32_t max_new_tokens);

}  // namespace sprint

#endif  // SPRINT_EVAL_PROMPT_H_
