#include "selector/trainer_checkpoint.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "model/weights.h"

namespace sprint {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFormat[] = "sprint training 1";

absl::Status Damaged(const std::string& path) {
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": this is no whole checkpoint; remove it to train from the beginning"));
}

TensorToWrite Tensor(const std::string& name, const std::vector<float>& values) {
  return {name,
          TensorType::kF32,
          {static_cast<int64_t>(values.size())},
          std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float))};
}

bool Take(const WeightIndex& index, const std::string& name, std::vector<float>& values) {
  const TensorInfo* tensor = index.Find(name);
  if (tensor == nullptr || tensor->type != TensorType::kF32 || tensor->shape.size() != 1) return false;
  values.resize(static_cast<size_t>(tensor->elements()));
  DecodeToF32(*tensor, 0, absl::MakeSpan(values));
  return true;
}

}  // namespace

absl::Status SaveCheckpoint(const TrainState& state, const Hash256& training, const std::string& path) {
  // A JSON number is written with the digits that read back as the same double.
  const Json numbers = {{"epoch", state.epoch},
                        {"steps", state.steps},
                        {"best_epoch", state.best_epoch},
                        {"best_loss", state.best_loss},
                        {"best_train_loss", state.best_train_loss}};
  return WriteFileAtomically(
      path,
      SerializeSafetensors({Tensor("parameters", state.parameters), Tensor("first", state.first),
                            Tensor("second", state.second), Tensor("best", state.best)},
                           {{"format", kFormat}, {"training", training.Hex()}, {"numbers", numbers.dump()}}));
}

absl::StatusOr<TrainState> LoadCheckpoint(const Hash256& training, const std::string& path) {
  if (!FileExists(path)) return absl::NotFoundError(absl::StrCat(path, ": no such checkpoint"));
  SPRINT_ASSIGN_OR_RETURN(std::string bytes, ReadFile(path));
  auto metadata = SafetensorsMetadata(bytes, path);
  if (!metadata.ok() || (*metadata)["format"] != kFormat) return Damaged(path);
  if ((*metadata)["training"] != training.Hex()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path,
                     ": this checkpoint is of another training (snapshot, features or options differ); "
                     "remove it or name another"));
  }
  const Json numbers = Json::parse((*metadata)["numbers"], nullptr, /*allow_exceptions=*/false);
  const auto index = WeightIndex::ParseSafetensors({MappedFile::FromBytes(std::move(bytes), path)});
  if (!numbers.is_object() || !index.ok()) return Damaged(path);
  TrainState state;
  for (const char* key : {"epoch", "steps", "best_epoch", "best_loss", "best_train_loss"}) {
    if (!numbers.contains(key) || !numbers[key].is_number()) return Damaged(path);
  }
  state.epoch = numbers["epoch"].get<int32_t>();
  state.steps = numbers["steps"].get<int64_t>();
  state.best_epoch = numbers["best_epoch"].get<int32_t>();
  state.best_loss = numbers["best_loss"].get<double>();
  state.best_train_loss = numbers["best_train_loss"].get<double>();
  if (!Take(**index, "parameters", state.parameters) || !Take(**index, "first", state.first) ||
      !Take(**index, "second", state.second) || !Take(**index, "best", state.best)) {
    return Damaged(path);
  }
  const size_t size = state.parameters.size();
  if (state.first.size() != size || state.second.size() != size || state.best.size() != size)
    return Damaged(path);
  return state;
}

}  // namespace sprint
