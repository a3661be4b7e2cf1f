// The engine on a GPU: a sweep of models of Qwen2.5's shapes with random weights, in bf16, against
// transformers' loop on the same card, and against what the card can do.
#include <torch/torch.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/status.h"
#include "bench/engine_figures.h"
#include "worker/engine/device.h"
#include "worker/engine/kernels.h"

namespace sprint::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Shape {
  const char* figure;
  int hidden, layers, heads, kv_heads, intermediate, vocab;
  bool tied;
};
// config.json of Qwen2.5-1.5B and Qwen2.5-7B.
constexpr Shape kShapes[] = {{"gpu-1.5b", 1536, 28, 12, 2, 8960, 151936, true},
                             {"gpu-7b", 3584, 28, 28, 4, 18944, 152064, false}};
// What runs in seconds on any machine: a check of the path, no figure.
constexpr Shape kTiny = {"gpu-tiny", 64, 3, 4, 2, 160, 1500, true};

std::string Config(const Shape& shape) {
  const Json config = {{"architectures", {"Qwen2ForCausalLM"}},
                       {"model_type", "qwen2"},
                       {"hidden_act", "silu"},
                       {"hidden_size", shape.hidden},
                       {"num_hidden_layers", shape.layers},
                       {"num_attention_heads", shape.heads},
                       {"num_key_value_heads", shape.kv_heads},
                       {"intermediate_size", shape.intermediate},
                       {"vocab_size", shape.vocab},
                       {"max_position_embeddings", 4096},
                       {"rms_norm_eps", 1e-6},
                       {"rope_theta", 1e6},
                       {"tie_word_embeddings", shape.tied},
                       {"torch_dtype", "bfloat16"}};
  return config.dump(1);
}

struct WeightTensor {
  std::string name;
  std::vector<int64_t> shape;
  float mean = 0;  // of its values, which differ by 0.02
  int64_t elements() const { return shape.size() == 1 ? shape[0] : shape[0] * shape[1]; }
};

std::vector<WeightTensor> Tensors(const Shape& shape) {
  const int64_t kv = int64_t{shape.hidden} / shape.heads * shape.kv_heads;
  std::vector<WeightTensor> out = {{"model.embed_tokens.weight", {shape.vocab, shape.hidden}},
                                   {"model.norm.weight", {shape.hidden}, 1}};
  if (!shape.tied) out.push_back({"lm_head.weight", {shape.vocab, shape.hidden}});
  for (int layer = 0; layer < shape.layers; ++layer) {
    const std::string at = absl::StrCat("model.layers.", layer, ".");
    for (const auto& [name, rows] :
         {std::pair<const char*, int64_t>{"q", shape.hidden}, {"k", kv}, {"v", kv}}) {
      out.push_back({absl::StrCat(at, "self_attn.", name, "_proj.weight"), {rows, shape.hidden}});
      out.push_back({absl::StrCat(at, "self_attn.", name, "_proj.bias"), {rows}});
    }
    out.push_back({at + "self_attn.o_proj.weight", {shape.hidden, shape.hidden}});
    out.push_back({at + "mlp.gate_proj.weight", {shape.intermediate, shape.hidden}});
    out.push_back({at + "mlp.up_proj.weight", {shape.intermediate, shape.hidden}});
    out.push_back({at + "mlp.down_proj.weight", {shape.hidden, shape.intermediate}});
    out.push_back({at + "input_layernorm.weight", {shape.hidden}, 1});
    out.push_back({at + "post_attention_layernorm.weight", {shape.hidden}, 1});
  }
  return out;
}

// A safetensors file, written piece by piece: the larger model has 15 GB.
absl::Status WriteWeights(const Shape& shape, const std::string& path) {
  const std::vector<WeightTensor> tensors = Tensors(shape);
  Json header = {{"__metadata__", {{"format", "pt"}}}};
  int64_t offset = 0;
  for (const WeightTensor& tensor : tensors) {
    const int64_t end = offset + 2 * tensor.elements();
    header[tensor.name] = {{"dtype", "BF16"}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  const std::string text = header.dump();
  const uint64_t size = text.size();
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&size), sizeof(size));
  file << text;
  // Values repeat after a while; a product cannot tell.
  constexpr size_t kPeriod = 1000003;
  CounterRng rng(/*seed=*/6, /*stream=*/0);
  std::vector<float> noise(kPeriod);
  for (float& value : noise) value = static_cast<float>(0.02 * rng.NextNormal());
  size_t at = 0;
  std::vector<float> values;
  std::vector<Bf16> rounded;
  for (const WeightTensor& tensor : tensors) {
    for (int64_t left = tensor.elements(); left > 0;) {
      values.resize(static_cast<size_t>(std::min<int64_t>(left, 1 << 20)));
      for (float& value : values) value = tensor.mean + noise[at++ % kPeriod];
      rounded.resize(values.size());
      kernels::F32ToBf16(values.data(), static_cast<int64_t>(values.size()), rounded.data());
      file.write(reinterpret_cast<const char*>(rounded.data()),
                 static_cast<std::streamsize>(2 * rounded.size()));
      left -= static_cast<int64_t>(values.size());
    }
  }
  file.close();
  return file ? absl::OkStatus() : absl::ResourceExhaustedError(absl::StrCat("cannot write ", path));
}

