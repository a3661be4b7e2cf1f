// The structure of an answer above its scalars: lists, sets, intervals, matrices, relations. Parts
// are views into the text given. Brackets nest; what is not balanced simply has no structure.
#ifndef SPRINT_EVAL_ANSWER_STRUCTURE_H_
#define SPRINT_EVAL_ANSWER_STRUCTURE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace sprint {

// Without spaces around it, and without (…), {…} or [one value] around the whole of it.
absl::string_view Unwrapped(absl::string_view text);

struct Listing {
  enum class Kind { kBare, kTuple, kSet };
  Kind kind = Kind::kBare;
  char open = 0;                   // kTuple: ( or [
  char close = 0;                  // kTuple: ) or ]
  std::vector<std::string> items;  // "a \pm b" is two
};
// "1, 2", "(1, 2]", "\{1\}". nullopt for a single value.
std::optional<Listing> ReadListing(absl::string_view text);

struct Relation {
  std::vector<absl::string_view> sides;  // one more than
  std::vector<std::string> operators;    // "=", "<", "<=", ">", ">=", "!="
};
// "x = 5", "1 < x <= 2". "x \in S" and "a \approx b" are S and a. One side: no relation.
Relation ReadRelation(absl::string_view text);

// The rows of \begin{pmatrix} … \end{pmatrix} and its kin, in brackets or not, and of [[1, 2], [3, 4]].
using Matrix = std::vector<std::vector<absl::string_view>>;
std::optional<Matrix> ReadMatrix(absl::string_view text);

// "(x, y) = (1, 2)" as "x = 1, y = 2"; nullopt for anything else.
std::optional<std::string> AsEquations(absl::string_view text);

// The operands of a top-level \cup, \cap or \setminus, the last of the loosest of them: {left, right}.
struct SetOperation {
  std::string name;  // "cup", "cap", "setminus"
  absl::string_view left;
  absl::string_view right;
};
std::optional<SetOperation> ReadSetOperation(absl::string_view text);

}  // namespace sprint

#endif  // SPRINT_EVAL_ANSWER_STRUCTURE_H_
