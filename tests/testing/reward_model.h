// A reward model for tests: the demo model's body with a head that scores.
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

// Writes it into the new folder `path`; `score` is score.weight, [labels, 96].
inline void WriteRewardModel(const std::string& path, const std::vector<float>& score) {
  const std::string demo = SourceDir() + "/demo/model";
  std::filesystem::copy(demo, path, std::filesystem::copy_options::recursive);
  const auto labels = static_cast<int64_t>(score.size()) / 96;
  auto config = nlohmann::json::parse(ReadFile(demo + "/config.json").value_or(""));
  config["architectures"] = {"LlamaForSequenceClassification"};
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
  std::string bytes(score.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), score.data(), bytes.size());
  tensors.push_back({"score.weight", TensorType::kF32, {labels, 96}, bytes});
  EXPECT_OK(WriteFileAtomically(path + "/model.safetensors", SerializeSafetensors(tensors)));
}

}  // namespace sprint::testing

#endif  // SPRINT_TESTS_TESTING_REWARD_MODEL_H_
