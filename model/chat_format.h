// Prompt formats by name: how a system text and a question become the prompt a model expects.
#ifndef SPRINT_MODEL_CHAT_FORMAT_H_
#define SPRINT_MODEL_CHAT_FORMAT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/tokenizer.h"

namespace sprint {

// kRaw: the user text alone, behind the system text and an empty line when there is one.
// kChatMl: <|im_start|>role … <|im_end|> (Qwen, SmolLM2).
// kLlama3: <|start_header_id|> … <|eot_id|>, texts trimmed as the model's own template does; its
// begin-of-text token is not written here, EncodePrompt sees to it.
enum class ChatFormat { kRaw, kChatMl, kLlama3 };
absl::StatusOr<ChatFormat> ParseChatFormat(absl::string_view name);  // "raw", "chatml", "llama3"
absl::string_view ChatFormatName(ChatFormat format);

// The prompt up to where the assistant's answer begins. An empty system text leaves its turn out.
std::string RenderPrompt(ChatFormat format, absl::string_view system, absl::string_view user);

// The token ids of a rendered prompt. kRaw: with the tokens that the tokenizer itself adds (bos).
// The chat formats: exactly what is written, behind one <|begin_of_text|> for kLlama3 where the
// vocabulary has it. Special tokens written in the text become their ids.
std::vector<int32_t> EncodePrompt(const Tokenizer& tokenizer, ChatFormat format, absl::string_view text);

}  // namespace sprint

#endif  // SPRINT_MODEL_CHAT_FORMAT_H_
