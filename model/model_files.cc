#include "model/model_files.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/status.h"
#include "model/gguf.h"
#include "model/json.h"
#include "model/model_tensors.h"

namespace sprint {
namespace {

absl::Status Unsupported(absl::string_view message) {
  return Error(absl::StatusCode::kUnimplemented, Reason::kModelUnsupported, message);
}

// The last part of a path, for people.
std::string BaseName(absl::string_view path) {
  while (path.size() > 1 && absl::EndsWith(path, "/")) path.remove_suffix(1);
  return std::string(path.substr(path.rfind('/') + 1));
}

// The file names of `folder` that end in `suffix`, sorted.
std::vector<std::string> FilesEndingIn(const std::string& folder, absl::string_view suffix) {
  std::vector<std::string> names;
  std::error_code error;
  for (auto it = std::filesystem::directory_iterator(folder, error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (absl::EndsWith(name, suffix)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Why a folder without config.json or safetensors is no model, with the way out.
absl::Status ExplainFolder(const std::string& folder) {
  const auto gguf = FilesEndingIn(folder, ".gguf");
  if (!gguf.empty()) {
    return Unsupported(
        absl::StrCat(folder, " is a folder of GGUF files; give one of them, e.g. ", folder, "/", gguf[0]));
  }
  for (const absl::string_view suffix : {".bin", ".pt", ".pth", ".ckpt", ".h5", ".onnx"}) {
    const auto found = FilesEndingIn(folder, suffix);
    if (!found.empty()) {
      return Unsupported(absl::StrCat(folder, ": weights in ", found[0],
                                      " are not supported; convert the model to safetensors"));
    }
  }
  return Error(
      absl::StatusCode::kInvalidArgument, Reason::kModelDamaged,
      absl::StrCat(folder,
                   " holds no model: config.json and model.safetensors (or its shards) are expected"));
}

// The types that the matrices are stored in, the one with the most bytes first.
std::string DescribeStorage(const ModelTensors& tensors) {
  std::map<std::string, size_t> bytes;
  for (const auto& [name, tensor] : UsedTensors(tensors)) {
    if (tensor->shape.size() > 1) bytes[std::string(TensorTypeName(tensor->type))] += tensor->data.size();
  }
  std::vector<std::pair<std::string, size_t>> order(bytes.begin(), bytes.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return absl::StrJoin(order, " + ", [](std::string* out, const auto& item) { out->append(item.first); });
}

absl::StatusOr<std::string> ReadOptional(const std::string& path) {
  return FileExists(path) ? ReadFile(path) : absl::StatusOr<std::string>(std::string());
}

absl::StatusOr<std::unique_ptr<Tokenizer>> OpenHfTokenizer(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/tokenizer.json");
  if (!FileExists(path)) {
    for (const absl::string_view other : {"tokenizer.model", "vocab.json", "vocab.txt", "tekken.json"}) {
      if (!FileExists(absl::StrCat(folder, "/", other))) continue;
      return Error(absl::StatusCode::kUnimplemented, Reason::kTokenizerUnsupported,
                   absl::StrCat(folder, ": a tokenizer in ", other,
                                " is not supported; a tokenizer.json is expected "
                                "(transformers writes one with save_pretrained)"));
    }
    return Error(absl::StatusCode::kInvalidArgument, Reason::kTokenizerDamaged,
                 absl::StrCat(folder, ": tokenizer.json is missing"));
  }
  SPRINT_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  auto tokenizer = ParseTokenizerJson(text);
  if (!tokenizer.ok()) return Annotate(tokenizer.status(), path);
  return tokenizer;
}

// The template of tokenizer_config.json (a text, or a list with one named "default") or of
// chat_template.jinja, which wins.
absl::StatusOr<std::string> ReadChatTemplate(const std::string& folder) {
  SPRINT_ASSIGN_OR_RETURN(std::string own_file, ReadOptional(absl::StrCat(folder, "/chat_template.jinja")));
  if (!own_file.empty()) return own_file;
  const std::string path = absl::StrCat(folder, "/tokenizer_config.json");
  SPRINT_ASSIGN_OR_RETURN(const std::string text, ReadOptional(path));
  if (text.empty()) return std::string();
  SPRINT_ASSIGN_OR_RETURN(const Json json, ParseJson(text, path, Reason::kTokenizerDamaged));
  const Json* found = FindMember(json, "chat_template");
  if (found == nullptr) return std::string();
  if (found->is_string()) return found->get<std::string>();
  for (const Json& item : found->is_array() ? *found : Json::array()) {
    const Json* name = FindMember(item, "name");
    const Json* body = FindMember(item, "template");
    if (name != nullptr && body != nullptr && *name == Json("default") && body->is_string()) {
      return body->get<std::string>();
    }
  }
  return std::string();
}

absl::Status OpenHfFolder(const std::string& path, const OpenModelOptions& options, ModelFiles& model) {
  const std::string config_path = absl::StrCat(path, "/config.json");
  const bool has_weights =
      !FilesEndingIn(path, ".safetensors").empty() || !FilesEndingIn(path, ".safetensors.index.json").empty();
  if (!FileExists(config_path) && has_weights) {
    return Error(absl::StatusCode::kInvalidArgument, Reason::kModelDamaged,
                 absl::StrCat(path, ": config.json is missing"));
  }
  if (!FileExists(config_path)) return ExplainFolder(path);
  model.format = "safetensors";
  SPRINT_ASSIGN_OR_RETURN(const std::string config_text, ReadFile(config_path));
  SPRINT_ASSIGN_OR_RETURN(const std::string generation,
                          ReadOptional(absl::StrCat(path, "/generation_config.json")));
  auto config = ParseHfConfig(config_text, generation);
  if (!config.ok()) return Annotate(config.status(), path);
  model.config = *std::move(config);
  model.config.name = BaseName(path);
  if (!has_weights) return ExplainFolder(path);
  SPRINT_ASSIGN_OR_RETURN(model.weights, WeightIndex::OpenSafetensors(path));
  auto tensors = FindModelTensors(model.config, *model.weights, NamingScheme::kHuggingFace, false);
  if (!tensors.ok()) return Annotate(tensors.status(), path);
  model.tensors = *std::move(tensors);
  SPRINT_ASSIGN_OR_RETURN(model.chat_template, ReadChatTemplate(path));
  if (options.need_tokenizer) {
    SPRINT_ASSIGN_OR_RETURN(model.tokenizer, OpenHfTokenizer(path));
  }
  return absl::OkStatus();
}

absl::Status OpenGguf(const std::string& path, const OpenModelOptions& options, ModelFiles& model) {
  model.format = "GGUF";
  SPRINT_ASSIGN_OR_RETURN(const auto file, GgufFile::Open(path));
  auto config = ConfigFromGguf(*file);
  if (!config.ok()) return Annotate(config.status(), path);
  model.config = *std::move(config);
  if (model.config.name.empty()) model.config.name = BaseName(path);
  model.weights = file->weights();
  // The converter permutes q and k of these architectures, and of no other supported one.
  const bool interleaved = model.config.architecture == Architecture::kLlama ||
                           model.config.architecture == Architecture::kMistral;
  auto tensors = FindModelTensors(model.config, *model.weights, NamingScheme::kGguf, interleaved);
  if (!tensors.ok()) return Annotate(tensors.status(), path);
  model.tensors = *std::move(tensors);
  model.chat_template = std::string(file->String("tokenizer.chat_template").value_or(""));
  if (options.need_tokenizer) {
    auto tokenizer = TokenizerFromGguf(*file);
    if (!tokenizer.ok()) return Annotate(tokenizer.status(), path);
    model.tokenizer = *std::move(tokenizer);
  }
  return absl::OkStatus();
}

// GGUF by its first bytes, whatever the file is called.
absl::Status OpenFile(const std::string& path, const OpenModelOptions& options, ModelFiles& model) {
  SPRINT_ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  if (absl::StartsWith(file->bytes(), "GGUF") || absl::EndsWith(path, ".gguf")) {
    return OpenGguf(path, options, model);
  }
  if (absl::EndsWith(path, ".safetensors")) {
    return Unsupported(
        absl::StrCat(path, " is one file of a model; give the folder that holds it and its config.json"));
  }
  return Unsupported(
      absl::StrCat(path, " is neither a folder with config.json and safetensors nor a GGUF file"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ModelFiles>> OpenModel(const std::string& path,
                                                            const OpenModelOptions& options) {
  if (!FileExists(path)) {
    return Error(absl::StatusCode::kNotFound, Reason::kModelDamaged,
                 absl::StrCat("there is no model at ", path, "; give a Hugging Face folder or a GGUF file"));
  }
  auto model = std::make_shared<ModelFiles>();
  model->path = path;
  SPRINT_RETURN_IF_ERROR(IsDirectory(path) ? OpenHfFolder(path, options, *model)
                                           : OpenFile(path, options, *model));
  if (model->tokenizer != nullptr && model->tokenizer->vocab_size() > model->config.vocab) {
    return Error(absl::StatusCode::kInvalidArgument, Reason::kTokenizerDamaged,
                 absl::StrCat(path, ": the tokenizer has ids up to ", model->tokenizer->vocab_size() - 1,
                              ", but the embedding has ", model->config.vocab,
                              " rows; the tokenizer belongs to another model"));
  }
  model->storage = DescribeStorage(model->tensors);
  return model;
}

}  // namespace sprint
