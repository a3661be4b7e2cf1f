#include "tests/model/model_builders.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "model/utf8.h"

namespace sprint::testing {
namespace {

using Json = nlohmann::json;

std::string WithChanges(Json json, const std::vector<std::pair<std::string, std::string>>& changes) {
  for (const auto& [key, value] : changes) {
    if (value.empty()) {
      json.erase(key);
    } else {
      json[key] = Json::parse(value);
    }
  }
  return json.dump();
}

// GPT-2's spelling of a byte: itself when printable, else the next free character from U+0100 on.
std::string SpellingOfByte(int byte) {
  const auto printable = [](int b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174; };
  int code = byte;
  if (!printable(byte)) {
    code = 256;
    for (int b = 0; b < byte; ++b) code += printable(b) ? 0 : 1;
  }
  std::string out;
  AppendUtf8(static_cast<uint32_t>(code), out);
  return out;
}

std::vector<std::string> TinyVocabulary() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.push_back(SpellingOfByte(byte));
  for (const char* merged : {"he", "ll", "hell", "hello", "\xc4\xa0w"}) tokens.emplace_back(merged);
  return tokens;
}

const std::vector<std::pair<std::string, std::string>> kTinyMerges = {
    {"h", "e"}, {"l", "l"}, {"he", "ll"}, {"hell", "o"}, {"\xc4\xa0", "w"}};

TensorToWrite FloatTensor(const std::string& name, const std::vector<int64_t>& shape, int& seed) {
  int64_t elements = 1;
  for (const int64_t size : shape) elements *= size;
  std::vector<float> values;
  for (int64_t i = 0; i < elements; ++i)
    values.push_back(static_cast<float>((seed = (seed * 37 + 11) % 1009)) / 1009.0f);
  return {name, TensorType::kF32, shape, Bytes(values)};
}

template <typename T>
void Put(T value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void PutString(const std::string& text, std::string& out) {
  Put<uint64_t>(text.size(), out);
  out += text;
}

}  // namespace

std::string TinyConfig(const std::vector<std::pair<std::string, std::string>>& changes) {
  return WithChanges(Json::parse(R"({
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": 8,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 12,
    "vocab_size": 300, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": false,
    "bos_token_id": 262, "eos_token_id": 261, "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}})"),
                     changes);
}

std::vector<TensorToWrite> TinyTensors() {
  int seed = 1;
  std::vector<TensorToWrite> tensors = {FloatTensor("model.embed_tokens.weight", {300, 8}, seed)};
  for (const std::string layer : {"model.layers.0.", "model.layers.1."}) {
    const std::vector<std::pair<std::string, std::vector<int64_t>>> shapes = {
        {"input_layernorm.weight", {8}},     {"self_attn.q_proj.weight", {8, 8}},
        {"self_attn.k_proj.weight", {4, 8}}, {"self_attn.v_proj.weight", {4, 8}},
        {"self_attn.o_proj.weight", {8, 8}}, {"post_attention_layernorm.weight", {8}},
        {"mlp.gate_proj.weight", {12, 8}},   {"mlp.up_proj.weight", {12, 8}},
        {"mlp.down_proj.weight", {8, 12}}};
    for (const auto& [name, shape] : shapes) tensors.push_back(FloatTensor(layer + name, shape, seed));
  }
  tensors.push_back(FloatTensor("model.norm.weight", {8}, seed));
  tensors.push_back(FloatTensor("lm_head.weight", {300, 8}, seed));
  return tensors;
}

std::string TinyTokenizer(const std::vector<std::pair<std::string, std::string>>& changes) {
  Json vocab = Json::object(), merges = Json::array();
  const auto tokens = TinyVocabulary();
  for (size_t id = 0; id < tokens.size(); ++id) vocab[tokens[id]] = id;
  for (const auto& [left, right] : kTinyMerges) merges.push_back({left, right});
  const Json added = Json::parse(R"([{"id": 261, "content": "<|end|>", "special": true, "normalized": false},
                                     {"id": 262, "content": "<s>", "special": true, "normalized": false}])");
  const Json byte_level =
      Json::parse(R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": true})");
  return WithChanges({{"version", "1.0"},
                      {"added_tokens", added},
                      {"normalizer", nullptr},
                      {"pre_tokenizer", byte_level},
                      {"post_processor", nullptr},
                      {"decoder", byte_level},
                      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}}}},
                     changes);
}

void WriteFile(const std::string& path, const std::string& contents) {
  std::ofstream(path, std::ios::binary) << contents;
}

void WriteTinyModel(const std::string& folder) {
  WriteFile(folder + "/config.json", TinyConfig());
  WriteFile(folder + "/model.safetensors", SerializeSafetensors(TinyTensors()));
  WriteFile(folder + "/tokenizer.json", TinyTokenizer());
}

void GgufBuilder::Key(const std::string& key, uint32_t type) {
  PutString(key, metadata_);
  Put(type, metadata_);
  ++keys_;
}

GgufBuilder& GgufBuilder::String(const std::string& key, const std::string& value) {
  Key(key, 8);
  PutString(value, metadata_);
  return *this;
}

