// The commands of sprint-selector, and what several of them share.
#ifndef SPRINT_SELECTOR_PROGRAM_COMMANDS_H_
#define SPRINT_SELECTOR_PROGRAM_COMMANDS_H_

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "cli/app.h"
#include "cli/render/progress.h"
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
// How many of `total` steps are done, on the terminal, once it has taken two seconds; gone at the end of the
// scope. `terminal` outlives it.
class StepsBar {
 public:
  explicit StepsBar(const Terminal& terminal);
  ~StepsBar() { printer_.Clear(); }
  StepsBar(const StepsBar&) = delete;
  StepsBar& operator=(const StepsBar&) = delete;
  void Show(const std::string& label, int64_t done, int64_t total);

 private:
  ProgressPrinter printer_;
  const absl::Time start_;
};

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

// -n, --n.
void AddArmCount(CLI::App* command, int32_t& n);

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

// An arm that was chosen for a question.
struct ChosenArm {
  int32_t arm = 0;
  float score = 0;
  float probability = 0;  // of being right
};
std::vector<ChosenArm> ChooseWithScores(const Selector& selector, absl::Span<const float> features, int32_t n,
                                        const PolicyOptions& policy);
// {"id":…, "arms":[…], "scores":[…]}: arms by name, best first, with their probabilities.
nlohmann::ordered_json ChoiceJson(const std::string& id, const Selector& selector,
                                  absl::Span<const ChosenArm> chosen);

// The folder of the model: what was named, else where the sweep found it.
const std::string& ModelOf(const FeatureOptions& options, const Lineage& lineage);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_PROGRAM_COMMANDS_H_
