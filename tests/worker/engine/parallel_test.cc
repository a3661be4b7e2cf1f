#include "worker/engine/parallel.h"

#include <atomic>
#include <vector>

#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

TEST(ThreadPoolTest, EveryItemIsDoneOnceInRangesOfAtMostAChunk) {
  for (const int threads : {1, 2, 7}) {
    ThreadPool pool(threads);
    ASSERT_EQ(pool.threads(), threads);
    for (const int64_t n : {0, 1, 5, 64, 1000}) {
      for (const int64_t chunk : {1, 3, 2000}) {
        std::vector<std::atomic<int>> done(static_cast<size_t>(n));
        const auto body = [&](int64_t begin, int64_t end, int thread) {
          EXPECT_GE(thread, 0);
          EXPECT_LT(thread, threads);
          EXPECT_TRUE(threads == 1 || end - begin <= chunk);
          for (int64_t i = begin; i < end; ++i) ++done[static_cast<size_t>(i)];
        };
        pool.For(n, chunk, body);
        for (const auto& count : done) EXPECT_EQ(count, 1);
        pool.ForShares(n, chunk, body);
        for (const auto& count : done) EXPECT_EQ(count, 2);
      }
    }
  }
}

TEST(ThreadPoolTest, ThousandsOfRegionsSeeEachOthersWrites) {
  ThreadPool pool(3);
  std::vector<int64_t> values(64, 0);
  for (int round = 0; round < 3000; ++round) {
    pool.For(64, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) values[static_cast<size_t>(i)] += round;
    });
  }
  for (const int64_t value : values) EXPECT_EQ(value, int64_t{3000} * 2999 / 2);
}

TEST(ThreadPoolTest, APoolThatWasNeverUsedEnds) { ThreadPool pool(4); }

}  // namespace
}  // namespace sprint::testing
