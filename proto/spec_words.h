// Texts of a spec that are words of a small language, checked where their line is known and again where the
// spec is completed.
#ifndef SPRINT_PROTO_SPEC_WORDS_H_
#define SPRINT_PROTO_SPEC_WORDS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace sprint {

// What is wrong with a word of hidden_states ("takes a layer from 0 on, …"); empty for one that may name a
// layer. Which layers there are, the model knows.
std::string WrongLayerWord(absl::string_view word);

}  // namespace sprint

#endif  // SPRINT_PROTO_SPEC_WORDS_H_
