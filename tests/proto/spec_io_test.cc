#include "proto/spec_io.h"

#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/status.h"
#include "proto/spec_value.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using google::protobuf::util::MessageDifferencer;
using ::testing::HasSubstr;

std::string Repeat(absl::string_view text, size_t times) {
  std::string out;
  out.reserve(text.size() * times);
  for (size_t i = 0; i < times; ++i) out.append(text.data(), text.size());
  return out;
}

// The error of `text` read as `file`: its message, after checking code and reason.
std::string ErrorOf(absl::string_view text, const std::string& file = "s.yaml") {
  const auto spec = ParseSpec(text, file);
  if (spec.ok()) return "accepted as " + spec->ShortDebugString();
  EXPECT_EQ(spec.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(spec.status()), Reason::kSpecInvalid);
  EXPECT_FALSE(absl::StrContains(spec.status().message(), "\n")) << spec.status();
  return std::string(spec.status().message());
}

constexpr char kYaml[] = R"(# a comment
name: demo
model: {path: demo/model, dtype: f32}
dataset:
  path: demo/problems.jsonl
  limit: 120
  ids: [a, "b c", 7]
prompt:
  format: raw
  system: |
    Be brief.
    Be right.
  template: "{question}\n"
arms:
  head_layers: [0, 5]
  explicit:
    - name: 3:5
    - heads: [{layer: 1, head: 2}, {layer: 1, head: 3, op: zero}]
decoding:
  max_new_tokens: 64
  stop_tokens: []
  temperature: 0.5
seed: 18446744073709551615
priority: -3
mixed_numerics: true
hidden_states: [1, middle, last]
)";

constexpr char kTextproto[] = R"(
name: "demo"
model { path: "demo/model" dtype: "f32" }
dataset { path: "demo/problems.jsonl" limit: 120 ids: ["a", "b c", "7"] }
prompt { format: "raw" system: "Be brief.\nBe right.\n" template: "{question}\n" }
arms {
  head_layers: [0, 5]
  explicit { name: "3:5" }
  explicit { heads { layer: 1 head: 2 } heads { layer: 1 head: 3 op: "zero" } }
}
decoding { max_new_tokens: 64 temperature: 0.5 }
seed: 18446744073709551615
priority: -3
mixed_numerics: true
hidden_states: ["1", "middle", "last"]
)";

constexpr char kJson[] = R"({
	"name": "demo",
	"model": {"path": "demo\/model", "dtype": "f32"},
	"dataset": {"path": "demo/problems.jsonl", "limit": 120, "ids": ["a", "b c", 7]},
	"prompt": {"format": "raw", "system": "Be brief.\nBe right.\n", "template": "{question}\n"},
	"arms": {"head_layers": [0, 5],
	         "explicit": [{"name": "3:5"},
	                      {"heads": [{"layer": 1, "head": 2}, {"layer": 1, "head": 3, "op": "zero"}]}]},
	"decoding": {"max_new_tokens": 64, "stop_tokens": [], "temperature": 5e-1},
	"seed": 18446744073709551615, "priority": -3, "mixed_numerics": true,
	"hidden_states": [1, "middle", "last"]
}
)";

TEST(SpecIo, TheThreeFormatsReadToTheSameSpec) {
  ASSERT_OK_AND_ASSIGN(const v1::ExperimentSpec yaml, ParseSpec(kYaml, "a.yaml"));
  ASSERT_OK_AND_ASSIGN(const v1::ExperimentSpec json, ParseSpec(kJson, "a.json"));
  ASSERT_OK_AND_ASSIGN(const v1::ExperimentSpec text, ParseSpec(kTextproto, "a.textproto"));
  EXPECT_EQ(yaml.prompt().system(), "Be brief.\nBe right.\n");
  EXPECT_EQ(yaml.seed(), 18446744073709551615u);
  EXPECT_EQ(yaml.arms().explicit_(0).name(), "3:5");
  EXPECT_TRUE(MessageDifferencer::Equals(yaml, json)) << json.DebugString();
  EXPECT_TRUE(MessageDifferencer::Equals(yaml, text)) << text.DebugString();
}

