// Opening whole models, and their fingerprints.
#include "model/model_files.h"

#include <cmath>
#include <cstring>
#include <filesystem>

#include "base/status.h"
#include "tests/model/model_builders.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::sprint::testing::TempDir;
using ::sprint::testing::TinyConfig;
using ::sprint::testing::TinyGguf;
using ::sprint::testing::TinyTensors;
using ::sprint::testing::TinyTokenizer;
using ::sprint::testing::WriteFile;
using ::sprint::testing::WriteTinyModel;
using ::testing::HasSubstr;

void ExpectRefused(const std::string& path, Reason reason, const std::string& names) {
  const absl::Status status = OpenModel(path).status();
  EXPECT_EQ(ReasonOf(status), reason) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(names));
  EXPECT_THAT(std::string(status.message()), ::testing::Not(HasSubstr("\n")));
}

TEST(OpenModel, FindsEveryTensorOfAHuggingFaceFolder) {
  TempDir dir;
  WriteTinyModel(dir.path());
  ASSERT_OK_AND_ASSIGN(const auto model, OpenModel(dir.path()));
  EXPECT_EQ(model->format, "safetensors");
  EXPECT_EQ(model->storage, "f32");
  ASSERT_EQ(model->tensors.layers.size(), 2u);
  EXPECT_EQ(model->tensors.layers[1].down->name, "model.layers.1.mlp.down_proj.weight");
  EXPECT_FALSE(model->tensors.layers[0].interleaved_qk);
  EXPECT_EQ(model->tensors.layers[0].q_bias, nullptr);
  EXPECT_EQ(model->tensors.lm_head->name, "lm_head.weight");
  EXPECT_EQ(model->tokenizer->vocab_size(), 263);
}

TEST(OpenModel, FindsEveryTensorOfAGgufFile) {
  TempDir dir;
  WriteFile(dir.File("tiny.gguf"), TinyGguf().Build());
  ASSERT_OK_AND_ASSIGN(const auto model, OpenModel(dir.File("tiny.gguf")));
  EXPECT_EQ(model->format, "GGUF");
  ASSERT_EQ(model->tensors.layers.size(), 2u);
  EXPECT_EQ(model->tensors.layers[1].o->name, "blk.1.attn_output.weight");
  EXPECT_TRUE(model->tensors.layers[1].interleaved_qk);
  EXPECT_EQ(model->tokenizer->vocab_size(), 263);
}

TEST(OpenModel, TiedEmbeddingsServeAsTheHead) {
  TempDir dir;
  WriteTinyModel(dir.path());
  WriteFile(dir.File("config.json"), TinyConfig({{"tie_word_embeddings", "true"}}));
  ASSERT_OK_AND_ASSIGN(const auto model, OpenModel(dir.path()));
  EXPECT_EQ(model->tensors.lm_head, model->tensors.embedding);
}

TEST(OpenModel, ReadsTheChatTemplateWhereverItIs) {
  TempDir dir;
  WriteTinyModel(dir.path());
  WriteFile(dir.File("tokenizer_config.json"),
            R"({"chat_template": [{"name": "default", "template": "T"}]})");
  ASSERT_OK_AND_ASSIGN(auto model, OpenModel(dir.path()));
  EXPECT_EQ(model->chat_template, "T");
  WriteFile(dir.File("chat_template.jinja"), "J");
  ASSERT_OK_AND_ASSIGN(model, OpenModel(dir.path()));
  EXPECT_EQ(model->chat_template, "J");
}

TEST(OpenModel, NamesWhatIsMissing) {
  TempDir dir;
  EXPECT_EQ(OpenModel(dir.File("none")).status().code(), absl::StatusCode::kNotFound);
  ExpectRefused(dir.path(), Reason::kModelDamaged, "holds no model");
  WriteFile(dir.File("pytorch_model.bin"), "x");
  ExpectRefused(dir.path(), Reason::kModelUnsupported, "pytorch_model.bin");
  WriteTinyModel(dir.path());
  std::filesystem::remove(dir.File("config.json"));
  ExpectRefused(dir.path(), Reason::kModelDamaged, "config.json is missing");
  WriteTinyModel(dir.path());
  std::filesystem::remove(dir.File("tokenizer.json"));
  ExpectRefused(dir.path(), Reason::kTokenizerDamaged, "tokenizer.json is missing");
  EXPECT_OK(OpenModel(dir.path(), {.need_tokenizer = false}));
  WriteFile(dir.File("tokenizer.model"), "x");
  ExpectRefused(dir.path(), Reason::kTokenizerUnsupported, "tokenizer.model");
  ExpectRefused(dir.File("model.safetensors"), Reason::kModelUnsupported, "give the folder");
  ExpectRefused(dir.File("tokenizer.model"), Reason::kModelUnsupported, "neither");
}

TEST(OpenModel, AMissingTensorAndAWrongShapeAreNamed) {
  TempDir dir;
  WriteTinyModel(dir.path());
  auto tensors = TinyTensors();
  tensors.erase(tensors.begin() + 2);
  WriteFile(dir.File("model.safetensors"), SerializeSafetensors(tensors));
  ExpectRefused(dir.path(), Reason::kModelDamaged,
                "tensor model.layers.0.self_attn.q_proj.weight is missing");
  tensors = TinyTensors();
  tensors[2].shape = {4, 16};
  WriteFile(dir.File("model.safetensors"), SerializeSafetensors(tensors));
  ExpectRefused(dir.path(), Reason::kModelDamaged,
                "tensor model.layers.0.self_attn.q_proj.weight has shape [4, 16], expected [8, 8]");
}

