// The many spellings of one answer brought to one: LaTeX that only concerns looks is dropped.
#ifndef SPRINT_EVAL_CLEAN_ANSWER_H_
#define SPRINT_EVAL_CLEAN_ANSWER_H_

#include <string>

#include "absl/strings/string_view.h"

namespace sprint {

// Unwraps $…$, \(…\), \[…\], \boxed{…}, **…** and \text{…}; drops \left, \right, spacing, degree
// signs and a final full stop; writes \dfrac, \tfrac and \frac12 as \frac{1}{2}, \cdot and \times as
// *, Unicode signs as LaTeX; several short lines become a list. Idempotent on what it returns but for a final
// full stop; linear.
std::string CleanAnswer(absl::string_view text);

// For comparison as text: no spaces, no $, letters of words in lower case (a single letter keeps
// its case: x is not X), "(C)" as "C".
std::string FoldAnswer(absl::string_view cleaned);

}  // namespace sprint

#endif  // SPRINT_EVAL_CLEAN_ANSWER_H_
