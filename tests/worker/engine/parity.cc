#include "tests/worker/engine/parity.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

// Tensors [inputs, tokens, …] cut into one vector an input.
std::vector<std::vector<float>> PerInput(const TensorInfo& tensor) {
  std::vector<float> all(static_cast<size_t>(tensor.elements()));
  DecodeToF32(tensor, 0, absl::MakeSpan(all));
  const size_t inputs = static_cast<size_t>(tensor.shape[0]);
  const size_t each = all.size() / inputs;
  std::vector<std::vector<float>> out;
  for (size_t i = 0; i < inputs; ++i) out.emplace_back(all.begin() + i * each, all.begin() + (i + 1) * each);
  return out;
}

// "L1H0_3" is how the files write a set of heads of one layer: heads 0 and 3.
absl::StatusOr<std::string> CanonicalArm(const std::string& name) {
  const size_t list = name.find('_');
  if (list == std::string::npos) {
    SPRINT_ASSIGN_OR_RETURN(const Arm arm, Arm::Parse(name));
    return arm.Name();
  }
  const std::string layer = name.substr(0, name.find('H') + 1);
  SPRINT_ASSIGN_OR_RETURN(const Arm arm,
                          Arm::Parse(absl::StrCat(name.substr(0, list), "+", layer, name.substr(list + 1))));
  return arm.Name();
}

std::vector<std::string> Folders(const std::string& root) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(root, error)) {
    if (FileExists(entry.path().string() + "/cases.safetensors")) out.push_back(entry.path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

absl::StatusOr<ParityCase> ReadParityCase(const std::string& folder) {
  ParityCase out;
  out.folder = folder;
  OpenModelOptions options;
  options.need_tokenizer = false;
  SPRINT_ASSIGN_OR_RETURN(out.model, OpenModel(folder, options));
  SPRINT_ASSIGN_OR_RETURN(const auto file, MappedFile::Open(folder + "/cases.safetensors"));
  SPRINT_ASSIGN_OR_RETURN(const auto cases, WeightIndex::ParseSafetensors({file}));
  out.hidden.resize(static_cast<size_t>(out.model->config.layers) + 1);
  for (const TensorInfo& tensor : cases->tensors()) {
    if (tensor.name == "input_ids") {
      std::vector<int64_t> ids(static_cast<size_t>(tensor.elements()));
      std::memcpy(ids.data(), tensor.data.data(), tensor.data.size());
      for (int64_t i = 0; i < tensor.shape[0]; ++i) {
        out.inputs.emplace_back(ids.begin() + i * tensor.shape[1], ids.begin() + (i + 1) * tensor.shape[1]);
      }
    } else if (absl::StartsWith(tensor.name, "hidden.")) {
      out.hidden.at(std::stoul(tensor.name.substr(7))) = PerInput(tensor);
    } else if (absl::StartsWith(tensor.name, "logits.")) {
      SPRINT_ASSIGN_OR_RETURN(const std::string arm, CanonicalArm(tensor.name.substr(7)));
      out.logits[arm] = PerInput(tensor);
    }
  }
  SPRINT_ASSIGN_OR_RETURN(const std::string text, ReadFile(folder + "/greedy.json"));
  const auto json = nlohmann::json::parse(text);
  out.greedy_prompt = json.at("prompt").get<std::vector<int32_t>>();
  for (const auto& [name, ids] : json.at("greedy").items()) {
    SPRINT_ASSIGN_OR_RETURN(const std::string arm, CanonicalArm(name));
    out.greedy[arm] = ids.get<std::vector<int32_t>>();
  }
  return out;
}

absl::StatusOr<std::unique_ptr<Engine>> TestEngine(std::shared_ptr<const ModelFiles> model,
                                                   TorchEngineOptions options) {
  if (options.device == "auto") options.device = "cpu";
  if (options.threads == 0) options.threads = 1;
  if (options.memory_bytes == 0) options.memory_bytes = int64_t{1} << 30;
  return LoadTorchEngine(std::move(model), options);
}

std::shared_ptr<const ModelFiles> WithConfig(const ModelFiles& model, const ModelConfig& config) {
  auto copy = std::make_shared<ModelFiles>(model);
  copy->config = config;
  return copy;
}

double RelativeError(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return INFINITY;
  double difference = 0;
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference = std::max(difference, std::abs(static_cast<double>(a[i]) - b[i]));
    largest = std::max(largest, std::abs(static_cast<double>(b[i])));
  }
  return difference / largest;
}

std::map<SequenceId, SequenceResult> RunAll(Engine& engine) {
  std::map<SequenceId, SequenceResult> out;
  while (!engine.Idle()) {
    auto finished = engine.Step();
    EXPECT_OK(finished);
    if (!finished.ok()) break;
    for (SequenceResult& result : *finished) out[result.id] = std::move(result);
  }
  return out;
}

std::vector<std::string> OwnParityFolders() { return Folders(SourceDir() + "/tests/data/parity"); }

std::vector<std::string> SharedParityFolders() {
  const auto root = SharedPath("fixtures/parity");
  return root ? Folders(*root) : std::vector<std::string>();
}

}  // namespace sprint::testing
