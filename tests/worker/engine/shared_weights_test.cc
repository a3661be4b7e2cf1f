// Workers of one machine share weights: one decodes, the others map, nobody leaves anything behind.
#include "worker/engine/shared_weights.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/status.h"
#include "tests/testing/testing.h"
#include "tests/worker/engine/parity.h"
#include "worker/engine/torch_engine.h"
#include "worker/engine/weights_loader.h"

namespace sprint::testing {
namespace {

constexpr char kKey[] = "0123abcd-f32-32";

class SharedWeightsTest : public ::testing::Test {
 protected:
  // Files of weights in the folder.
  int Files() const {
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) files += entry.is_regular_file();
    return files;
  }
  const TempDir temporary_;
  const std::string folder_ = temporary_.path() + "/shared";
};

TEST_F(SharedWeightsTest, TheSecondSeesWhatTheFirstFilledAndTheLastRemovesTheFile) {
  ASSERT_OK_AND_ASSIGN(auto first, SharedWeights::Open(folder_, kKey));
  ASSERT_FALSE(first->filled());
  ASSERT_OK_AND_ASSIGN(AlignedBuffer one, first->Take(5000));
  ASSERT_OK_AND_ASSIGN(AlignedBuffer two, first->Take(100));
  one.as<char>()[4999] = 'x';
  two.as<char>()[0] = 'y';
  ASSERT_OK(first->Publish());

  ASSERT_OK_AND_ASSIGN(auto second, SharedWeights::Open(folder_, kKey));
  ASSERT_TRUE(second->filled());
  ASSERT_OK_AND_ASSIGN(const AlignedBuffer same, second->Take(5000));
  ASSERT_OK_AND_ASSIGN(const AlignedBuffer also, second->Take(100));
  EXPECT_OK(second->CheckSize());
  EXPECT_EQ(same.as<char>()[4999], 'x');
  EXPECT_EQ(also.as<char>()[0], 'y');
  EXPECT_EQ(second->Take(1 << 22).status().code(), absl::StatusCode::kFailedPrecondition);

  first.reset();
  EXPECT_EQ(Files(), 1);
  EXPECT_EQ(same.as<char>()[4999], 'x');
  second.reset();
  EXPECT_EQ(Files(), 0);
}

TEST_F(SharedWeightsTest, AnotherWaitsWhileOneFills) {
  ASSERT_OK_AND_ASSIGN(auto first, SharedWeights::Open(folder_, kKey));
  ASSERT_OK_AND_ASSIGN(AlignedBuffer part, first->Take(8));
  bool filled = false;
  std::thread other([&] {
    const auto second = SharedWeights::Open(folder_, kKey);
    EXPECT_OK(second);
    filled = second.ok() && (*second)->filled();
  });
  part.as<char>()[0] = 'x';
  EXPECT_OK(first->Publish());
  other.join();
  EXPECT_TRUE(filled);
}

TEST_F(SharedWeightsTest, WhatAKilledProcessLeftIsRemovedAndFilledAgain) {
  const pid_t child = fork();
  if (child == 0) {
    auto shared = SharedWeights::Open(folder_, kKey);
    if (shared.ok() && (*shared)->Take(100).ok()) {
      if ((*shared)->Publish().ok()) shared->release();
    }
    _exit(0);  // without a destructor, as kill -9 does
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(Files(), 1);
  ASSERT_OK_AND_ASSIGN(const auto other, SharedWeights::Open(folder_, "another-key"));
  EXPECT_EQ(Files(), 1);
  ASSERT_FALSE(other->filled());
}

TEST_F(SharedWeightsTest, APlaceThatOthersCanWriteToIsRefused) {
  ASSERT_EQ(mkdir(folder_.c_str(), 0700), 0);
  ASSERT_EQ(chmod(folder_.c_str(), 0777), 0);
  EXPECT_EQ(SharedWeights::Open(folder_, kKey).status().code(), absl::StatusCode::kPermissionDenied);
}

// What a prompt gives with weights in `folder`; empty: its own.
std::vector<float> Logits(const ParityCase& parity, const std::string& folder,
                          std::unique_ptr<Engine>* keep = nullptr) {
  TorchEngineOptions options;
  options.shared_folder = folder;
  options.shared_key = "model";
  absl::StatusOr<std::unique_ptr<Engine>> engine = TestEngine(parity.model, options);
  EXPECT_OK(engine);
  if (!engine.ok()) return {};
  const absl::StatusOr<ForwardResult> result = Forward(**engine, {1, 2, 3, 4, 5}, Arm(), false);
  EXPECT_OK(result);
  if (keep != nullptr) *keep = *std::move(engine);
  return result.ok() ? result->logits : std::vector<float>();
}

TEST_F(SharedWeightsTest, EnginesThatShareComputeWhatOneAloneDoes) {
  ASSERT_OK_AND_ASSIGN(const ParityCase parity, ReadParityCase(OwnParityFolders().front()));
  const std::vector<float> alone = Logits(parity, "");
  std::unique_ptr<Engine> first, second;
  EXPECT_EQ(Logits(parity, folder_, &first), alone);
  EXPECT_EQ(Files(), 1);
  EXPECT_EQ(Logits(parity, folder_, &second), alone);
  EXPECT_EQ(Files(), 1);
  first.reset();
  second.reset();
  EXPECT_EQ(Files(), 0);
}

TEST_F(SharedWeightsTest, AFolderThatWillNotDoCostsMemoryAndNoRun) {
  ASSERT_OK_AND_ASSIGN(const ParityCase parity, ReadParityCase(OwnParityFolders().front()));
  std::ofstream(folder_) << "a file in its place";
  EXPECT_FALSE(Logits(parity, folder_).empty());
}

}  // namespace
}  // namespace sprint::testing
