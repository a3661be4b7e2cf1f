// The commands of sprint-selector, and what several of them share.
#ifndef SPRINT_SELECTOR_PROGRAM_COMMANDS_H_
#define SPRINT_SELECTOR_PROGRAM_COMMANDS_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "cli/app.h"
#include "selector/feature_recipe.h"
#include "selector/lineage.h"
#include "selector/policies.h"
#include "selector/selector.h"
#include "selector/snapshot.h"

namespace sprint {

void AddFreeze(App& app);
// `words`: the command line behind "train", for a coordinator that is to run it.
void AddTrain(App& app, const std::vector<std::string>& words);
void AddEval(App& app);
void AddCompare(App& app);
void AddShowAndList(App& app);  // show, list, export
void AddSelect(App& app);
void AddChoose(App& app);

// --db, $SPRINT_DB, or sprint.db.
void AddDatabaseOption(CLI::App* command, std::string& database);

// How snapshots are split, and by which name they are known.
void AddSplitOptions(CLI::App* command, FreezeOptions& options);
// Freezes experiments of a database and writes NAME.snapshot.json to the working folder, or `out`.
struct FrozenFile {
  Snapshot snapshot;
  std::string path;
};
absl::StatusOr<FrozenFile> FreezeToFile(const std::string& database, const FreezeOptions& options,
                                        const std::string& out);

// --model, --features-file, --feature-cache, --threads.
struct FeatureOptions {
  FeatureSources sources;
  std::string cache;
};
void AddFeatureOptions(CLI::App* command, FeatureOptions& options);
// The features of `problems`, with progress on a terminal. The model is that of the snapshot unless another
// was named.
absl::StatusOr<FeatureMatrix> FeaturesWithProgress(const Terminal& terminal, const std::string& recipe,
                                                   absl::Span<const SnapshotProblem> problems,
                                                   const std::string& model_path,
                                                   const std::string& weights_hash,
                                                   const FeatureOptions& options);

// --policy, --baseline, --sharpness.
struct PolicyFlags {
  std::string kind = "neighbours";
  std::string baseline = "candidate";
  double sharpness = 8;
};
void AddPolicyOptions(CLI::App* command, PolicyFlags& flags);
absl::StatusOr<PolicyOptions> PolicyOf(const PolicyFlags& flags);

// A selector's file with its lineage read.
struct OpenedSelector {
  std::string path;
  Selector selector;
  Lineage lineage;
};
absl::StatusOr<OpenedSelector> OpenSelector(const std::string& path);

// FAILED_PRECONDITION naming the first of `problems` that the selector has seen in training, or a
// near-duplicate of it, unless `allow`.
absl::Status CheckUnseen(const OpenedSelector& selector, absl::Span<const SnapshotProblem> problems,
                         bool allow);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_PROGRAM_COMMANDS_H_
