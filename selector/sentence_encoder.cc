#include "selector/sentence_encoder.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "model/weights.h"
#include "model/wordpiece.h"
#include "worker/engine/gemm.h"
#include "worker/engine/matrix.h"
#include "worker/engine/parallel.h"

namespace sprint {
namespace {

using Json = nlohmann::json;
using Floats = std::vector<float>;

struct BertConfig {
  int64_t hidden = 0, layers = 0, heads = 0, intermediate = 0, positions = 0, vocabulary = 0;
  double epsilon = 1e-12;
  int64_t head_dim() const { return hidden / heads; }
};

// y = W x + b.
struct Linear {
  Matrix weight;
  Floats bias;
};
struct LayerNorm {
  Floats weight, bias;
};
struct BertLayer {
  Linear query, key, value, attention_out, up, down;
  LayerNorm attention_norm, norm;
};
struct BertWeights {
  Floats words, positions, type;  // [vocabulary, hidden], [positions, hidden], [hidden]
  LayerNorm norm;
  std::vector<BertLayer> layers;
};

absl::Status Damaged(const std::string& where, absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, Reason::kModelDamaged, absl::StrCat(where, ": ", what));
}

absl::StatusOr<Json> ReadJson(const std::string& path) {
  SPRINT_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Damaged(path, "this is no JSON object");
  return json;
}

absl::StatusOr<BertConfig> ReadConfig(const std::string& path) {
  SPRINT_ASSIGN_OR_RETURN(const Json json, ReadJson(path));
  const auto is = [&json](const char* key, const char* wanted) {
    return !json.contains(key) || json[key] == wanted;
  };
  if (json.value("model_type", Json()) != "bert" || !is("hidden_act", "gelu") ||
      !is("position_embedding_type", "absolute")) {
    return Error(absl::StatusCode::kUnimplemented, Reason::kModelUnsupported,
                 absl::StrCat(path,
                              ": only BERT encoders with gelu and absolute positions are supported, such as "
                              "all-MiniLM-L6-v2"));
  }
  BertConfig config;
  const std::pair<const char*, int64_t*> wanted[] = {{"hidden_size", &config.hidden},
                                                     {"num_hidden_layers", &config.layers},
                                                     {"num_attention_heads", &config.heads},
                                                     {"intermediate_size", &config.intermediate},
                                                     {"max_position_embeddings", &config.positions},
                                                     {"vocab_size", &config.vocabulary}};
  for (const auto& [key, value] : wanted) {
    if (!json.contains(key) || !json[key].is_number_integer())
      return Damaged(path, absl::StrCat(key, " is missing"));
    *value = json[key].get<int64_t>();
    if (*value < 1 || *value > (1 << 24)) return Damaged(path, absl::StrCat(key, " is ", *value));
  }
  if (config.hidden % config.heads != 0)
    return Damaged(path, absl::StrCat(config.heads, " heads do not divide a width of ", config.hidden));
  if (json.contains("layer_norm_eps") && json["layer_norm_eps"].is_number())
    config.epsilon = json["layer_norm_eps"].get<double>();
  return config;
}

// Takes tensors by name and shape; the first failure is kept.
class Taker {
 public:
  Taker(const WeightIndex& index, std::string path) : index_(index), path_(std::move(path)) {}
  const absl::Status& status() const { return status_; }

  Floats Vector(const std::string& name, std::vector<int64_t> shape) {
    const TensorInfo* tensor = index_.Find(name);
    if (tensor == nullptr || tensor->shape != shape) {
      if (status_.ok())
        status_ = Damaged(path_, absl::StrCat("the tensor ", name,
                                              tensor == nullptr ? " is missing" : " has another shape"));
      return {};
    }
    Floats values(static_cast<size_t>(tensor->elements()));
    DecodeToF32(*tensor, 0, absl::MakeSpan(values));
    return values;
  }

