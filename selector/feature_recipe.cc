#include "selector/feature_recipe.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "model/chat_format.h"
#include "model/hidden_state.h"
#include "model/model_files.h"
#include "selector/hidden_features.h"
#include "selector/sentence_encoder.h"
#include "selector/stored_hidden.h"

namespace sprint {
namespace {

struct RecipePart {
  enum class Kind { kHidden, kSentence, kFile } kind;
  int32_t layer = -1;  // -1: the middle one
};

absl::StatusOr<std::vector<RecipePart>> ParseRecipe(const std::string& recipe) {
  std::vector<RecipePart> parts;
  for (absl::string_view part : absl::StrSplit(recipe, '+')) {
    int32_t layer = 0;
    if (part == "file") {
      parts.push_back({RecipePart::Kind::kFile});
    } else if (part == "minilm") {
      parts.push_back({RecipePart::Kind::kSentence});
    } else if (part == "hidden") {
      parts.push_back({RecipePart::Kind::kHidden});
    } else if (absl::ConsumePrefix(&part, "hidden:") && absl::SimpleAtoi(part, &layer) && layer >= 0) {
      parts.push_back({RecipePart::Kind::kHidden, layer});
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("there are no features \"", recipe,
                       "\"; there are hidden:LAYER (hidden:1), minilm and file, and "
                       "several joined by +"));
    }
  }
  return parts;
}

absl::StatusOr<std::shared_ptr<const ModelFiles>> ModelOf(const FeatureSources& sources) {
  if (sources.model.empty())
    return absl::InvalidArgumentError("features hidden:LAYER need the model; name it by --model");
  return OpenModel(sources.model);
}

absl::StatusOr<std::unique_ptr<FeatureExtractor>> MakeExtractor(const RecipePart& part,
                                                                const FeatureSources& sources) {
  if (part.kind == RecipePart::Kind::kSentence) {
    if (sources.encoder.empty()) {
      return absl::InvalidArgumentError(
          "features minilm need a folder of all-MiniLM-L6-v2; name it by --encoder or $SPRINT_MINILM");
    }
    return MakeSentenceFeatures(sources.encoder, sources.threads);
  }
  SPRINT_ASSIGN_OR_RETURN(auto model, ModelOf(sources));
  return MakeHiddenFeatures(std::move(model), part.layer, sources.weights_hash, sources.threads);
}

absl::StatusOr<FeatureMatrix> MakePart(RecipePart part, absl::Span<const SnapshotProblem> problems,
                                       const FeatureSources& sources, const FeatureProgressFn& progress) {
  if (part.kind == RecipePart::Kind::kFile) {
    if (sources.file.empty())
      return absl::InvalidArgumentError("features from a file need one; name it by --features-file");
    return ReadFeatureFile(sources.file, static_cast<int64_t>(problems.size()));
  }
  if (part.kind == RecipePart::Kind::kHidden) {
    if (part.layer < 0) {
      SPRINT_ASSIGN_OR_RETURN(const auto model, ModelOf(sources));
      SPRINT_ASSIGN_OR_RETURN(part.layer, LayerOf("middle", model->config.layers));
    }
    SPRINT_ASSIGN_OR_RETURN(auto stored,
                            StoredHidden(sources.database, sources.weights_hash, part.layer, problems));
    if (stored.has_value()) return *std::move(stored);
  }
  SPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<FeatureExtractor> extractor, MakeExtractor(part, sources));
  const auto total = static_cast<int64_t>(problems.size());
  return CachedFeatures(*extractor, problems, sources.cache, [&](int64_t done) {
    if (progress != nullptr) progress(extractor->kind(), done, total);
  });
}

// `next` behind `all`, row by row.
void LayBehind(const FeatureMatrix& next, FeatureMatrix& all) {
  FeatureMatrix joined;
  joined.kind = absl::StrCat(all.kind, "+", next.kind);
  joined.extractor = Hasher("joined/1").Add("first", all.extractor).Add("second", next.extractor).Finish();
  joined.rows = all.rows;
  joined.dim = all.dim + next.dim;
  for (size_t row = 0; row < static_cast<size_t>(all.rows); ++row) {
    for (const absl::Span<const float> values : {all.Row(row), next.Row(row)})
      joined.values.insert(joined.values.end(), values.begin(), values.end());
  }
  all = std::move(joined);
}

}  // namespace

absl::Status CheckRecipe(const std::string& recipe) { return ParseRecipe(recipe).status(); }

absl::StatusOr<FeatureMatrix> MakeFeatures(const std::string& recipe,
                                           absl::Span<const SnapshotProblem> problems,
                                           const FeatureSources& sources, const FeatureProgressFn& progress) {
  SPRINT_ASSIGN_OR_RETURN(const std::vector<RecipePart> parts, ParseRecipe(recipe));
  FeatureMatrix all;
  for (size_t i = 0; i < parts.size(); ++i) {
    SPRINT_ASSIGN_OR_RETURN(FeatureMatrix next, MakePart(parts[i], problems, sources, progress));
    if (i == 0) {
      all = std::move(next);
    } else {
      LayBehind(next, all);
    }
  }
  return all;
}

absl::Status RenderPrompts(const Lineage& lineage, const std::string& model,
                           absl::Span<SnapshotProblem> problems) {
  SPRINT_ASSIGN_OR_RETURN(const auto opened, OpenModel(model));
  const auto render = [&](ChatFormat format, const std::string& text) {
    return EncodePrompt(*opened->tokenizer, format,
                        absl::StrCat(lineage.prompt_before, text, lineage.prompt_after));
  };
  for (const ChatFormat format : {ChatFormat::kRaw, ChatFormat::kChatMl, ChatFormat::kLlama3}) {
    if (render(format, lineage.example_text) != lineage.example_tokens) continue;
    for (SnapshotProblem& problem : problems) problem.tokens = render(format, problem.text);
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      model,
      ": its tokenizer does not give the training questions the tokens they had, so prompts of new "
      "questions cannot be made; name the model of the sweep by --model"));
}

}  // namespace sprint
