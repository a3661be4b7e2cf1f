#include "worker/model_loader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status.h"

namespace sprint {
namespace {

std::string BaseName(std::string path) {
  while (!path.empty() && path.back() == '/') path.pop_back();
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::vector<std::string> Candidates(const RunDescription& run, const ModelFinderOptions& options) {
  std::vector<std::string> paths;
  const auto add = [&paths](const std::string& path) {
    if (!path.empty() && std::find(paths.begin(), paths.end(), path) == paths.end()) paths.push_back(path);
  };
  add(run.model_path);
  for (const std::string& folder : options.folders) {
    if (!run.model_path.empty()) add(absl::StrCat(folder, "/", BaseName(run.model_path)));
    if (!run.model_name.empty()) add(absl::StrCat(folder, "/", BaseName(run.model_name)));
  }
  return paths;
}

absl::Status Differs(const std::string& path, const char* what, const Hash256& found,
                     const Hash256& expected) {
  return Error(absl::StatusCode::kFailedPrecondition, Reason::kModelMismatch,
               absl::StrCat(path, ": its ", what, " has fingerprint ", found.Short(), ", the run's is ",
                            expected.Short(),
                            "; bring the model that was launched, or name its folder with "
                            "--models"));
}

absl::StatusOr<std::shared_ptr<const ModelFiles>> OpenVerified(const std::string& path,
                                                               const RunDescription& run, int threads) {
  SPRINT_ASSIGN_OR_RETURN(std::shared_ptr<const ModelFiles> model, OpenModel(path));
  const Hash256 tokenizer = model->tokenizer->Fingerprint();
  if (tokenizer != run.tokenizer_hash) return Differs(path, "tokenizer", tokenizer, run.tokenizer_hash);
  SPRINT_ASSIGN_OR_RETURN(const Hash256 weights, FingerprintWeights(*model, threads));
  if (weights != run.weights_hash) return Differs(path, "weights", weights, run.weights_hash);
  return model;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ModelFiles>> FindModel(const RunDescription& run,
                                                            const ModelFinderOptions& options) {
  const std::vector<std::string> candidates = Candidates(run, options);
  absl::Status first;
  for (const std::string& path : candidates) {
    if (!FileExists(path) && !IsDirectory(path)) continue;
    absl::StatusOr<std::shared_ptr<const ModelFiles>> model =
        OpenVerified(path, run, std::max(1, options.threads));
    if (model.ok()) return model;
    SPRINT_LOG(kWarning) << "run " << run.run.value() << ": " << model.status().message();
    if (first.ok()) first = model.status();
  }
  if (!first.ok()) return first;
  return Error(
      absl::StatusCode::kNotFound, Reason::kModelDamaged,
      absl::StrCat("the model of run ", run.run.value(), " is not on this machine; looked at ",
                   absl::StrJoin(candidates, ", "), "; name the folder that holds it with --models"));
}

}  // namespace sprint
