#include "worker/engine/draft_book.h"

#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Hash256 kPrompt = Sha256("prompt");

TEST(DraftBookTest, ProposesWhatFollowsTheLongestMatch) {
  DraftBook book;
  const std::vector<int32_t> one = {1, 2, 3, 4, 5, 6};
  const std::vector<int32_t> other = {9, 3, 4, 7, 8};
  book.Learn(kPrompt, one);
  book.Learn(kPrompt, other);
  const std::vector<int32_t> answer = {8, 2, 3, 4};
  const Draft draft = book.Propose(kPrompt, answer, 5);
  EXPECT_THAT(draft.tokens, ElementsAre(5, 6));
  EXPECT_EQ(draft.match, 3);
  const std::vector<int32_t> shorter = {8, 9, 3, 4};
  EXPECT_THAT(book.Propose(kPrompt, shorter, 1).tokens, ElementsAre(7));
}

TEST(DraftBookTest, AnswersThatBeganAlikeMatchLongestOfAll) {
  DraftBook book;
  const std::vector<int32_t> repeats = {5, 5, 1, 5, 5, 2};
  book.Learn(kPrompt, repeats);
  const std::vector<int32_t> answer = {5, 5};
  EXPECT_THAT(book.Propose(kPrompt, answer, 2).tokens, ElementsAre(1, 5));
  EXPECT_EQ(book.Propose(kPrompt, answer, 2).match, 32);
  EXPECT_THAT(book.Propose(kPrompt, {}, 2).tokens, ElementsAre(5, 5));
}

TEST(DraftBookTest, NothingKnownOrMatchingProposesNothing) {
  DraftBook book;
  const std::vector<int32_t> answer = {1, 2};
  EXPECT_THAT(book.Propose(kPrompt, answer, 4).tokens, IsEmpty());
  const std::vector<int32_t> other = {3, 4};
  book.Learn(kPrompt, other);
  EXPECT_THAT(book.Propose(kPrompt, answer, 4).tokens, IsEmpty());
  EXPECT_THAT(book.Propose(Sha256("another"), other, 4).tokens, IsEmpty());
  EXPECT_THAT(book.Propose(kPrompt, other, 4).tokens, IsEmpty());  // the known answer ends here too
}

TEST(DraftBookTest, ChancesFollowWhatIsObserved) {
  DraftBook book;
  EXPECT_LT(book.Chance(1), book.Chance(20));
  for (int i = 0; i < 5000; ++i) book.Observe(20, i % 4 == 0);
  EXPECT_NEAR(book.Chance(20), 0.25, 0.02);
  for (int i = 0; i < 5000; ++i) book.Observe(20, true);  // and forgets what was long ago
  EXPECT_GT(book.Chance(20), 0.7);
}

}  // namespace
}  // namespace sprint::testing
