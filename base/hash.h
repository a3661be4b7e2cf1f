// Content hashes: SHA-256 over framed fields, so that no two different lists of fields have the
// same bytes. Every identity of the house (run, question, arm, experiment) is made with this.
#ifndef SPRINT_BASE_HASH_H_
#define SPRINT_BASE_HASH_H_

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace sprint {

struct Hash256 {
  std::array<uint8_t, 32> bytes{};
  friend auto operator<=>(const Hash256&, const Hash256&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Hash256& hash) {
    return H::combine(std::move(h), hash.bytes);
  }
  // 64 lower-case hex digits, and the first 12 for people.
  std::string Hex() const;
  std::string Short() const;
  // The 32 raw bytes; valid as long as this object.
  absl::string_view Raw() const {
    return absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  // INVALID_ARGUMENT unless `raw` has 32 bytes / `hex` has 64 hex digits.
  static absl::StatusOr<Hash256> FromRaw(absl::string_view raw);
  static absl::StatusOr<Hash256> FromHex(absl::string_view hex);
};

// Hashes a record of named fields. `domain` says what kind of thing is hashed ("run", "arm", …) and
// its layout's version ("arm/1"): two kinds never collide, and a changed layout changes every hash.
// Not thread-safe.
class Hasher {
 public:
  explicit Hasher(absl::string_view domain);
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  // Each Add frames its field as (name length, name, value length, value).
  Hasher& Add(absl::string_view name, absl::string_view value);
  Hasher& Add(absl::string_view name, const char* value) { return Add(name, absl::string_view(value)); }
  Hasher& Add(absl::string_view name, const Hash256& value);
  Hasher& AddInt(absl::string_view name, int64_t value);
  Hasher& AddDouble(absl::string_view name, double value);  // by its bits; -0 counts as 0
  Hasher& AddInts(absl::string_view name, absl::Span<const int32_t> values);
  // REQUIRES: called once.
  Hash256 Finish();

 private:
  struct State;
  void Raw(const void* data, size_t size);
  std::unique_ptr<State> state_;
};

// SHA-256 of bare bytes.
Hash256 Sha256(absl::string_view data);
// HMAC-SHA-256, and a comparison that takes equal time whatever differs.
Hash256 HmacSha256(absl::string_view key, absl::string_view data);
bool ConstantTimeEquals(absl::string_view a, absl::string_view b);
// `n` bytes from the operating system's random source.
std::string RandomBytes(size_t n);

}  // namespace sprint

#endif  // SPRINT_BASE_HASH_H_
