#include <google/protobuf/util/message_differencer.h>

#include "base/status.h"
#include "proto/spec_io.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using google::protobuf::util::MessageDifferencer;

constexpr char kMinimal[] = "model: {path: m}\ndataset: {path: d.jsonl}\n";

// The error CompleteSpec gives for the minimal spec with `more` beside it.
std::string ErrorWith(const std::string& more) {
  auto spec = ParseSpec(kMinimal + more, "s.yaml");
  if (!spec.ok()) return "not parsed: " + spec.status().ToString();
  const absl::Status status = CompleteSpec(*spec, "");
  if (status.ok()) return "accepted";
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), Reason::kSpecInvalid);
  return std::string(status.message());
}

TEST(CompleteSpec, AMinimalSpecGetsTheDefaults) {
  ASSERT_OK_AND_ASSIGN(auto spec, ParseSpec(kMinimal, "dir/first.yaml"));
  ASSERT_OK(CompleteSpec(spec, "/base/dir"));
  EXPECT_EQ(FormatSpec(spec), R"(name: first
model:
  path: /base/dir/m
  dtype: f32
dataset:
  path: /base/dir/d.jsonl
  id_field: id
  question_field: question
  answer_field: answer
  subject_field: subject
  level_field: level
prompt:
  format: raw
  template: "{question}"
arms:
  group: 1
decoding:
  max_new_tokens: 256
samples: 1
engine_mode: exact
)");
}

TEST(CompleteSpec, CompletingTwiceChangesNothing) {
  ASSERT_OK_AND_ASSIGN(auto spec, ParseSpec(kMinimal, "s.yaml"));
  ASSERT_OK(CompleteSpec(spec, "/base"));
  const v1::ExperimentSpec once = spec;
  ASSERT_OK(CompleteSpec(spec, "/base"));
  EXPECT_TRUE(MessageDifferencer::Equals(once, spec));
}

TEST(CompleteSpec, ASpecMadeOfFlagsIsNamedAfterItsDataset) {
  v1::ExperimentSpec spec;
  spec.mutable_model()->set_path("/m");
  spec.mutable_dataset()->set_path("data/svamp.jsonl");
  ASSERT_OK(CompleteSpec(spec, ""));
  EXPECT_EQ(spec.name(), "svamp");
  EXPECT_EQ(spec.dataset().path(), "data/svamp.jsonl");
}

TEST(CompleteSpec, PathsAreTakenFromTheSpecsFolder) {
  v1::ExperimentSpec spec;
  spec.mutable_model()->set_path("../m.gguf");
  spec.mutable_dataset()->set_path("/abs/d.jsonl");
  ASSERT_OK(CompleteSpec(spec, "/a/b"));
  EXPECT_EQ(spec.model().path(), "/a/m.gguf");
  EXPECT_EQ(spec.dataset().path(), "/abs/d.jsonl");
}

TEST(CompleteSpec, ModelAndDatasetAreRequired) {
  v1::ExperimentSpec spec;
  EXPECT_EQ(CompleteSpec(spec, "").message(),
            "spec: model.path is missing: a Hugging Face folder or a .gguf file");
  spec.mutable_model()->set_path("m");
  EXPECT_EQ(CompleteSpec(spec, "").message(), "spec: dataset.path is missing: a file of JSON lines");
}

TEST(CompleteSpec, WhatOnlySamplingUsesIsRefusedWithoutATemperature) {
  for (const char* field : {"top_k: 40", "top_p: 0.95", "min_p: 0.1"}) {
    EXPECT_THAT(ErrorWith(std::string("decoding: {") + field + "}"),
                ::testing::HasSubstr("needs a temperature above 0"));
    EXPECT_EQ(ErrorWith(std::string("decoding: {temperature: 0.9, ") + field + "}"), "accepted");
  }
  EXPECT_THAT(ErrorWith("samples: 4"), ::testing::HasSubstr("greedy decoding gives one answer"));
  EXPECT_EQ(ErrorWith("samples: 4\ndecoding: {temperature: 0.7}"), "accepted");
  EXPECT_EQ(ErrorWith("decoding: {repetition_penalty: 1.1, stop_strings: [Q], loop_repeats: 6}"), "accepted");
}

TEST(CompleteSpec, SamplingFieldsThatChangeNothingAreTakenAndForgotten) {
  ASSERT_OK_AND_ASSIGN(auto plain, ParseSpec(kMinimal, "s.yaml"));
  ASSERT_OK_AND_ASSIGN(
      auto greedy,
      ParseSpec(std::string(kMinimal) +
                    "decoding: {temperature: 0, top_k: 1, top_p: 1, min_p: 0, repetition_penalty: 1.0}",
                "s.yaml"));
  ASSERT_OK(CompleteSpec(plain, ""));
  ASSERT_OK(CompleteSpec(greedy, ""));
  EXPECT_TRUE(MessageDifferencer::Equals(plain, greedy));
}

