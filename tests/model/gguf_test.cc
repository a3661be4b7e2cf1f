#include "model/gguf.h"

#include "base/status.h"
#include "tests/model/model_builders.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::sprint::testing::Bytes;
using ::sprint::testing::GgufBuilder;
using ::sprint::testing::TinyGguf;
using ::sprint::testing::TinyGgufMetadata;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<std::shared_ptr<const GgufFile>> Parse(const std::string& bytes) {
  return GgufFile::Parse(MappedFile::FromBytes(bytes, "m.gguf"));
}

void ExpectRefused(const std::string& bytes, Reason reason, const std::string& names) {
  const absl::Status status = Parse(bytes).status();
  EXPECT_EQ(ReasonOf(status), reason) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(names));
}

TEST(Gguf, ReadsMetadataOfEveryKindAndTensors) {
  GgufBuilder gguf;
  gguf.String("s", "text")
      .Uint32("u", 7)
      .Float32("f", 0.5f)
      .Bool("b", true)
      .Strings("ss", {"x", "y"})
      .Int32s("ii", {-1, 2});
  gguf.Tensor("t", 0, {2, 3}, Bytes<float>({1, 2, 3, 4, 5, 6}));
  ASSERT_OK_AND_ASSIGN(const auto file, Parse(gguf.Build()));
  EXPECT_EQ(file->String("s"), "text");
  EXPECT_EQ(file->Int("u"), 7);
  EXPECT_EQ(file->Float("f"), 0.5);
  EXPECT_EQ(file->Int("b"), 1);
  EXPECT_EQ(file->Float("u"), 7.0);
  EXPECT_FALSE(file->Int("s").has_value());
  EXPECT_FALSE(file->String("none").has_value());
  EXPECT_THAT(std::get<std::vector<int64_t>>(*file->Find("ii")), ElementsAre(-1, 2));
  EXPECT_EQ(std::get<std::vector<absl::string_view>>(*file->Find("ss")).size(), 2u);
  const TensorInfo* tensor = file->weights()->Find("t");
  ASSERT_NE(tensor, nullptr);
  EXPECT_THAT(tensor->shape, ElementsAre(2, 3));
  std::vector<float> row(3);
  DecodeToF32(*tensor, 3, absl::MakeSpan(row));
  EXPECT_THAT(row, ElementsAre(4, 5, 6));
}

TEST(Gguf, EveryTruncationIsRefused) {
  GgufBuilder gguf;
  gguf.String("s", "text").Strings("ss", {"x", "y"}).Tensor("t", 0, {2}, Bytes<float>({1, 2}));
  const std::string whole = gguf.Build();
  ASSERT_OK(Parse(whole));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(ReasonOf(Parse(whole.substr(0, size)).status()), Reason::kModelDamaged) << size;
  }
}

TEST(Gguf, CountsThatCannotFitAreRefusedBeforeAnythingIsAllocated) {
  std::string many = GgufBuilder().Build();
  const uint64_t count = uint64_t{1} << 62;
  std::string tensors = many, keys = many;
  tensors.replace(8, 8, reinterpret_cast<const char*>(&count), 8);
  keys.replace(16, 8, reinterpret_cast<const char*>(&count), 8);
  ExpectRefused(tensors, Reason::kModelDamaged, "more than the file can hold");
  ExpectRefused(keys, Reason::kModelDamaged, "more than the file can hold");
  std::string list = GgufBuilder().Int32s("ii", {1, 2, 3}).Build();
  const size_t at = list.find("ii") + 2 + 4 + 4;  // behind the key, its type and the elements' type
  list.replace(at, 8, reinterpret_cast<const char*>(&count), 8);
  ExpectRefused(list, Reason::kModelDamaged, "the metadata value ii");
}

