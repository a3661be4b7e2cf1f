#include "conversation/codec_rules.h"

#include <algorithm>

namespace sprint {

void WriteRules(const Decoding& decoding, v1::DecodingRules& proto) {
  const Sampling& sampling = decoding.sampling;
  proto.Clear();
  proto.set_temperature(sampling.temperature);
  proto.set_top_k(sampling.top_k);
  if (sampling.top_p != 1) proto.set_top_p(sampling.top_p);
  proto.set_min_p(sampling.min_p);
  if (sampling.repetition_penalty != 1) proto.set_repetition_penalty(sampling.repetition_penalty);
  for (const std::string& stop : decoding.stop_strings) proto.add_stop_strings(stop);
  proto.set_loop_repeats(decoding.loop_repeats);
}

absl::Status ReadRules(const v1::DecodingRules& proto, Decoding& decoding) {
  Sampling& sampling = decoding.sampling;
  sampling.temperature = proto.temperature();
  sampling.top_k = proto.top_k();
  sampling.top_p = proto.has_top_p() ? proto.top_p() : 1;
  sampling.min_p = proto.min_p();
  sampling.repetition_penalty = proto.has_repetition_penalty() ? proto.repetition_penalty() : 1;
  // Canonical, so that two writings of one set are one run.
  decoding.stop_strings.assign(proto.stop_strings().begin(), proto.stop_strings().end());
  std::sort(decoding.stop_strings.begin(), decoding.stop_strings.end());
  decoding.stop_strings.erase(std::unique(decoding.stop_strings.begin(), decoding.stop_strings.end()),
                              decoding.stop_strings.end());
  decoding.loop_repeats = proto.loop_repeats();
  return CheckDecoding(decoding);
}

}  // namespace sprint
