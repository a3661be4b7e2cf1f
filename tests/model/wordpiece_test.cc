#include "model/wordpiece.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using testing::SharedPath;
using Ids = std::vector<int32_t>;

constexpr char kSmall[] = R"({
  "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "lowercase": true},
  "pre_tokenizer": {"type": "BertPreTokenizer"},
  "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 10,
            "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "un": 4, "##able": 5, "##a": 6, "cafe": 7,
                      "!": 8, "中": 9, "文": 10, "unable": 11}}})";

std::unique_ptr<WordPiece> Small() {
  auto piece = WordPiece::Parse(kSmall);
  EXPECT_OK(piece);
  return *std::move(piece);
}

TEST(WordPieceTest, TakesTheLongestPiecesOfLoweredWordsWithoutAccents) {
  const auto piece = Small();
  EXPECT_EQ(piece->Encode("", 10), (Ids{2, 3}));
  EXPECT_EQ(piece->Encode("Unable una", 10), (Ids{2, 11, 4, 6, 3}));
  EXPECT_EQ(piece->Encode("Café!", 10), (Ids{2, 7, 8, 3}));
  EXPECT_EQ(piece->Encode("中文", 10), (Ids{2, 9, 10, 3}));
  EXPECT_EQ(piece->Encode("un\xffknown un", 10), (Ids{2, 1, 4, 3}))
      << "no piece fits: the whole word is unknown";
  EXPECT_EQ(piece->Encode("unununununun", 10), (Ids{2, 1, 3})) << "too long a word";
}

TEST(WordPieceTest, IsCutBeforeTheEndToken) {
  const auto piece = Small();
  EXPECT_EQ(piece->Encode("un un un un", 4), (Ids{2, 4, 4, 3}));
  EXPECT_EQ(piece->Encode("un un", 2), (Ids{2, 3}));
}

TEST(WordPieceTest, OtherTokenizersAreRefusedByName) {
  const auto status = [](absl::string_view from, absl::string_view to) {
    return WordPiece::Parse(absl::StrReplaceAll(kSmall, {{from, to}})).status();
  };
  EXPECT_EQ(ReasonOf(status("\"WordPiece\"", "\"BPE\"")), Reason::kTokenizerUnsupported);
  EXPECT_EQ(ReasonOf(status("BertNormalizer", "NFC")), Reason::kTokenizerUnsupported);
  EXPECT_EQ(ReasonOf(status("\"[SEP]\": 3", "\"x\": 3")), Reason::kTokenizerDamaged);
  EXPECT_EQ(ReasonOf(status("\"cafe\": 7", "\"cafe\": 8")), Reason::kTokenizerDamaged);
  EXPECT_EQ(ReasonOf(WordPiece::Parse("{").status()), Reason::kTokenizerDamaged);
}

TEST(WordPieceTest, EveryCaseHasTheReferenceIds) {
  const auto dir = SharedPath("fixtures/tokenizer/bert-wordpiece-real");
  if (!dir) GTEST_SKIP() << "shared/fixtures/tokenizer is absent";
  ASSERT_OK_AND_ASSIGN(const std::string json, ReadFile(*dir + "/tokenizer.json"));
  ASSERT_OK_AND_ASSIGN(const auto piece, WordPiece::Parse(json));
  ASSERT_OK_AND_ASSIGN(const std::string cases, ReadFile(*dir + "/cases.jsonl"));
  int count = 0;
  for (const absl::string_view line : absl::StrSplit(cases, '\n', absl::SkipEmpty())) {
    const auto expected = nlohmann::json::parse(std::string(line));
    const std::string text = expected["text"];
    // The reference filled up with [PAD] to 128 ids, and cut there.
    Ids ids = expected["ids"].get<Ids>();
    while (!ids.empty() && ids.back() == 0) ids.pop_back();
    EXPECT_EQ(piece->Encode(text, 128), ids) << text;
    ++count;
  }
  EXPECT_EQ(count, 267);
}

}  // namespace
}  // namespace sprint
