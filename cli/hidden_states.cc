#include "cli/hidden_states.h"

#include <filesystem>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "model/engine_mode.h"
#include "model/hidden_state.h"
#include "proto/spec_io.h"
#include "storage/features.h"
#include "storage/payload.h"

namespace sprint {
namespace {

absl::Status Wrong(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, Reason::kSpecInvalid, what);
}

struct Origin {
  std::string name;
  v1::ExperimentSpec spec;
  std::string model_path;
  Hash256 weights;
  Hash256 tokenizer;
};

absl::StatusOr<Origin> OriginOf(Reader& reader, ExperimentId id) {
  Origin origin;
  std::vector<std::vector<SqlValue>> rows;
  SPRINT_RETURN_IF_ERROR(reader.ForEachRow(
      "SELECT DISTINCT e.name, e.spec, r.model_path, r.weights_hash, r.tokenizer_hash, r.engine_mode FROM "
      "experiment "
      "e JOIN block b ON b.experiment_id = e.experiment_id JOIN run r ON r.run_id = b.run_id WHERE "
      "e.experiment_id = ?1",
      {id.value()}, [&](const auto&, const std::vector<SqlValue>& row) {
        rows.push_back(row);
        return true;
      }));
  std::set<std::string> weights;
  for (const std::vector<SqlValue>& row : rows) {
    weights.insert(std::get<Blob>(row[3]).bytes);
    if (TextOf(row[5]) != EngineMode().Name()) {
      return Wrong(absl::StrCat("experiment ", id.value(), " is of engine mode ", TextOf(row[5]),
                                " and has no answers; name the one whose prompts they are"));
    }
  }
  if (weights.size() != 1)
    return Wrong(absl::StrCat("experiment ", id.value(), " has ", weights.size(), " models; it takes one"));
  origin.name = TextOf(rows[0][0]);
  origin.model_path = TextOf(rows[0][2]);
  SPRINT_ASSIGN_OR_RETURN(origin.weights, Hash256::FromRaw(std::get<Blob>(rows[0][3]).bytes));
  SPRINT_ASSIGN_OR_RETURN(origin.tokenizer, Hash256::FromRaw(std::get<Blob>(rows[0][4]).bytes));
  // A spec of another version may not read: then it asks for nothing.
  if (const auto spec = ParseSpec(TextOf(rows[0][1]), "spec.yaml"); spec.ok()) origin.spec = *spec;
  return origin;
}

// The experiment's problems with their prompts, as they are stored.
absl::Status ReadPrompts(Reader& reader, ExperimentId id, PreparedLaunch& launch) {
  absl::flat_hash_map<Hash256, int32_t> known;
  absl::Status status;
  SPRINT_RETURN_IF_ERROR(reader.ForEachRow(
      "SELECT p.external_id, p.text, p.subject, p.level, q.prompt, q.tokens FROM problem p JOIN question q "
      "ON "
      "q.question_id = p.question_id WHERE p.experiment_id = ?1 ORDER BY p.ordinal",
      {id.value()}, [&](const auto&, const std::vector<SqlValue>& row) {
        absl::StatusOr<std::vector<int32_t>> tokens = DecodeTokens(std::get<Blob>(row[5]).bytes);
        status = tokens.status();
        if (!status.ok()) return false;
        RenderedPrompt prompt;
        prompt.text = TextOf(row[4]);
        prompt.tokens = *std::move(tokens);
        launch.problems.push_back({TextOf(row[0]), TextOf(row[1]), "", TextOf(row[2]), TextOf(row[3])});
        AddPrompt(std::move(prompt), known, launch);
        return true;
      }));
  return status;
}

void UseLayers(PreparedLaunch& launch) {
  for (const int32_t layer : launch.hidden_layers) {
    BlockPlan& block = launch.blocks.emplace_back();
    for (int32_t i = 0; i < std::ssize(launch.questions); ++i) block.questions.push_back(i);
    block.arms = {0};
    block.first_sample = layer;
    launch.spec.add_hidden_states(absl::StrCat(layer));
  }
}

}  // namespace

absl::StatusOr<PreparedLaunch> PrepareEmbed(Reader& reader, ExperimentId id, const EmbedRequest& request) {
  PreparedLaunch launch;
  SPRINT_ASSIGN_OR_RETURN(const Origin origin, OriginOf(reader, id));
  std::string path = request.model.empty() ? origin.model_path : request.model;
  path = std::filesystem::absolute(path).lexically_normal().string();
  SPRINT_ASSIGN_OR_RETURN(launch.model, OpenModel(path));
  std::vector<std::string> layers = request.layers;
  if (layers.empty()) layers.assign(origin.spec.hidden_states().begin(), origin.spec.hidden_states().end());
  if (layers.empty()) layers = {"middle"};
  SPRINT_ASSIGN_OR_RETURN(launch.hidden_layers, LayersOf(layers, launch.model->config.layers, "--layers"));
  EngineMode mode;
  mode.kind = EngineMode::Kind::kEmbed;
  launch.spec.set_name(request.name.empty() ? absl::StrCat(origin.name, "-hidden") : request.name);
  launch.spec.mutable_model()->set_path(path);
  launch.spec.mutable_model()->set_dtype(request.dtype);
  launch.spec.set_engine_mode(mode.Name());
  launch.spec.set_samples(1);
  launch.run.dtype = request.dtype;
  launch.run.engine_mode = mode.Name();
  launch.run.decoding.max_new_tokens = 1;
  launch.run.weights_hash = origin.weights;
  launch.run.tokenizer_hash = origin.tokenizer;
  launch.run.model_name = launch.model->config.name;
  launch.run.model_path = path;
  launch.arms = {Arm()};
  SPRINT_RETURN_IF_ERROR(ReadPrompts(reader, id, launch));
  UseLayers(launch);
  return launch;
}

absl::StatusOr<int64_t> CountMissingStates(Reader& reader, const PreparedLaunch& launch) {
  std::set<size_t> missing;
  for (const int32_t layer : launch.hidden_layers) {
    SPRINT_ASSIGN_OR_RETURN(
        const StoredFeatures stored,
        ReadFeatures(reader, {launch.run.weights_hash, launch.run.dtype, layer}, launch.questions));
    missing.insert(stored.missing.begin(), stored.missing.end());
  }
  return static_cast<int64_t>(missing.size());
}

}  // namespace sprint
