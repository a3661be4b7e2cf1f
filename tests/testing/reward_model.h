// Reward models for tests: the demo model's body with a head that scores.
#ifndef SPRINT_TESTS_TESTING_REWARD_MODEL_H_
#define SPRINT_TESTS_TESTING_REWARD_MODEL_H_

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "model/weights.h"
#include "tests/testing/testing.h"

namespace sprint::testing {

struct HeadTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<float> values;
};

// Writes it into the new folder `path`, as a Llama`head_class`.
inline void WriteRewardModel(const std::string& path, const std::string& head_class, int64_t labels,
                             const std::vector<HeadTensor>& head) {
  const std::string demo = SourceDir() + "/demo/model";
  std::filesystem::copy(demo, path, std::filesystem::copy_options::recursive);
  auto config = nlohmann::json::parse(ReadFile(demo + "/config.json").value_or(""));
  config["architectures"] = {"Llama" + head_class};
  config["id2label"] = nlohmann::json::object();
  for (int64_t label = 0; label < labels; ++label)
    config["id2label"][std::to_string(label)] = "LABEL_" + std::to_string(label);
  std::filesystem::permissions(path, std::filesystem::perms::all);
  for (const char* file : {"/config.json", "/model.safetensors"}) std::filesystem::remove(path + file);
  EXPECT_OK(WriteFileAtomically(path + "/config.json", config.dump()));
  auto weights = WeightIndex::OpenSafetensors(demo);
  ASSERT_OK(weights);
  std::vector<TensorToWrite> tensors;
  for (const TensorInfo& tensor : (*weights)->tensors())
    tensors.push_back({tensor.name, tensor.type, tensor.shape, std::string(tensor.data)});
  for (const HeadTensor& tensor : head) {
    std::string bytes(tensor.values.size() * sizeof(float), '\0');
    std::memcpy(bytes.data(), tensor.values.data(), bytes.size());
    tensors.push_back({tensor.name, TensorType::kF32, tensor.shape, bytes});
  }
  EXPECT_OK(WriteFileAtomically(path + "/model.safetensors", SerializeSafetensors(tensors)));
}

// A LlamaForSequenceClassification; `score` is score.weight, [labels, 96].
inline void WriteRewardModel(const std::string& path, const std::vector<float>& score) {
  const auto labels = static_cast<int64_t>(score.size()) / 96;
  WriteRewardModel(path, "ForSequenceClassification", labels, {{"score.weight", {labels, 96}, score}});
}

}  // namespace sprint::testing

#endif  // SPRINT_TESTS_TESTING_REWARD_MODEL_H_