  Linear Dense(const std::string& name, int64_t outputs, int64_t inputs) {
    Linear linear;
    const Floats values = Vector(absl::StrCat(name, ".weight"), {outputs, inputs});
    linear.bias = Vector(absl::StrCat(name, ".bias"), {outputs});
    if (!status_.ok()) return linear;
    absl::StatusOr<Matrix> matrix = NewMatrix(outputs, inputs, Dtype::kF32);
    if (!matrix.ok()) {
      status_ = matrix.status();
      return linear;
    }
    linear.weight = *std::move(matrix);
    StoreRows(values.data(), 0, outputs, linear.weight);
    return linear;
  }

  LayerNorm Norm(const std::string& name, int64_t width) {
    return {Vector(absl::StrCat(name, ".weight"), {width}), Vector(absl::StrCat(name, ".bias"), {width})};
  }

 private:
  const WeightIndex& index_;
  const std::string path_;
  absl::Status status_;
};

absl::StatusOr<BertWeights> TakeWeights(const WeightIndex& index, const BertConfig& c,
                                        const std::string& path) {
  Taker taker(index, path);
  BertWeights weights;
  weights.words = taker.Vector("embeddings.word_embeddings.weight", {c.vocabulary, c.hidden});
  weights.positions = taker.Vector("embeddings.position_embeddings.weight", {c.positions, c.hidden});
  // One text has token type 0 throughout.
  weights.type = taker.Vector("embeddings.token_type_embeddings.weight", {2, c.hidden});
  weights.norm = taker.Norm("embeddings.LayerNorm", c.hidden);
  for (int64_t i = 0; i < c.layers && taker.status().ok(); ++i) {
    const std::string at = absl::StrCat("encoder.layer.", i, ".");
    BertLayer layer;
    layer.query = taker.Dense(at + "attention.self.query", c.hidden, c.hidden);
    layer.key = taker.Dense(at + "attention.self.key", c.hidden, c.hidden);
    layer.value = taker.Dense(at + "attention.self.value", c.hidden, c.hidden);
    layer.attention_out = taker.Dense(at + "attention.output.dense", c.hidden, c.hidden);
    layer.attention_norm = taker.Norm(at + "attention.output.LayerNorm", c.hidden);
    layer.up = taker.Dense(at + "intermediate.dense", c.intermediate, c.hidden);
    layer.down = taker.Dense(at + "output.dense", c.hidden, c.intermediate);
    layer.norm = taker.Norm(at + "output.LayerNorm", c.hidden);
    weights.layers.push_back(std::move(layer));
  }
  SPRINT_RETURN_IF_ERROR(taker.status());
  return weights;
}

class BertEncoder : public SentenceEncoder {
 public:
  BertEncoder(const BertConfig& config, BertWeights weights, std::unique_ptr<WordPiece> tokenizer,
              int64_t most, const Hash256& identity, int threads)
      : c_(config),
        weights_(std::move(weights)),
        tokenizer_(std::move(tokenizer)),
        most_(most),
        identity_(identity),
        pool_(threads),
        gemm_(pool_) {}

  int64_t dim() const override { return c_.hidden; }
  Hash256 identity() const override { return identity_; }
  std::vector<int32_t> Tokens(absl::string_view text) const override {
    return tokenizer_->Encode(text, static_cast<size_t>(most_));
  }
  std::vector<float> Encode(absl::string_view text) override;

 private:
  void Apply(const Linear& linear, const Floats& x, int64_t rows, Floats& y);
  void AddAndNorm(const Floats& delta, const LayerNorm& norm, int64_t rows, Floats& x) const;
  void Attend(const Floats& q, const Floats& k, const Floats& v, int64_t rows, Floats& out);
  Floats Embed(const std::vector<int32_t>& ids) const;

