#include "demo/vocabulary.h"

#include <array>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "demo/problems.h"
#include "nlohmann/json.hpp"

namespace sprint::demo {
namespace {

using Json = nlohmann::ordered_json;

// The problems that the words are collected from; more than enough to meet every word of every
// phrasing.
constexpr int kProblems = 4000;

std::string Utf8(int code_point) {  // below 0x800
  if (code_point < 0x80) return std::string(1, static_cast<char>(code_point));
  return {static_cast<char>(0xC0 | (code_point >> 6)), static_cast<char>(0x80 | (code_point & 0x3F))};
}

// GPT-2's printable stand-in of each byte: printable Latin-1 stands for itself, the rest, in order,
// for 256 and up.
std::array<std::string, 256> ByteSymbols() {
  std::array<std::string, 256> symbols;
  int next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    symbols[byte] = Utf8(printable ? byte : next++);
  }
  return symbols;
}

// The pieces of the gpt2 split, for text of ASCII letters, digits, punctuation and single spaces:
// ` ?letters`, ` ?digits`, ` ?other`, and a newline. Digits are left out.
void CollectWords(absl::string_view text, std::set<std::string>& words) {
  const auto kind = [&](size_t i) {
    const auto c = static_cast<unsigned char>(text[i]);
    return absl::ascii_isalpha(c) ? 1 : absl::ascii_isdigit(c) ? 2 : absl::ascii_isspace(c) ? 0 : 3;
  };
  for (size_t begin = 0; begin < text.size();) {
    size_t end = begin + 1;
    if (text[begin] == ' ' && end < text.size()) ++end;
    while (end < text.size() && kind(end - 1) != 0 && kind(end) == kind(end - 1)) ++end;
    if (end - begin > 1 && kind(end - 1) != 2) words.emplace(text.substr(begin, end - begin));
    begin = end;
  }
}

Json ByteLevel() {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
}

}  // namespace

std::string BuildTokenizerJson() {
  std::set<std::string> words;
  for (const Problem& problem : HeldOutProblems(0, kProblems)) {
    CollectWords(absl::StrCat(PromptText(problem), AnswerText(problem)), words);
  }
  const std::array<std::string, 256> symbols = ByteSymbols();
  const auto spell = [&](absl::string_view bytes) {
    std::string token;
    for (const char c : bytes) token += symbols[static_cast<unsigned char>(c)];
    return token;
  };

  Json vocabulary = Json::object(), merges = Json::array();
  int32_t id = kEndId;
  vocabulary[std::string(kEndToken)] = id++;
  for (const std::string& symbol : symbols) vocabulary[symbol] = id++;
  for (char digit = '0'; digit <= '9'; ++digit) {
    vocabulary[spell(std::string{' ', digit})] = id++;
    merges.push_back({spell(" "), std::string(1, digit)});
  }
  for (const std::string& word : words) vocabulary[spell(word)] = id++;

  const Json end = {{"id", kEndId},         {"content", std::string(kEndToken)},
                    {"single_word", false}, {"lstrip", false},
                    {"rstrip", false},      {"normalized", false},
                    {"special", true}};
  const Json file = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", Json::array({end})},
                     {"normalizer", nullptr},
                     {"pre_tokenizer", ByteLevel()},
                     {"post_processor", nullptr},
                     {"decoder", ByteLevel()},
                     {"model",
                      {{"type", "BPE"},
                       {"dropout", nullptr},
                       {"unk_token", nullptr},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", false},
                       {"byte_fallback", false},
                       {"ignore_merges", true},
                       {"vocab", vocabulary},
                       {"merges", merges}}}};
  return file.dump(1) + "\n";
}

}  // namespace sprint::demo
