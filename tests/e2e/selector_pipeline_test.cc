// From workers to a comparison: outcomes with planted structure are computed by workers (the fake engine),
// stored by the coordinator, frozen, trained on and compared by the programs that people run.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/rng.h"
#include "selector/features.h"
#include "selector/policies.h"
#include "selector/selector.h"
#include "selector/snapshot.h"
#include "storage/endpoint.h"
#include "tests/testing/control_client.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/processes.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(8);
constexpr int kClusters = 20;
constexpr int64_t kFeatures = 24;

// A folder with a coordinator, two workers, and what they leave behind.
class Pipeline {
 public:
  explicit Pipeline(const std::string& planted) {
    coordinator_ = Start({"sprint-coordinator", "--db", Database(), "--listen", "127.0.0.1:0"});
    std::string address;
    EXPECT_TRUE(Eventually(absl::Seconds(60), [&] {
      const absl::StatusOr<Endpoint> endpoint = ReadEndpoint(Database());
      if (endpoint.ok()) address = endpoint->address;
      return endpoint.ok();
    }));
    client_ =
        std::make_unique<ControlClient>(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
    for (Process& worker : workers_) {
      worker = Start({"sprint-fake-worker", "--coordinator", address, "--fake-engine",
                      absl::StrCat("capacity=64,tokens=3-3,planted=", planted), "--log-level", "warning"});
    }
  }

  void Sweep(int questions) {
    MadeUpExperiment sweep;
    sweep.name = "sweep";
    sweep.questions = questions;
    sweep.arms = {"baseline"};
    for (int head = 0; head < 269; ++head) sweep.arms.push_back(absl::StrCat("L", head / 10, "H", head % 10));
    ASSERT_OK(client_->Submit(sweep));
    const auto done = client_->WatchToTheEnd("sweep", kPatience);
    ASSERT_OK(done);
    ASSERT_EQ(done->done(), int64_t{questions} * 270);
    for (Process& worker : workers_) worker.Kill();
    coordinator_.Kill();
  }

  // Features that tell a question's cluster, in noise; they need the snapshot's questions in its order.
  void WriteFeatures() {
    ASSERT_OK_AND_ASSIGN(snapshot_, LoadSnapshot(folder_.File("sweep.snapshot.json")));
    CounterRng rng(5, 5);
    std::vector<double> centres;
    for (int64_t i = 0; i < kClusters * kFeatures; ++i) centres.push_back(rng.NextNormal());
    features_.rows = static_cast<int64_t>(snapshot_.problems.size());
    features_.dim = kFeatures;
    for (const SnapshotProblem& problem : snapshot_.problems) {
      for (int64_t i = 0; i < kFeatures; ++i) {
        const double centre = centres[static_cast<size_t>(problem.tokens[0] % kClusters * kFeatures + i)];
        features_.values.push_back(static_cast<float>(centre + 0.5 * rng.NextNormal()));
      }
    }
    ASSERT_OK(WriteFileAtomically(folder_.File("features"), FeatureFileBytes(features_)));
  }

  void Run(const std::vector<std::string>& words, const std::string& out) {
    std::vector<std::string> all = {"sprint-selector"};
    all.insert(all.end(), words.begin(), words.end());
    Process process = Start(all, out);
    ASSERT_OK_AND_ASSIGN(const int code, process.Wait(absl::Minutes(3)));
    ASSERT_EQ(code, 0) << ReadFile(File(out)).value_or("");
  }

  std::string Database() const { return folder_.File("x.db"); }
  std::string File(const std::string& name) const { return folder_.File(name); }
  const Snapshot& snapshot() const { return snapshot_; }
  const FeatureMatrix& features() const { return features_; }

 private:
  Process Start(std::vector<std::string> words, const std::string& out = "log") const {
    words[0] = absl::StrCat(BinDir(), "/", words[0]);
    auto process = Process::Start(words, folder_.File(out));
    EXPECT_OK(process);
    return *std::move(process);
  }

  const TempDir folder_;
  Process coordinator_;
  Process workers_[2];
  std::unique_ptr<ControlClient> client_;
  Snapshot snapshot_;
  FeatureMatrix features_;
};

// Sweeps, freezes, trains, compares.
void RunAll(Pipeline& pipeline, int questions) {
  ASSERT_NO_FATAL_FAILURE(pipeline.Sweep(questions));
  ASSERT_NO_FATAL_FAILURE(pipeline.Run({"freeze", "sweep", "--db", pipeline.Database(), "--out",
                                        pipeline.File("sweep.snapshot.json"), "--test-share", "0.1"},
                                       "frozen"));
  ASSERT_NO_FATAL_FAILURE(pipeline.WriteFeatures());
  ASSERT_NO_FATAL_FAILURE(pipeline.Run(
      {"train", pipeline.File("sweep.snapshot.json"), "--db", pipeline.Database(), "--features", "file",
       "--features-file", pipeline.File("features"), "--out", pipeline.File("mine"), "--epochs", "80"},
      "trained"));
  ASSERT_NO_FATAL_FAILURE(
      pipeline.Run({"compare", pipeline.File("sweep.snapshot.json"), pipeline.File("mine-1.selector"),
                    "--features-file", pipeline.File("features"), "-n", "1", "--json"},
                   "compared"));
}

// The row of a method at N = 1 by coverage.
nlohmann::json RowOf(const Pipeline& pipeline, const std::string& method) {
  const std::string out = ReadFile(pipeline.File("compared")).value_or("");
  // A slow machine's progress, of stderr, goes before it.
  const auto json = nlohmann::json::parse(out.substr(std::min(out.find('{'), out.size())), nullptr, false);
  if (json.is_object()) {
    for (const auto& row : json.value("results", nlohmann::json::array())) {
      if (row["method"] == method && row["aggregation"] == "coverage") return row;
    }
  }
  ADD_FAILURE() << "no row for " << method << " in " << out;
  return {};
}

TEST(SelectorPipelineTest, PlantedStructureIsFoundThroughWorkersStoreFreezeAndTraining) {
  const PlantedAnswers planted = {kClusters, 5, 0.05, 0.15};
  Pipeline pipeline("20-5-5-15");
  ASSERT_NO_FATAL_FAILURE(RunAll(pipeline, 2400));
  auto selector = LoadSelector(pipeline.File("mine-1.selector"));
  ASSERT_OK(selector);
  const std::vector<size_t> test = pipeline.snapshot().Of(Split::kTest);
  double reached = 0;
  for (const size_t problem : test) {
    const int32_t arm = ChooseArms(*selector, pipeline.features().Row(problem), 1, {})[0];
    const auto parsed = Arm::Parse(selector->arm_names[static_cast<size_t>(arm)]);
    ASSERT_OK(parsed);
    reached += planted.Probability(pipeline.snapshot().problems[problem].tokens[0], *parsed);
  }
  reached /= static_cast<double>(test.size());
  // Who knows the clusters takes a good head of each: 0.2.
  EXPECT_GE(reached, 0.95 * 0.20);
  EXPECT_GT(RowOf(pipeline, "random")["selector_minus"]["low"], 0);
}

TEST(SelectorPipelineTest, WithoutStructureTheSelectorIsNoBetterThanChance) {
  Pipeline pipeline("20-5-30-0");
  ASSERT_NO_FATAL_FAILURE(RunAll(pipeline, 400));
  const auto gain = RowOf(pipeline, "random")["selector_minus"];
  EXPECT_LT(gain["low"], 0);
  EXPECT_GT(gain["high"], 0);
}

}  // namespace
}  // namespace sprint::testing
