// Many arms looked at: what remains of their p-values. Pure and thread-safe.
#ifndef SPRINT_EVAL_STATISTICS_MULTIPLE_TESTING_H_
#define SPRINT_EVAL_STATISTICS_MULTIPLE_TESTING_H_

#include <vector>

#include "absl/types/span.h"

namespace sprint {

enum class Correction {
  kBenjaminiHochberg,   // holds for independent tests and for positively dependent ones (a shared baseline)
  kBenjaminiYekutieli,  // holds for any dependence; larger by the factor 1 + 1/2 + … + 1/m
};

// Adjusted p-values (q-values), in the order given: calling those below q effects has an expected share
// of false ones of at most q (Benjamini and Hochberg, JRSS B 57, 1995; Benjamini and Yekutieli, Annals of
// Statistics 29, 2001). REQUIRES: each in [0, 1].
std::vector<double> QValues(absl::Span<const double> p_values,
                            Correction correction = Correction::kBenjaminiHochberg);

}  // namespace sprint

#endif  // SPRINT_EVAL_STATISTICS_MULTIPLE_TESTING_H_