// The folder of the shape's model, made when it is not there.
absl::StatusOr<std::string> RandomModel(const Shape& shape, const std::string& peers) {
  const std::string folder = absl::StrCat(peers.empty() ? "/tmp" : peers, "/", shape.figure);
  if (FileExists(folder + "/config.json")) return folder;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return absl::InternalError(absl::StrCat("cannot make ", folder, ": ", error.message()));
  SPRINT_RETURN_IF_ERROR(WriteWeights(shape, folder + "/model.safetensors"));
  SPRINT_RETURN_IF_ERROR(WriteFileAtomically(folder + "/config.json", Config(shape)));  // last: complete
  return folder;
}

// The least seconds of `work` on the device, of some tries.
double DeviceSeconds(absl::FunctionRef<at::Tensor()> work) {
  double best = 0;
  for (int attempt = 0; attempt < 6; ++attempt) {
    const double start = Now();
    at::Tensor last;
    for (int i = 0; i < 4; ++i) last = work();
    last.flatten().narrow(0, 0, 1).cpu();  // waits
    const double seconds = (Now() - start) / 4;
    if (attempt == 1 || (attempt > 1 && seconds < best)) best = seconds;
  }
  return best;
}

struct Card {
  double flops = 0;      // a second, of bf16 products
  double bandwidth = 0;  // bytes a second, read and written by a copy
};
Card MeasureCard(const at::Device& device, int64_t side) {
  const torch::InferenceMode guard;
  const auto type = at::TensorOptions().device(device).dtype(at::kBFloat16);
  const at::Tensor a = torch::ones({side, side}, type);
  const at::Tensor b = torch::ones({side, side}, type);
  const at::Tensor source = torch::ones({4 * side * side}, type);
  const at::Tensor copy = torch::empty_like(source);
  Card card;
  card.flops = 2.0 * static_cast<double>(side) * static_cast<double>(side) * static_cast<double>(side) /
               DeviceSeconds([&] { return at::mm(a, b); });
  card.bandwidth =
      2.0 * static_cast<double>(source.nbytes()) / DeviceSeconds([&] { return copy.copy_(source); });
  return card;
}

}  // namespace

absl::Status ModelBench::Gpu(const std::string& folder) {
  const bool tiny = prefix_ == kTiny.figure;
  Workload workload;
  workload.prompts = RandomPrompts(model_->config, tiny ? 4 : 64, options_.prompt);
  workload.arms = SpreadArms(model_->config, tiny ? 3 : 16);
  workload.max_new_tokens = tiny ? 8 : 128;
  TorchEngineOptions engine_options = EngineOptions(Dtype::kBF16, options_.gpu_batch);
  engine_options.device = options_.gpu_device;
  engine_options.shared_folder.clear();
  SPRINT_ASSIGN_OR_RETURN(const TorchDevice device, ResolveTorchDevice(options_.gpu_device));
  double rate = 0;
  double steps = 0;
  double flops = 0;
  {
    SPRINT_ASSIGN_OR_RETURN(const auto engine, LoadTorchEngine(model_, engine_options));
    std::fprintf(stderr, "  %s\n", engine->NumericsDescription().c_str());
    SPRINT_RETURN_IF_ERROR(RunSweep(*engine, workload).status());  // warms up
    const int64_t before = engine->stats().steps;
    SPRINT_ASSIGN_OR_RETURN(const RunResult ours, RunSweep(*engine, workload));
    const auto generations = static_cast<double>(ours.generations);
    rate = generations / ours.seconds;
    steps = static_cast<double>(engine->stats().steps - before) / ours.seconds;
    flops =
        (static_cast<double>(ours.prompt_tokens - ours.generations) * FlopsPerToken(model_->config, false) +
         static_cast<double>(ours.generated) * FlopsPerToken(model_->config, true)) /
        ours.seconds;
  }  // the card's memory is the peer's turn
  Workload subset = workload;
  subset.arms.resize(std::min<size_t>(subset.arms.size(), 4));
  Peers peers = options_.peers;
  peers.device = device.cuda ? device.name : "cpu";
  const absl::StatusOr<LoopResult> loop = RunTransformers(peers, folder, Dtype::kBF16, subset, 64);
  if (!loop.ok()) Skip("", loop.status());
  Print("", rate, loop.ok() ? static_cast<double>(loop->generations) / loop->seconds : 0, "generations/s");
  const Card card = MeasureCard(at::Device(device.name), tiny ? 256 : 8192);
  const double weights = 2.0 * static_cast<double>(model_->config.ParameterCount());
  Print("-bandwidth", weights * steps / 1e9, card.bandwidth / 1e9, "GB/s");  // every step reads every weight
  Print("-flops", flops / 1e12, card.flops / 1e12, "TFLOP/s");
  return absl::OkStatus();
}

absl::Status RunGpuFigures(const EngineBenchOptions& options) {
  std::vector<Shape> shapes(std::begin(kShapes), std::end(kShapes));
  if (options.gpu_tiny) shapes = {kTiny};
  for (const Shape& shape : shapes) {
    const bool wanted =
        options.figures.empty() || options.figures.count(shape.figure) > 0 || options.gpu_tiny;
    if (!wanted) continue;
    if (const absl::Status device = ResolveTorchDevice(options.gpu_device).status(); !device.ok()) {
      std::fprintf(stderr, "engine/%s: not run, there is no GPU here: %s\n", shape.figure,
                   std::string(device.message()).c_str());
      continue;
    }
    SPRINT_ASSIGN_OR_RETURN(const std::string folder, RandomModel(shape, options.peers.folder));
    SPRINT_ASSIGN_OR_RETURN(const auto model, OpenModel(folder, {.need_tokenizer = false}));
    SPRINT_RETURN_IF_ERROR(ModelBench(options, model, shape.figure).Gpu(folder));
  }
  return absl::OkStatus();
}

}  // namespace sprint::bench
