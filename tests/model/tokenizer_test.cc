// Tokenizers made in the test: tokenizer.json and GGUF, flags of added tokens, bad input.
#include "model/tokenizer.h"

#include "base/file.h"
#include "base/status.h"
#include "model/gguf.h"
#include "model/model_files.h"
#include "model/pretokenizer.h"
#include "tests/model/model_builders.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::sprint::testing::AddTinyVocabulary;
using ::sprint::testing::GgufBuilder;
using ::sprint::testing::SourceDir;
using ::sprint::testing::TinyTokenizer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Changes = std::vector<std::pair<std::string, std::string>>;

std::unique_ptr<Tokenizer> Make(const Changes& changes = {}) {
  auto tokenizer = ParseTokenizerJson(TinyTokenizer(changes));
  EXPECT_OK(tokenizer);
  return tokenizer.ok() ? *std::move(tokenizer) : nullptr;
}

TEST(TokenizerJson, MergesBytesAndFindsSpecialTokens) {
  const auto tokenizer = Make();
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_THAT(tokenizer->Encode("hello world<|end|>"), ElementsAre(259, 260, 'o', 'r', 'l', 'd', 261));
  EXPECT_EQ(tokenizer->Decode({259, 260, 'o', 261}, false), "hello wo<|end|>");
  EXPECT_EQ(tokenizer->Decode({259, 260, 'o', 261}, true), "hello wo");
  EXPECT_EQ(tokenizer->Decode({-1, 259, 5000}, false), "hello");
  EXPECT_EQ(tokenizer->TokenId("hello"), 259);
  EXPECT_EQ(tokenizer->TokenId("<s>"), 262);
  EXPECT_EQ(tokenizer->TokenId("absent"), std::nullopt);
  EXPECT_EQ(tokenizer->TokenBytes(260), " w");
  EXPECT_EQ(tokenizer->TokenBytes(-7), "");
  EXPECT_TRUE(tokenizer->IsSpecial(261));
  EXPECT_FALSE(tokenizer->IsSpecial(260));
  EXPECT_FALSE(tokenizer->IsSpecial(9999));
  EXPECT_EQ(tokenizer->Describe(), "byte-level BPE, gpt2 split, 263 tokens");
}

TEST(TokenizerJson, SpecialTokensMayBeLeftAsText) {
  const auto ids = Make()->Encode("<s>", {.parse_special = false});
  EXPECT_THAT(ids, ElementsAre('<', 's', '>'));
}

TEST(TokenizerJson, AnyBytesEncodeAndInvalidOnesDecodeToReplacements) {
  const auto tokenizer = Make();
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  std::string back;
  for (const int32_t id : tokenizer->Encode(all)) back += tokenizer->TokenBytes(id);
  EXPECT_EQ(back, all);
  EXPECT_EQ(tokenizer->Decode({'a', 0xe2, 0x82, 'b', 0xff}, false),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd");
  EXPECT_THAT(tokenizer->Encode("hello\xff<s>"), ElementsAre(259, 0xff, 262));
}

TEST(TokenizerJson, TemplatesPutTokensAroundTheText) {
  const auto tokenizer =
      Make({{"post_processor", R"({"type": "Sequence", "processors": [{"type": "ByteLevel"},
      {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}},
       {"SpecialToken": {"id": "<|end|>"}}],
       "special_tokens": {"<s>": {"ids": [262]}, "<|end|>": {"ids": [261]}}}]})"}});
  EXPECT_THAT(tokenizer->Encode("hello"), ElementsAre(262, 259, 261));
  EXPECT_THAT(tokenizer->Encode("hello", {.add_special = false}), ElementsAre(259));
}

std::string Added(const std::string& flags) {
  return R"([{"id": 261, "content": "<x>", "special": true, )" + flags + "}]";
}

TEST(AddedTokens, StripWhiteSpaceWhereTheyAskForIt) {
  EXPECT_THAT(Make({{"added_tokens", Added(R"("lstrip": true)")}})->Encode("a \n<x> b"),
              ElementsAre('a', 261, ' ', 'b'));
  EXPECT_THAT(Make({{"added_tokens", Added(R"("rstrip": true)")}})->Encode("a<x>\xe3\x80\x80 b"),
              ElementsAre('a', 261, 'b'));
  EXPECT_THAT(Make({{"added_tokens", Added(R"("lstrip": true, "rstrip": true)")}})->Encode("<x>  <x>"),
              ElementsAre(261, 261));
}

TEST(AddedTokens, SingleWordsDoNotTouchLetters) {
  const auto tokenizer = Make({{"added_tokens", Added(R"("single_word": true)")}});
  EXPECT_THAT(tokenizer->Encode("-<x>."), ElementsAre('-', 261, '.'));
  EXPECT_THAT(tokenizer->Encode("a<x>"), ElementsAre('a', '<', 'x', '>'));
  EXPECT_THAT(tokenizer->Encode("<x>\xc3\xa9"), ElementsAre('<', 'x', '>', 0xc3, 0xa9));
}

