#include "storage/payload.h"

#include <zstd.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace sprint {
namespace {

constexpr uint64_t kMaxBytes = uint64_t{256} << 20;
// Answers are a few hundred bytes: the fastest level loses little on them.
constexpr int kLevel = 1;

absl::Status Damaged(absl::string_view why) {
  return Error(absl::StatusCode::kDataLoss, Reason::kDatabaseCorrupt,
               absl::StrCat("a stored payload is damaged (", why, "): restore a backup of the database"));
}

}  // namespace

struct PayloadEncoder::Context {
  ZSTD_CCtx* zstd = ZSTD_createCCtx();
  std::string tokens;  // bytes of the ids being encoded
  ~Context() { ZSTD_freeCCtx(zstd); }
};

PayloadEncoder::PayloadEncoder() : context_(std::make_unique<Context>()) {
  if (context_->zstd == nullptr) std::abort();  // out of memory
  ZSTD_CCtx_setParameter(context_->zstd, ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(context_->zstd, ZSTD_c_checksumFlag, 1);
}
PayloadEncoder::~PayloadEncoder() = default;

std::string PayloadEncoder::EncodeText(absl::string_view text) {
  std::string out;
  if (text.empty()) return out;
  out.resize(ZSTD_compressBound(text.size()));
  const size_t size = ZSTD_compress2(context_->zstd, out.data(), out.size(), text.data(), text.size());
  if (ZSTD_isError(size) != 0) std::abort();  // only for want of memory: the bound leaves room
  out.resize(size);
  return out;
}

std::string PayloadEncoder::EncodeTokens(absl::Span<const int32_t> tokens) {
  std::string& bytes = context_->tokens;
  bytes.clear();
  bytes.reserve(tokens.size() * 4);
  for (const int32_t token : tokens) {
    const auto bits = static_cast<uint32_t>(token);
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(bits >> shift));
  }
  return EncodeText(bytes);
}

EncodedPayload EncodePayload(absl::Span<const int32_t> tokens, absl::string_view text) {
  thread_local PayloadEncoder encoder;
  return {encoder.EncodeTokens(tokens), encoder.EncodeText(text)};
}

void EncodePayload(OutcomeRecord& outcome) {
  EncodedPayload encoded = EncodePayload(outcome.tokens, outcome.text);
  outcome.encoded_tokens = std::move(encoded.tokens);
  outcome.encoded_text = std::move(encoded.text);
}

absl::StatusOr<std::string> DecodeText(absl::string_view blob) {
  std::string out;
  if (blob.empty()) return out;
  const unsigned long long size = ZSTD_getFrameContentSize(blob.data(), blob.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) return Damaged("not a zstd frame");
  if (size > kMaxBytes) return Damaged(absl::StrCat("claims ", size, " bytes"));
  out.resize(size);
  const size_t got = ZSTD_decompress(out.data(), out.size(), blob.data(), blob.size());
  if (ZSTD_isError(got) != 0) return Damaged(ZSTD_getErrorName(got));
  if (got != size) return Damaged("shorter than it claims");
  return out;
}

absl::StatusOr<std::vector<int32_t>> DecodeTokens(absl::string_view blob) {
  SPRINT_ASSIGN_OR_RETURN(const std::string bytes, DecodeText(blob));
  if (bytes.size() % 4 != 0) return Damaged(absl::StrCat(bytes.size(), " bytes of token ids"));
  std::vector<int32_t> tokens(bytes.size() / 4);
  for (size_t i = 0; i < tokens.size(); ++i) {
    uint32_t bits = 0;
    for (size_t b = 0; b < 4; ++b)
      bits |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[4 * i + b])) << (8 * b);
    tokens[i] = static_cast<int32_t>(bits);
  }
  return tokens;
}

}  // namespace sprint
