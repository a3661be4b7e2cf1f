// The tokenizers against reference ids: transformers' (cases.jsonl) and llama.cpp's (.inp/.out).
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status.h"
#include "model/gguf.h"
#include "model/tokenizer.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::sprint::testing::SharedPath;
using Ids = std::vector<int32_t>;

class TokenizerJsonParity : public ::testing::TestWithParam<const char*> {};

TEST_P(TokenizerJsonParity, EveryCaseHasTheReferenceIdsAndTexts) {
  const auto dir = SharedPath(absl::StrCat("fixtures/tokenizer/", GetParam()));
  if (!dir) GTEST_SKIP() << "shared/fixtures/tokenizer is absent";
  ASSERT_OK_AND_ASSIGN(const std::string json, ReadFile(*dir + "/tokenizer.json"));
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, ParseTokenizerJson(json));
  ASSERT_OK_AND_ASSIGN(const std::string cases, ReadFile(*dir + "/cases.jsonl"));
  int count = 0;
  for (const absl::string_view line : absl::StrSplit(cases, '\n', absl::SkipEmpty())) {
    const auto expected = nlohmann::json::parse(std::string(line));
    const std::string text = expected["text"];
    SCOPED_TRACE(text);
    const Ids ids = tokenizer->Encode(text);
    EXPECT_EQ(ids, expected["ids"].get<Ids>());
    const Ids bare = tokenizer->Encode(text, {.add_special = false});
    EXPECT_EQ(bare, expected["ids_no_special"].get<Ids>());
    // The reference decoded the ids without the post-processor's tokens.
    EXPECT_EQ(tokenizer->Decode(bare, false), expected["decoded"].get<std::string>());
    EXPECT_EQ(tokenizer->Decode(bare, true), expected["decoded_skip_special"].get<std::string>());
    EXPECT_EQ(tokenizer->Decode(ids, true), expected["decoded_skip_special"].get<std::string>());
    ++count;
  }
  EXPECT_EQ(count, 267);
}

INSTANTIATE_TEST_SUITE_P(Families, TokenizerJsonParity,
                         ::testing::Values("gpt2", "llama3", "qwen2", "smollm", "smollm2-real"),
                         [](const auto& info) {
                           return absl::StrReplaceAll(info.param, {{"-", "_"}});
                         });

class OtherTokenizer : public ::testing::TestWithParam<const char*> {};

TEST_P(OtherTokenizer, IsRefusedByName) {
  const auto dir = SharedPath(absl::StrCat("fixtures/tokenizer/", GetParam()));
  if (!dir) GTEST_SKIP() << "shared/fixtures/tokenizer is absent";
  ASSERT_OK_AND_ASSIGN(const std::string json, ReadFile(*dir + "/tokenizer.json"));
  const auto result = ParseTokenizerJson(json);
  EXPECT_EQ(ReasonOf(result.status()), Reason::kTokenizerUnsupported) << result.status();
}

INSTANTIATE_TEST_SUITE_P(Families, OtherTokenizer,
                         ::testing::Values("llama2", "mistral", "unigram", "bert-wordpiece-real"),
                         [](const auto& info) {
                           return absl::StrReplaceAll(info.param, {{"-", "_"}});
                         });

class GgufVocabularyParity : public ::testing::TestWithParam<const char*> {};

TEST_P(GgufVocabularyParity, EveryBlockHasTheReferenceIds) {
  const auto path =
      SharedPath(absl::StrCat("fixtures/tokenizer/gguf-vocab/ggml-vocab-", GetParam(), ".gguf"));
  if (!path) GTEST_SKIP() << "shared/fixtures/tokenizer/gguf-vocab is absent";
  ASSERT_OK_AND_ASSIGN(const auto file, GgufFile::Open(*path));
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, TokenizerFromGguf(*file));
  ASSERT_OK_AND_ASSIGN(const std::string inputs, ReadFile(*path + ".inp"));
  ASSERT_OK_AND_ASSIGN(const std::string outputs, ReadFile(*path + ".out"));
  const std::vector<std::string> texts = absl::StrSplit(inputs, "\n__ggml_vocab_test__\n");
  const std::vector<std::string> lines = absl::StrSplit(outputs, '\n');
  ASSERT_GT(texts.size(), 40u);
  ASSERT_GE(lines.size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    Ids expected;
    for (const absl::string_view id : absl::StrSplit(lines[i], ' ', absl::SkipEmpty())) {
      ASSERT_TRUE(absl::SimpleAtoi(id, &expected.emplace_back())) << id;
    }
    SCOPED_TRACE(absl::StrCat("block ", i, ": ", texts[i]));
    EXPECT_EQ(tokenizer->Encode(texts[i], {.add_special = false, .parse_special = false}), expected);
    EXPECT_EQ(tokenizer->Decode(expected, false), texts[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, GgufVocabularyParity, ::testing::Values("llama-bpe", "qwen2", "gpt-2"),
                         [](const auto& info) {
                           return absl::StrReplaceAll(info.param, {{"-", "_"}});
                         });

class OtherGgufVocabulary : public ::testing::TestWithParam<const char*> {};

TEST_P(OtherGgufVocabulary, IsRefusedByName) {
  const auto path =
      SharedPath(absl::StrCat("fixtures/tokenizer/gguf-vocab/ggml-vocab-", GetParam(), ".gguf"));
  if (!path) GTEST_SKIP() << "shared/fixtures/tokenizer/gguf-vocab is absent";
  ASSERT_OK_AND_ASSIGN(const auto file, GgufFile::Open(*path));
  const auto result = TokenizerFromGguf(*file);
  EXPECT_EQ(ReasonOf(result.status()), Reason::kTokenizerUnsupported) << result.status();
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, OtherGgufVocabulary,
                         ::testing::Values("llama-spm", "phi-3", "bert-bge"), [](const auto& info) {
                           return absl::StrReplaceAll(info.param, {{"-", "_"}});
                         });

}  // namespace
}  // namespace sprint
