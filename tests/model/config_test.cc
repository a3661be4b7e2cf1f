#include "model/config.h"

#include "base/status.h"
#include "tests/model/model_builders.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::sprint::testing::TinyConfig;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Changes = std::vector<std::pair<std::string, std::string>>;

ModelConfig Read(const Changes& changes, absl::string_view generation = "") {
  const auto config = ParseHfConfig(TinyConfig(changes), generation);
  EXPECT_OK(config);
  return config.value_or(ModelConfig());
}

absl::Status Refusal(const Changes& changes) { return ParseHfConfig(TinyConfig(changes)).status(); }

constexpr char kQwen2[] = R"(["Qwen2ForCausalLM"])";

TEST(HfConfig, ReadsTheSizes) {
  const ModelConfig config = Read({});
  EXPECT_EQ(config.architecture, Architecture::kLlama);
  EXPECT_EQ(config.layers, 2);
  EXPECT_EQ(config.hidden, 8);
  EXPECT_EQ(config.heads, 4);
  EXPECT_EQ(config.kv_heads, 2);
  EXPECT_EQ(config.head_dim, 2);
  EXPECT_EQ(config.intermediate, 12);
  EXPECT_EQ(config.vocab, 300);
  EXPECT_EQ(config.context, 64);
  EXPECT_DOUBLE_EQ(config.rms_norm_eps, 1e-5);
  EXPECT_EQ(config.bos_token, 262);
  EXPECT_THAT(config.eos_tokens, ElementsAre(261));
  EXPECT_EQ(config.sliding_window, 0);
}

TEST(HfConfig, TakesTheDefaultsOfAbsentFields) {
  const ModelConfig config = Read({{"num_key_value_heads", ""},
                                   {"rms_norm_eps", ""},
                                   {"tie_word_embeddings", ""},
                                   {"rope_parameters", ""},
                                   {"eos_token_id", "null"},
                                   {"bos_token_id", ""}});
  EXPECT_EQ(config.kv_heads, 4);
  EXPECT_DOUBLE_EQ(config.rms_norm_eps, 1e-6);
  EXPECT_FALSE(config.tied_embeddings);
  EXPECT_DOUBLE_EQ(config.rope.theta, 10000.0);
  EXPECT_TRUE(config.eos_tokens.empty());
  EXPECT_EQ(config.bos_token, -1);
}

TEST(HfConfig, ReadsRopeOfOldAndNewFiles) {
  const std::string scaling = R"("factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                 "original_max_position_embeddings": 32)";
  const ModelConfig fresh =
      Read({{"rope_parameters", "{\"rope_type\": \"llama3\", \"rope_theta\": 500000.0, " + scaling + "}"}});
  const ModelConfig old = Read({{"rope_parameters", ""},
                                {"rope_theta", "500000.0"},
                                {"rope_scaling", "{\"rope_type\": \"llama3\", " + scaling + "}"}});
  for (const RopeConfig& rope : {fresh.rope, old.rope}) {
    EXPECT_EQ(rope.scaling, RopeConfig::Scaling::kLlama3);
    EXPECT_DOUBLE_EQ(rope.theta, 500000.0);
    EXPECT_DOUBLE_EQ(rope.factor, 8.0);
    EXPECT_DOUBLE_EQ(rope.low_freq_factor, 1.0);
    EXPECT_DOUBLE_EQ(rope.high_freq_factor, 4.0);
    EXPECT_EQ(rope.original_context, 32);
  }
  const ModelConfig linear =
      Read({{"rope_parameters", ""}, {"rope_scaling", R"({"type": "linear", "factor": 2})"}});
  EXPECT_EQ(linear.rope.scaling, RopeConfig::Scaling::kLinear);
  EXPECT_DOUBLE_EQ(linear.rope.factor, 2.0);
}

TEST(HfConfig, TheGenerationConfigsEndTokensWin) {
  EXPECT_THAT(Read({{"eos_token_id", "[5, 6, 5]"}}).eos_tokens, ElementsAre(5, 6));
  EXPECT_THAT(Read({}, R"({"eos_token_id": [7, 8]})").eos_tokens, ElementsAre(7, 8));
  EXPECT_THAT(Read({}, R"({"temperature": 1})").eos_tokens, ElementsAre(261));
}