TEST(CompleteSpec, ValuesOutOfPlaceAreRefusedByName) {
  EXPECT_EQ(ErrorWith("engine_mode: fast"),
            "spec: engine_mode \"fast\" is not known; exact is the only one for now");
  EXPECT_EQ(ErrorWith("decoding: {max_new_tokens: 0}"), "spec: decoding.max_new_tokens is 0; at least 1");
  EXPECT_EQ(ErrorWith("decoding: {max_new_tokens: -5}"), "spec: decoding.max_new_tokens is -5; at least 1");
  EXPECT_EQ(ErrorWith("decoding: {stop_tokens: [2, -1]}"),
            "spec: decoding.stop_tokens holds -1; token ids count from 0");
  EXPECT_EQ(ErrorWith("samples: 0"), "spec: samples is 0; at least 1");
  EXPECT_EQ(ErrorWith("arms: {group: 0}"), "spec: arms.group is 0; at least 1");
  const std::string alone =
      " gives each question arms of its own and stands alone; leave the other fields of arms out";
  EXPECT_EQ(ErrorWith("arms: {per_question: c.jsonl, all_heads: true}"), "spec: arms.per_question" + alone);
  EXPECT_EQ(ErrorWith("arms: {per_question: c.jsonl, group: 2}"), "spec: arms.per_question" + alone);
  EXPECT_EQ(ErrorWith("arms: {choices: [{id: a, arms: [L1H1]}], head_layers: [1]}"),
            "spec: arms.choices" + alone);
  EXPECT_EQ(ErrorWith("arms: {head_layers: [-1]}"), "spec: arms.head_layers holds -1; layers count from 0");
  EXPECT_EQ(ErrorWith("arms: {whole_layers: [3, -2]}"),
            "spec: arms.whole_layers holds -2; layers count from 0");
  EXPECT_EQ(ErrorWith("prompt: {template: 'Solve this'}"),
            "spec: prompt.template lacks {question}, which stands for the question");
}

TEST(CompleteSpec, DatasetSelectionsAreChecked) {
  const auto error = [](const std::string& dataset) {
    auto spec = ParseSpec("model: {path: m}\ndataset: {path: d, " + dataset + "}", "s.yaml");
    return spec.ok() ? std::string(CompleteSpec(*spec, "").message()) : std::string(spec.status().message());
  };
  EXPECT_EQ(error("limit: -1"), "spec: dataset.limit is -1; at least 1, or 0 for all rows");
  EXPECT_EQ(error("offset: -1"), "spec: dataset.offset is -1; at least 0");
  EXPECT_EQ(error("ids: [a, b, a]"), "spec: dataset.ids names \"a\" twice");
  EXPECT_EQ(error("ids: ['']"), "spec: dataset.ids holds an empty id");
}

TEST(CompleteSpec, DtypesAreChecked) {
  v1::ExperimentSpec spec;
  spec.mutable_model()->set_path("m");
  spec.mutable_model()->set_dtype("f16");
  EXPECT_EQ(CompleteSpec(spec, "").message(), "spec: model.dtype \"f16\" is not known; use f32 or bf16");
}

TEST(CompleteSpec, ArmsSpelledOutAreChecked) {
  EXPECT_EQ(ErrorWith("arms: {explicit: [{name: L1H1, heads: [{layer: 1, head: 1}]}]}"),
            "spec: arms.explicit[0] has both a name (\"L1H1\") and heads; give one");
  EXPECT_EQ(ErrorWith("arms: {explicit: [{name: L1H1}, {}]}"),
            "spec: arms.explicit[1] says nothing; give it heads or a name such as L3H5");
  EXPECT_EQ(ErrorWith("arms: {explicit: [{heads: [{layer: 1, head: 1, op: mean}]}]}"),
            "spec: arms.explicit[0]: the operation \"mean\" is not known; zero and scale are");
  EXPECT_EQ(ErrorWith("arms: {explicit: [{heads: [{layer: 1, head: 1, op: scale}]}]}"),
            "spec: arms.explicit[0]: scale needs a factor, and zero takes none");
  EXPECT_EQ(ErrorWith("arms: {explicit: [{heads: [{layer: 1, head: -1}]}]}"),
            "spec: arms.explicit[0] names layer 1 head -1; both count from 0");
}

}  // namespace
}  // namespace sprint
