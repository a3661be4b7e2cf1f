#include "selector/sentence_encoder.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/status.h"
#include "model/weights.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using testing::SharedPath;
using testing::TempDir;

constexpr char kConfig[] =
    R"({"model_type": "bert", "hidden_act": "gelu", "hidden_size": 4, "num_hidden_layers": 1,
  "num_attention_heads": 2, "intermediate_size": 6, "max_position_embeddings": 8, "vocab_size": 7})";
constexpr char kTokenizer[] = R"({"normalizer": {"type": "BertNormalizer"},
  "pre_tokenizer": {"type": "BertPreTokenizer"},
  "model": {"type": "WordPiece", "continuing_subword_prefix": "##",
            "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4, "b": 5, "c": 6}}})";

// A folder with an encoder of one layer and random weights.
class TinyEncoder {
 public:
  TinyEncoder() {
    Write("config.json", kConfig);
    Write("tokenizer.json", kTokenizer);
    Add("embeddings.word_embeddings.weight", {7, 4});
    Add("embeddings.position_embeddings.weight", {8, 4});
    Add("embeddings.token_type_embeddings.weight", {2, 4});
    AddPair("embeddings.LayerNorm", {4});
    const std::string at = "encoder.layer.0.";
    for (const char* name :
         {"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"})
      AddPair(at + name, {4, 4});
    AddPair(at + "attention.output.LayerNorm", {4});
    AddPair(at + "intermediate.dense", {6, 4});
    AddPair(at + "output.dense", {4, 6});
    AddPair(at + "output.LayerNorm", {4});
    Write("model.safetensors", SerializeSafetensors(tensors_));
  }
  void Write(const std::string& name, absl::string_view text) const {
    EXPECT_OK(WriteFileAtomically(dir_.File(name), text));
  }
  void WriteWithout(const std::string& name) const {
    std::vector<TensorToWrite> kept;
    for (const TensorToWrite& tensor : tensors_) {
      if (tensor.name != name) kept.push_back(tensor);
    }
    Write("model.safetensors", SerializeSafetensors(kept));
  }
  const std::string& path() const { return dir_.path(); }

 private:
  void Add(const std::string& name, std::vector<int64_t> shape) {
    size_t size = 1;
    for (const int64_t n : shape) size *= static_cast<size_t>(n);
    std::vector<float> values;
    for (size_t i = 0; i < size; ++i) values.push_back(static_cast<float>(rng_.NextNormal()));
    tensors_.push_back(
        {name, TensorType::kF32, std::move(shape),
         std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float))});
  }
  void AddPair(const std::string& name, std::vector<int64_t> shape) {
    Add(name + ".bias", {shape[0]});
    Add(name + ".weight", std::move(shape));
  }

  TempDir dir_;
  CounterRng rng_{4, 4};
  std::vector<TensorToWrite> tensors_;
};

TEST(SentenceEncoderTest, EmbeddingsHaveLengthOneAndDependOnTheOrderOfWords) {
  const TinyEncoder tiny;
  auto one = SentenceEncoder::Load(tiny.path(), 1);
  ASSERT_OK(one);
  auto three = SentenceEncoder::Load(tiny.path(), 3);
  ASSERT_OK(three);
  const std::vector<float> ab = (*one)->Encode("a b");
  double squares = 0;
  for (const float value : ab) squares += value * value;
  EXPECT_NEAR(squares, 1, 1e-6);
  EXPECT_EQ((*three)->Encode("A  b"), ab);
  EXPECT_NE((*one)->Encode("b a"), ab);
  EXPECT_EQ((*one)->Tokens("a b c a b c a b c").size(), 8u) << "cut to the positions there are";
  EXPECT_EQ((*one)->identity(), (*three)->identity());
}

TEST(SentenceEncoderTest, OtherOrDamagedFoldersAreRefusedByName) {
  const TinyEncoder tiny;
  const auto load = [&] { return SentenceEncoder::Load(tiny.path(), 1).status(); };
  tiny.WriteWithout("encoder.layer.0.output.dense.bias");
  EXPECT_THAT(std::string(load().message()), ::testing::HasSubstr("encoder.layer.0.output.dense.bias"));
  EXPECT_EQ(ReasonOf(load()), Reason::kModelDamaged);
  tiny.Write("config.json", absl::StrReplaceAll(kConfig, {{"\"gelu\"", "\"relu\""}}));
  EXPECT_EQ(ReasonOf(load()), Reason::kModelUnsupported);
  tiny.Write("config.json",
             absl::StrReplaceAll(kConfig, {{"\"num_attention_heads\": 2", "\"num_attention_heads\": 3"}}));
  EXPECT_EQ(ReasonOf(load()), Reason::kModelDamaged);
  tiny.Write("config.json", "[]");
  EXPECT_EQ(ReasonOf(load()), Reason::kModelDamaged);
}

// $SPRINT_MINILM names a folder of all-MiniLM-L6-v2.
TEST(SentenceEncoderTest, EmbedsAsTheReferenceDoes) {
  const auto fixtures = SharedPath("fixtures/minilm");
  if (!fixtures) GTEST_SKIP() << "shared/fixtures/minilm is absent";
  const char* folder = std::getenv("SPRINT_MINILM");
  if (folder == nullptr) GTEST_SKIP() << "SPRINT_MINILM does not name a folder of all-MiniLM-L6-v2";
  auto encoder = SentenceEncoder::Load(folder, 0);
  ASSERT_OK(encoder);
  ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(*fixtures + "/embeddings.jsonl"));
  int count = 0;
  double least = 1;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const auto expected = nlohmann::json::parse(std::string(line));
    const std::string sentence = expected["text"];
    EXPECT_EQ((*encoder)->Tokens(sentence), expected["ids"].get<std::vector<int32_t>>()) << sentence;
    const std::vector<float> embedding = (*encoder)->Encode(sentence);
    const auto reference = expected["embedding"].get<std::vector<double>>();
    ASSERT_EQ(embedding.size(), reference.size());
    double dot = 0;
    double squares = 0;
    for (size_t i = 0; i < reference.size(); ++i) {
      dot += embedding[i] * reference[i];
      squares += reference[i] * reference[i];
    }
    least = std::min(least, dot / std::sqrt(squares));
    EXPECT_GE(dot / std::sqrt(squares), 0.9999) << sentence;
    ++count;
  }
  EXPECT_EQ(count, 65);
  RecordProperty("least_cosine", absl::StrCat(least));
}

}  // namespace
}  // namespace sprint
