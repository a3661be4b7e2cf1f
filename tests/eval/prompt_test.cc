#include "eval/prompt.h"

#include <map>

#include "absl/strings/match.h"
#include "base/status.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

// One id a byte, and ids from 256 for special tokens; its post-processor adds 300 in front.
class ByteTokenizer : public Tokenizer {
 public:
  explicit ByteTokenizer(std::vector<std::string> special) {
    for (const std::string& token : special) special_[token] = 256 + static_cast<int32_t>(special_.size());
  }
  std::vector<int32_t> Encode(absl::string_view text, const EncodeOptions& options) const override {
    std::vector<int32_t> ids;
    if (options.add_special) ids.push_back(300);
    while (!text.empty()) {
      const auto hit = std::find_if(special_.begin(), special_.end(),
                                    [&](const auto& entry) { return absl::StartsWith(text, entry.first); });
      if (options.parse_special && hit != special_.end()) {
        ids.push_back(hit->second);
        text.remove_prefix(hit->first.size());
      } else {
        ids.push_back(static_cast<uint8_t>(text[0]));
        text.remove_prefix(1);
      }
    }
    return ids;
  }
  std::string Decode(absl::Span<const int32_t>, bool) const override { return ""; }
  std::string TokenBytes(int32_t) const override { return ""; }
  std::optional<int32_t> TokenId(absl::string_view token) const override {
    const auto it = special_.find(std::string(token));
    return it == special_.end() ? std::nullopt : std::optional<int32_t>(it->second);
  }
  bool IsSpecial(int32_t id) const override { return id >= 256; }
  int32_t vocab_size() const override { return 301; }
  Hash256 Fingerprint() const override { return {}; }
  std::string Describe() const override { return "bytes"; }

 private:
  std::map<std::string, int32_t> special_;
};

Problem AskedFor(const std::string& question) {
  Problem problem;
  problem.id = "q1";
  problem.question = question;
  return problem;
}

ModelConfig WithContext(int64_t context) {
  ModelConfig config;
  config.context = context;
  return config;
}

TEST(Prompt, TheQuestionTakesItsPlaceInTheTemplate) {
  const ByteTokenizer tokenizer({});
  PromptOptions options;
  options.user_template = "Q: {question}\nAgain: {question}\nA:";
  ASSERT_OK_AND_ASSIGN(const RenderedPrompt prompt,
                       Render(options, AskedFor("2+2?"), tokenizer, WithContext(100), 10));
  EXPECT_EQ(prompt.text, "Q: 2+2?\nAgain: 2+2?\nA:");
  ASSERT_EQ(prompt.tokens.size(), prompt.text.size() + 1);  // behind the token the tokenizer adds
  EXPECT_EQ(prompt.tokens[0], 300);
  EXPECT_EQ(prompt.tokens[1], 'Q');
}

TEST(Prompt, APlaceholderInTheQuestionStays) {
  const ByteTokenizer tokenizer({});
  ASSERT_OK_AND_ASSIGN(const RenderedPrompt prompt,
                       Render({}, AskedFor("what is {question}?"), tokenizer, WithContext(100), 10));
  EXPECT_EQ(prompt.text, "what is {question}?");
}

TEST(Prompt, ChatFormatsWriteTurnsAndControlTokens) {
  const ByteTokenizer tokenizer({"<|im_start|>", "<|im_end|>"});
  PromptOptions options;
  options.format = ChatFormat::kChatMl;
  options.system = "Be brief.";
  ASSERT_OK_AND_ASSIGN(const RenderedPrompt prompt,
                       Render(options, AskedFor("2+2?"), tokenizer, WithContext(1000), 10));
  EXPECT_EQ(
      prompt.text,
      "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(prompt.tokens[0], 256);
}

TEST(Prompt, ATemplateWithoutThePlaceholderIsRefused) {
  PromptOptions options;
  options.user_template = "Solve it";
  const absl::Status checked = CheckPrompt(options, ByteTokenizer({}));
  EXPECT_EQ(ReasonOf(checked), Reason::kSpecInvalid);
}

TEST(Prompt, AFormatWhoseTokensTheTokenizerLacksIsRefused) {
  PromptOptions options;
  options.format = ChatFormat::kLlama3;
  const absl::Status checked = CheckPrompt(options, ByteTokenizer({"<|im_start|>"}));
  EXPECT_EQ(checked.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(checked.message(),
            "the prompt format llama3 needs the token <|start_header_id|>, which the model's tokenizer "
            "(bytes) lacks; "
            "use the format the model was trained with, or raw");
}

TEST(Prompt, APromptLongerThanTheContextIsRefusedWithBothFigures) {
  const ByteTokenizer tokenizer({});
  EXPECT_OK(Render({}, AskedFor("123456789"), tokenizer, WithContext(30), 20));
  const auto prompt = Render({}, AskedFor("1234567890"), tokenizer, WithContext(30), 20);
  EXPECT_EQ(prompt.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(prompt.status()), Reason::kPromptTooLong);
  EXPECT_EQ(
      prompt.status().message(),
      "question \"q1\": its prompt of 11 tokens and max_new_tokens 20 need 31 positions; the model has 30; "
      "lower max_new_tokens or leave the question out");
}

}  // namespace
}  // namespace sprint
