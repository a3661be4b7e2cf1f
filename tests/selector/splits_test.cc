#include "selector/splits.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/rng.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::ElementsAre;

std::set<std::string> Triples(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : NormalisedQuestion(text) + " ") {
    if (c != ' ') {
      word += c;
    } else {
      words.push_back(word);
      word.clear();
    }
  }
  std::set<std::string> triples;
  if (words.size() < 3) triples.insert(NormalisedQuestion(text));
  for (size_t i = 0; i + 2 < words.size(); ++i)
    triples.insert(absl::StrCat(words[i], " ", words[i + 1], " ", words[i + 2]));
  return triples;
}

double PlainJaccard(const std::string& a, const std::string& b) {
  const std::set<std::string> x = Triples(a);
  const std::set<std::string> y = Triples(b);
  std::vector<std::string> common;
  std::set_intersection(x.begin(), x.end(), y.begin(), y.end(), std::back_inserter(common));
  return static_cast<double>(common.size()) / static_cast<double>(x.size() + y.size() - common.size());
}

// Groups by comparing every pair.
std::vector<int32_t> PlainGroups(const std::vector<std::string>& texts, double threshold) {
  std::vector<int32_t> group(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) group[i] = static_cast<int32_t>(i);
  for (size_t i = 0; i < texts.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (PlainJaccard(texts[i], texts[j]) < threshold - 1e-12) continue;
      const int32_t from = group[i];
      for (int32_t& g : group) g = g == from ? group[j] : g;
    }
  }
  std::vector<int32_t> seen;
  for (int32_t& g : group) {
    auto found = std::find(seen.begin(), seen.end(), g);
    if (found == seen.end()) found = seen.insert(seen.end(), g);
    g = static_cast<int32_t>(found - seen.begin());
  }
  return group;
}

TEST(SplitsTest, NormalisesCaseSpacingAndPunctuationAway) {
  EXPECT_EQ(NormalisedQuestion("  What IS 3+4,\n then? "), "what is 3 4 then");
  EXPECT_EQ(NormalisedQuestion("...!"), "");
}

TEST(SplitsTest, PutsTextsThatDifferLittleIntoOneGroup) {
  const std::vector<std::string> texts = {
      "Ann buys 7 pens at 12 dollars each and pays with a note of 100 dollars today",
      "Start with 3. Double it.",
      "ann buys 7 pens at 12 dollars each, and pays with a note of 100 dollars, now!",
      "start with 3 double it", "An entirely different question about rivers and their length in kilometres"};
  EXPECT_THAT(NearDuplicateGroups(texts, 0.7), ElementsAre(0, 1, 0, 1, 2));
}

TEST(SplitsTest, FindsTheSameGroupsAsComparingEveryPair) {
  CounterRng rng(7, 1);
  const std::vector<std::string> words = {"one", "two", "three", "four", "five"};
  for (const double threshold : {0.3, 0.5, 0.7, 0.9}) {
    std::vector<std::string> texts;
    for (int i = 0; i < 120; ++i) {
      std::string text;
      const uint64_t length = rng.NextBelow(9);
      for (uint64_t w = 0; w < length; ++w) absl::StrAppend(&text, words[rng.NextBelow(words.size())], " ");
      texts.push_back(text);
    }
    EXPECT_EQ(NearDuplicateGroups(texts, threshold), PlainGroups(texts, threshold)) << threshold;
  }
}

TEST(SplitsTest, DealsWholeGroupsOutAndTheSeedAloneDecidesWhich) {
  std::vector<int32_t> groups;
  for (int32_t i = 0; i < 400; ++i) groups.push_back(i / 2);
  SplitOptions options;
  const std::vector<Split> splits = MakeSplits(groups, {}, options);
  for (size_t i = 0; i < groups.size(); i += 2) EXPECT_EQ(splits[i], splits[i + 1]);
  EXPECT_NEAR(static_cast<double>(std::count(splits.begin(), splits.end(), Split::kTest)), 120, 2);
  EXPECT_NEAR(static_cast<double>(std::count(splits.begin(), splits.end(), Split::kValidation)), 60, 2);
  EXPECT_EQ(MakeSplits(groups, {}, options), splits);
  options.seed = 2;
  EXPECT_NE(MakeSplits(groups, {}, options), splits);
}

TEST(SplitsTest, DropsTheNearDuplicatesOfGivenTestQuestions) {
  const std::vector<int32_t> groups = {0, 0, 1, 2, 3};
  SplitOptions options;
  options.validation_fraction = 0.2;
  const std::vector<Split> splits = MakeSplits(groups, {true, false, false, false, false}, options);
  EXPECT_EQ(splits[0], Split::kTest);
  EXPECT_EQ(splits[1], Split::kDropped);
  EXPECT_EQ(std::count(splits.begin(), splits.end(), Split::kValidation), 1);
  EXPECT_EQ(std::count(splits.begin(), splits.end(), Split::kTrain), 2);
}

TEST(SplitsTest, RefusesSharesThatLeaveNothingToTrainOn) {
  SplitOptions options;
  options.test_fraction = 0.9;
  EXPECT_EQ(CheckSplitOptions(options).code(), absl::StatusCode::kInvalidArgument);
  options = {};
  options.validation_fraction = 0;
  EXPECT_EQ(CheckSplitOptions(options).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_OK(CheckSplitOptions({}));
}

}  // namespace
}  // namespace sprint
