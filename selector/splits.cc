#include "selector/splits.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numeric>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/rng.h"

namespace sprint {
namespace {

constexpr size_t kShingleWords = 3;
constexpr uint64_t kSplitStream = 0x73706c69;  // "spli"

// The set of a text's word triples as sorted numbers; equal triples of different texts share a number.
// A text of fewer words is one shingle.
std::vector<std::vector<int32_t>> ShingleSets(absl::Span<const std::string> texts) {
  absl::flat_hash_map<std::string, int32_t> number;
  std::vector<std::vector<int32_t>> sets;
  for (const std::string& text : texts) {
    const std::string normal = NormalisedQuestion(text);
    const std::vector<absl::string_view> words = absl::StrSplit(normal, ' ', absl::SkipEmpty());
    std::vector<int32_t> set;
    const size_t count = words.size() < kShingleWords ? 1 : words.size() - kShingleWords + 1;
    for (size_t at = 0; at < count; ++at) {
      std::string shingle;
      for (size_t word = at; word < std::min(at + kShingleWords, words.size()); ++word)
        absl::StrAppend(&shingle, words[word], " ");
      set.push_back(number.try_emplace(shingle, static_cast<int32_t>(number.size())).first->second);
    }
    std::sort(set.begin(), set.end());
    set.erase(std::unique(set.begin(), set.end()), set.end());
    sets.push_back(std::move(set));
  }
  return sets;
}

// Renumbers the shingles so that rare ones come first.
void OrderByRarity(std::vector<std::vector<int32_t>>& sets) {
  std::vector<int64_t> uses;
  for (const auto& set : sets) {
    for (const int32_t shingle : set) {
      if (static_cast<size_t>(shingle) >= uses.size()) uses.resize(static_cast<size_t>(shingle) + 1);
      ++uses[static_cast<size_t>(shingle)];
    }
  }
  std::vector<int32_t> order(uses.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return std::make_pair(uses[static_cast<size_t>(a)], a) < std::make_pair(uses[static_cast<size_t>(b)], b);
  });
  std::vector<int32_t> rank(uses.size());
  for (size_t i = 0; i < order.size(); ++i) rank[static_cast<size_t>(order[i])] = static_cast<int32_t>(i);
  for (auto& set : sets) {
    for (int32_t& shingle : set) shingle = rank[static_cast<size_t>(shingle)];
    std::sort(set.begin(), set.end());
  }
}

double Jaccard(const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
  size_t common = 0;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j]) {
      ++common, ++i, ++j;
    } else {
      a[i] < b[j] ? ++i : ++j;
    }
  }
  return static_cast<double>(common) / static_cast<double>(a.size() + b.size() - common);
}

int32_t Root(std::vector<int32_t>& parent, int32_t node) {
  while (parent[static_cast<size_t>(node)] != node) {
    int32_t& up = parent[static_cast<size_t>(node)];
    up = parent[static_cast<size_t>(up)];
    node = up;
  }
  return node;
}

}  // namespace

absl::string_view SplitName(Split split) {
  switch (split) {
    case Split::kTrain:
      return "train";
    case Split::kValidation:
      return "validation";
    case Split::kTest:
      return "test";
    case Split::kDropped:
      return "dropped";
  }
  return "unknown";
}

absl::Status CheckSplitOptions(const SplitOptions& options) {
  const auto bad = [](absl::string_view name, double value, absl::string_view expected) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is ", value, "; it must be ", expected));
  };
  if (!(options.test_fraction >= 0 && options.test_fraction < 1))
    return bad("the share of test questions", options.test_fraction, "at least 0 and below 1");
  if (!(options.validation_fraction > 0 && options.validation_fraction < 1))
    return bad("the share of validation questions", options.validation_fraction, "above 0 and below 1");
  if (options.test_fraction + options.validation_fraction >= 1)
    return bad("the share of test and validation questions together",
               options.test_fraction + options.validation_fraction,
               "below 1, so that some are left to train on");
  if (!(options.near_duplicate > 0)) return bad("near-duplicate", options.near_duplicate, "above 0");
  return absl::OkStatus();
}

