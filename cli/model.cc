#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/render/text.h"
#include "model/memory.h"
#include "model/model_files.h"

namespace sprint {
namespace {

struct InspectOptions {
  std::string path;
  std::string dtype = "f32";
  int32_t max_new_tokens = 256;
  int64_t prompt_tokens = 256;
  int64_t sequences = 64;
  int64_t lanes = 1;
  bool no_fingerprint = false;
  bool json = false;
};

struct Inspection {
  std::shared_ptr<const ModelFiles> model;
  std::string weights_hash;  // hex; empty: not computed
  MemoryEstimate memory;
  int64_t weight_bytes = 0;  // as stored
};

absl::StatusOr<Inspection> Inspect(const Terminal& terminal, const InspectOptions& options) {
  Inspection result;
  SPRINT_ASSIGN_OR_RETURN(const Dtype dtype, ParseDtype(options.dtype));
  SPRINT_ASSIGN_OR_RETURN(result.model, OpenModel(options.path));
  for (const TensorInfo& tensor : result.model->weights->tensors()) {
    result.weight_bytes += static_cast<int64_t>(tensor.data.size());
  }
  EngineShape shape;
  shape.sequences = options.sequences;
  shape.lanes = options.lanes;
  shape.prompt_tokens = options.prompt_tokens;
  shape.new_tokens = options.max_new_tokens;
  result.memory = EstimateMemory(result.model->config, dtype, shape);
  if (options.no_fingerprint) return result;
  WeightsProgress progress(terminal);
  const int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  SPRINT_ASSIGN_OR_RETURN(const Hash256 hash, FingerprintWeights(*result.model, threads, [&](double share) {
                            progress.Show(share);
                          }));
  result.weights_hash = hash.Hex();
  return result;
}

std::string HeadsText(const ModelConfig& config) {
  return absl::StrCat(config.layers, " layers x ", config.heads, " heads of ", config.head_dim, " (",
                      config.kv_heads, " K/V heads)");
}

std::string Features(const ModelConfig& config) {
  std::vector<std::string> features;
  if (config.tied_embeddings) features.emplace_back("tied embeddings");
  if (config.qkv_bias) features.emplace_back("q/k/v bias");
  if (config.output_bias) features.emplace_back("o bias");
  if (config.qk_norm) features.emplace_back("q/k norm");
  if (config.sliding_window > 0) features.push_back(absl::StrCat("window ", config.sliding_window));
  std::string rope = absl::StrCat("RoPE ", config.rope.theta);
  if (config.rope.scaling == RopeConfig::Scaling::kLinear)
    absl::StrAppend(&rope, ", linear x", config.rope.factor);
  if (config.rope.scaling == RopeConfig::Scaling::kLlama3)
    absl::StrAppend(&rope, ", llama3 x", config.rope.factor);
  features.push_back(rope);
  return absl::StrJoin(features, ", ");
}

void WriteText(const Terminal& terminal, const Inspection& result, const InspectOptions& options) {
  const ModelFiles& model = *result.model;
  const ModelConfig& config = model.config;
  std::string text;
  const auto line = [&](absl::string_view label, absl::string_view value) {
    absl::StrAppend(&text, Pad(label, 15, Align::kLeft), value, "\n");
  };
  line("model", terminal.out.style.Paint(Tone::kStrong, config.name));
  line("read from",
       absl::StrCat(model.path, " (", model.format, ", ",
                    Plural(static_cast<int64_t>(model.weights->tensors().size()), "tensor", "tensors"), ", ",
                    model.storage, ", ", FormatBytes(result.weight_bytes), ")"));
  line("architecture", absl::StrCat(ArchitectureName(config.architecture), ", ",
                                    FormatCount(config.ParameterCount()), " parameters"));
  line("heads", HeadsText(config));
  line("sizes",
       absl::StrCat("hidden ", config.hidden, ", feed-forward ", config.intermediate, ", vocabulary ",
                    FormatCount(config.vocab), ", context ", FormatCount(config.context)));
  line("features", Features(config));
  line("arms", absl::StrCat(FormatCount(int64_t{config.layers} * config.heads), " single heads, ",
                            config.layers, " whole layers, and the baseline"));
  line("tokenizer", absl::StrCat(model.tokenizer->Describe(), ", ", model.tokenizer->Fingerprint().Short()));
  line("ends with", absl::StrCat("token ", absl::StrJoin(config.eos_tokens, ", ")));
  line("weights", result.weights_hash.empty() ? "not fingerprinted" : result.weights_hash);
  const MemoryEstimate& memory = result.memory;
  line("memory",
       absl::StrCat(FormatBytes(memory.total()), " in ", options.dtype, ": weights ",
                    FormatBytes(memory.weights),
                    memory.screen > 0 ? absl::StrCat(", head in 8 bits ", FormatBytes(memory.screen)) : "",
                    ", step ", FormatBytes(memory.activations), ", K/V ", FormatBytes(memory.kv()),
                    ", prompts ", FormatBytes(memory.traces), ", process ", FormatBytes(memory.fixed)));
  line("",
       terminal.out.style.Paint(
           Tone::kDim, absl::StrCat("for ", options.sequences, " sequences",
                                    options.lanes > 1 ? absl::StrCat(" in ", options.lanes, " lanes") : "",
                                    " of ", options.prompt_tokens, " + ", options.max_new_tokens, " tokens; ",
                                    FormatBytes(memory.kv_per_token), " of K/V a token")));
  terminal.out.Write(text);
}

void WriteJson(const Terminal& terminal, const Inspection& result, const InspectOptions& options) {
  const ModelFiles& model = *result.model;
  const ModelConfig& config = model.config;
  nlohmann::ordered_json json = {{"name", config.name},
                                 {"path", model.path},
                                 {"format", model.format},
                                 {"storage", model.storage},
                                 {"weight_bytes", result.weight_bytes},
                                 {"tensors", model.weights->tensors().size()},
                                 {"architecture", std::string(ArchitectureName(config.architecture))},
                                 {"parameters", config.ParameterCount()},
                                 {"layers", config.layers},
                                 {"heads", config.heads},
                                 {"kv_heads", config.kv_heads},
                                 {"head_dim", config.head_dim},
                                 {"hidden", config.hidden},
                                 {"intermediate", config.intermediate},
                                 {"vocab", config.vocab},
                                 {"context", config.context},
                                 {"head_arms", int64_t{config.layers} * config.heads},
                                 {"eos_tokens", config.eos_tokens},
                                 {"tokenizer", model.tokenizer->Describe()},
                                 {"tokenizer_hash", model.tokenizer->Fingerprint().Hex()}};
  json["weights_hash"] = nullptr;
  if (!result.weights_hash.empty()) json["weights_hash"] = result.weights_hash;
  json["memory"] = {{"dtype", options.dtype},         {"weights", result.memory.weights},
                    {"screen", result.memory.screen}, {"activations", result.memory.activations},
                    {"traces", result.memory.traces}, {"kv_per_token", result.memory.kv_per_token},
                    {"fixed", result.memory.fixed},   {"cached_tokens", result.memory.cached_tokens},
                    {"total", result.memory.total()}};
  terminal.out.Write(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

absl::StatusOr<int> RunInspect(const Terminal& terminal, const InspectOptions& options) {
  SPRINT_ASSIGN_OR_RETURN(const Inspection result, Inspect(terminal, options));
  options.json ? WriteJson(terminal, result, options) : WriteText(terminal, result, options);
  return kExitDone;
}

}  // namespace

void AddModel(App& app) {
  CLI::App* model = app.Add(app.root(), "model", "Look at a model", {"sprint model inspect demo/model"});
  auto options = std::make_shared<InspectOptions>();
  CLI::App* inspect = app.Add(*model, "inspect", "What a model is, its arms, and the memory it needs",
                              {"sprint model inspect demo/model",
                               "sprint model inspect model.gguf --dtype bf16 --max-new-tokens 2048 --json"},
                              [options](const Terminal& terminal) { return RunInspect(terminal, *options); });
  inspect->add_option("PATH", options->path, "A Hugging Face folder or a .gguf file")
      ->required()
      ->type_name("PATH");
  AddChoice(inspect, "--dtype", options->dtype, {"f32", "bf16"}, "What it would be computed in")
      ->capture_default_str();
  const auto count = [&](const char* flag, auto& value, const char* description) {
    inspect->add_option(flag, value, description)
        ->type_name("N")
        ->check(CLI::Validator(CLI::PositiveNumber).description(""))
        ->capture_default_str();
  };
  count("--max-new-tokens", options->max_new_tokens, "Tokens of an answer");
  count("--prompt-tokens", options->prompt_tokens, "Tokens of a prompt");
  count("--sequences", options->sequences,
        "Sequences that run at once, as a worker's --max-sequences or its log say");
  count("--lanes", options->lanes, "A worker's --lanes");
  inspect->add_flag("--no-fingerprint", options->no_fingerprint, "Do not read the weights");
  inspect->add_flag("--json", options->json, "As JSON");
}

}  // namespace sprint