TEST(AddedTokens, TheLongestOfThoseThatBeginTogetherWins) {
  const auto tokenizer =
      Make({{"added_tokens", R"([{"id": 261, "content": "<a"}, {"id": 262, "content": "<ab>"}])"}});
  EXPECT_THAT(tokenizer->Encode("<ab><a>"), ElementsAre(262, 261, '>'));
}

TEST(AddedTokens, NormalizedOnesAreFoundInTheNormalForm) {
  const Changes nfc = {
      {"normalizer", R"({"type": "NFC"})"},
      {"added_tokens", R"([{"id": 261, "content": "\u01ce", "normalized": true, "special": false}])"}};
  EXPECT_THAT(Make(nfc)->Encode("a\xcc\x8c"), ElementsAre(261));
  const Changes raw = {
      {"normalizer", R"({"type": "NFC"})"},
      {"added_tokens", R"([{"id": 261, "content": "\u01ce", "normalized": false, "special": false}])"}};
  EXPECT_THAT(Make(raw)->Encode("a\xcc\x8c"), ElementsAre(0xc7, 0x8e));
}

TEST(Splits, CutAsTheirFamiliesDo) {
  const auto words = [](const PreTokenizer& split, absl::string_view text) {
    std::list<std::string> storage;
    std::vector<std::string> out;
    for (const absl::string_view word : split.Split(text, storage)) out.emplace_back(word);
    return out;
  };
  using Keep = PreTokenizer::Keep;
  PreTokenizer gpt2, llama3, qwen2, smollm, removed;
  ASSERT_OK(gpt2.AddRegex(kGpt2Pattern, Keep::kBoth));
  ASSERT_OK(llama3.AddRegex(kLlama3Pattern, Keep::kBoth));
  ASSERT_OK(qwen2.AddRegex(kQwen2Pattern, Keep::kBoth));
  smollm.AddDigits(true);
  ASSERT_OK(smollm.AddRegex(kGpt2Pattern, Keep::kBoth));
  ASSERT_OK(removed.AddRegex("-", Keep::kGaps));
  EXPECT_THAT(words(gpt2, "I'll  pay 1234"), ElementsAre("I", "'ll", " ", " pay", " 1234"));
  EXPECT_THAT(words(llama3, "I'LL pay 1234\n"), ElementsAre("I", "'LL", " pay", " ", "123", "4", "\n"));
  EXPECT_THAT(words(qwen2, "x 12"), ElementsAre("x", " ", "1", "2"));
  EXPECT_THAT(words(smollm, "x 12"), ElementsAre("x", " ", "1", "2"));
  EXPECT_THAT(words(removed, "a-b--"), ElementsAre("a", "b"));
  EXPECT_EQ(smollm.Name(), "smollm");
  EXPECT_EQ(removed.Name(), "own");
}

struct Bad {
  const char* member;
  const char* value;
  Reason reason;
  const char* names;
};
class BadTokenizer : public ::testing::TestWithParam<Bad> {};

TEST_P(BadTokenizer, IsRefusedNamingWhatWasFound) {
  const absl::Status status =
      ParseTokenizerJson(TinyTokenizer({{GetParam().member, GetParam().value}})).status();
  EXPECT_EQ(ReasonOf(status), GetParam().reason) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().names));
}

constexpr Reason kUnsupported = Reason::kTokenizerUnsupported, kDamaged = Reason::kTokenizerDamaged;
INSTANTIATE_TEST_SUITE_P(
    Members, BadTokenizer,
    ::testing::Values(
        Bad{"model", R"({"type": "WordPiece", "vocab": {}})", kUnsupported, "WordPiece"},
        Bad{"model", R"({"type": "Unigram", "vocab": []})", kUnsupported, "Unigram"},
        Bad{"model", R"({"type": "BPE", "vocab": {}, "merges": [], "end_of_word_suffix": "</w>"})",
            kUnsupported, "</w>"},
        Bad{"model", R"({"type": "BPE", "vocab": {"a": 0}, "merges": [], "byte_fallback": true})",
            kUnsupported, "byte_fallback"},
        Bad{"normalizer", R"({"type": "Lowercase"})", kUnsupported, "Lowercase"},
        Bad{"normalizer", R"({"type": "Sequence", "normalizers": [{"type": "Prepend"}]})", kUnsupported,
            "Prepend"},
        Bad{"pre_tokenizer", R"({"type": "Metaspace"})", kUnsupported, "Metaspace"},
        Bad{"pre_tokenizer", "null", kUnsupported, "ByteLevel"},
        Bad{"pre_tokenizer", R"({"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Isolated"})",
            kUnsupported, "(a"},
        Bad{"pre_tokenizer", R"({"type": "Split", "pattern": {"Regex": "a"}, "behavior": "MergedWithNext"})",
            kUnsupported, "MergedWithNext"},
        Bad{"decoder", R"({"type": "WordPiece"})", kUnsupported, "WordPiece"},
        Bad{"post_processor", R"({"type": "BertProcessing"})", kUnsupported, "BertProcessing"},
        Bad{"post_processor", R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "?"}}]})",
            kDamaged, "?"},
        Bad{"model", "7", kDamaged, "model"},
        Bad{"model", R"({"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []})", kDamaged, "the id 0"},
        Bad{"model", R"({"type": "BPE", "vocab": {"a": -1}, "merges": []})", kDamaged, "token a"},
        Bad{"model", R"({"type": "BPE", "vocab": {"a": 16000000}, "merges": []})", kDamaged, "16000000"},
        Bad{"model", R"({"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]})", kDamaged, "token b"},
        Bad{"model", R"({"type": "BPE", "vocab": {"a": 0}, "merges": ["a"]})", kDamaged, "pair"},
        Bad{"added_tokens", R"([{"id": 3, "content": "hello"}])", kDamaged, "259"}),
    [](const auto& info) { return std::string(info.param.member) + "_" + std::to_string(info.index); });

