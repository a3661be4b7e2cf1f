#include "model/tokenizer.h"

#include <set>

#include "base/file.h"
#include "demo/problems.h"
#include "demo/vocabulary.h"
#include "tests/testing/testing.h"

namespace sprint::demo {
namespace {

using ::testing::ElementsAre;

class DemoTokenizerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(const std::string text,
                         ReadFile(sprint::testing::SourceDir() + "/demo/model/tokenizer.json"));
    ASSERT_OK_AND_ASSIGN(tokenizer_, ParseTokenizerJson(text));
  }
  std::vector<std::string> Pieces(absl::string_view text) const {
    std::vector<std::string> pieces;
    for (const int32_t id : tokenizer_->Encode(text)) pieces.push_back(tokenizer_->TokenBytes(id));
    return pieces;
  }
  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_F(DemoTokenizerTest, TheShippedFileIsWhatTheTrainerBuilds) {
  ASSERT_OK_AND_ASSIGN(const std::string text,
                       ReadFile(sprint::testing::SourceDir() + "/demo/model/tokenizer.json"));
  EXPECT_EQ(text, BuildTokenizerJson());
}

TEST_F(DemoTokenizerTest, WordsAreWholeAndDigitsSingle) {
  EXPECT_THAT(Pieces("Ann buys 7 pens at 12 dollars each"),
              ElementsAre("Ann", " buys", " 7", " pens", " at", " 1", "2", " dollars", " each"));
  EXPECT_THAT(Pieces(" 84 + 45 = 129 . \\boxed{ 129 }"),
              ElementsAre(" 8", "4", " +", " 4", "5", " =", " 1", "2", "9", " .", " \\", "boxed", "{", " 1",
                          "2", "9", " }"));
}

TEST_F(DemoTokenizerTest, NoProblemNeedsABytePieceAndEveryTextComesBack) {
  // A byte alone appears only where the text has one-character pieces: digits and punctuation.
  const std::set<std::string> single = {"A", ".", "?", ",", ":", "{", "\n", "0", "1",
                                        "2", "3", "4", "5", "6", "7", "8",  "9"};
  CounterRng rng(21, 0);
  for (int i = 0; i < 2000; ++i) {
    const Problem problem = DrawProblem(rng);
    const std::string text = PromptText(problem) + AnswerText(problem);
    const std::vector<int32_t> ids = tokenizer_->Encode(text);
    ASSERT_EQ(tokenizer_->Decode(ids, false), text);
    ASSERT_EQ(tokenizer_->Encode(tokenizer_->Decode(ids, false)), ids);
    for (const int32_t id : ids) {
      const std::string piece = tokenizer_->TokenBytes(id);
      EXPECT_TRUE(piece.size() > 1 || single.contains(piece)) << "\"" << piece << "\" in " << text;
    }
  }
}

TEST_F(DemoTokenizerTest, PromptAndAnswerEncodeAloneAsTheyDoTogether) {
  CounterRng rng(22, 0);
  for (int i = 0; i < 500; ++i) {
    const Problem problem = DrawProblem(rng);
    std::vector<int32_t> parts = tokenizer_->Encode(PromptText(problem));
    const std::vector<int32_t> answer = tokenizer_->Encode(AnswerText(problem));
    parts.insert(parts.end(), answer.begin(), answer.end());
    EXPECT_EQ(parts, tokenizer_->Encode(PromptText(problem) + AnswerText(problem)));
  }
}

TEST_F(DemoTokenizerTest, AnyTextCanBeEncoded) {
  for (const std::string text : {"Größe: 3½ €", "日本語 🙂", "\tx\r\n  y", "unknownwords 12345"}) {
    EXPECT_EQ(tokenizer_->Decode(tokenizer_->Encode(text), false), text);
  }
}

TEST_F(DemoTokenizerTest, TheEndTokenIsSpecial) {
  EXPECT_EQ(tokenizer_->TokenId(kEndToken), kEndId);
  EXPECT_TRUE(tokenizer_->IsSpecial(kEndId));
  EXPECT_EQ(tokenizer_->Decode(tokenizer_->Encode("x<|end|>"), true), "x");
}

}  // namespace
}  // namespace sprint::demo
