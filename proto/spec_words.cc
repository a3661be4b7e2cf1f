#include "proto/spec_words.h"

#include "absl/strings/str_cat.h"

namespace sprint {

std::string WrongLayerWord(absl::string_view word) {
  constexpr size_t kMostDigits = 6;
  const bool digits = !word.empty() && word.size() <= kMostDigits &&
                      word.find_first_not_of("0123456789") == absl::string_view::npos;
  if (digits || word == "middle" || word == "last") return "";
  return absl::StrCat("takes a layer from 0 on, middle or last; found \"", word.substr(0, 40), "\"");
}

}  // namespace sprint
