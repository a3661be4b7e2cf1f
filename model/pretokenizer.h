// How a tokenizer cuts text into words before it merges bytes: a pipeline of splits. Internal to
// this room.
#ifndef SPRINT_MODEL_PRETOKENIZER_H_
#define SPRINT_MODEL_PRETOKENIZER_H_

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/regex.h"

namespace sprint {

// The splits known by name, as Hugging Face writes them.
inline constexpr char kGpt2Pattern[] =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
inline constexpr char kLlama3Pattern[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr char kQwen2Pattern[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// Immutable once built; Split is thread-safe.
class PreTokenizer {
 public:
  // Stages run in the order they are added, each on the pieces of the one before.
  // Matches and what lies between them become pieces of their own ("Isolated"); or one of the two is
  // dropped ("Removed").
  enum class Keep { kBoth, kMatches, kGaps };
  absl::Status AddRegex(absl::string_view pattern, Keep keep);
  // Each numeric character its own piece, or each run of them.
  void AddDigits(bool individual);
  // A space before each piece that does not begin with white space.
  void AddPrefixSpace();

  // The pieces of `text`, in order. They view `text` or `storage`. REQUIRES: valid UTF-8.
  std::vector<absl::string_view> Split(absl::string_view text, std::list<std::string>& storage) const;

  // A canonical spelling of the stages, for the fingerprint; and "gpt2", "llama3", "qwen2",
  // "smollm", or "own".
  std::string Spelling() const;
  std::string Name() const;

 private:
  struct Stage {
    enum class Kind { kRegex, kDigits, kDigitRuns, kPrefixSpace };
    Kind kind;
    std::shared_ptr<const Regex> regex;
    std::string pattern;
    Keep keep = Keep::kBoth;
  };
  std::vector<Stage> stages_;
};

}  // namespace sprint

#endif  // SPRINT_MODEL_PRETOKENIZER_H_
