#include "model/hidden_state.h"

#include <bit>
#include <cstring>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace sprint {
namespace {

static_assert(std::endian::native == std::endian::little, "values are written as they lie in memory");

}  // namespace

absl::StatusOr<int32_t> LayerOf(absl::string_view word, int32_t layers) {
  int32_t layer = 0;
  if (word == "middle") return (layers - 1) / 2;
  if (word == "last") return layers - 1;
  const bool digits = !word.empty() && word.find_first_not_of("0123456789") == absl::string_view::npos;
  if (digits && absl::SimpleAtoi(word, &layer) && layer < layers) return layer;
  return Error(absl::StatusCode::kInvalidArgument, Reason::kSpecInvalid,
               absl::StrCat("there is no layer \"", word, "\"; the model has layers 0 to ", layers - 1,
                            ", middle (", (layers - 1) / 2, ") and last"));
}

absl::StatusOr<std::vector<int32_t>> LayersOf(absl::Span<const std::string> words, int32_t layers,
                                              absl::string_view field) {
  std::set<int32_t> distinct;
  for (size_t i = 0; i < words.size(); ++i) {
    const absl::StatusOr<int32_t> layer = LayerOf(words[i], layers);
    if (!layer.ok()) return Annotate(layer.status(), absl::StrCat(field, "[", i, "]"));
    distinct.insert(*layer);
  }
  return std::vector<int32_t>(distinct.begin(), distinct.end());
}

std::string FloatBytes(absl::Span<const float> values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
}

absl::StatusOr<std::vector<float>> FloatsFromBytes(absl::string_view bytes) {
  if (bytes.empty() || bytes.size() % sizeof(float) != 0)
    return absl::InvalidArgumentError(absl::StrCat("has ", bytes.size(), " bytes; f32 values have 4 each"));
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace sprint
