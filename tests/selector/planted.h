// A snapshot with structure that was put there: clusters of questions, each with heads of its own that
// help.
#ifndef SPRINT_TESTS_SELECTOR_PLANTED_H_
#define SPRINT_TESTS_SELECTOR_PLANTED_H_

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/rng.h"
#include "selector/features.h"
#include "selector/snapshot.h"

namespace sprint::testing {

struct PlantedOptions {
  int32_t clusters = 20;
  int32_t heads = 269;   // arms beside the baseline, 10 heads a layer
  int32_t good = 5;      // heads that help a cluster
  double base = 0.5;     // the probability that an arm is right
  double effect = 0.15;  // what a good head adds for its cluster
  int64_t dim = 24;      // of the features: the cluster's centre and noise
  double noise = 0.5;    // of a feature; centres have deviation 1
  int32_t train = 1000, validation = 200, test = 400;
  uint64_t seed = 1;
};

struct Planted {
  PlantedOptions options;
  Snapshot snapshot;
  FeatureMatrix features;
  std::vector<int32_t> cluster;  // of each problem

  // Whether head `arm` (1-based) is planted for a cluster: heads are dealt to clusters in turn.
  bool Good(size_t problem, size_t arm) const {
    const auto first = static_cast<size_t>(cluster[problem] * options.good) + 1;
    return arm >= first && arm < first + static_cast<size_t>(options.good);
  }
  double Probability(size_t problem, size_t arm) const {
    return options.base + (Good(problem, arm) ? options.effect : 0.0);
  }
};

inline Planted MakePlanted(const PlantedOptions& options) {
  Planted planted;
  planted.options = options;
  CounterRng rng(options.seed, 0x706c616e74);
  std::vector<std::vector<double>> centres(static_cast<size_t>(options.clusters));
  for (auto& centre : centres) {
    for (int64_t i = 0; i < options.dim; ++i) centre.push_back(rng.NextNormal());
  }
  Snapshot& snapshot = planted.snapshot;
  snapshot.name = "planted";
  snapshot.arms.emplace_back("baseline");
  for (int32_t head = 0; head < options.heads; ++head)
    snapshot.arms.push_back(absl::StrCat("L", head / 10, "H", head % 10));
  const int32_t total = options.train + options.validation + options.test;
  FeatureMatrix& features = planted.features;
  features.kind = "planted";
  features.rows = total;
  features.dim = options.dim;
  for (int32_t q = 0; q < total; ++q) {
    SnapshotProblem problem;
    problem.id = absl::StrCat("q", q);
    problem.text = absl::StrCat("question number ", q);
    problem.split = q < options.train                        ? Split::kTrain
                    : q < options.train + options.validation ? Split::kValidation
                                                             : Split::kTest;
    problem.group = q;
    snapshot.problems.push_back(problem);
    planted.cluster.push_back(static_cast<int32_t>(rng.NextBelow(static_cast<uint64_t>(options.clusters))));
    for (const double at : centres[static_cast<size_t>(planted.cluster.back())])
      features.values.push_back(static_cast<float>(at + options.noise * rng.NextNormal()));
    for (size_t arm = 0; arm < snapshot.arms.size(); ++arm) {
      const bool right = rng.NextDouble() < planted.Probability(static_cast<size_t>(q), arm);
      snapshot.outcomes.push_back({static_cast<int8_t>(right ? 1 : 0), right ? 0 : 1, 10});
    }
  }
  return planted;
}

}  // namespace sprint::testing

#endif  // SPRINT_TESTS_SELECTOR_PLANTED_H_
