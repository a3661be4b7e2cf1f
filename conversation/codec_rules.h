// Decoding rules on the wire, for the two places that carry them: run descriptions and submissions.
#ifndef SPRINT_CONVERSATION_CODEC_RULES_H_
#define SPRINT_CONVERSATION_CODEC_RULES_H_

#include "absl/status/status.h"
#include "model/decoding.h"
#include "sprint/v1/decoding.pb.h"

namespace sprint {

// Everything of `decoding` but max_new_tokens and stop_tokens, which have fields of their own.
void WriteRules(const Decoding& decoding, v1::DecodingRules& proto);
// Sets the same part of `decoding`, whose other fields are read already. INVALID_ARGUMENT
// (kSpecInvalid) naming a field that is out of its range (CheckDecoding).
absl::Status ReadRules(const v1::DecodingRules& proto, Decoding& decoding);

}  // namespace sprint

#endif  // SPRINT_CONVERSATION_CODEC_RULES_H_
