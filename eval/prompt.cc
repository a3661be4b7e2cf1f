#include "eval/prompt.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace sprint {
namespace {

constexpr absl::string_view kPlaceholder = "{question}";

// Every {question} of `text` replaced, in one pass: one that stands in the question stays.
std::string Substitute(absl::string_view text, absl::string_view question) {
  std::string out;
  for (;;) {
    const size_t at = text.find(kPlaceholder);
    absl::StrAppend(&out, text.substr(0, at));
    if (at == absl::string_view::npos) return out;
    absl::StrAppend(&out, question);
    text.remove_prefix(at + kPlaceholder.size());
  }
}

absl::Status CheckControlTokens(ChatFormat format, const Tokenizer& tokenizer) {
  std::vector<absl::string_view> needed;
  if (format == ChatFormat::kChatMl) needed = {"<|im_start|>", "<|im_end|>"};
  if (format == ChatFormat::kLlama3) needed = {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"};
  for (const absl::string_view token : needed) {
    if (tokenizer.TokenId(token)) continue;
    return Error(absl::StatusCode::kInvalidArgument, Reason::kSpecInvalid,
                 absl::StrCat("the prompt format ", ChatFormatName(format), " needs the token ", token,
                              ", which the model's tokenizer (", tokenizer.Describe(),
                              ") lacks; use the format the model was trained with, or raw"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckPrompt(const PromptOptions& options, const Tokenizer& tokenizer) {
  if (!absl::StrContains(options.user_template, kPlaceholder)) {
    return Error(absl::StatusCode::kInvalidArgument, Reason::kSpecInvalid,
                 "the prompt template lacks {question}, which stands for the question");
  }
  return CheckControlTokens(options.format, tokenizer);
}

absl::StatusOr<RenderedPrompt> Render(const PromptOptions& options, const Problem& problem,
                                      const Tokenizer& tokenizer, const ModelConfig& config,
                                      int32_t max_new_tokens) {
  RenderedPrompt prompt;
  prompt.text =
      RenderPrompt(options.format, options.system, Substitute(options.user_template, problem.question));
  prompt.tokens = EncodePrompt(tokenizer, options.format, prompt.text);
  const int64_t needed = static_cast<int64_t>(prompt.tokens.size()) + max_new_tokens;
  if (config.context > 0 && needed > config.context) {
    return Error(absl::StatusCode::kInvalidArgument, Reason::kPromptTooLong,
                 absl::StrCat("question \"", problem.id, "\": its prompt of ", prompt.tokens.size(),
                              " tokens and max_new_tokens ", max_new_tokens, " need ", needed,
                              " positions; the model has ", config.context,
                              "; lower max_new_tokens or leave the question out"));
  }
  return prompt;
}

}  // namespace sprint
