#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace sprint {
namespace {

void StoreLittle64(uint64_t value, std::array<uint8_t, 8>& out) {
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>(value >> (8 * i));
}

}  // namespace

std::string Hash256::Hex() const { return absl::BytesToHexString(Raw()); }
std::string Hash256::Short() const { return Hex().substr(0, 12); }

absl::StatusOr<Hash256> Hash256::FromRaw(absl::string_view raw) {
  Hash256 hash;
  if (raw.size() != hash.bytes.size()) {
    return absl::InvalidArgumentError(absl::StrCat("a content hash has 32 bytes, found ", raw.size()));
  }
  std::copy(raw.begin(), raw.end(), hash.bytes.begin());
  return hash;
}

absl::StatusOr<Hash256> Hash256::FromHex(absl::string_view hex) {
  Hash256 hash;
  bool digits = hex.size() == 2 * hash.bytes.size();
  for (size_t i = 0; digits && i < hash.bytes.size(); ++i) {
    const char* pair = hex.data() + 2 * i;
    digits = std::from_chars(pair, pair + 2, hash.bytes[i], 16).ptr == pair + 2;
  }
  if (!digits) return absl::InvalidArgumentError("a content hash is written as 64 hex digits");
  return hash;
}

struct Hasher::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Hasher::Hasher(absl::string_view domain) : state_(std::make_unique<State>()) {
  if (EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) != 1) std::abort();
  Add("domain", domain);
}
Hasher::~Hasher() = default;

void Hasher::Raw(const void* data, size_t size) { EVP_DigestUpdate(state_->context, data, size); }

Hasher& Hasher::Add(absl::string_view name, absl::string_view value) {
  std::array<uint8_t, 8> size;
  StoreLittle64(name.size(), size);
  Raw(size.data(), size.size());
  Raw(name.data(), name.size());
  StoreLittle64(value.size(), size);
  Raw(size.data(), size.size());
  Raw(value.data(), value.size());
  return *this;
}

Hasher& Hasher::Add(absl::string_view name, const Hash256& value) { return Add(name, value.Raw()); }

Hasher& Hasher::AddInt(absl::string_view name, int64_t value) {
  std::array<uint8_t, 8> bytes;
  StoreLittle64(static_cast<uint64_t>(value), bytes);
  return Add(name, absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

Hasher& Hasher::AddDouble(absl::string_view name, double value) {
  return AddInt(name, std::bit_cast<int64_t>(value == 0 ? 0.0 : value));
}

Hasher& Hasher::AddInts(absl::string_view name, absl::Span<const int32_t> values) {
  std::string bytes;
  bytes.reserve(values.size() * 4);
  for (const int32_t value : values) {
    const auto bits = static_cast<uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(bits >> shift));
  }
  return Add(name, bytes);
}

Hash256 Hasher::Finish() {
  Hash256 hash;
  unsigned int size = 0;
  if (EVP_DigestFinal_ex(state_->context, hash.bytes.data(), &size) != 1) std::abort();
  return hash;
}

Hash256 Sha256(absl::string_view data) {
  Hash256 hash;
  unsigned int size = 0;
  if (EVP_Digest(data.data(), data.size(), hash.bytes.data(), &size, EVP_sha256(), nullptr) != 1)
    std::abort();
  return hash;
}

Hash256 HmacSha256(absl::string_view key, absl::string_view data) {
  Hash256 hash;
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(data.data()), data.size(), hash.bytes.data(), &size);
  return hash;
}

bool ConstantTimeEquals(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string RandomBytes(size_t n) {
  std::string bytes(n, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(n)) != 1) std::abort();
  return bytes;
}

}  // namespace sprint
