// sprint-worker: the worker with the torch engine.
#include <thread>

#include "base/status.h"
#include "model/engine_mode.h"
#include "model/memory.h"
#include "worker/engine/shared_weights.h"
#include "worker/engine/torch_engine.h"
#include "worker/worker_program.h"

namespace sprint {
namespace {

class TorchLoader : public ModelLoader {
 public:
  explicit TorchLoader(WorkerFlags flags) : flags_(std::move(flags)) {}

  absl::StatusOr<LoadedModel> Load(const RunDescription& run) override {
    const int threads =
        flags_.threads > 0 ? flags_.threads : static_cast<int>(std::thread::hardware_concurrency());
    SPRINT_ASSIGN_OR_RETURN(const std::shared_ptr<const ModelFiles> model,
                            FindModel(run, {flags_.models, threads}));
    TorchEngineOptions options;
    SPRINT_ASSIGN_OR_RETURN(options.dtype, ParseDtype(run.dtype));
    options.device = flags_.device;
    options.threads = flags_.threads;
    options.max_sequences = flags_.max_sequences;
    options.lanes = flags_.lanes;
    options.memory_bytes = flags_.memory_bytes;
    options.prefix_reuse = flags_.prefix_reuse;
    options.layer_resume = flags_.layer_resume;
    options.screened_head = flags_.screened_head;
    options.max_draft = flags_.max_draft;
    options.shared_folder = SharedFolder();
    options.shared_key = run.weights_hash.Hex();
    LoadedModel loaded;
    SPRINT_ASSIGN_OR_RETURN(loaded.engine, LoadTorchEngine(model, options));
    loaded.decode = [tokenizer = model->tokenizer](const std::vector<int32_t>& tokens) {
      return tokenizer->Decode(tokens, /*skip_special=*/true);
    };
    SPRINT_ASSIGN_OR_RETURN(const EngineMode mode, ParseEngineMode(run.engine_mode));
    if (mode.kind == EngineMode::Kind::kScore) {
      SPRINT_ASSIGN_OR_RETURN(loaded.scores, ScoreHead::Load(*model, mode));
    }
    return loaded;
  }

 private:
  std::string SharedFolder() const {
    if (flags_.shared_weights == "none") return "";
    return flags_.shared_weights.empty() ? DefaultSharedFolder() : flags_.shared_weights;
  }

  const WorkerFlags flags_;
};

}  // namespace
}  // namespace sprint

int main(int argc, char** argv) {
  sprint::WorkerProgram program;
  program.name = "sprint-worker";
  program.describe_device = [](const sprint::WorkerFlags& flags) {
    return sprint::DescribeTorchDevice(flags.device);
  };
  program.make_loader = [](const sprint::WorkerFlags& flags) {
    return std::make_unique<sprint::TorchLoader>(flags);
  };
  return sprint::RunWorkerProgram(argc, argv, program);
}
