// The real programs over the demo model: hidden states beside answers, by an embed job, and as features.
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "model/hidden_state.h"
#include "model/model_files.h"
#include "selector/feature_recipe.h"
#include "selector/hidden_features.h"
#include "storage/payload.h"
#include "storage/reader.h"
#include "tests/cli/sprint_folder.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Json = nlohmann::json;
using testing::ProgramResult;
using testing::SourceDir;
using Arguments = std::vector<std::string>;

constexpr int kQuestions = 6;

struct State {
  int64_t layer = 0;
  std::string dtype;
  std::string bytes;
  std::vector<int32_t> prompt;
};

class HiddenStates : public testing::SprintFolder {
 protected:
  Arguments Launch(const Arguments& more) {
    Arguments arguments = {"launch",           SourceDir() + "/demo/sweep.yaml",
                           "--name",           "sweep",
                           "--limit",          absl::StrCat(kQuestions),
                           "--arms",           "L0H1",
                           "--max-new-tokens", "8"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  std::vector<State> Stored() {
    std::vector<State> states;
    const auto reader = Reader::Open(folder_.File("sprint.db"));
    EXPECT_OK(reader);
    EXPECT_OK((*reader)->ForEachRow(
        "SELECT v.layer, v.dtype, v.vector, q.tokens FROM v_feature v JOIN question q USING (question_id) "
        "WHERE "
        "v.experiment = 'sweep' ORDER BY v.dtype, v.layer, v.problem_ordinal",
        {}, [&](const auto&, const std::vector<SqlValue>& row) {
          states.push_back({IntegerOf(row[0]), TextOf(row[1]), std::get<Blob>(row[2]).bytes,
                            DecodeTokens(std::get<Blob>(row[3]).bytes).value_or(std::vector<int32_t>())});
          return true;
        }));
    return states;
  }
  // The engine's own state of a prompt, computed here.
  static std::string OwnBytes(int32_t layer, const std::vector<int32_t>& prompt) {
    const auto model = OpenModel(SourceDir() + "/demo/model");
    EXPECT_OK(model);
    const auto extractor = MakeHiddenFeatures(*model, layer, "", 1);
    EXPECT_OK(extractor);
    SnapshotProblem problem;
    problem.tokens = prompt;
    const auto state = (*extractor)->Extract(problem);
    EXPECT_OK(state);
    return FloatBytes(*state);
  }
  static void ExpectEnginesOwn(const std::vector<State>& states) {
    for (const State& state : states) {
      if (state.dtype != "f32") continue;
      EXPECT_EQ(state.bytes, OwnBytes(static_cast<int32_t>(state.layer), state.prompt))
          << "layer " << state.layer << ", prompt of " << state.prompt.size();
    }
  }
};

TEST_F(HiddenStates, ComeWithTheBaselinesAnswersFromTwoWorkersAsTheEngineComputesThem) {
  const ProgramResult result = Sprint(Launch({"--hidden-states", "0,last", "--workers", "2"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err.find("note:"), std::string::npos) << result.err;
  const std::vector<State> states = Stored();
  ASSERT_THAT(states, SizeIs(2 * kQuestions));
  EXPECT_EQ(states[0].layer, 0);
  EXPECT_EQ(states.back().layer, 3);
  ExpectEnginesOwn(states);
}

TEST_F(HiddenStates, AskedForLaterAreNamedMissingAndAnEmbedJobComputesThem) {
  ASSERT_EQ(Sprint(Launch({})).exit_code, 0);
  EXPECT_THAT(Stored(), IsEmpty());
  const ProgramResult again = Sprint(Launch({"--hidden-states", "1"}));
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.err, HasSubstr("note: 6 of 6 prompts have no hidden states"));
  EXPECT_THAT(again.err, HasSubstr("sprint embed sweep computes the rest"));
  EXPECT_THAT(again.err, HasSubstr("12 there already, 0 to compute"));

  const Json plan = SprintJson({"embed", "sweep", "--layers", "0,middle", "--dry-run"});
  EXPECT_EQ(plan["cells"], 2 * kQuestions);
  EXPECT_EQ(plan["existing"], 0);
  // By default what the experiment asks for: layer 1.
  const Json embedded = SprintJson({"embed", "sweep", "--workers", "2"});
  EXPECT_EQ(embedded["missing"], 0);
  EXPECT_EQ(embedded["layers"], Json::array({1}));
  EXPECT_THAT(Stored(), SizeIs(kQuestions));
  // More layers, one of them there already; then nothing is left to do.
  EXPECT_EQ(SprintJson({"embed", "sweep", "--layers", "0,1,3"})["missing"], 0);
  const std::vector<State> states = Stored();
  ASSERT_THAT(states, SizeIs(3 * kQuestions));
  ExpectEnginesOwn(states);
  const ProgramResult nothing = Sprint({"embed", "sweep", "--layers", "0,1,3"});
  EXPECT_EQ(nothing.exit_code, 0);
  EXPECT_THAT(nothing.out, HasSubstr("6 of 6 prompts have the hidden states after layer 0, 1, 3"));
  EXPECT_EQ(nothing.err, "");

  EXPECT_EQ(SprintJson({"embed", "sweep", "--layers", "1", "--dtype", "bf16"})["missing"], 0);
  EXPECT_THAT(Stored(), SizeIs(4 * kQuestions));
}

TEST_F(HiddenStates, OfALayerThatTheModelDoesNotHaveAreRefused) {
  const ProgramResult launch = Sprint(Launch({"--hidden-states", "1,4", "--dry-run"}));
  EXPECT_EQ(launch.exit_code, 1);
  EXPECT_THAT(launch.err,
              HasSubstr("hidden_states[1]: there is no layer \"4\"; the model has layers 0 to 3"));
  ASSERT_EQ(Sprint(Launch({})).exit_code, 0);
  const ProgramResult embed = Sprint({"embed", "sweep", "--layers", "four"});
  EXPECT_EQ(embed.exit_code, 1);
  EXPECT_THAT(embed.err, HasSubstr("--layers[0]: there is no layer \"four\""));
}

TEST_F(HiddenStates, AreTheFeaturesThatTheSelectorWouldCompute) {
  ASSERT_EQ(Sprint(Launch({"--hidden-states", "2"})).exit_code, 0);
  std::vector<SnapshotProblem> problems;
  for (const State& state : Stored()) {
    problems.emplace_back();
    problems.back().tokens = state.prompt;
  }
  ASSERT_THAT(problems, SizeIs(kQuestions));
  ASSERT_OK_AND_ASSIGN(const auto model, OpenModel(SourceDir() + "/demo/model"));
  ASSERT_OK_AND_ASSIGN(const Hash256 weights, FingerprintWeights(*model, 1));
  FeatureSources sources;
  sources.weights_hash = weights.Hex();
  sources.model = SourceDir() + "/demo/model";
  sources.database = "";
  ASSERT_OK_AND_ASSIGN(const FeatureMatrix computed, MakeFeatures("hidden:2", problems, sources, nullptr));
  // From the database, without the model.
  sources.model = folder_.File("nowhere");
  sources.database = folder_.File("sprint.db");
  ASSERT_OK_AND_ASSIGN(const FeatureMatrix stored, MakeFeatures("hidden:2", problems, sources, nullptr));
  EXPECT_EQ(FloatBytes(stored.values), FloatBytes(computed.values));
  EXPECT_EQ(stored.dim, computed.dim);
  EXPECT_EQ(stored.kind, computed.kind);
  EXPECT_EQ(stored.extractor, computed.extractor) << "a selector cannot tell where its features came from";
  // Where one is missing, all are computed.
  problems.emplace_back();
  problems.back().tokens = {1, 2, 3};
  EXPECT_FALSE(MakeFeatures("hidden:2", problems, sources, nullptr).ok());
  sources.model = SourceDir() + "/demo/model";
  ASSERT_OK_AND_ASSIGN(const FeatureMatrix all, MakeFeatures("hidden:2", problems, sources, nullptr));
  EXPECT_EQ(all.rows, kQuestions + 1);
}

}  // namespace
}  // namespace sprint
