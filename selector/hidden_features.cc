#include "selector/hidden_features.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "selector/stored_hidden.h"
#include "worker/engine/parallel.h"
#include "worker/engine/torch_engine.h"

namespace sprint {
namespace {

class HiddenFeatures : public FeatureExtractor {
 public:
  HiddenFeatures(std::shared_ptr<const ModelFiles> model, int32_t layer, const Hash256& weights,
                 std::unique_ptr<Engine> engine)
      : model_(std::move(model)),
        layer_(layer),
        identity_(HiddenIdentity(weights, layer, engine->NumericsDescription())),
        engine_(std::move(engine)) {}

  std::string kind() const override { return absl::StrCat("hidden:", layer_); }
  Hash256 identity() const override { return identity_; }
  int64_t dim() const override { return model_->config.hidden; }

  absl::StatusOr<std::vector<float>> Extract(const SnapshotProblem& problem) override {
    SequenceRequest request;
    request.id = ++last_;
    request.prompt = problem.tokens;
    request.decoding.max_new_tokens = 1;
    request.hidden_after = {layer_};
    const absl::Status taken = engine_->Submit(std::move(request));
    if (!taken.ok()) return Annotate(taken, absl::StrCat("question ", problem.id));
    while (!engine_->Idle()) {
      SPRINT_ASSIGN_OR_RETURN(std::vector<SequenceResult> finished, engine_->Step());
      for (SequenceResult& result : finished) {
        if (result.id == last_) return std::move(result.hidden.at(0));
      }
    }
    return absl::InternalError("the engine lost a sequence");
  }

 private:
  const std::shared_ptr<const ModelFiles> model_;
  const int32_t layer_;
  const Hash256 identity_;
  const std::unique_ptr<Engine> engine_;
  SequenceId last_ = 0;
};

}  // namespace

absl::StatusOr<Hash256> CheckedFingerprint(const ModelFiles& model, const std::string& weights_hash,
                                           int threads) {
  SPRINT_ASSIGN_OR_RETURN(const Hash256 weights, FingerprintWeights(model, threads));
  if (weights_hash.empty() || weights.Hex() == weights_hash) return weights;
  return Error(
      absl::StatusCode::kInvalidArgument, Reason::kModelMismatch,
      absl::StrCat(model.path, ": these are not the weights whose outcomes were frozen (", weights.Short(),
                   ", expected ", weights_hash.substr(0, 12), "); name the model of the sweep by --model"));
}

absl::StatusOr<std::unique_ptr<FeatureExtractor>> MakeHiddenFeatures(std::shared_ptr<const ModelFiles> model,
                                                                     int32_t layer,
                                                                     const std::string& weights_hash,
                                                                     int threads) {
  if (layer < 0 || layer >= model->config.layers) {
    return absl::InvalidArgumentError(absl::StrCat("features hidden:", layer, ": ", model->path,
                                                   " has layers 0 to ", model->config.layers - 1));
  }
  const int usable = threads > 0 ? threads : UsableCpus();
  SPRINT_ASSIGN_OR_RETURN(const Hash256 weights, CheckedFingerprint(*model, weights_hash, usable));
  TorchEngineOptions options;
  options.device = "cpu";
  options.threads = usable;
  options.max_sequences = 1;
  SPRINT_ASSIGN_OR_RETURN(std::unique_ptr<Engine> engine, LoadTorchEngine(model, options));
  return std::make_unique<HiddenFeatures>(std::move(model), layer, weights, std::move(engine));
}

}  // namespace sprint