TEST(OpenModel, ATokenizerLargerThanTheEmbeddingIsRefused) {
  TempDir dir;
  WriteTinyModel(dir.path());
  WriteFile(dir.File("tokenizer.json"),
            TinyTokenizer({{"added_tokens", R"([{"id": 300, "content": "<|far|>", "special": true}])"}}));
  ExpectRefused(dir.path(), Reason::kTokenizerDamaged, "ids up to 300, but the embedding has 300 rows");
}

TEST(OpenModel, ATruncatedWeightFileIsRefused) {
  TempDir dir;
  WriteTinyModel(dir.path());
  const std::string whole = SerializeSafetensors(TinyTensors());
  WriteFile(dir.File("model.safetensors"), whole.substr(0, whole.size() - 1));
  ExpectRefused(dir.path(), Reason::kModelDamaged, "cut off");
}

Hash256 FingerprintOf(const std::string& folder, int threads = 1) {
  const auto model = OpenModel(folder);
  EXPECT_OK(model);
  if (!model.ok()) return {};
  const auto hash = FingerprintWeights(**model, threads);
  EXPECT_OK(hash);
  return hash.value_or(Hash256());
}

TEST(Fingerprint, DependsOnTheWeightsAndNotOnPathsThreadsOrShards) {
  TempDir one, two;
  WriteTinyModel(one.path());
  const Hash256 hash = FingerprintOf(one.path());
  EXPECT_EQ(FingerprintOf(one.path(), 4), hash);
  WriteTinyModel(two.path());
  std::filesystem::remove(two.File("model.safetensors"));
  const auto tensors = TinyTensors();
  std::string map;
  for (size_t i = 0; i < tensors.size(); ++i) {
    map += (i == 0 ? "\"" : ", \"") + tensors[i].name + "\": \"" + (i % 2 == 0 ? "even" : "odd") +
           ".safetensors\"";
  }
  std::vector<TensorToWrite> even, odd;
  for (size_t i = tensors.size(); i-- > 0;) (i % 2 == 0 ? even : odd).push_back(tensors[i]);
  WriteFile(two.File("even.safetensors"), SerializeSafetensors(even));
  WriteFile(two.File("odd.safetensors"), SerializeSafetensors(odd));
  WriteFile(two.File("model.safetensors.index.json"), "{\"weight_map\": {" + map + "}}");
  EXPECT_EQ(FingerprintOf(two.path()), hash);
  WriteFile(two.File("config.json"), TinyConfig({{"max_position_embeddings", "128"}, {"bos_token_id", "1"}}));
  EXPECT_EQ(FingerprintOf(two.path()), hash);
}

TEST(Fingerprint, OneChangedByteOfAnyTensorOrAComputedFieldChangesIt) {
  TempDir dir;
  WriteTinyModel(dir.path());
  const Hash256 hash = FingerprintOf(dir.path());
  for (size_t i = 0; i < TinyTensors().size(); ++i) {
    auto tensors = TinyTensors();
    tensors[i].data[tensors[i].data.size() - 4] ^= 1;  // the lowest bit of the last weight
    WriteFile(dir.File("model.safetensors"), SerializeSafetensors(tensors));
    EXPECT_NE(FingerprintOf(dir.path()), hash) << tensors[i].name;
  }
  WriteTinyModel(dir.path());
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, std::string>>{{"rms_norm_eps", "1e-6"},
                                                        {"rope_parameters", R"({"rope_theta": 20000.0})"},
                                                        {"tie_word_embeddings", "true"},
                                                        {"eos_token_id", "260"}}) {
    WriteFile(dir.File("config.json"), TinyConfig({{key, value}}));
    EXPECT_NE(FingerprintOf(dir.path()), hash) << key;
  }
}

TEST(Fingerprint, ANaNOrInfinityIsNamedWithItsTensor) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    TempDir dir;
    WriteTinyModel(dir.path());
    auto tensors = TinyTensors();
    std::memcpy(tensors[5].data.data() + 4 * 7, &bad, sizeof(bad));
    WriteFile(dir.File("model.safetensors"), SerializeSafetensors(tensors));
    ASSERT_OK_AND_ASSIGN(const auto model, OpenModel(dir.path()));
    const absl::Status status = FingerprintWeights(*model, 2).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ReasonOf(status), Reason::kModelDamaged);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(tensors[5].name + " holds a NaN or infinity at element 7"));
  }
}

TEST(Fingerprint, ReportsProgressUpToOne) {
  TempDir dir;
  WriteTinyModel(dir.path());
  ASSERT_OK_AND_ASSIGN(const auto model, OpenModel(dir.path()));
  std::vector<double> seen;
  ASSERT_OK(FingerprintWeights(*model, 1, [&](double share) { seen.push_back(share); }));
  ASSERT_FALSE(seen.empty());
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(seen.back(), 1.0);
}

}  // namespace
}  // namespace sprint
