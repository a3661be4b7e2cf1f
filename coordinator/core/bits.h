// A fixed number of bits that remembers how many are set.
#ifndef SPRINT_COORDINATOR_CORE_BITS_H_
#define SPRINT_COORDINATOR_CORE_BITS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sprint {

// Positions count from 0. REQUIRES of every call: a position below size().
class Bits {
 public:
  Bits() = default;
  // All set.
  explicit Bits(int32_t size)
      : words_((static_cast<size_t>(size) + 63) / 64, ~uint64_t{0}), size_(size), count_(size) {
    if (size % 64 != 0) words_.back() = (uint64_t{1} << (size % 64)) - 1;
  }
  int32_t size() const { return size_; }
  int32_t count() const { return count_; }
  bool Test(int32_t i) const { return ((words_[Word(i)] >> (i % 64)) & 1) != 0; }
  void Set(int32_t i) {
    if (Test(i)) return;
    words_[Word(i)] |= uint64_t{1} << (i % 64);
    ++count_;
  }
  void Clear(int32_t i) {
    if (!Test(i)) return;
    words_[Word(i)] &= ~(uint64_t{1} << (i % 64));
    --count_;
  }
  // The first set position at or after `from`; -1 when there is none. O(size / 64).
  int32_t Next(int32_t from) const {
    if (from >= size_) return -1;
    size_t word = Word(from);
    uint64_t bits = words_[word] & (~uint64_t{0} << (from % 64));
    while (bits == 0) {
      if (++word == words_.size()) return -1;
      bits = words_[word];
    }
    return static_cast<int32_t>(word * 64) + __builtin_ctzll(bits);
  }
  int64_t bytes() const { return static_cast<int64_t>(words_.size() * sizeof(uint64_t)); }

 private:
  static size_t Word(int32_t i) { return static_cast<size_t>(i) / 64; }
  std::vector<uint64_t> words_;
  int32_t size_ = 0;
  int32_t count_ = 0;
};

}  // namespace sprint

#endif  // SPRINT_COORDINATOR_CORE_BITS_H_
