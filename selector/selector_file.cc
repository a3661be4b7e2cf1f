// The selector's file: safetensors, with what is no tensor in the metadata.
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "model/weights.h"
#include "selector/selector.h"

namespace sprint {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFormat[] = "sprint selector 1";

absl::Status Invalid(const std::string& name, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(name, ": ", what, "; train the selector again"));
}

TensorToWrite Floats(const std::string& name, std::vector<int64_t> shape, const std::vector<float>& values) {
  return {name, TensorType::kF32, std::move(shape),
          std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float))};
}

// Bits, 32 in a word, the first in the lowest place.
TensorToWrite Bits(const std::string& name, const std::vector<uint8_t>& values) {
  std::vector<uint32_t> words((values.size() + 31) / 32, 0);
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] != 0) words[i / 32] |= 1U << (i % 32);
  }
  return {name,
          TensorType::kI32,
          {static_cast<int64_t>(words.size())},
          std::string(reinterpret_cast<const char*>(words.data()), words.size() * sizeof(uint32_t))};
}

// The tensors of one file, taken by name and shape.
class Taker {
 public:
  Taker(const WeightIndex& index, const std::string& name) : index_(index), name_(name) {}

  // A dimension of -1 is free; it becomes what the file has.
  absl::Status Take(const std::string& tensor, std::vector<int64_t*> shape, std::vector<float>& values) {
    const TensorInfo* info = index_.Find(tensor);
    if (info == nullptr) return Invalid(name_, absl::StrCat("the tensor ", tensor, " is missing"));
    bool fits = info->type == TensorType::kF32 && info->shape.size() == shape.size();
    for (size_t i = 0; fits && i < shape.size(); ++i) {
      if (*shape[i] < 0) *shape[i] = info->shape[i];
      fits = *shape[i] == info->shape[i];
    }
    if (!fits) return Invalid(name_, absl::StrCat("the tensor ", tensor, " does not fit the others"));
    values.resize(static_cast<size_t>(info->elements()));
    DecodeToF32(*info, 0, absl::MakeSpan(values));
    return absl::OkStatus();
  }

  absl::Status TakeBits(const std::string& tensor, size_t count, std::vector<uint8_t>& values) {
    const TensorInfo* info = index_.Find(tensor);
    if (info == nullptr || info->type != TensorType::kI32 ||
        info->elements() != static_cast<int64_t>((count + 31) / 32)) {
      return Invalid(name_, absl::StrCat("the tensor ", tensor, " is missing or does not fit the others"));
    }
    values.resize(count);
    for (size_t i = 0; i < count; ++i) {
      const auto byte = static_cast<uint8_t>(info->data[i / 8]);
      values[i] = (byte >> (i % 8)) & 1;
    }
    return absl::OkStatus();
  }

 private:
  const WeightIndex& index_;
  const std::string& name_;
};

absl::Status TakeSettings(const Json& settings, const std::string& name, Selector& selector) {
  const auto number = [&settings](const char* key, double fallback) {
    return settings.contains(key) && settings[key].is_number() ? settings[key].get<double>() : fallback;
  };
  const auto text = [&settings](const char* key) {
    return settings.contains(key) && settings[key].is_string() ? settings[key].get<std::string>()
                                                               : std::string();
  };
  const absl::StatusOr<ScoreKind> score = ParseScoreKind(text("score"));
  const absl::StatusOr<LossKind> loss = ParseLossKind(text("loss"));
  if (!score.ok() || !loss.ok()) return Invalid(name, "its score or loss is not known");
  selector.score = *score;
  selector.loss = *loss;
  selector.temperature = number("temperature", 1);
  selector.calibration = {number("calibration_slope", 1), number("calibration_prior", 0),
                          number("calibration_offset", 0)};
  if (!settings.contains("arms") || !settings["arms"].is_array() || settings["arms"].empty())
    return Invalid(name, "it names no arms");
  for (const Json& arm : settings["arms"]) {
    if (!arm.is_string()) return Invalid(name, "an arm's name is no text");
    selector.arm_names.push_back(arm.get<std::string>());
  }
  return absl::OkStatus();
}

