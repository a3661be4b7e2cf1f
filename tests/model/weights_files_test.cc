// Safetensors and the decoding of stored elements.
#include <cmath>
#include <cstring>
#include <map>

#include "base/status.h"
#include "model/weights.h"
#include "tests/model/model_builders.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::sprint::testing::Bytes;
using ::sprint::testing::TempDir;
using ::sprint::testing::WriteFile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<std::shared_ptr<const WeightIndex>> Parse(const std::string& bytes) {
  return WeightIndex::ParseSafetensors({MappedFile::FromBytes(bytes, "m.safetensors")});
}

std::string Raw(const std::string& header, const std::string& data) {
  const uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), 8) + header + data;
}

void ExpectRefused(const std::string& bytes, Reason reason, const std::string& names) {
  const absl::Status status = Parse(bytes).status();
  EXPECT_EQ(ReasonOf(status), reason) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(names));
}

TEST(Safetensors, WhatIsWrittenReadsBack) {
  const auto bytes = SerializeSafetensors({{"b", TensorType::kF32, {2, 2}, Bytes<float>({1, 2, 3, 4})},
                                           {"a", TensorType::kBF16, {1}, Bytes<uint16_t>({0x3f80})}});
  ASSERT_OK_AND_ASSIGN(const auto index, Parse(bytes));
  ASSERT_EQ(index->tensors().size(), 2u);
  EXPECT_EQ(index->tensors()[0].name, "a");
  const TensorInfo* b = index->Find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_THAT(b->shape, ElementsAre(2, 2));
  std::vector<float> values(2);
  DecodeToF32(*b, 2, absl::MakeSpan(values));
  EXPECT_THAT(values, ElementsAre(3, 4));
  EXPECT_EQ(index->Find("c"), nullptr);
}

TEST(Safetensors, MetadataReadsBackAndIsNoTensor) {
  const std::map<std::string, std::string> metadata = {{"lineage", "{\"a\": \"\u00e9\"}"}, {"kind", "x"}};
  const std::string bytes = SerializeSafetensors({{"a", TensorType::kF32, {1}, Bytes<float>({1})}}, metadata);
  ASSERT_OK_AND_ASSIGN(const auto index, Parse(bytes));
  EXPECT_EQ(index->tensors().size(), 1u);
  ASSERT_OK_AND_ASSIGN(const auto read, SafetensorsMetadata(bytes, "file"));
  EXPECT_EQ(read, metadata);
  ASSERT_OK_AND_ASSIGN(const auto none, SafetensorsMetadata(SerializeSafetensors({}), "file"));
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(ReasonOf(SafetensorsMetadata(Raw(R"({"__metadata__":{"a":1}})", ""), "file").status()),
            Reason::kModelDamaged);
}

TEST(Safetensors, EveryTruncationIsRefused) {
  const std::string whole = SerializeSafetensors({{"a", TensorType::kF32, {3}, Bytes<float>({1, 2, 3})}});
  ASSERT_OK(Parse(whole));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(ReasonOf(Parse(whole.substr(0, size)).status()), Reason::kModelDamaged) << size;
  }
}

TEST(Safetensors, NamesTheTensorThatIsWrong) {
  const std::string four(4, '\0'), eight(8, '\0');
  ExpectRefused(Raw(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", four), Reason::kModelDamaged,
                "tensor a ends");
  ExpectRefused(Raw(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", four), Reason::kModelDamaged,
                "its shape needs 8");
  ExpectRefused(Raw(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}})", eight),
                Reason::kModelDamaged, "tensor a");
  ExpectRefused(Raw(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}})", eight),
                Reason::kModelDamaged, "tensor a");
  ExpectRefused(
      Raw(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
          four),
      Reason::kModelDamaged, "overlaps");
  ExpectRefused(Raw(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", eight),
                Reason::kModelDamaged, "hole");
  ExpectRefused(Raw(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", eight),
                Reason::kModelDamaged, "4 bytes after the last tensor");
  ExpectRefused(Raw(R"({"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}})", four),
                Reason::kModelUnsupported, "F8_E4M3");
  ExpectRefused(Raw(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}})", four),
                Reason::kModelDamaged, "the shape of tensor a");
  ExpectRefused(Raw(R"({"a":)", ""), Reason::kModelDamaged, "not valid JSON");
  ExpectRefused(Raw("[]", ""), Reason::kModelDamaged, "not a JSON object");
}

TEST(Safetensors, AHeaderLargerThanTheFileIsRefusedWithoutReadingIt) {
  const uint64_t size = uint64_t{1} << 60;
  ExpectRefused(std::string(reinterpret_cast<const char*>(&size), 8) + "{}", Reason::kModelDamaged,
                "1152921504606846976");
}

