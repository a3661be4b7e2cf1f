// Prompt formats by name: how a system text and a question become the prompt a model expects.
#ifndef SPRINT_MODEL_CHAT_FORMAT_H_
#define SPRINT_MODEL_CHAT_FORMAT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sprint {

// kRaw: the user text alone. kChatMl: <|im_start|>role … <|im_end|> (Qwen, SmolLM2).
// kLlama3: <|start_header_id|> … <|eot_id|>; its begin-of-text token comes from the tokenizer's
// post-processor or is written, never both.
enum class ChatFormat { kRaw, kChatMl, kLlama3 };
absl::StatusOr<ChatFormat> ParseChatFormat(absl::string_view name);  // "raw", "chatml", "llama3"
absl::string_view ChatFormatName(ChatFormat format);

// The prompt up to where the assistant's answer begins. An empty system text leaves its turn out.
std::string RenderPrompt(ChatFormat format, absl::string_view system, absl::string_view user);

}  // namespace sprint

#endif  // SPRINT_MODEL_CHAT_FORMAT_H_
