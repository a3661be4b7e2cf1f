// Byte-pair encoding over bytes: merges by rank, leftmost first (Sennrich et al. 2016; byte-level as
// GPT-2). Internal to this room.
#ifndef SPRINT_MODEL_BPE_H_
#define SPRINT_MODEL_BPE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/hash.h"

namespace sprint {

// GPT-2's printable spelling of bytes: a token "Ġthe" is the bytes " the". Nullopt when `token` has
// a character outside that alphabet.
std::optional<std::string> BytesOfSpelling(absl::string_view token);

// Immutable once built; Append is thread-safe.
class ByteBpe {
 public:
  // What becomes of a byte that the vocabulary lacks: dropped, or `unknown`, once per byte or once
  // per run of them.
  struct Options {
    bool ignore_merges = false;  // a word that is a token as a whole is that token
    std::optional<int32_t> unknown;
    bool fuse_unknown = false;
  };

  // Adds a token in its printable spelling. One outside the alphabet is never made by merging.
  void AddToken(absl::string_view spelling, int32_t id);
  // Merges are added in the order of their rank. INVALID_ARGUMENT (kTokenizerDamaged) when a part or
  // the result is not in the vocabulary. REQUIRES: all tokens have been added.
  absl::Status AddMerge(absl::string_view left, absl::string_view right);
  void set_options(Options options) { options_ = options; }

  std::optional<int32_t> Find(absl::string_view spelling) const;
  bool HasAllBytes() const;
  void Append(absl::string_view word, std::vector<int32_t>& out) const;
  void AddTo(Hasher& hasher) const;

 private:
  struct Merge {
    uint32_t rank;
    int32_t result;
  };
  static uint64_t Key(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  std::vector<int32_t> SymbolsOf(absl::string_view word) const;

  Options options_;
  absl::flat_hash_map<std::string, int32_t> by_spelling_;
  absl::flat_hash_map<std::string, int32_t> by_bytes_;
  std::array<int32_t, 256> byte_ids_ = [] {
    std::array<int32_t, 256> none;
    none.fill(-1);
    return none;
  }();
  absl::flat_hash_map<uint64_t, Merge> merges_;
  std::vector<std::pair<int32_t, int32_t>> merge_order_;
};

}  // namespace sprint

#endif  // SPRINT_MODEL_BPE_H_
