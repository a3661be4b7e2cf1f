// What is known that may predict an answer's next tokens.
//
// Arms that answer one question agree over long stretches, answers repeat their question's words and numbers,
// and a model has phrases that it uses in every answer. The next tokens of an answer are drafted from the
// place that its end matches longest, in three sources: answers to the same prompt, finished or in progress;
// the prompt itself (prompt lookup, Saxena 2023); answers to other prompts. How likely a drafted token is to
// be right is learnt by source and by the length of the match, and the likeliest source is taken. (The
// relative published as SuffixDecoding, arXiv 2411.04975, weighs matches by frequency.) What is drafted
// decides how fast an answer is computed, never what it says. Not thread-safe.
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

enum class DraftSource { kSamePrompt, kPrompt, kOtherPrompts };

struct Draft {
  std::vector<int32_t> tokens;
  DraftSource source = DraftSource::kSamePrompt;
  int64_t match = 0;  // how many tokens before the first one the source has in common with the answer
};

// What an answer's next tokens are asked for with.
struct DraftQuery {
  Hash256 prompt;
  absl::Span<const int32_t> prompt_tokens;
  absl::Span<const int32_t> answer;               // so far
  std::vector<absl::Span<const int32_t>> others;  // answers to the prompt that are in progress
};

class DraftBook {
 public:
  DraftBook();
  // Adds an answer to `prompt`. The last kAnswers of kPrompts prompts are kept, and kOtherTokens of all.
  void Learn(const Hash256& prompt, absl::Span<const int32_t> answer);
  // At most `most` tokens to follow the answer so far; none when nothing matches.
  Draft Propose(const DraftQuery& query, int64_t most) const;

  // The probability that a drafted token is right when all before it are, by the length of the match
  // before it; and what became of one.
  double Chance(DraftSource source, int64_t match) const;
  void Observe(DraftSource source, int64_t match, bool right);

 private:
  static constexpr size_t kAnswers = 24;
  static constexpr size_t kPrompts = 128;
  static constexpr size_t kOtherTokens = size_t{1} << 18;
  static constexpr int kBuckets = 7;
  static constexpr int kSources = 3;
  struct Page {
    Hash256 prompt;
    std::list<std::vector<int32_t>> answers;  // the newest first
  };
  struct Tally {
    double right = 0;
    double seen = 0;
  };
  struct Place;  // in a source
  static int Bucket(int64_t match);
  void LearnPhrases(absl::Span<const int32_t> answer);
  Place InPhrases(absl::Span<const int32_t> answer) const;

  std::list<Page> pages_;  // the last used first
  absl::flat_hash_map<Hash256, std::list<Page>::iterator> by_prompt_;
  // Answers end to end, -1 between them, and where each run of three tokens was seen last.
  std::vector<int32_t> phrases_;
  absl::flat_hash_map<std::array<int32_t, 3>, int64_t> last_seen_;  // the end of the run
  std::array<std::array<Tally, kBuckets>, kSources> tallies_;
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_DRAFT_BOOK_H_
