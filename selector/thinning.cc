#include "selector/thinning.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/rng.h"

namespace sprint {
namespace {

constexpr uint64_t kStream = 0x6b6d6e73;  // "kmns"
constexpr int kMaxIterations = 100;

double SquaredDistance(absl::Span<const float> a, absl::Span<const double> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

std::vector<double> AsDouble(absl::Span<const float> row) { return {row.begin(), row.end()}; }

// k-means++: each next centre is a row, drawn in proportion to its squared distance to the nearest one.
std::vector<std::vector<double>> FirstCentres(const FeatureMatrix& features, absl::Span<const size_t> rows,
                                              int32_t k, uint64_t seed) {
  CounterRng rng(seed, kStream);
  std::vector<std::vector<double>> centres = {AsDouble(features.Row(rows[rng.NextBelow(rows.size())]))};
  std::vector<double> nearest(rows.size(), std::numeric_limits<double>::infinity());
  while (static_cast<int32_t>(centres.size()) < k) {
    double sum = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      nearest[i] = std::min(nearest[i], SquaredDistance(features.Row(rows[i]), centres.back()));
      sum += nearest[i];
    }
    if (sum <= 0) break;  // every row is a centre
    double left = rng.NextDouble() * sum;
    size_t pick = rows.size() - 1;
    for (size_t i = 0; i < rows.size(); ++i) {
      left -= nearest[i];
      if (left < 0) {
        pick = i;
        break;
      }
    }
    centres.push_back(AsDouble(features.Row(rows[pick])));
  }
  return centres;
}

int32_t Nearest(absl::Span<const float> row, const std::vector<std::vector<double>>& centres) {
  size_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (size_t c = 0; c < centres.size(); ++c) {
    const double distance = SquaredDistance(row, centres[c]);
    if (distance < least) {
      least = distance;
      best = c;
    }
  }
  return static_cast<int32_t>(best);
}

// Moves each centre to its rows' mean; one without rows stays.
void MoveCentres(const FeatureMatrix& features, absl::Span<const size_t> rows,
                 const std::vector<int32_t>& cluster, std::vector<std::vector<double>>& centres) {
  std::vector<std::vector<double>> sums(centres.size(), std::vector<double>(centres[0].size(), 0.0));
  std::vector<int64_t> counts(centres.size(), 0);
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto c = static_cast<size_t>(cluster[i]);
    const absl::Span<const float> row = features.Row(rows[i]);
    for (size_t f = 0; f < row.size(); ++f) sums[c][f] += row[f];
    ++counts[c];
  }
  for (size_t c = 0; c < centres.size(); ++c) {
    if (counts[c] == 0) continue;
    for (double& value : sums[c]) value /= static_cast<double>(counts[c]);
    centres[c] = std::move(sums[c]);
  }
}

}  // namespace

std::vector<int32_t> KMeans(const FeatureMatrix& features, absl::Span<const size_t> rows, int32_t k,
                            uint64_t seed) {
  if (rows.empty()) return {};
  std::vector<std::vector<double>> centres = FirstCentres(features, rows, k, seed);
  std::vector<int32_t> cluster;
  for (int iteration = 0; iteration < kMaxIterations; ++iteration) {
    std::vector<int32_t> next;
    for (const size_t row : rows) next.push_back(Nearest(features.Row(row), centres));
    if (next == cluster) break;
    cluster = std::move(next);
    MoveCentres(features, rows, cluster, centres);
  }
  return cluster;
}

std::vector<size_t> DppChoice(const FeatureMatrix& features, absl::Span<const size_t> rows, int32_t n) {
  std::vector<double> mean(static_cast<size_t>(features.dim), 0.0);
  for (const size_t row : rows) {
    for (size_t f = 0; f < mean.size(); ++f)
      mean[f] += features.Row(row)[f] / static_cast<double>(rows.size());
  }
  double spread = 0;
  for (const size_t row : rows)
    spread += SquaredDistance(features.Row(row), mean) / static_cast<double>(rows.size());
  if (spread <= 0) spread = 1;
  // Incremental Cholesky: `left` is what each row's kernel value has left unexplained.
  std::vector<double> left(rows.size(), 1.0);
  std::vector<std::vector<double>> explained(rows.size());
  std::vector<bool> taken(rows.size(), false);
  std::vector<size_t> chosen;
  while (static_cast<int32_t>(chosen.size()) < n && chosen.size() < rows.size()) {
    size_t best = rows.size();
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!taken[i] && (best == rows.size() || left[i] > left[best])) best = i;
    }
    taken[best] = true;
    chosen.push_back(rows[best]);
    if (left[best] < 1e-10) continue;  // a copy of what is chosen explains nothing more
    const std::vector<double> at = AsDouble(features.Row(rows[best]));
    const double root = std::sqrt(left[best]);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (taken[i]) continue;
      double value = std::exp(-SquaredDistance(features.Row(rows[i]), at) / (2 * spread));
      for (size_t c = 0; c < explained[best].size(); ++c) value -= explained[best][c] * explained[i][c];
      value /= root;
      explained[i].push_back(value);
      left[i] -= value * value;
    }
  }
  return chosen;
}

std::vector<size_t> ThinQuestions(const FeatureMatrix& features, absl::Span<const size_t> rows,
                                  int32_t clusters, int32_t per_cluster, uint64_t seed) {
  const std::vector<int32_t> cluster = KMeans(features, rows, clusters, seed);
  std::vector<size_t> kept;
  for (int32_t c = 0; c < clusters; ++c) {
    std::vector<size_t> members;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (cluster[i] == c) members.push_back(rows[i]);
    }
    const std::vector<size_t> chosen = DppChoice(features, members, per_cluster);
    kept.insert(kept.end(), chosen.begin(), chosen.end());
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

}  // namespace sprint
