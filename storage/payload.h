// The payload columns: token ids as little-endian int32 and text, each a zstd frame with a checksum.
// An empty value is an empty blob.
#ifndef SPRINT_STORAGE_PAYLOAD_H_
#define SPRINT_STORAGE_PAYLOAD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "storage/records.h"

namespace sprint {

// Keeps zstd's working memory between calls. Not thread-safe.
class PayloadEncoder {
 public:
  PayloadEncoder();
  ~PayloadEncoder();
  PayloadEncoder(const PayloadEncoder&) = delete;
  PayloadEncoder& operator=(const PayloadEncoder&) = delete;
  std::string EncodeText(absl::string_view text);
  std::string EncodeTokens(absl::Span<const int32_t> tokens);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// What OutcomeRecord carries as encoded_tokens and encoded_text: more than half of what Commit would spend
// on an outcome, to be done on a pool. Thread-safe; each thread keeps an encoder.
struct EncodedPayload {
  std::string tokens;
  std::string text;
};
EncodedPayload EncodePayload(absl::Span<const int32_t> tokens, absl::string_view text);
// Fills them in.
void EncodePayload(OutcomeRecord& outcome);

// DATA_LOSS (kDatabaseCorrupt) for a frame that is cut off, altered or larger than 256 MiB. Thread-safe.
absl::StatusOr<std::string> DecodeText(absl::string_view blob);
absl::StatusOr<std::vector<int32_t>> DecodeTokens(absl::string_view blob);

}  // namespace sprint

#endif  // SPRINT_STORAGE_PAYLOAD_H_
