#include "model/chat_format.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace sprint {
namespace {

constexpr absl::string_view kLlama3Begin = "<|begin_of_text|>";

std::string ChatMlTurn(absl::string_view role, absl::string_view text) {
  return absl::StrCat("<|im_start|>", role, "\n", text, "<|im_end|>\n");
}

std::string Llama3Turn(absl::string_view role, absl::string_view text) {
  return absl::StrCat("<|start_header_id|>", role, "<|end_header_id|>\n\n", absl::StripAsciiWhitespace(text),
                      "<|eot_id|>");
}

}  // namespace

absl::StatusOr<ChatFormat> ParseChatFormat(absl::string_view name) {
  for (const ChatFormat format : {ChatFormat::kRaw, ChatFormat::kChatMl, ChatFormat::kLlama3}) {
    if (name == ChatFormatName(format)) return format;
  }
  return Error(
      absl::StatusCode::kInvalidArgument, Reason::kSpecInvalid,
      absl::StrCat("the prompt format \"", name, "\" is not known; known are raw, chatml and llama3"));
}

absl::string_view ChatFormatName(ChatFormat format) {
  switch (format) {
    case ChatFormat::kRaw:
      return "raw";
    case ChatFormat::kChatMl:
      return "chatml";
    case ChatFormat::kLlama3:
      return "llama3";
  }
  return "unknown";
}

std::string RenderPrompt(ChatFormat format, absl::string_view system, absl::string_view user) {
  switch (format) {
    case ChatFormat::kRaw:
      return system.empty() ? std::string(user) : absl::StrCat(system, "\n\n", user);
    case ChatFormat::kChatMl:
      return absl::StrCat(system.empty() ? "" : ChatMlTurn("system", system), ChatMlTurn("user", user),
                          "<|im_start|>assistant\n");
    case ChatFormat::kLlama3:
      return absl::StrCat(system.empty() ? "" : Llama3Turn("system", system), Llama3Turn("user", user),
                          "<|start_header_id|>assistant<|end_header_id|>\n\n");
  }
  return std::string(user);
}

std::vector<int32_t> EncodePrompt(const Tokenizer& tokenizer, ChatFormat format, absl::string_view text) {
  if (format == ChatFormat::kRaw) return tokenizer.Encode(text);
  std::vector<int32_t> ids = tokenizer.Encode(text, {.add_special = false, .parse_special = true});
  if (format != ChatFormat::kLlama3) return ids;
  const std::optional<int32_t> begin = tokenizer.TokenId(kLlama3Begin);
  if (begin && (ids.empty() || ids.front() != *begin)) ids.insert(ids.begin(), *begin);
  return ids;
}

}  // namespace sprint
