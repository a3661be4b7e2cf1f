#include "model/chat_format.h"

#include "base/status.h"
#include "tests/model/model_builders.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::sprint::testing::TinyTokenizer;

TEST(ChatFormat, WritesTurnsUpToTheAnswer) {
  EXPECT_EQ(RenderPrompt(ChatFormat::kRaw, "", "Q"), "Q");
  EXPECT_EQ(RenderPrompt(ChatFormat::kRaw, "S", "Q"), "S\n\nQ");
  EXPECT_EQ(RenderPrompt(ChatFormat::kChatMl, "S", "Q"),
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(RenderPrompt(ChatFormat::kChatMl, "", "Q"),
            "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(
      RenderPrompt(ChatFormat::kLlama3, "S", " Q\n"),
      "<|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nQ"
      "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST(ChatFormat, NamesReadBack) {
  for (const ChatFormat format : {ChatFormat::kRaw, ChatFormat::kChatMl, ChatFormat::kLlama3}) {
    ASSERT_OK_AND_ASSIGN(const ChatFormat again, ParseChatFormat(ChatFormatName(format)));
    EXPECT_EQ(again, format);
  }
  EXPECT_EQ(ReasonOf(ParseChatFormat("alpaca").status()), Reason::kSpecInvalid);
}

// A tokenizer whose post-processor puts <|begin_of_text|>, id 263, before the text, or does not.
std::unique_ptr<Tokenizer> Llama3Like(bool post_processor) {
  const std::string added =
      R"([{"id": 263, "content": "<|begin_of_text|>", "special": true, "normalized": false}])";
  const std::string processor = R"({"type": "TemplateProcessing", "single": [
      {"SpecialToken": {"id": "<|begin_of_text|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
      "special_tokens": {"<|begin_of_text|>": {"id": "<|begin_of_text|>", "ids": [263], "tokens": []}}})";
  auto tokenizer = ParseTokenizerJson(
      TinyTokenizer({{"added_tokens", added}, {"post_processor", post_processor ? processor : "null"}}));
  EXPECT_OK(tokenizer);
  return *std::move(tokenizer);
}

TEST(EncodePrompt, Llama3HasOneBeginOfTextWhateverTheTokenizerAdds) {
  for (const bool post_processor : {true, false}) {
    const auto tokenizer = Llama3Like(post_processor);
    for (const std::string text : {"hello", "<|begin_of_text|>hello"}) {
      EXPECT_EQ(EncodePrompt(*tokenizer, ChatFormat::kLlama3, text), (std::vector<int32_t>{263, 259}));
    }
  }
}

TEST(EncodePrompt, RawTakesTheTokenizersOwnTokensAndChatMlDoesNot) {
  const auto tokenizer = Llama3Like(true);
  EXPECT_EQ(EncodePrompt(*tokenizer, ChatFormat::kRaw, "hello"), (std::vector<int32_t>{263, 259}));
  EXPECT_EQ(EncodePrompt(*tokenizer, ChatFormat::kChatMl, "hello"), (std::vector<int32_t>{259}));
}

}  // namespace
}  // namespace sprint