TEST(SpecIo, AnUnknownFieldIsRefusedWithItsLineAndTheNearestKnownOne) {
  EXPECT_EQ(ErrorOf("name: a\nmodle: {path: x}\n"),
            "s.yaml:2: unknown field \"modle\" in the spec; did you mean \"model\"?");
  EXPECT_EQ(ErrorOf("{\"name\": \"a\",\n \"modle\": {}}", "dir/s.json"),
            "dir/s.json:2: unknown field \"modle\" in the spec; did you mean \"model\"?");
  EXPECT_EQ(ErrorOf("name: \"a\"\nmodle { path: \"x\" }\n", "s.textproto"),
            "s.textproto:2: unknown field \"modle\" in the spec; did you mean \"model\"?");
  EXPECT_EQ(ErrorOf("decoding:\n  maxNewTokens: 3\n"),
            "s.yaml:2: unknown field \"maxNewTokens\" in decoding; did you mean \"max_new_tokens\"?");
  EXPECT_EQ(ErrorOf("model:\n  path: x\n  quantisation: q4\n"),
            "s.yaml:3: unknown field \"quantisation\" in model; known are path, dtype");
  EXPECT_EQ(ErrorOf("arms:\n  explicit:\n    - heads:\n      - {layer: 1, haed: 2}\n"),
            "s.yaml:4: unknown field \"haed\" in arms.explicit[0].heads[0]; did you mean \"head\"?");
}

TEST(SpecIo, AFieldGivenTwiceIsRefused) {
  EXPECT_EQ(ErrorOf("name: a\nseed: 1\nname: b\n"), "s.yaml:3: the field \"name\" is given twice");
  EXPECT_EQ(ErrorOf("{\"seed\": 1,\n\n\"seed\": 1}", "s.json"),
            "s.json:3: the field \"seed\" is given twice");
  EXPECT_THAT(ErrorOf("seed: 1\nseed: 2\n", "s.pbtxt"), HasSubstr("s.pbtxt:2: "));
}

TEST(SpecIo, ValuesOfAnotherTypeAreRefused) {
  EXPECT_EQ(ErrorOf("decoding:\n  max_new_tokens: 1e3\n"),
            "s.yaml:2: decoding.max_new_tokens takes a whole number in decimal digits; found \"1e3\"");
  EXPECT_EQ(
      ErrorOf("decoding: {max_new_tokens: \"64\"}"),
      "s.yaml:1: decoding.max_new_tokens takes a whole number in decimal digits; found \"64\" in quotes");
  for (const char* number : {"010", "0x10", "1_000", "1.0", "--1", "+", "yes", "\"\""}) {
    EXPECT_THAT(ErrorOf(absl::StrCat("priority: ", number)), HasSubstr("priority takes a whole number"))
        << number;
  }
  EXPECT_EQ(ErrorOf("mixed_numerics: yes"), "s.yaml:1: mixed_numerics takes true or false; found \"yes\"");
  EXPECT_EQ(ErrorOf("mixed_numerics: 'true'"),
            "s.yaml:1: mixed_numerics takes true or false; found \"true\" in quotes");
  EXPECT_EQ(ErrorOf("name: [a]"), "s.yaml:1: name takes a text; found a list");
  EXPECT_EQ(ErrorOf("dataset:\n  ids: a\n"), "s.yaml:2: dataset.ids takes a list, as in [a, b]; found \"a\"");
  EXPECT_EQ(ErrorOf("dataset:\n  ids: [a, ~]\n"), "s.yaml:2: dataset.ids[1] takes a text; found nothing");
  EXPECT_EQ(ErrorOf("model: demo/model"),
            "s.yaml:1: model takes a mapping with the fields path, dtype; found \"demo/model\"");
  EXPECT_EQ(ErrorOf("decoding: {temperature: .nan}"),
            "s.yaml:1: decoding.temperature takes a number; found \".nan\"");
  EXPECT_EQ(ErrorOf("decoding: {temperature: 1e999}"),
            "s.yaml:1: decoding.temperature: \"1e999\" is too large");
  EXPECT_THAT(ErrorOf("[a, b]"), HasSubstr("s.yaml:1: a spec takes a mapping with the fields name, model"));
  EXPECT_THAT(ErrorOf("just words"), HasSubstr("found \"just words\""));
}

