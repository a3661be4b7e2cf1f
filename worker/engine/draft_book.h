// The answers that are known for a prompt, and what they predict for another answer to it.
//
// Arms that answer one question agree over long stretches. The next tokens of an answer are drafted
// from the place in a known answer that the answer's end matches longest (the relative published as
// SuffixDecoding, arXiv 2411.04975, weighs such matches by frequency). How likely a draft's next token is
// to be right is learnt by the length of the match. What is drafted decides how fast an answer is
// computed, never what it says. Not thread-safe.
#ifndef SPRINT_WORKER_ENGINE_DRAFT_BOOK_H_
#define SPRINT_WORKER_ENGINE_DRAFT_BOOK_H_

#include <array>
#include <cstdint>
#include <list>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "base/hash.h"

namespace sprint {

struct Draft {
  std::vector<int32_t> tokens;
  int64_t match = 0;  // how many tokens before the first one the known answer has in common
};

class DraftBook {
 public:
  DraftBook();
  // Adds an answer to `prompt`. The last kAnswers of kPrompts prompts are kept.
  void Learn(const Hash256& prompt, absl::Span<const int32_t> answer);
  // At most `most` tokens to follow `answer` so far; none when nothing matches.
  Draft Propose(const Hash256& prompt, absl::Span<const int32_t> answer, int64_t most);

  // The probability that a drafted token is right when all before it are, by the length of the match
  // before it; and what became of one.
  double Chance(int64_t match) const;
  void Observe(int64_t match, bool right);

 private:
  static constexpr size_t kAnswers = 24;
  static constexpr size_t kPrompts = 128;
  static constexpr int kBuckets = 7;
  struct Page {
    Hash256 prompt;
    std::list<std::vector<int32_t>> answers;  // the newest first
  };
  struct Tally {
    double right = 0;
    double seen = 0;
  };
  static int Bucket(int64_t match);

  std::list<Page> pages_;  // the last used first
  absl::flat_hash_map<Hash256, std::list<Page>::iterator> by_prompt_;
  std::array<Tally, kBuckets> tallies_;
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_DRAFT_BOOK_H_
