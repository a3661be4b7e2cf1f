#include "selector/principal_components.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/rng.h"

namespace sprint {
namespace {

constexpr int kIterations = 30;
constexpr int64_t kSpare = 8;  // directions iterated beside those wanted, so that these converge
constexpr uint64_t kSeed = 1;
constexpr uint64_t kStream = 0x706361;  // "pca"

// Vectors of one length, [count][dim].
using Vectors = std::vector<std::vector<double>>;

double Dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// Gram-Schmidt, twice, since once loses orthogonality to rounding. A vector without a direction of its own
// becomes zero.
void Orthonormalise(Vectors& vectors) {
  for (size_t i = 0; i < vectors.size(); ++i) {
    const double before = std::sqrt(Dot(vectors[i], vectors[i]));
    for (int pass = 0; pass < 2; ++pass) {
      for (size_t j = 0; j < i; ++j) {
        const double along = Dot(vectors[i], vectors[j]);
        for (size_t k = 0; k < vectors[i].size(); ++k) vectors[i][k] -= along * vectors[j][k];
      }
    }
    const double norm = std::sqrt(Dot(vectors[i], vectors[i]));
    const double scale = norm > 1e-10 * before && norm > 0 ? 1 / norm : 0;
    for (double& value : vectors[i]) value *= scale;
  }
}

// The covariance times each vector: X^T (X v) / rows, a row of X at a time.
Vectors TimesCovariance(const std::vector<float>& x, size_t rows, const Vectors& vectors) {
  const size_t dim = vectors.front().size();
  Vectors result(vectors.size(), std::vector<double>(dim, 0.0));
  for (size_t row = 0; row < rows; ++row) {
    const float* values = x.data() + row * dim;
    for (size_t i = 0; i < vectors.size(); ++i) {
      double along = 0;
      for (size_t k = 0; k < dim; ++k) along += vectors[i][k] * values[k];
      along /= static_cast<double>(rows);
      for (size_t k = 0; k < dim; ++k) result[i][k] += along * values[k];
    }
  }
  return result;
}

// Eigenvectors of a small symmetric matrix by cyclic Jacobi rotations: the rows of what is returned; `a`
// becomes diagonal.
Vectors Jacobi(Vectors& a) {
  const size_t n = a.size();
  Vectors v(n, std::vector<double>(n, 0.0));
  for (size_t i = 0; i < n; ++i) v[i][i] = 1;
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0;
    for (size_t p = 0; p < n; ++p) {
      for (size_t q = p + 1; q < n; ++q) {
        off += a[p][q] * a[p][q];
        if (a[p][q] == 0) continue;
        const double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
        const double c = 1 / std::sqrt(t * t + 1);
        const double s = t * c;
        for (size_t k = 0; k < n; ++k) {
          const double kp = a[k][p];
          a[k][p] = c * kp - s * a[k][q];
          a[k][q] = s * kp + c * a[k][q];
        }
        for (size_t k = 0; k < n; ++k) {
          const double pk = a[p][k];
          a[p][k] = c * pk - s * a[q][k];
          a[q][k] = s * pk + c * a[q][k];
          const double vp = v[p][k];
          v[p][k] = c * vp - s * v[q][k];
          v[q][k] = s * vp + c * v[q][k];
        }
      }
    }
    if (off < 1e-24) break;
  }
  return v;
}

std::vector<float> StandardisedRows(const FeatureMatrix& features, const Standardisation& standardisation,
                                    absl::Span<const size_t> rows) {
  std::vector<float> x;
  x.reserve(rows.size() * static_cast<size_t>(features.dim));
  for (const size_t row : rows) {
    const absl::Span<const float> values = features.Row(row);
    for (size_t k = 0; k < values.size(); ++k)
      x.push_back((values[k] - standardisation.mean[k]) / standardisation.deviation[k]);
  }
  return x;
}

}  // namespace

Components FindComponents(const FeatureMatrix& features, const Standardisation& standardisation,
                          absl::Span<const size_t> rows, int64_t count) {
  const auto dim = static_cast<size_t>(features.dim);
  const std::vector<float> x = StandardisedRows(features, standardisation, rows);
  const size_t most = std::min(dim, std::max<size_t>(rows.size(), 1));
  const size_t wanted = std::min(static_cast<size_t>(count), most);
  CounterRng rng(kSeed, kStream);
  Vectors basis(std::min(wanted + kSpare, most), std::vector<double>(dim));
  for (auto& vector : basis) {
    for (double& value : vector) value = rng.NextNormal();
  }
  Orthonormalise(basis);
  for (int i = 0; i < kIterations && !rows.empty(); ++i) {
    basis = TimesCovariance(x, rows.size(), basis);
    Orthonormalise(basis);
  }
  // The covariance inside the subspace, and its own axes.
  const Vectors image = rows.empty() ? basis : TimesCovariance(x, rows.size(), basis);
  Vectors inside(basis.size(), std::vector<double>(basis.size()));
  for (size_t i = 0; i < basis.size(); ++i) {
    for (size_t j = 0; j < basis.size(); ++j)
      inside[i][j] = (Dot(basis[i], image[j]) + Dot(basis[j], image[i])) / 2;
  }
  const Vectors axes = Jacobi(inside);
  std::vector<size_t> order(basis.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return inside[a][a] > inside[b][b]; });

  Components components;
  components.count = static_cast<int64_t>(wanted);
  components.dim = features.dim;
  for (size_t i = 0; i < wanted; ++i) {
    std::vector<double> direction(dim, 0.0);
    for (size_t j = 0; j < basis.size(); ++j) {
      for (size_t k = 0; k < dim; ++k) direction[k] += axes[order[i]][j] * basis[j][k];
    }
    const auto largest = std::max_element(direction.begin(), direction.end(),
                                          [](double a, double b) { return std::abs(a) < std::abs(b); });
    const double sign = *largest < 0 ? -1 : 1;
    for (const double value : direction) components.directions.push_back(static_cast<float>(sign * value));
    components.variance.push_back(std::max(inside[order[i]][order[i]], 0.0));
  }
  return components;
}

}  // namespace sprint