TEST(SpecIo, NumbersOutOfRangeAreRefusedWithTheRange) {
  EXPECT_EQ(ErrorOf("priority: 2147483648"),
            "s.yaml:1: priority: \"2147483648\" is out of range; it goes from -2147483648 to 2147483647");
  EXPECT_EQ(ErrorOf("seed: -1"),
            "s.yaml:1: seed: \"-1\" is out of range; it goes from 0 to 18446744073709551615");
  EXPECT_THAT(ErrorOf("seed: 18446744073709551616"), HasSubstr("is out of range"));
  EXPECT_THAT(ErrorOf("dataset: {limit: 9223372036854775808}"), HasSubstr("is out of range"));
  ASSERT_OK_AND_ASSIGN(const auto spec,
                       ParseSpec("{dataset: {limit: 9223372036854775807}, priority: -2147483648}", "s.yaml"));
  EXPECT_EQ(spec.dataset().limit(), 9223372036854775807);
  EXPECT_EQ(spec.priority(), -2147483648);
  EXPECT_THAT(ErrorOf("priority: 2147483648", "s.txtpb"), HasSubstr("s.txtpb:1: "));
}

TEST(SpecIo, AWordThatNamesNoLayerIsRefusedWithItsLine) {
  EXPECT_EQ(ErrorOf("name: x\nhidden_states:\n  - 1\n  - frist\n"),
            "s.yaml:4: hidden_states[1] takes a layer from 0 on, middle or last; found \"frist\"");
  EXPECT_EQ(ErrorOf("{\"hidden_states\": [-1]}", "s.json"),
            "s.json:1: hidden_states[0] takes a layer from 0 on, middle or last; found \"-1\"");
  v1::ExperimentSpec spec;
  spec.mutable_model()->set_path("m");
  spec.mutable_dataset()->set_path("d.jsonl");
  spec.add_hidden_states("1000000");
  EXPECT_THAT(std::string(CompleteSpec(spec, "").message()),
              HasSubstr("spec: hidden_states[0] takes a layer"));
}

TEST(SpecIo, ANullLeavesTheFieldUnset) {
  ASSERT_OK_AND_ASSIGN(
      const auto spec,
      ParseSpec("name: ~\nmodel:\narms: {}\ndataset: {ids: null}\nprompt: {system: \"\"}\n", "x/run7.yaml"));
  EXPECT_EQ(spec.name(), "run7");
  EXPECT_FALSE(spec.has_model());
  EXPECT_TRUE(spec.has_arms());
  EXPECT_EQ(spec.dataset().ids_size(), 0);
}

TEST(SpecIo, TextsMayLookLikeOtherThings) {
  ASSERT_OK_AND_ASSIGN(
      const auto spec,
      ParseSpec("name: 123\nmodel: {path: true}\ndataset: {ids: ['~', 1.50, \"null\"]}\n", "s.yaml"));
  EXPECT_EQ(spec.name(), "123");
  EXPECT_EQ(spec.model().path(), "true");
  EXPECT_THAT(spec.dataset().ids(), ::testing::ElementsAre("~", "1.50", "null"));
}

TEST(SpecIo, AnchorsAreExpanded) {
  ASSERT_OK_AND_ASSIGN(
      const auto spec,
      ParseSpec("arms:\n  explicit:\n    - heads: &h [{layer: 1, head: 2}]\n    - heads: *h\n", "s.yml"));
  ASSERT_EQ(spec.arms().explicit__size(), 2);
  EXPECT_TRUE(MessageDifferencer::Equals(spec.arms().explicit_(0), spec.arms().explicit_(1)));
}

TEST(SpecIo, AliasesThatMultiplyOrRecurAreRefused) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    absl::StrAppend(&bomb, "a", i, ": &a", i, " [", Repeat(absl::StrCat("*a", i - 1, ", "), 10), "x]\n");
  }
  EXPECT_THAT(ErrorOf(bomb), HasSubstr("more than 1000000 values (aliases expanded)"));
  EXPECT_EQ(ErrorOf("arms: &a\n  explicit: *a\n"), "s.yaml:2: an alias may not stand inside its own anchor");
  EXPECT_THAT(ErrorOf("name: *nowhere"), HasSubstr("s.yaml:1: not valid YAML"));
}

TEST(SpecIo, SyntaxErrorsNameTheirLine) {
  EXPECT_THAT(ErrorOf("name: a\nmodel: {path: x\n"), HasSubstr("s.yaml:"));
  EXPECT_THAT(ErrorOf("name: a\nmodel: path: x\n"), HasSubstr("s.yaml:2: not valid YAML: "));
  EXPECT_THAT(ErrorOf("{\"name\": \"a\",\n\"seed\" 1}", "s.json"), HasSubstr("s.json:2: "));
  EXPECT_THAT(ErrorOf("name: \"a\"\nmodel {\n  path \"x\"\n}", "s.textproto"), HasSubstr("s.textproto:3: "));
  EXPECT_EQ(ErrorOf(""), "s.yaml:1: the spec is empty");
  EXPECT_EQ(ErrorOf("# nothing\n"), "s.yaml:1: the spec is empty");
  EXPECT_THAT(ErrorOf("name: !!binary aGk="), HasSubstr("s.yaml:1: the tag "));
  EXPECT_THAT(ErrorOf("name: a\n---\nname: b\n"), HasSubstr("a second document; a spec is one document"));
  EXPECT_THAT(ErrorOf(std::string("name: a\0b", 9)), HasSubstr("a NUL byte"));
}