  const BertConfig c_;
  const BertWeights weights_;
  const std::unique_ptr<WordPiece> tokenizer_;
  const int64_t most_;  // ids of a text
  const Hash256 identity_;
  ThreadPool pool_;
  Gemm gemm_;
};

void BertEncoder::Apply(const Linear& linear, const Floats& x, int64_t rows, Floats& y) {
  y.resize(static_cast<size_t>(rows) * linear.bias.size());
  gemm_.Multiply(linear.weight, x.data(), rows, y.data());
  for (size_t i = 0; i < y.size(); ++i) y[i] += linear.bias[i % linear.bias.size()];
}

// x = LayerNorm(x + delta), row by row; the sums in double.
void BertEncoder::AddAndNorm(const Floats& delta, const LayerNorm& norm, int64_t rows, Floats& x) const {
  const auto width = static_cast<size_t>(c_.hidden);
  for (size_t r = 0; r < static_cast<size_t>(rows); ++r) {
    float* row = x.data() + r * width;
    double sum = 0;
    for (size_t i = 0; i < width; ++i) {
      if (!delta.empty()) row[i] += delta[r * width + i];
      sum += row[i];
    }
    const double mean = sum / static_cast<double>(width);
    double squares = 0;
    for (size_t i = 0; i < width; ++i) squares += (row[i] - mean) * (row[i] - mean);
    const double scale = 1 / std::sqrt(squares / static_cast<double>(width) + c_.epsilon);
    for (size_t i = 0; i < width; ++i)
      row[i] = static_cast<float>((row[i] - mean) * scale) * norm.weight[i] + norm.bias[i];
  }
}

// Each head's softmax(q k^T / sqrt(head_dim)) v; every token sees every token.
void BertEncoder::Attend(const Floats& q, const Floats& k, const Floats& v, int64_t rows, Floats& out) {
  const int64_t width = c_.hidden;
  const int64_t d = c_.head_dim();
  const float scale = 1 / std::sqrt(static_cast<float>(d));
  out.assign(static_cast<size_t>(rows * width), 0.0F);
  pool_.For(c_.heads, 1, [&](int64_t begin, int64_t end, int) {
    Floats score(static_cast<size_t>(rows));
    for (int64_t head = begin; head < end; ++head) {
      for (int64_t i = 0; i < rows; ++i) {
        const float* from = q.data() + i * width + head * d;
        float top = -INFINITY;
        for (int64_t j = 0; j < rows; ++j) {
          const float* to = k.data() + j * width + head * d;
          float dot = 0;
          for (int64_t t = 0; t < d; ++t) dot += from[t] * to[t];
          score[static_cast<size_t>(j)] = dot * scale;
          top = std::max(top, dot * scale);
        }
        float sum = 0;
        for (float& s : score) sum += s = std::exp(s - top);
        float* result = out.data() + i * width + head * d;
        for (int64_t j = 0; j < rows; ++j) {
          const float share = score[static_cast<size_t>(j)] / sum;
          const float* value = v.data() + j * width + head * d;
          for (int64_t t = 0; t < d; ++t) result[t] += share * value[t];
        }
      }
    }
  });
}

Floats BertEncoder::Embed(const std::vector<int32_t>& ids) const {
  const auto width = static_cast<size_t>(c_.hidden);
  Floats x;
  for (size_t position = 0; position < ids.size(); ++position) {
    const float* word = weights_.words.data() + static_cast<size_t>(ids[position]) * width;
    const float* place = weights_.positions.data() + position * width;
    for (size_t i = 0; i < width; ++i) x.push_back(word[i] + weights_.type[i] + place[i]);
  }
  AddAndNorm({}, weights_.norm, static_cast<int64_t>(ids.size()), x);
  return x;
}

std::vector<float> BertEncoder::Encode(absl::string_view text) {
  const std::vector<int32_t> ids = Tokens(text);
  const auto rows = static_cast<int64_t>(ids.size());
  Floats x = Embed(ids);
  Floats q, k, v, mixed, delta, inner;
  for (const BertLayer& layer : weights_.layers) {
    Apply(layer.query, x, rows, q);
    Apply(layer.key, x, rows, k);
    Apply(layer.value, x, rows, v);
    Attend(q, k, v, rows, mixed);
    Apply(layer.attention_out, mixed, rows, delta);
    AddAndNorm(delta, layer.attention_norm, rows, x);
    Apply(layer.up, x, rows, inner);
    for (float& value : inner) value *= 0.5F * (1 + std::erf(value * 0.70710678F));
    Apply(layer.down, inner, rows, delta);
    AddAndNorm(delta, layer.norm, rows, x);
  }
  std::vector<double> mean(static_cast<size_t>(c_.hidden), 0.0);
  for (size_t i = 0; i < x.size(); ++i) mean[i % mean.size()] += x[i];
  double squares = 0;
  for (const double value : mean) squares += value * value;
  std::vector<float> embedding;
  for (const double value : mean)
    embedding.push_back(static_cast<float>(value / std::max(std::sqrt(squares), 1e-12)));
  return embedding;
}

class SentenceFeatures : public FeatureExtractor {
 public:
  explicit SentenceFeatures(std::unique_ptr<SentenceEncoder> encoder) : encoder_(std::move(encoder)) {}
  std::string kind() const override { return "minilm"; }
  Hash256 identity() const override { return encoder_->identity(); }
  int64_t dim() const override { return encoder_->dim(); }
  absl::StatusOr<std::vector<float>> Extract(const SnapshotProblem& problem) override {
    return encoder_->Encode(problem.text);
  }

