#include "bench/engine_peers.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"

namespace sprint::bench {
namespace {

using Json = nlohmann::json;

std::string Quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// What a command prints on standard output.
absl::StatusOr<std::string> Output(const std::string& command) {
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return absl::InternalError(absl::StrCat("cannot start ", command));
  std::string out;
  char buffer[4096];
  for (size_t n = 0; (n = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0;) out.append(buffer, n);
  if (pclose(pipe) != 0) return absl::InternalError(absl::StrCat("failed: ", command));
  return out;
}

// The last line that is a JSON object.
absl::StatusOr<Json> LastObject(const std::string& text) {
  Json found;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    Json line = Json::parse(text.substr(begin, end - begin), nullptr, /*allow_exceptions=*/false);
    if (line.is_object()) found = std::move(line);
    begin = end + 1;
  }
  if (found.is_null()) return absl::InternalError("the peer printed no result");
  return found;
}

absl::Status Missing(const std::string& what) {
  return absl::NotFoundError(absl::StrCat(what, " is missing; bench/engine_peers.sh makes it"));
}

// `model` in `dtype`, converted once.
absl::StatusOr<std::string> Converted(const Peers& peers, const std::string& model, Dtype dtype) {
  const std::string name = std::filesystem::path(model).stem().string();
  const std::string path = absl::StrCat(peers.folder, "/", name, ".", DtypeName(dtype), ".gguf");
  if (FileExists(path)) return path;
  const std::string part = path + ".part";
  SPRINT_RETURN_IF_ERROR(
      Output(absl::StrCat(Quoted(peers.folder + "/llama-quantize"), " --allow-requantize ", Quoted(model),
                          " ", Quoted(part), " ", dtype == Dtype::kF32 ? "F32" : "BF16", " 2>/dev/null"))
          .status());
  std::error_code error;
  std::filesystem::rename(part, path, error);
  if (error) return absl::InternalError(absl::StrCat("cannot rename ", part, ": ", error.message()));
  return path;
}

}  // namespace

absl::StatusOr<LlamaResult> RunLlama(const Peers& peers, const std::string& model, Dtype dtype, int sequences,
                                     int prompt, int tokens) {
  const std::string program = peers.folder + "/llama-batched-bench";
  if (!FileExists(program)) return Missing("llama.cpp");
  if (!absl::EndsWith(model, ".gguf")) return absl::NotFoundError("llama.cpp reads GGUF files only");
  SPRINT_ASSIGN_OR_RETURN(const std::string file, Converted(peers, model, dtype));
  SPRINT_ASSIGN_OR_RETURN(
      const std::string text,
      Output(absl::StrCat(Quoted(program), " -m ", Quoted(file), " -c ", sequences * (prompt + tokens + 1),
                          " -npp ", prompt, " -ntg ", tokens, " -npl ", sequences, " -t ", peers.threads,
                          " -tb ", peers.threads, " --output-format jsonl 2>/dev/null")));
  SPRINT_ASSIGN_OR_RETURN(const Json result, LastObject(text));
  return LlamaResult{result.value("speed_pp", 0.0), result.value("speed_tg", 0.0)};
}

absl::StatusOr<LoopResult> RunTransformers(const Peers& peers, const std::string& model, Dtype dtype,
                                           const Workload& workload, int batch) {
  const std::string python = peers.folder + "/transformers/bin/python";
  if (!FileExists(python)) return Missing("transformers");
  Json task = {{"model", model},
               {"dtype", std::string(DtypeName(dtype))},
               {"threads", peers.threads},
               {"device", peers.device},
               {"batch", batch},
               {"max_new_tokens", workload.max_new_tokens},
               {"stop_tokens", workload.stop_tokens},
               {"prompts", workload.prompts},
               {"arms", Json::array()}};
  for (const Arm& arm : workload.arms) {
    Json edits = Json::array();
    for (const HeadEdit& edit : arm.edits()) edits.push_back({edit.layer, edit.head});
    task["arms"].push_back(std::move(edits));
  }
  const std::string file = peers.folder + "/task.json";
  SPRINT_RETURN_IF_ERROR(WriteFileAtomically(file, task.dump()));
  SPRINT_ASSIGN_OR_RETURN(const std::string text,
                          Output(absl::StrCat(Quoted(python), " ", Quoted(peers.scripts + "/sweep.py"), " ",
                                              Quoted(file), " 2>/dev/null")));
  SPRINT_ASSIGN_OR_RETURN(const Json result, LastObject(text));
  return LoopResult{result.value("generations", int64_t{0}), result.value("generated", int64_t{0}),
                    result.value("seconds", 0.0)};
}

absl::StatusOr<TransformersLogits> RunTransformersLogits(const Peers& peers, const std::string& model,
                                                         const Workload& workload) {
  const std::string python = peers.folder + "/transformers/bin/python";
  if (!FileExists(python)) return Missing("transformers");
  const std::string file = peers.folder + "/task.json";
  const std::string out = peers.folder + "/logits";
  const Json task = {
      {"model", model}, {"threads", peers.threads}, {"prompts", workload.prompts}, {"out", out}};
  SPRINT_RETURN_IF_ERROR(WriteFileAtomically(file, task.dump()));
  SPRINT_RETURN_IF_ERROR(Output(absl::StrCat(Quoted(python), " ", Quoted(peers.scripts + "/logits.py"), " ",
                                             Quoted(file), " 2>/dev/null"))
                             .status());
  TransformersLogits logits;
  for (const auto& [name, values] : {std::pair{"f32", &logits.f32}, {"bf16", &logits.bf16}}) {
    SPRINT_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(absl::StrCat(out, ".", name)));
    values->resize(bytes.size() / sizeof(float));
    std::memcpy(values->data(), bytes.data(), values->size() * sizeof(float));
  }
  if (logits.f32.size() != logits.bf16.size()) return absl::InternalError("transformers gave uneven logits");
  return logits;
}

}  // namespace sprint::bench
