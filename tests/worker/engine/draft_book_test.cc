#include "worker/engine/draft_book.h"

#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Hash256 kPrompt = Sha256("prompt");
constexpr DraftSource kSame = DraftSource::kSamePrompt;

Draft Propose(const DraftBook& book, absl::Span<const int32_t> answer, int64_t most) {
  return book.Propose({kPrompt, {}, answer, {}}, most);
}

TEST(DraftBookTest, ProposesWhatFollowsTheLongestMatch) {
  DraftBook book;
  const std::vector<int32_t> one = {1, 2, 3, 4, 5, 6};
  const std::vector<int32_t> other = {9, 3, 4, 7, 8};
  book.Learn(kPrompt, one);
  book.Learn(kPrompt, other);
  const std::vector<int32_t> answer = {8, 2, 3, 4};
  const Draft draft = Propose(book, answer, 5);
  EXPECT_THAT(draft.tokens, ElementsAre(5, 6));
  EXPECT_EQ(draft.match, 3);
  const std::vector<int32_t> shorter = {8, 9, 3, 4};
  EXPECT_THAT(Propose(book, shorter, 1).tokens, ElementsAre(7));
}

TEST(DraftBookTest, AnswersThatBeganAlikeMatchLongestOfAll) {
  DraftBook book;
  const std::vector<int32_t> repeats = {5, 5, 1, 5, 5, 2};
  book.Learn(kPrompt, repeats);
  const std::vector<int32_t> answer = {5, 5};
  EXPECT_THAT(Propose(book, answer, 2).tokens, ElementsAre(1, 5));
  EXPECT_EQ(Propose(book, answer, 2).match, 32);
  EXPECT_THAT(Propose(book, {}, 2).tokens, ElementsAre(5, 5));
}

TEST(DraftBookTest, NothingKnownOrMatchingProposesNothing) {
  DraftBook book;
  const std::vector<int32_t> answer = {1, 2};
  EXPECT_THAT(Propose(book, answer, 4).tokens, IsEmpty());
  const std::vector<int32_t> other = {3, 4};
  book.Learn(kPrompt, other);
  EXPECT_THAT(Propose(book, answer, 4).tokens, IsEmpty());
  EXPECT_THAT(book.Propose({Sha256("another"), {}, other, {}}, 4).tokens, IsEmpty());
  EXPECT_THAT(Propose(book, other, 4).tokens, IsEmpty());  // the known answer ends here too
}

TEST(DraftBookTest, AnswersInProgressToThePromptAreKnownToo) {
  const DraftBook book;
  const std::vector<int32_t> ahead = {1, 2, 3, 4};
  const std::vector<int32_t> answer = {1, 2};
  const Draft draft = book.Propose({kPrompt, {}, answer, {ahead}}, 8);
  EXPECT_THAT(draft.tokens, ElementsAre(3, 4));
  EXPECT_EQ(draft.source, kSame);
}

TEST(DraftBookTest, TheQuestionsWordsAreDraftedWhereNoAnswerIsKnown) {
  const DraftBook book;
  const std::vector<int32_t> prompt = {7, 8, 9, 10, 11};
  const std::vector<int32_t> answer = {3, 8, 9};
  const Draft draft = book.Propose({kPrompt, prompt, answer, {}}, 8);
  EXPECT_THAT(draft.tokens, ElementsAre(10, 11));
  EXPECT_EQ(draft.source, DraftSource::kPrompt);
  EXPECT_EQ(draft.match, 2);
}

TEST(DraftBookTest, PhrasesOfOtherAnswersAreDraftedUpToTheAnswersEnd) {
  DraftBook book;
  const std::vector<int32_t> one = {1, 2, 3, 4, 5};
  const std::vector<int32_t> next = {6, 7};
  book.Learn(Sha256("one"), one);
  book.Learn(Sha256("next"), next);
  const std::vector<int32_t> answer = {2, 3, 4};
  const Draft draft = Propose(book, answer, 8);
  EXPECT_THAT(draft.tokens, ElementsAre(5));
  EXPECT_EQ(draft.source, DraftSource::kOtherPrompts);
  const std::vector<int32_t> across = {5, 6, 7};  // no answer has it
  EXPECT_THAT(Propose(book, across, 8).tokens, IsEmpty());
}

TEST(DraftBookTest, TheLikeliestSourceIsTaken) {
  DraftBook book;
  const std::vector<int32_t> prompt = {1, 2, 3};
  const std::vector<int32_t> known = {9, 2, 4};
  book.Learn(kPrompt, known);
  const std::vector<int32_t> answer = {1, 2};
  const auto propose = [&] { return book.Propose({kPrompt, prompt, answer, {}}, 1).tokens; };
  for (int i = 0; i < 100; ++i) book.Observe(kSame, 1, true);
  EXPECT_THAT(propose(), ElementsAre(4));
  for (int i = 0; i < 100; ++i) book.Observe(DraftSource::kPrompt, 2, true);
  for (int i = 0; i < 1000; ++i) book.Observe(kSame, 1, false);
  EXPECT_THAT(propose(), ElementsAre(3));
}

TEST(DraftBookTest, ChancesFollowWhatIsObserved) {
  DraftBook book;
  EXPECT_LT(book.Chance(kSame, 1), book.Chance(kSame, 20));
  for (int i = 0; i < 5000; ++i) book.Observe(kSame, 20, i % 4 == 0);
  EXPECT_NEAR(book.Chance(kSame, 20), 0.25, 0.02);
  for (int i = 0; i < 5000; ++i) book.Observe(kSame, 20, true);  // and forgets what was long ago
  EXPECT_GT(book.Chance(kSame, 20), 0.7);
}

}  // namespace
}  // namespace sprint::testing