 private:
  const std::unique_ptr<SentenceEncoder> encoder_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SentenceEncoder>> SentenceEncoder::Load(const std::string& folder,
                                                                       int threads) {
  SPRINT_ASSIGN_OR_RETURN(const BertConfig config, ReadConfig(folder + "/config.json"));
  SPRINT_ASSIGN_OR_RETURN(const std::string tokenizer_json, ReadFile(folder + "/tokenizer.json"));
  absl::StatusOr<std::unique_ptr<WordPiece>> tokenizer = WordPiece::Parse(tokenizer_json);
  if (!tokenizer.ok()) return Annotate(tokenizer.status(), folder);
  if ((*tokenizer)->vocab_size() > config.vocabulary) {
    return Damaged(folder, absl::StrCat("the tokenizer has ", (*tokenizer)->vocab_size(),
                                        " tokens, the model ", config.vocabulary));
  }
  int64_t most = config.positions;
  const absl::StatusOr<Json> limits = ReadJson(folder + "/sentence_bert_config.json");
  if (limits.ok() && limits->contains("max_seq_length") && (*limits)["max_seq_length"].is_number_integer())
    most = std::clamp<int64_t>((*limits)["max_seq_length"].get<int64_t>(), 2, config.positions);
  SPRINT_ASSIGN_OR_RETURN(const auto file, MappedFile::Open(folder + "/model.safetensors"));
  SPRINT_ASSIGN_OR_RETURN(const auto index, WeightIndex::ParseSafetensors({file}));
  SPRINT_ASSIGN_OR_RETURN(BertWeights weights, TakeWeights(*index, config, file->path()));
  const Hash256 identity = Hasher("sentence/1")
                               .Add("weights", Sha256(file->bytes()))
                               .Add("tokenizer", (*tokenizer)->Fingerprint())
                               .AddInt("most", most)
                               .AddInt("heads", config.heads)
                               .Add("numerics", DescribeGemm(Dtype::kF32))
                               .Finish();
  return std::make_unique<BertEncoder>(config, std::move(weights), *std::move(tokenizer), most, identity,
                                       threads > 0 ? threads : UsableCpus());
}

absl::StatusOr<std::unique_ptr<FeatureExtractor>> MakeSentenceFeatures(const std::string& folder,
                                                                       int threads) {
  SPRINT_ASSIGN_OR_RETURN(std::unique_ptr<SentenceEncoder> encoder, SentenceEncoder::Load(folder, threads));
  return std::make_unique<SentenceFeatures>(std::move(encoder));
}

}  // namespace sprint
