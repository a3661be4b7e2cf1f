#include "model/bpe.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "model/utf8.h"

namespace sprint {
namespace {

// GPT-2's bytes_to_unicode: printable bytes stand for themselves, the others for U+0100 on, in order.
constexpr int kAlphabetEnd = 0x144;
std::array<int16_t, kAlphabetEnd> MakeByteOfCode() {
  std::array<int16_t, kAlphabetEnd> byte_of;
  byte_of.fill(-1);
  int next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    byte_of[static_cast<size_t>(printable ? byte : next++)] = static_cast<int16_t>(byte);
  }
  return byte_of;
}

// A pair of neighbours that a merge may join; the lowest rank first, then the leftmost.
struct Candidate {
  uint32_t rank;
  int32_t position;
  int32_t left, right, result;
  bool operator<(const Candidate& other) const {  // std heaps keep the largest on top
    return std::pair(rank, position) > std::pair(other.rank, other.position);
  }
};

struct Symbol {
  int32_t id;
  int32_t previous, next;  // -1: none
};

}  // namespace

std::optional<std::string> BytesOfSpelling(absl::string_view token) {
  static const std::array<int16_t, kAlphabetEnd> kByteOf = MakeByteOfCode();
  std::string bytes;
  while (!token.empty()) {
    const Utf8Char c = FirstChar(token);
    if (!c.valid || c.code >= kAlphabetEnd || kByteOf[c.code] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(kByteOf[c.code]));
    token.remove_prefix(c.size);
  }
  return bytes;
}

void ByteBpe::AddToken(absl::string_view spelling, int32_t id) {
  by_spelling_.emplace(std::string(spelling), id);
  const std::optional<std::string> bytes = BytesOfSpelling(spelling);
  if (!bytes || bytes->empty()) return;
  if (bytes->size() == 1) byte_ids_[static_cast<uint8_t>((*bytes)[0])] = id;
  by_bytes_.emplace(*bytes, id);
}

absl::Status ByteBpe::AddMerge(absl::string_view left, absl::string_view right) {
  const std::string joined = absl::StrCat(left, right);
  const std::optional<int32_t> a = Find(left), b = Find(right), result = Find(joined);
  if (!a || !b || !result) {
    const absl::string_view missing = !a ? left : !b ? right : absl::string_view(joined);
    return Error(absl::StatusCode::kInvalidArgument, Reason::kTokenizerDamaged,
                 absl::StrCat("merge ", merge_order_.size(), " (", left, " + ", right, "): the token ",
                              missing, " is not in the vocabulary"));
  }
  merges_.insert_or_assign(Key(*a, *b), Merge{static_cast<uint32_t>(merge_order_.size()), *result});
  merge_order_.emplace_back(*a, *b);
  return absl::OkStatus();
}

std::optional<int32_t> ByteBpe::Find(absl::string_view spelling) const {
  const auto it = by_spelling_.find(spelling);
  if (it == by_spelling_.end()) return std::nullopt;
  return it->second;
}

bool ByteBpe::HasAllBytes() const {
  return std::all_of(byte_ids_.begin(), byte_ids_.end(), [](int32_t id) { return id >= 0; });
}

std::vector<int32_t> ByteBpe::SymbolsOf(absl::string_view word) const {
  std::vector<int32_t> ids;
  ids.reserve(word.size());
  bool after_unknown = false;
  for (const char c : word) {
    const int32_t id = byte_ids_[static_cast<uint8_t>(c)];
    if (id >= 0) {
      ids.push_back(id);
    } else if (options_.unknown && !(options_.fuse_unknown && after_unknown)) {
      ids.push_back(*options_.unknown);
    }
    after_unknown = id < 0;
  }
  return ids;
}

void ByteBpe::Append(absl::string_view word, std::vector<int32_t>& out) const {
  if (options_.ignore_merges) {
    const auto whole = by_bytes_.find(word);
    if (whole != by_bytes_.end()) return out.push_back(whole->second);
  }
  const std::vector<int32_t> ids = SymbolsOf(word);
  const auto count = static_cast<int32_t>(ids.size());
  std::vector<Symbol> symbols(ids.size());
  for (int32_t i = 0; i < count; ++i) {
    symbols[static_cast<size_t>(i)] = {ids[static_cast<size_t>(i)], i - 1, i + 1 < count ? i + 1 : -1};
  }
  const auto at = [&](int32_t i) -> Symbol& { return symbols[static_cast<size_t>(i)]; };
  std::vector<Candidate> heap;
  const auto consider = [&](int32_t position) {
    if (position < 0 || at(position).next < 0) return;
    const int32_t left = at(position).id, right = at(at(position).next).id;
    const auto merge = merges_.find(Key(left, right));
    if (merge == merges_.end()) return;
    heap.push_back({merge->second.rank, position, left, right, merge->second.result});
    std::push_heap(heap.begin(), heap.end());
  };
  for (int32_t i = 0; i + 1 < count; ++i) consider(i);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    const Candidate top = heap.back();
    heap.pop_back();
    Symbol& left = at(top.position);
    // An earlier merge may have taken either part: then the pair is no longer there.
    if (left.id != top.left || left.next < 0 || at(left.next).id != top.right) continue;
    Symbol& right = at(left.next);
    left.id = top.result;
    right.id = -1;
    left.next = right.next;
    if (left.next >= 0) at(left.next).previous = top.position;
    consider(left.previous);
    consider(top.position);
  }
  for (int32_t i = count > 0 ? 0 : -1; i >= 0; i = at(i).next) out.push_back(at(i).id);
}

void ByteBpe::AddTo(Hasher& hasher) const {
  std::vector<std::pair<int32_t, absl::string_view>> tokens;
  tokens.reserve(by_spelling_.size());
  for (const auto& [spelling, id] : by_spelling_) tokens.emplace_back(id, spelling);
  std::sort(tokens.begin(), tokens.end());
  std::vector<int32_t> ids;
  for (const auto& [id, spelling] : tokens) {
    ids.push_back(id);
    hasher.Add("t", spelling);
  }
  hasher.AddInts("ids", ids);
  std::vector<int32_t> merges;
  merges.reserve(merge_order_.size() * 2);
  for (const auto& [left, right] : merge_order_) merges.insert(merges.end(), {left, right});
  hasher.AddInts("merges", merges)
      .AddInt("ignore_merges", options_.ignore_merges)
      .AddInt("unknown", options_.unknown.value_or(-1))
      .AddInt("fuse_unknown", options_.fuse_unknown);
}

}  // namespace sprint
