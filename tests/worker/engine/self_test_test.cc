#include "worker/engine/self_test.h"

#include "base/status.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::HasSubstr;

constexpr int kLayers = 3;
constexpr int kHeads = 4;

// A pretended model: each head adds a number to the stream; faults are switched on by a test.
struct Pretended {
  bool ignores_the_mask = false;
  bool touches_a_layer_below = false;
  bool scales_instead_of_zeroing = false;
  bool not_finite = false;
  int dead_layer = -1;
  int dead_head = -1;
  int runs = 0;

  absl::StatusOr<ForwardResult> Run(const Arm& arm, const HeadEdit* zero_columns) {
    ++runs;
    ForwardResult result;
    float stream = 1;
    for (int layer = 0; layer < kLayers; ++layer) {
      result.hidden.push_back({stream});
      for (int head = 0; head < kHeads; ++head) {
        float share = layer == dead_layer && (head == dead_head || dead_head < 0)
                          ? 0.0f
                          : static_cast<float>(1 + layer * kHeads + head);
        for (const HeadEdit& edit : arm.edits()) {
          if (ignores_the_mask) continue;
          if (edit.layer == layer && edit.head == head) share = scales_instead_of_zeroing ? share / 2 : 0;
          if (touches_a_layer_below && edit.layer == layer + 1) share += 1;
        }
        if (zero_columns != nullptr && zero_columns->layer == layer && zero_columns->head == head) share = 0;
        stream += share;
      }
    }
    result.hidden.push_back({stream});
    result.logits = {stream, not_finite ? NAN : 0.0f};
    return result;
  }
  absl::Status Test() {
    ModelConfig config;
    config.layers = kLayers;
    config.heads = kHeads;
    config.vocab = 50;
    config.context = 100;
    return TestMask(config, [this](const std::vector<int32_t>&, const Arm& arm, const HeadEdit* zero) {
      return Run(arm, zero);
    });
  }
};

void ExpectFailure(const absl::Status& status, const char* what) {
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), Reason::kModelSelfTestFailed);
  EXPECT_THAT(status.message(), HasSubstr(what));
}

TEST(SelfTestTest, ASoundModelPassesInSevenForwardPasses) {
  Pretended model;
  EXPECT_OK(model.Test());
  EXPECT_EQ(model.runs, 7);
}

TEST(SelfTestTest, AMaskThatIsIgnoredFails) {
  Pretended model;
  model.ignores_the_mask = true;
  ExpectFailure(model.Test(), "differs from zeroing");
}

TEST(SelfTestTest, AMaskThatReachesALayerBelowFails) {
  Pretended model;
  model.touches_a_layer_below = true;
  ExpectFailure(model.Test(), "layer below");
}

TEST(SelfTestTest, AMaskThatOnlyScalesFails) {
  Pretended model;
  model.scales_instead_of_zeroing = true;
  ExpectFailure(model.Test(), "differs from zeroing");
}

TEST(SelfTestTest, ALayerWhoseHeadsDoNothingFails) {
  Pretended model;
  model.dead_layer = 2;
  ExpectFailure(model.Test(), "layer 2");
}

TEST(SelfTestTest, AHeadThatIsDeadInTheFileIsPassedOver) {
  Pretended model;
  model.dead_layer = 0;
  model.dead_head = 0;
  EXPECT_OK(model.Test());
}

TEST(SelfTestTest, LogitsThatAreNotFiniteFail) {
  Pretended model;
  model.not_finite = true;
  ExpectFailure(model.Test(), "not finite");
}

}  // namespace
}  // namespace sprint::testing
