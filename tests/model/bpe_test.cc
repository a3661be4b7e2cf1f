#include "model/bpe.h"

#include <algorithm>

#include "base/status.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::ElementsAre;

// Letters a to h, and merges of random pairs of tokens made so far; the ranks are the order.
struct RandomBpe {
  ByteBpe bpe;
  std::vector<std::pair<std::string, std::string>> merges;
  std::vector<std::string> tokens;
};

uint64_t Next(uint64_t& state) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return state >> 33;
}

RandomBpe MakeRandom(uint64_t seed) {
  RandomBpe made;
  for (char c = 'a'; c <= 'd'; ++c) made.tokens.emplace_back(1, c);
  for (int i = 0; i < 12; ++i) {
    const std::string left = made.tokens[Next(seed) % made.tokens.size()];
    const std::string right = made.tokens[Next(seed) % made.tokens.size()];
    bool known = false;
    for (const auto& merge : made.merges) known |= merge == std::pair(left, right);
    if (known || left.size() + right.size() > 8) continue;
    made.merges.emplace_back(left, right);
    if (std::find(made.tokens.begin(), made.tokens.end(), left + right) == made.tokens.end())
      made.tokens.push_back(left + right);
  }
  for (size_t id = 0; id < made.tokens.size(); ++id)
    made.bpe.AddToken(made.tokens[id], static_cast<int32_t>(id));
  for (const auto& [left, right] : made.merges) EXPECT_OK(made.bpe.AddMerge(left, right));
  return made;
}

// The definition: again and again, the first merge in the list that fits, at its leftmost place.
std::vector<std::string> MergeSlowly(const RandomBpe& made, const std::string& word) {
  std::vector<std::string> parts;
  for (const char c : word) parts.emplace_back(1, c);
  for (bool merged = true; merged;) {
    merged = false;
    for (const auto& [left, right] : made.merges) {
      for (size_t i = 0; i + 1 < parts.size() && !merged; ++i) {
        if (parts[i] != left || parts[i + 1] != right) continue;
        parts[i] += right;
        parts.erase(parts.begin() + static_cast<int64_t>(i) + 1);
        merged = true;
      }
      if (merged) break;
    }
  }
  return parts;
}

TEST(ByteBpe, EqualsTheDefinitionOnRandomVocabularies) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const RandomBpe made = MakeRandom(seed);
    uint64_t state = seed + 1000;
    std::string word;
    for (uint64_t i = 0; i < 1 + seed % 40; ++i) word.push_back(static_cast<char>('a' + Next(state) % 4));
    std::vector<int32_t> ids;
    made.bpe.Append(word, ids);
    std::vector<std::string> parts;
    for (const int32_t id : ids) parts.push_back(made.tokens[static_cast<size_t>(id)]);
    ASSERT_EQ(parts, MergeSlowly(made, word)) << "seed " << seed << ", " << word;
  }
}

TEST(ByteBpe, AWholeWordMaySkipTheMerges) {
  ByteBpe bpe;
  for (int32_t id = 0; id < 3; ++id) bpe.AddToken(std::string(1, static_cast<char>('a' + id)), id);
  bpe.AddToken("abc", 3);
  std::vector<int32_t> ids;
  bpe.Append("abc", ids);
  EXPECT_THAT(ids, ElementsAre(0, 1, 2));
  bpe.set_options({.ignore_merges = true, .unknown = std::nullopt, .fuse_unknown = false});
  ids.clear();
  bpe.Append("abc", ids);
  EXPECT_THAT(ids, ElementsAre(3));
}

TEST(ByteBpe, BytesWithoutATokenAreDroppedOrUnknown) {
  ByteBpe bpe;
  bpe.AddToken("a", 0);
  const auto encode = [&](ByteBpe::Options options) {
    bpe.set_options(options);
    std::vector<int32_t> ids;
    bpe.Append("axxa", ids);
    return ids;
  };
  EXPECT_THAT(encode({}), ElementsAre(0, 0));
  EXPECT_THAT(encode({.ignore_merges = false, .unknown = 9, .fuse_unknown = false}), ElementsAre(0, 9, 9, 0));
  EXPECT_THAT(encode({.ignore_merges = false, .unknown = 9, .fuse_unknown = true}), ElementsAre(0, 9, 0));
  EXPECT_FALSE(bpe.HasAllBytes());
}

TEST(ByteBpe, SpellingsAreGpt2s) {
  EXPECT_EQ(BytesOfSpelling("\xc4\xa0the"), " the");
  EXPECT_EQ(BytesOfSpelling("\xc4\x8a"), "\n");
  EXPECT_EQ(BytesOfSpelling("\xc3\xa9"), "\xe9");
  EXPECT_EQ(BytesOfSpelling("\xe2\x96\x81x"), std::nullopt);
  EXPECT_EQ(BytesOfSpelling("a b"), std::nullopt);
}

}  // namespace
}  // namespace sprint