TEST(Gguf, NamesWhatIsWrong) {
  ExpectRefused("GGML....", Reason::kModelDamaged, "no GGUF file");
  std::string version = GgufBuilder().Build();
  version[4] = 9;
  ExpectRefused(version, Reason::kModelUnsupported, "version 9");
  ExpectRefused(GgufBuilder().Tensor("w", 14, {256}, std::string(210, 0)).Build(), Reason::kModelUnsupported,
                "tensor w is stored as the type Q6_K");
  ExpectRefused(GgufBuilder().Tensor("w", 99, {1}, std::string(4, 0)).Build(), Reason::kModelUnsupported,
                "number 99");
  ExpectRefused(GgufBuilder().Tensor("w", 8, {33}, std::string(68, 0)).Build(), Reason::kModelDamaged,
                "33 elements");
  ExpectRefused(
      GgufBuilder().Tensor("w", 0, {1}, std::string(4, 0)).Tensor("w", 0, {1}, std::string(4, 0)).Build(),
      Reason::kModelDamaged, "twice");
  ExpectRefused(GgufBuilder().Tensor("w", 0, {100}, std::string(4, 0)).Build(), Reason::kModelDamaged,
                "cut off");
  ExpectRefused(
      GgufBuilder().Tensor("a", 0, {16}, std::string(4, 0)).Tensor("b", 0, {32}, std::string(128, 0)).Build(),
      Reason::kModelDamaged, "tensor b overlaps");
  ExpectRefused(GgufBuilder().Uint32("k", 1).Uint32("k", 2).Build(), Reason::kModelDamaged,
                "key k is there twice");
}

TEST(GgufConfig, ReadsTheTinyLlama) {
  ASSERT_OK_AND_ASSIGN(const auto file, Parse(TinyGguf().Build()));
  ASSERT_OK_AND_ASSIGN(const ModelConfig config, ConfigFromGguf(*file));
  EXPECT_EQ(config.architecture, Architecture::kLlama);
  EXPECT_EQ(config.name, "Tiny");
  EXPECT_EQ(config.layers, 2);
  EXPECT_EQ(config.kv_heads, 2);
  EXPECT_EQ(config.head_dim, 2);
  EXPECT_EQ(config.vocab, 300);
  EXPECT_FALSE(config.tied_embeddings);
  EXPECT_THAT(config.eos_tokens, ElementsAre(261));
  EXPECT_EQ(config.bos_token, 262);
}

// The metadata of the tiny Llama with more, and an embedding so that it has a vocabulary.
absl::StatusOr<ModelConfig> ConfigOf(GgufBuilder gguf) {
  const auto file = Parse(gguf.Tensor("token_embd.weight", 0, {300, 8}, std::string(300 * 8 * 4, 0)).Build());
  EXPECT_OK(file);
  return ConfigFromGguf(**file);
}

TEST(GgufConfig, ReadsFrequencyFactorsAndTiedEmbeddings) {
  auto config = ConfigOf(TinyGgufMetadata().Tensor("rope_freqs.weight", 0, {1}, Bytes<float>({8})));
  ASSERT_OK(config);
  EXPECT_THAT(config->rope.frequency_factors, ElementsAre(8));
  EXPECT_TRUE(config->tied_embeddings);
  const auto refused = ConfigOf(TinyGgufMetadata().Tensor("rope_freqs.weight", 0, {2}, Bytes<float>({8, 8})));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("rope_freqs.weight"));
}

TEST(GgufConfig, RefusesWhatItDoesNotKnowByName) {
  const auto yarn = ConfigOf(TinyGgufMetadata().String("llama.rope.scaling.type", "yarn"));
  EXPECT_EQ(ReasonOf(yarn.status()), Reason::kModelUnsupported);
  EXPECT_THAT(std::string(yarn.status().message()), HasSubstr("yarn"));
  const auto experts = ConfigOf(TinyGgufMetadata().Uint32("llama.expert_count", 8));
  EXPECT_THAT(std::string(experts.status().message()), HasSubstr("8 experts"));
  const auto partial = ConfigOf(TinyGgufMetadata().Uint32("llama.rope.dimension_count", 1));
  EXPECT_EQ(ReasonOf(partial.status()), Reason::kModelUnsupported);
  const auto mamba = ConfigOf(GgufBuilder().String("general.architecture", "mamba"));
  EXPECT_THAT(std::string(mamba.status().message()), HasSubstr("mamba"));
  const auto empty = ConfigOf(GgufBuilder().String("general.architecture", "llama"));
  EXPECT_THAT(std::string(empty.status().message()), HasSubstr("llama.block_count is missing"));
}

}  // namespace
}  // namespace sprint