std::string NormalisedQuestion(absl::string_view text) {
  std::string normal;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || byte >= 0x80) {
      normal.push_back(static_cast<char>(byte < 0x80 ? std::tolower(byte) : byte));
    } else if (!normal.empty() && normal.back() != ' ') {
      normal.push_back(' ');
    }
  }
  while (!normal.empty() && normal.back() == ' ') normal.pop_back();
  return normal;
}

std::vector<int32_t> NearDuplicateGroups(absl::Span<const std::string> texts, double threshold) {
  std::vector<std::vector<int32_t>> sets = ShingleSets(texts);
  OrderByRarity(sets);
  const double least = std::min(threshold, 1.0);
  std::vector<int32_t> parent(texts.size());
  std::iota(parent.begin(), parent.end(), 0);
  absl::flat_hash_map<int32_t, std::vector<int32_t>>
      posting;  // shingle -> texts that have it in their prefix
  for (size_t i = 0; i < sets.size(); ++i) {
    // Two sets that are similar enough share one of each other's rarest `prefix` shingles.
    const size_t size = sets[i].size();
    const size_t prefix = size - static_cast<size_t>(std::ceil(least * static_cast<double>(size) - 1e-9)) + 1;
    std::vector<int32_t> candidates;
    for (size_t s = 0; s < std::min(prefix, size); ++s) {
      std::vector<int32_t>& list = posting[sets[i][s]];
      candidates.insert(candidates.end(), list.begin(), list.end());
      list.push_back(static_cast<int32_t>(i));
    }
    std::sort(candidates.begin(), candidates.end());
    candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
    for (const int32_t other : candidates) {
      const int32_t a = Root(parent, static_cast<int32_t>(i));
      const int32_t b = Root(parent, other);
      if (a == b || Jaccard(sets[i], sets[static_cast<size_t>(other)]) < least - 1e-12) continue;
      parent[static_cast<size_t>(std::max(a, b))] = std::min(a, b);
    }
  }
  absl::flat_hash_map<int32_t, int32_t> number;
  std::vector<int32_t> groups;
  for (size_t i = 0; i < sets.size(); ++i) {
    const int32_t root = Root(parent, static_cast<int32_t>(i));
    groups.push_back(number.try_emplace(root, static_cast<int32_t>(number.size())).first->second);
  }
  return groups;
}

std::vector<Split> MakeSplits(absl::Span<const int32_t> groups, const std::vector<bool>& is_test,
                              const SplitOptions& options) {
  const int32_t group_count = groups.empty() ? 0 : *std::max_element(groups.begin(), groups.end()) + 1;
  std::vector<int64_t> sizes(static_cast<size_t>(group_count), 0);
  std::vector<bool> touches_test(static_cast<size_t>(group_count), false);
  for (size_t i = 0; i < groups.size(); ++i) {
    ++sizes[static_cast<size_t>(groups[i])];
    if (!is_test.empty() && is_test[i]) touches_test[static_cast<size_t>(groups[i])] = true;
  }
  std::vector<int32_t> order(static_cast<size_t>(group_count));
  std::iota(order.begin(), order.end(), 0);
  CounterRng rng(options.seed, kSplitStream);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.NextBelow(i)]);

  const double total = static_cast<double>(groups.size());
  double want_test = is_test.empty() ? options.test_fraction * total : 0;
  double want_validation = options.validation_fraction * total;
  std::vector<Split> of_group(static_cast<size_t>(group_count), Split::kTrain);
  for (const int32_t group : order) {
    const auto g = static_cast<size_t>(group);
    const auto size = static_cast<double>(sizes[g]);
    if (touches_test[g]) {
      of_group[g] = Split::kDropped;
    } else if (want_test >= size / 2 && want_test > 0) {
      of_group[g] = Split::kTest;
      want_test -= size;
    } else if (want_validation >= size / 2 && want_validation > 0) {
      of_group[g] = Split::kValidation;
      want_validation -= size;
    }
  }
  std::vector<Split> splits;
  for (size_t i = 0; i < groups.size(); ++i) {
    const bool test = !is_test.empty() && is_test[i];
    splits.push_back(test ? Split::kTest : of_group[static_cast<size_t>(groups[i])]);
  }
  return splits;
}

}  // namespace sprint
