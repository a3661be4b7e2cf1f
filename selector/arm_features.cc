#include "selector/arm_features.h"

#include <cmath>
#include <set>

#include "model/arm.h"

namespace sprint {
namespace {

// Arms by name; one that does not parse (of a newer release) has no heads.
std::vector<Arm> ParseArms(const std::vector<std::string>& names) {
  std::vector<Arm> arms;
  for (const std::string& name : names) {
    const absl::StatusOr<Arm> arm = Arm::Parse(name);
    arms.push_back(arm.ok() ? *arm : Arm());
  }
  return arms;
}

double Share(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0;
}

// Share right, fixed, broken.
std::vector<double> Record(const Snapshot& snapshot, absl::Span<const size_t> train, size_t arm) {
  int64_t judged = 0;
  int64_t right = 0;
  int64_t both = 0;
  int64_t fixed = 0;
  int64_t broken = 0;
  for (const size_t problem : train) {
    const int8_t own = snapshot.At(problem, arm).right;
    const int8_t baseline = snapshot.At(problem, 0).right;
    if (own < 0) continue;
    ++judged;
    right += own;
    if (baseline < 0) continue;
    ++both;
    fixed += own == 1 && baseline == 0 ? 1 : 0;
    broken += own == 0 && baseline == 1 ? 1 : 0;
  }
  return {Share(right, judged), Share(fixed, both), Share(broken, both)};
}

void StandardiseColumns(std::vector<std::vector<double>>& rows) {
  for (size_t column = 0; column < rows.front().size(); ++column) {
    double sum = 0;
    double squares = 0;
    for (const auto& row : rows) sum += row[column];
    const double mean = sum / static_cast<double>(rows.size());
    for (const auto& row : rows) squares += (row[column] - mean) * (row[column] - mean);
    const double deviation = std::sqrt(squares / static_cast<double>(rows.size()));
    for (auto& row : rows) row[column] = deviation > 1e-9 ? (row[column] - mean) / deviation : 0.0;
  }
}

}  // namespace

ArmFeatures MakeArmFeatures(const Snapshot& snapshot, absl::Span<const size_t> train) {
  const std::vector<Arm> arms = ParseArms(snapshot.arms);
  std::set<int32_t> layers;
  for (const Arm& arm : arms) {
    for (const HeadEdit& edit : arm.edits()) layers.insert(edit.layer);
  }
  std::vector<std::vector<double>> rows;
  for (size_t a = 0; a < arms.size(); ++a) {
    const auto& edits = arms[a].edits();
    double layer = 0;
    double head = 0;
    for (const HeadEdit& edit : edits) {
      layer += static_cast<double>(edit.layer) / static_cast<double>(edits.size());
      head += static_cast<double>(edit.head) / static_cast<double>(edits.size());
    }
    std::vector<double> row = {edits.empty() ? 1.0 : 0.0, layer, head, static_cast<double>(edits.size())};
    for (const double value : Record(snapshot, train, a)) row.push_back(value);
    for (const int32_t wanted : layers) {
      double heads = 0;
      for (const HeadEdit& edit : edits) heads += edit.layer == wanted ? 1 : 0;
      row.push_back(heads);
    }
    rows.push_back(std::move(row));
  }
  ArmFeatures features;
  if (rows.empty()) return features;
  StandardiseColumns(rows);
  features.count = static_cast<int64_t>(rows.front().size());
  for (const auto& row : rows) {
    for (const double value : row) features.values.push_back(static_cast<float>(value));
  }
  return features;
}

std::vector<float> ArmAccuracy(const Snapshot& snapshot, absl::Span<const size_t> problems) {
  std::vector<float> accuracy;
  for (size_t arm = 0; arm < snapshot.arms.size(); ++arm)
    accuracy.push_back(static_cast<float>(Record(snapshot, problems, arm)[0]));
  return accuracy;
}

}  // namespace sprint
