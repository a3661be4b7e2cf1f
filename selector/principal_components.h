// The directions in which features vary most.
//
// Method: randomised subspace iteration (Halko, Martinsson & Tropp, "Finding structure with randomness",
// SIAM Review 2011), then a small symmetric eigenproblem by Jacobi rotations. Deterministic: the start is a
// function of a fixed seed, and every sum has one order.
#ifndef SPRINT_SELECTOR_PRINCIPAL_COMPONENTS_H_
#define SPRINT_SELECTOR_PRINCIPAL_COMPONENTS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "selector/features.h"

namespace sprint {

// A linear map of standardised features: y_i = direction_i . x.
struct Components {
  int64_t count = 0;
  int64_t dim = 0;
  std::vector<float> directions;  // [count, dim], orthonormal, the one of most variance first; the largest
                                  // coordinate of each is positive
  std::vector<double> variance;   // [count], of the rows they were found on
};

// Of the standardised `rows`. `count` is cut to what rows and columns allow. Cost: rows * dim * count * 60.
// REQUIRES: count >= 1.
Components FindComponents(const FeatureMatrix& features, const Standardisation& standardisation,
                          absl::Span<const size_t> rows, int64_t count);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_PRINCIPAL_COMPONENTS_H_