absl::Status TakeTensors(const WeightIndex& index, const std::string& name, Selector& selector) {
  SelectorWeights& w = selector.weights;
  w.features = w.hidden = w.d = -1;
  w.arms = static_cast<int64_t>(selector.arm_names.size());
  int64_t trained = -1;
  Taker taker(index, name);
  SPRINT_RETURN_IF_ERROR(taker.Take("question.0.weight", {&w.hidden, &w.features}, w.w1));
  SPRINT_RETURN_IF_ERROR(taker.Take("question.0.bias", {&w.hidden}, w.b1));
  SPRINT_RETURN_IF_ERROR(taker.Take("question.2.weight", {&w.d, &w.hidden}, w.w2));
  SPRINT_RETURN_IF_ERROR(taker.Take("question.2.bias", {&w.d}, w.b2));
  SPRINT_RETURN_IF_ERROR(taker.Take("arm.weight", {&w.arms, &w.d}, w.arm));
  SPRINT_RETURN_IF_ERROR(taker.Take("feature.mean", {&w.features}, selector.feature_mean));
  SPRINT_RETURN_IF_ERROR(taker.Take("feature.deviation", {&w.features}, selector.feature_deviation));
  SPRINT_RETURN_IF_ERROR(taker.Take("arm.accuracy", {&w.arms}, selector.arm_accuracy));
  SPRINT_RETURN_IF_ERROR(taker.Take("train.places", {&trained, &w.d}, selector.train_places));
  return taker.TakeBits("train.right", static_cast<size_t>(trained) * static_cast<size_t>(w.arms),
                        selector.train_right);
}

}  // namespace

std::string SerializeSelector(const Selector& selector) {
  const SelectorWeights& w = selector.weights;
  const Json settings = {{"score", std::string(ScoreKindName(selector.score))},
                         {"loss", std::string(LossKindName(selector.loss))},
                         {"temperature", selector.temperature},
                         {"calibration_slope", selector.calibration.slope},
                         {"calibration_prior", selector.calibration.prior},
                         {"calibration_offset", selector.calibration.offset},
                         {"arms", selector.arm_names}};
  return SerializeSafetensors(
      {Floats("question.0.weight", {w.hidden, w.features}, w.w1), Floats("question.0.bias", {w.hidden}, w.b1),
       Floats("question.2.weight", {w.d, w.hidden}, w.w2), Floats("question.2.bias", {w.d}, w.b2),
       Floats("arm.weight", {w.arms, w.d}, w.arm),
       Floats("feature.mean", {w.features}, selector.feature_mean),
       Floats("feature.deviation", {w.features}, selector.feature_deviation),
       Floats("arm.accuracy", {w.arms}, selector.arm_accuracy),
       Floats("train.places", {selector.train_count(), w.d}, selector.train_places),
       Bits("train.right", selector.train_right)},
      {{"format", kFormat},
       {"settings", settings.dump(-1, ' ', false, Json::error_handler_t::replace)},
       {"lineage", selector.lineage}});
}

absl::StatusOr<Selector> ParseSelector(std::string bytes, const std::string& name) {
  auto metadata = SafetensorsMetadata(bytes, name);
  if (!metadata.ok()) return metadata.status();
  if ((*metadata)["format"] != kFormat) return Invalid(name, "this is no selector");
  const Json settings = Json::parse((*metadata)["settings"], nullptr, /*allow_exceptions=*/false);
  Selector selector;
  selector.lineage = (*metadata)["lineage"];
  if (!settings.is_object() || !Json::accept(selector.lineage))
    return Invalid(name, "its settings or lineage are no JSON");
  SPRINT_RETURN_IF_ERROR(TakeSettings(settings, name, selector));
  SPRINT_ASSIGN_OR_RETURN(const auto index,
                          WeightIndex::ParseSafetensors({MappedFile::FromBytes(std::move(bytes), name)}));
  SPRINT_RETURN_IF_ERROR(TakeTensors(*index, name, selector));
  return selector;
}

absl::Status SaveSelector(const Selector& selector, const std::string& path) {
  return WriteFileAtomically(path, SerializeSelector(selector));
}

absl::StatusOr<Selector> LoadSelector(const std::string& path) {
  SPRINT_ASSIGN_OR_RETURN(std::string bytes, ReadFile(path));
  return ParseSelector(std::move(bytes), path);
}

}  // namespace sprint
