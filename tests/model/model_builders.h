// Small models and files, built in memory for the tests of this room.
#ifndef SPRINT_TESTS_MODEL_MODEL_BUILDERS_H_
#define SPRINT_TESTS_MODEL_MODEL_BUILDERS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "model/weights.h"

namespace sprint::testing {

// The elements of a vector, little-endian.
template <typename T>
std::string Bytes(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

// A config.json of a Llama with 2 layers, hidden 8, 4 heads of width 2, 2 K/V heads, MLP 12, vocabulary
// 300, untied. Each (key, JSON value) of `changes` replaces a field; an empty value removes it.
std::string TinyConfig(const std::vector<std::pair<std::string, std::string>>& changes = {});
// Its tensors, in f32, with values that differ everywhere.
std::vector<TensorToWrite> TinyTensors();
// A byte-level tokenizer.json: ids 0 to 255 are the bytes; then "he" 256, "ll" 257, "hell" 258, "hello"
// 259, " w" 260; and the special tokens <|end|> 261 and <s> 262. With `changes` as above, on the
// top-level members.
std::string TinyTokenizer(const std::vector<std::pair<std::string, std::string>>& changes = {});

void WriteFile(const std::string& path, const std::string& contents);
// config.json, model.safetensors and tokenizer.json in `folder`.
void WriteTinyModel(const std::string& folder);

// Builds a GGUF file piece by piece.
class GgufBuilder {
 public:
  GgufBuilder& String(const std::string& key, const std::string& value);
  GgufBuilder& Uint32(const std::string& key, uint32_t value);
  GgufBuilder& Float32(const std::string& key, float value);
  GgufBuilder& Bool(const std::string& key, bool value);
  GgufBuilder& Strings(const std::string& key, const std::vector<std::string>& values);
  GgufBuilder& Int32s(const std::string& key, const std::vector<int32_t>& values);
  // `shape` row-major; `type` is ggml's number.
  GgufBuilder& Tensor(const std::string& name, uint32_t type, const std::vector<int64_t>& shape,
                      std::string data);
  // The whole file, version 3, aligned to 32 bytes.
  std::string Build() const;

 private:
  struct Entry {
    std::string header;  // all but the offset
    std::string data;
  };
  void Key(const std::string& key, uint32_t type);
  std::string metadata_;
  uint64_t keys_ = 0;
  std::vector<Entry> tensors_;
};

// The tiny Llama as a GGUF, with the tokenizer of TinyTokenizer.
GgufBuilder TinyGguf();
// Its metadata without tensors or tokenizer.
GgufBuilder TinyGgufMetadata();
void AddTinyVocabulary(GgufBuilder& gguf);

}  // namespace sprint::testing

#endif  // SPRINT_TESTS_MODEL_MODEL_BUILDERS_H_