TEST(TokenizerJson, InvalidJsonIsRefused) {
  EXPECT_EQ(ReasonOf(ParseTokenizerJson("{").status()), Reason::kTokenizerDamaged);
  EXPECT_EQ(ReasonOf(ParseTokenizerJson("").status()), Reason::kTokenizerDamaged);
}

TEST(TokenizerFingerprint, IsOfTheMeaningAndNotOfTheFile) {
  const Hash256 hash = Make()->Fingerprint();
  EXPECT_EQ(Make({{"version", "\"2.0\""}})->Fingerprint(), hash);
  EXPECT_NE(Make({{"normalizer", R"({"type": "NFC"})"}})->Fingerprint(), hash);
  EXPECT_NE(Make({{"added_tokens", "[]"}})->Fingerprint(), hash);
  EXPECT_NE(Make({{"pre_tokenizer",
                   R"({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true},
                  {"type": "ByteLevel", "add_prefix_space": false}]})"}})
                ->Fingerprint(),
            hash);
}

absl::StatusOr<std::unique_ptr<Tokenizer>> FromGguf(const GgufBuilder& gguf) {
  const auto file = GgufFile::Parse(MappedFile::FromBytes(gguf.Build(), "v.gguf"));
  EXPECT_OK(file);
  return TokenizerFromGguf(**file);
}

TEST(TokenizerGguf, ReadsAVocabularyWithoutTensors) {
  GgufBuilder gguf;
  AddTinyVocabulary(gguf);
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, FromGguf(gguf));
  EXPECT_THAT(tokenizer->Encode("hello w1<|end|>"), ElementsAre(259, 260, '1', 261));
  EXPECT_EQ(tokenizer->Decode({259, 261}, true), "hello");
  EXPECT_EQ(tokenizer->Describe(), "byte-level BPE, smollm split, 263 tokens");
}

TEST(TokenizerGguf, AddsBosWhereTheFileSaysSo) {
  GgufBuilder gguf;
  AddTinyVocabulary(gguf);
  gguf.Bool("tokenizer.ggml.add_bos_token", true).Bool("tokenizer.ggml.add_eos_token", true);
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, FromGguf(gguf));
  EXPECT_THAT(tokenizer->Encode("hello"), ElementsAre(262, 259, 261));
}

TEST(TokenizerGguf, RefusesOtherKindsAndDamageByName) {
  const auto message = [](const GgufBuilder& gguf) { return std::string(FromGguf(gguf).status().message()); };
  EXPECT_THAT(message(GgufBuilder().String("tokenizer.ggml.model", "llama")), HasSubstr("SentencePiece"));
  EXPECT_THAT(
      message(GgufBuilder().String("tokenizer.ggml.model", "gpt2").String("tokenizer.ggml.pre", "tekken")),
      HasSubstr("tekken"));
  EXPECT_THAT(message(GgufBuilder().String("tokenizer.ggml.model", "gpt2")),
              HasSubstr("tokenizer.ggml.tokens is missing"));
  GgufBuilder bos;
  AddTinyVocabulary(bos);
  bos.Bool("tokenizer.ggml.add_eos_token", true);
  EXPECT_OK(FromGguf(bos));
  GgufBuilder types;
  types.String("tokenizer.ggml.model", "gpt2")
      .Strings("tokenizer.ggml.tokens", {"a"})
      .Int32s("tokenizer.ggml.token_type", {1, 1});
  EXPECT_EQ(ReasonOf(FromGguf(types).status()), Reason::kTokenizerDamaged);
  GgufBuilder merges;
  merges.String("tokenizer.ggml.model", "gpt2")
      .Strings("tokenizer.ggml.tokens", {"a"})
      .Strings("tokenizer.ggml.merges", {"a b"});
  EXPECT_THAT(message(merges), HasSubstr("token b is not in the vocabulary"));
}

TEST(DemoModel, OpensWithItsTokenizer) {
  const std::string folder = SourceDir() + "/demo/model";
  ASSERT_TRUE(FileExists(folder + "/tokenizer.json"));
  ASSERT_OK_AND_ASSIGN(const auto model, OpenModel(folder));
  const std::string text = "Ann buys 7 apples for 12 dollars each . ";
  EXPECT_EQ(model->tokenizer->Decode(model->tokenizer->Encode(text, {.add_special = false}), false), text);
  EXPECT_OK(FingerprintWeights(*model, 2));
}

}  // namespace
}  // namespace sprint