TEST(HfConfig, ReadsSlidingWindows) {
  const std::string mistral = R"(["MistralForCausalLM"])";
  EXPECT_EQ(Read({{"architectures", mistral}, {"sliding_window", "24"}}).sliding_window, 24);
  EXPECT_EQ(Read({{"architectures", mistral}, {"sliding_window", "null"}}).sliding_window, 0);
  EXPECT_EQ(Read({{"architectures", mistral}}).sliding_window, 4096);
  EXPECT_EQ(Read({{"architectures", kQwen2}, {"use_sliding_window", "false"}, {"sliding_window", "24"}})
                .sliding_window,
            0);
  const Changes windowed = {
      {"architectures", kQwen2}, {"use_sliding_window", "true"}, {"sliding_window", "24"}};
  const auto with_layers = [&](const char* full) {
    Changes changes = windowed;
    changes.emplace_back("max_window_layers", full);
    return changes;
  };
  EXPECT_EQ(Read(with_layers("0")).sliding_window, 24);
  EXPECT_EQ(Read(with_layers("2")).sliding_window, 0);
  EXPECT_EQ(ReasonOf(Refusal(with_layers("1"))), Reason::kModelUnsupported);
}

TEST(HfConfig, KnowsEachArchitecturesBiasesAndNorms) {
  EXPECT_FALSE(Read({}).qkv_bias);
  const ModelConfig biased = Read({{"attention_bias", "true"}});
  EXPECT_TRUE(biased.qkv_bias && biased.output_bias);
  const ModelConfig qwen2 = Read({{"architectures", kQwen2}});
  EXPECT_TRUE(qwen2.qkv_bias && !qwen2.output_bias && !qwen2.qk_norm);
  const ModelConfig qwen3 = Read({{"architectures", R"(["Qwen3ForCausalLM"])"}, {"head_dim", "16"}});
  EXPECT_TRUE(qwen3.qk_norm && !qwen3.qkv_bias);
  EXPECT_EQ(qwen3.head_dim, 16);
}

struct Bad {
  const char* key;
  const char* value;
  Reason reason;
  const char* names;  // in the message
};

class BadConfig : public ::testing::TestWithParam<Bad> {};

TEST_P(BadConfig, IsRefusedNamingWhatWasFound) {
  const absl::Status status = Refusal({{GetParam().key, GetParam().value}});
  EXPECT_EQ(ReasonOf(status), GetParam().reason) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().names));
}

constexpr Reason kUnsupported = Reason::kModelUnsupported, kDamaged = Reason::kModelDamaged;
INSTANTIATE_TEST_SUITE_P(
    Fields, BadConfig,
    ::testing::Values(
        Bad{"architectures", R"(["MambaForCausalLM"])", kUnsupported, "MambaForCausalLM"},
        Bad{"architectures", R"(["Qwen2MoeForCausalLM"])", kUnsupported, "Qwen2MoeForCausalLM"},
        Bad{"hidden_act", R"("gelu")", kUnsupported, "gelu"},
        Bad{"mlp_bias", "true", kUnsupported, "mlp_bias"},
        Bad{"quantization_config", R"({"quant_method": "gptq"})", kUnsupported, "gptq"},
        Bad{"rope_scaling", R"({"type": "dynamic", "factor": 2})", kUnsupported, "dynamic"},
        Bad{"rope_parameters", R"({"rope_type": "yarn", "factor": 2})", kUnsupported, "yarn"},
        Bad{"rope_parameters", R"({"rope_type": "linear"})", kDamaged, "factor"},
        Bad{"partial_rotary_factor", "0.5", kUnsupported, "partial_rotary_factor"},
        Bad{"hidden_size", "", kDamaged, "hidden_size"}, Bad{"hidden_size", "\"8\"", kDamaged, "hidden_size"},
        Bad{"hidden_size", "9", kDamaged, "hidden_size 9"}, Bad{"num_hidden_layers", "0", kDamaged, "layers"},
        Bad{"num_hidden_layers", "99999999999", kDamaged, "num_hidden_layers"},
        Bad{"num_attention_heads", "0", kDamaged, "num_attention_heads"},
        Bad{"num_key_value_heads", "3", kDamaged, "key/value heads"},
        Bad{"head_dim", "3", kDamaged, "head dimension"}, Bad{"vocab_size", "-1", kDamaged, "vocabulary"},
        Bad{"rms_norm_eps", "0", kDamaged, "rms_norm_eps"},
        Bad{"eos_token_id", "\"x\"", kDamaged, "eos_token_id"}),
    [](const auto& info) { return std::string(info.param.key) + "_" + std::to_string(info.index); });

TEST(HfConfig, InvalidJsonIsNamedWithItsPlace) {
  const absl::Status status = ParseHfConfig("{\n  \"a\": 1,,\n}").status();
  EXPECT_EQ(ReasonOf(status), Reason::kModelDamaged);
  EXPECT_THAT(std::string(status.message()), HasSubstr("line 2"));
  EXPECT_EQ(ReasonOf(ParseHfConfig("").status()), Reason::kModelDamaged);
  EXPECT_EQ(ReasonOf(ParseHfConfig("[]").status()), Reason::kModelDamaged);
}

}  // namespace
}  // namespace sprint