TEST(Safetensors, AMissingShardIsNamed) {
  TempDir dir;
  WriteFile(dir.File("one.safetensors"),
            SerializeSafetensors({{"a", TensorType::kF32, {1}, Bytes<float>({1})}}));
  WriteFile(dir.File("model.safetensors.index.json"),
            R"({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}})");
  const absl::Status missing = WeightIndex::OpenSafetensors(dir.path()).status();
  EXPECT_EQ(ReasonOf(missing), Reason::kModelDamaged);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("two.safetensors is missing"));
  WriteFile(dir.File("two.safetensors"),
            SerializeSafetensors({{"b", TensorType::kF32, {1}, Bytes<float>({2})}}));
  ASSERT_OK_AND_ASSIGN(const auto index, WeightIndex::OpenSafetensors(dir.path()));
  EXPECT_EQ(index->tensors().size(), 2u);
  WriteFile(dir.File("two.safetensors"),
            SerializeSafetensors({{"c", TensorType::kF32, {1}, Bytes<float>({2})}}));
  EXPECT_THAT(std::string(WeightIndex::OpenSafetensors(dir.path()).status().message()),
              HasSubstr("tensor b is not in the shard"));
  WriteFile(dir.File("two.safetensors"),
            SerializeSafetensors({{"a", TensorType::kF32, {1}, Bytes<float>({2})}}));
  EXPECT_THAT(std::string(WeightIndex::OpenSafetensors(dir.path()).status().message()),
              HasSubstr("in two shards"));
}

TEST(Safetensors, AnIndexCannotReachOutOfItsFolder) {
  TempDir dir;
  WriteFile(dir.File("model.safetensors.index.json"), R"({"weight_map": {"a": "../a.safetensors"}})");
  EXPECT_THAT(std::string(WeightIndex::OpenSafetensors(dir.path()).status().message()),
              HasSubstr("not a file name"));
}

std::vector<float> Decode(TensorType type, int64_t elements, const std::string& data) {
  TensorInfo tensor{"t", type, {elements}, data};
  std::vector<float> out(static_cast<size_t>(elements));
  DecodeToF32(tensor, 0, absl::MakeSpan(out));
  return out;
}

TEST(Decoding, HalvesAreExactSubnormalsAndInfinitiesIncluded) {
  const auto out =
      Decode(TensorType::kF16, 7, Bytes<uint16_t>({0x3c00, 0xc000, 0x0001, 0x03ff, 0x7bff, 0x7c00, 0x8000}));
  EXPECT_THAT(out, ElementsAre(1.0f, -2.0f, std::ldexp(1.0f, -24), std::ldexp(1023.0f, -24), 65504.0f,
                               INFINITY, 0.0f));
  EXPECT_TRUE(std::signbit(out[6]));
  EXPECT_TRUE(std::isnan(Decode(TensorType::kF16, 1, Bytes<uint16_t>({0x7e00}))[0]));
}

TEST(Decoding, BrainFloatsAreTheUpperHalfOfFloats) {
  EXPECT_THAT(Decode(TensorType::kBF16, 3, Bytes<uint16_t>({0x3f80, 0xc049, 0x0000})),
              ElementsAre(1.0f, -3.140625f, 0.0f));
}

// One block: scale 0.5 (0x3800), shift -1 (0xbc00), quants 0, 1, 2, …
TEST(Decoding, QuantisedBlocksAreScaledAndShifted) {
  std::string q8 = Bytes<uint16_t>({0x3800}), q4;
  for (int i = 0; i < 32; ++i) q8.push_back(static_cast<char>(i - 16));
  for (int i = 0; i < 16; ++i) q4.push_back(static_cast<char>(i | (15 - i) << 4));
  const auto eight = Decode(TensorType::kQ8_0, 32, q8);
  const auto four_0 = Decode(TensorType::kQ4_0, 32, Bytes<uint16_t>({0x3800}) + q4);
  const auto four_1 = Decode(TensorType::kQ4_1, 32, Bytes<uint16_t>({0x3800, 0xbc00}) + q4);
  for (size_t i = 0; i < 32; ++i) {
    const float quant = i < 16 ? static_cast<float>(i) : 31.0f - static_cast<float>(i);
    EXPECT_EQ(eight[i], 0.5f * (static_cast<float>(i) - 16.0f));
    EXPECT_EQ(four_0[i], 0.5f * (quant - 8.0f));
    EXPECT_EQ(four_1[i], 0.5f * quant - 1.0f);
  }
}

}  // namespace
}  // namespace sprint