TEST(SpecIo, AnUnknownEndingIsRefused) {
  EXPECT_EQ(ErrorOf("name: a", "spec.toml"),
            "spec.toml: the ending \".toml\" names no spec format; use .yaml, .yml, .json, .textproto, "
            ".txtpb or .pbtxt");
}

TEST(SpecIo, TextThatIsNotUtf8IsRefused) {
  EXPECT_EQ(ErrorOf("name: \"a\\xff\"", "s.textproto"), "s.textproto:1: name is not UTF-8 text without NUL");
  EXPECT_EQ(ErrorOf("model { path: \"\\355\\240\\200\" }", "s.textproto"),
            "s.textproto:1: model.path is not UTF-8 text without NUL");
  EXPECT_EQ(ErrorOf("name: \"a\\000b\"", "s.textproto"), "s.textproto:1: name is not UTF-8 text without NUL");
}

TEST(SpecIo, AMegabyteOfHostileTextEndsInAnError) {
  constexpr size_t kMany = 1'000'000;
  for (const char* piece : {"[", "{", "- ", "? ", "{a: ", "[[", "a: ", "&a ", "!", "'", "\"", "*a ", ": ",
                            "]", "|\n ", "%a\n", "[a]: "}) {
    EXPECT_THAT(ErrorOf(Repeat(piece, kMany / std::string(piece).size())), HasSubstr("s.yaml:")) << piece;
  }
  EXPECT_THAT(ErrorOf("name: " + Repeat("[", kMany)), HasSubstr("nested more than 32 levels deep"));
  EXPECT_THAT(ErrorOf(Repeat("{\"arms\":", kMany / 8), "s.json"),
              HasSubstr("nested more than 32 levels deep"));
  EXPECT_THAT(ErrorOf(Repeat("arms {", kMany / 6), "s.textproto"), HasSubstr("s.textproto:1: "));
  EXPECT_THAT(ErrorOf(Repeat("x [", kMany / 3), "s.textproto"), HasSubstr("s.textproto:1: "));
}

