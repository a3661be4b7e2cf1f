// The regular expressions of tokenizers, run by PCRE2 with the meaning Oniguruma gives them (which
// is what tokenizer.json files are written for). Internal to this room.
#ifndef SPRINT_MODEL_REGEX_H_
#define SPRINT_MODEL_REGEX_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sprint {

// Immutable; thread-safe.
class Regex {
 public:
  // UNIMPLEMENTED (kTokenizerUnsupported): a pattern that PCRE2 cannot read or would read otherwise.
  static absl::StatusOr<std::shared_ptr<const Regex>> Compile(absl::string_view pattern);
  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  // Calls `found(begin, end)` for every match that is not empty, from left to right.
  // REQUIRES: `text` is valid UTF-8.
  void ForEachMatch(absl::string_view text, const std::function<void(size_t, size_t)>& found) const;

 private:
  struct Code;
  explicit Regex(std::unique_ptr<Code> code);
  std::unique_ptr<Code> code_;
};

}  // namespace sprint

#endif  // SPRINT_MODEL_REGEX_H_