GgufBuilder& GgufBuilder::Uint32(const std::string& key, uint32_t value) {
  Key(key, 4);
  Put(value, metadata_);
  return *this;
}

GgufBuilder& GgufBuilder::Float32(const std::string& key, float value) {
  Key(key, 6);
  Put(value, metadata_);
  return *this;
}

GgufBuilder& GgufBuilder::Bool(const std::string& key, bool value) {
  Key(key, 7);
  Put<uint8_t>(value ? 1 : 0, metadata_);
  return *this;
}

GgufBuilder& GgufBuilder::Strings(const std::string& key, const std::vector<std::string>& values) {
  Key(key, 9);
  Put<uint32_t>(8, metadata_);
  Put<uint64_t>(values.size(), metadata_);
  for (const std::string& value : values) PutString(value, metadata_);
  return *this;
}

GgufBuilder& GgufBuilder::Int32s(const std::string& key, const std::vector<int32_t>& values) {
  Key(key, 9);
  Put<uint32_t>(5, metadata_);
  Put<uint64_t>(values.size(), metadata_);
  metadata_ += Bytes(values);
  return *this;
}

GgufBuilder& GgufBuilder::Tensor(const std::string& name, uint32_t type, const std::vector<int64_t>& shape,
                                 std::string data) {
  Entry entry;
  PutString(name, entry.header);
  Put(static_cast<uint32_t>(shape.size()), entry.header);
  for (auto size = shape.rbegin(); size != shape.rend(); ++size)
    Put(static_cast<uint64_t>(*size), entry.header);
  Put(type, entry.header);
  entry.data = std::move(data);
  tensors_.push_back(std::move(entry));
  return *this;
}

std::string GgufBuilder::Build() const {
  std::string out = "GGUF";
  Put<uint32_t>(3, out);
  Put<uint64_t>(tensors_.size(), out);
  Put<uint64_t>(keys_, out);
  out += metadata_;
  std::string data;
  for (const Entry& entry : tensors_) {
    data.resize((data.size() + 31) / 32 * 32);
    out += entry.header;
    Put<uint64_t>(data.size(), out);
    data += entry.data;
  }
  out.resize((out.size() + 31) / 32 * 32);
  return out + data;
}

void AddTinyVocabulary(GgufBuilder& gguf) {
  std::vector<std::string> tokens = TinyVocabulary(), merges;
  std::vector<int32_t> types(tokens.size(), 1);
  for (const char* control : {"<|end|>", "<s>"}) {
    tokens.emplace_back(control);
    types.push_back(3);
  }
  for (const auto& [left, right] : kTinyMerges) merges.push_back(left + " " + right);
  gguf.String("tokenizer.ggml.model", "gpt2").String("tokenizer.ggml.pre", "smollm");
  gguf.Strings("tokenizer.ggml.tokens", tokens).Int32s("tokenizer.ggml.token_type", types);
  gguf.Strings("tokenizer.ggml.merges", merges);
  gguf.Uint32("tokenizer.ggml.eos_token_id", 261).Uint32("tokenizer.ggml.bos_token_id", 262);
}

GgufBuilder TinyGgufMetadata() {
  GgufBuilder gguf;
  gguf.String("general.architecture", "llama").String("general.name", "Tiny");
  gguf.Uint32("llama.block_count", 2)
      .Uint32("llama.embedding_length", 8)
      .Uint32("llama.feed_forward_length", 12);
  gguf.Uint32("llama.attention.head_count", 4).Uint32("llama.attention.head_count_kv", 2);
  gguf.Uint32("llama.context_length", 64).Float32("llama.rope.freq_base", 10000.0f);
  gguf.Float32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  return gguf;
}

GgufBuilder TinyGguf() {
  GgufBuilder gguf = TinyGgufMetadata();
  AddTinyVocabulary(gguf);
  const std::vector<std::pair<std::string, std::string>> names = {{"model.embed_tokens", "token_embd"},
                                                                  {"model.layers.", "blk."},
                                                                  {"input_layernorm", "attn_norm"},
                                                                  {"self_attn.q_proj", "attn_q"},
                                                                  {"self_attn.k_proj", "attn_k"},
                                                                  {"self_attn.v_proj", "attn_v"},
                                                                  {"self_attn.o_proj", "attn_output"},
                                                                  {"post_attention_layernorm", "ffn_norm"},
                                                                  {"mlp.gate_proj", "ffn_gate"},
                                                                  {"mlp.up_proj", "ffn_up"},
                                                                  {"mlp.down_proj", "ffn_down"},
                                                                  {"model.norm", "output_norm"},
                                                                  {"lm_head", "output"}};
  for (const TensorToWrite& tensor : TinyTensors()) {
    std::string name = tensor.name;
    for (const auto& [from, to] : names) {
      const size_t at = name.find(from);
      if (at != std::string::npos) name.replace(at, from.size(), to);
    }
    gguf.Tensor(name, 0, tensor.shape, tensor.data);
  }
  return gguf;
}

}  // namespace sprint::testing