TEST(SpecIo, ALongListIsReadInFull) {
  std::string ids = "dataset: {ids: [";
  for (int i = 0; i < 20'000; ++i) absl::StrAppend(&ids, "q", i, ", ");
  ASSERT_OK_AND_ASSIGN(const auto spec, ParseSpec(ids + "last]}", "s.yaml"));
  EXPECT_EQ(spec.dataset().ids_size(), 20'001);
}

TEST(SpecIo, JsonCharactersBeyondTheBasicPlaneAreRead) {
  ASSERT_OK_AND_ASSIGN(const auto spec,
                       ParseSpec(R"({"name": "\ud83d\ude00 \u00e9 \\ud83d\\ude00"})", "s.json"));
  EXPECT_EQ(spec.name(), "😀 é \\ud83d\\ude00");
}

TEST(SpecIo, ReadSpecNamesAMissingFile) {
  const auto spec = ReadSpec("/nonexistent/spec.yaml");
  EXPECT_EQ(spec.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(spec.status().message()), HasSubstr("/nonexistent/spec.yaml"));
}

TEST(SpecIo, ReadSpecReadsAFile) {
  testing::TempDir dir;
  ASSERT_OK(WriteFileAtomically(dir.File("small.yaml"), "model: {path: m}\n"));
  ASSERT_OK_AND_ASSIGN(const auto spec, ReadSpec(dir.File("small.yaml")));
  EXPECT_EQ(spec.name(), "small");
}

// Texts that a printer gets wrong when it gets one wrong.
std::string RandomText(CounterRng& rng) {
  static const char* const kPieces[] = {
      "a",    "Z9",   " ",       "\n",  "\t",     "\r",     "\"",     "\\",     "'",      ":",
      ": ",   "#",    " #",      "- ",  "{",      "}",      "[",      "]",      ",",      "&x",
      "*",    "!",    "|",       ">",   "%",      "@",      "`",      "~",      "null",   "true",
      "\x01", "\x7f", "é",       "😀",   "\u0085", "\u2028", "\uFEFF", "\u00A0", "0",      "-1",
      "---",  "...",  "\\u0041", "yes", "<<",     "=",      "?",      "\u2029", "\u009F", "\uFFFD"};
  std::string text;
  const uint64_t pieces = rng.NextBelow(6);
  for (uint64_t i = 0; i < pieces; ++i) text += kPieces[rng.NextBelow(std::size(kPieces))];
  return text;
}

// A message with about half its fields set to random values.
void Randomise(google::protobuf::Message& message, CounterRng& rng, int depth) {
  using google::protobuf::FieldDescriptor;
  const auto& reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* f = message.GetDescriptor()->field(i);
    const uint64_t count = f->is_repeated() ? rng.NextBelow(4) : rng.NextBelow(2);
    for (uint64_t k = 0; k < count; ++k) {
      const bool list = f->is_repeated();
      switch (f->cpp_type()) {
        case FieldDescriptor::CPPTYPE_MESSAGE:
          Randomise(list ? *reflection.AddMessage(&message, f) : *reflection.MutableMessage(&message, f), rng,
                    depth + 1);
          break;
        case FieldDescriptor::CPPTYPE_STRING:
          list ? reflection.AddString(&message, f, RandomText(rng))
               : reflection.SetString(&message, f, RandomText(rng));
          break;
        case FieldDescriptor::CPPTYPE_BOOL:
          reflection.SetBool(&message, f, rng.NextBelow(2) == 1);
          break;
        case FieldDescriptor::CPPTYPE_DOUBLE:
          list ? reflection.AddDouble(&message, f, rng.NextNormal())
               : reflection.SetDouble(&message, f,
                                      rng.NextNormal() * (rng.NextBelow(2) == 1 ? 1e-200 : 1e200));
          break;
        case FieldDescriptor::CPPTYPE_INT32: {
          const auto value = static_cast<int32_t>(rng.NextUint32());
          list ? reflection.AddInt32(&message, f, value) : reflection.SetInt32(&message, f, value);
          break;
        }
        case FieldDescriptor::CPPTYPE_INT64:
          reflection.SetInt64(&message, f, static_cast<int64_t>(rng.NextUint64()));
          break;
        case FieldDescriptor::CPPTYPE_UINT64:
          reflection.SetUInt64(&message, f, rng.NextUint64());
          break;
        default:
          FAIL() << "a field of a type that the reader does not know: " << f->full_name();
      }
    }
  }
}

TEST(SpecIo, WhatFormatSpecPrintsReadsBackToTheSameSpec) {
  for (uint64_t seed = 0; seed < 2'000; ++seed) {
    CounterRng rng(20250601, seed);
    v1::ExperimentSpec spec;
    Randomise(spec, rng, 0);
    for (std::string& word : *spec.mutable_hidden_states()) word = rng.NextBelow(2) == 1 ? "middle" : "15";
    if (spec.name().empty()) spec.set_name("n");
    const std::string yaml = FormatSpec(spec);
    const auto back = ParseSpec(yaml, "back.yaml");
    ASSERT_TRUE(back.ok()) << back.status() << "\n" << yaml;
    ASSERT_TRUE(MessageDifferencer::Equals(spec, *back)) << yaml << "\n"
                                                         << spec.DebugString() << back->DebugString();
  }
}

TEST(SpecIo, FormatSpecReadsWell) {
  ASSERT_OK_AND_ASSIGN(const auto spec, ParseSpec(kTextproto, "a.textproto"));
  EXPECT_EQ(FormatSpec(spec), R"(name: demo
model:
  path: demo/model
  dtype: f32
dataset:
  path: demo/problems.jsonl
  ids: [a, "b c", "7"]
  limit: 120
prompt:
  format: raw
  system: "Be brief.\nBe right.\n"
  template: "{question}\n"
arms:
  head_layers: [0, 5]
  explicit:
    - {name: "3:5"}
    - {heads: [{layer: 1, head: 2}, {layer: 1, head: 3, op: zero}]}
decoding:
  max_new_tokens: 64
  temperature: 0.5
seed: 18446744073709551615
priority: -3
mixed_numerics: true
hidden_states: ["1", middle, last]
)");
}

}  // namespace
}  // namespace sprint
