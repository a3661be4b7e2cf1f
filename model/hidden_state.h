// A model's own view of a prompt: its residual stream at the prompt's last token, after one of its layers.
//
// Layers count from 0; after the last one the state has passed the final norm. People may write "middle"
// for layer (layers - 1) / 2 and "last". On the wire and in the database the values are f32, little-endian.
#ifndef SPRINT_MODEL_HIDDEN_STATE_H_
#define SPRINT_MODEL_HIDDEN_STATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace sprint {

struct HiddenState {
  int32_t layer = 0;
  std::vector<float> values;  // [hidden]
  friend bool operator==(const HiddenState&, const HiddenState&) = default;
};

// The layer that a word names in a model of `layers` layers. INVALID_ARGUMENT naming the word.
absl::StatusOr<int32_t> LayerOf(absl::string_view word, int32_t layers);
// The same for several words, ascending, each layer once. Errors name the word's place, as in
// "hidden_states[1]".
absl::StatusOr<std::vector<int32_t>> LayersOf(absl::Span<const std::string> words, int32_t layers,
                                              absl::string_view field);

std::string FloatBytes(absl::Span<const float> values);
// INVALID_ARGUMENT unless there are whole values, at least one.
absl::StatusOr<std::vector<float>> FloatsFromBytes(absl::string_view bytes);

}  // namespace sprint

#endif  // SPRINT_MODEL_HIDDEN_STATE_H_
