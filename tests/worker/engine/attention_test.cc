#include "worker/engine/attention.h"

#include <cmath>
#include <cstring>

#include "base/rng.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

float Uniform(CounterRng& rng) { return static_cast<float>(rng.NextUint64() >> 40) * 0x1p-23f - 1.0f; }

// A sequence of `length` positions scattered over blocks, and a query for each of its rows.
template <typename T>
struct Sequence {
  Sequence(const AttentionShape& s, int64_t length, uint64_t seed) : shape(s), rows(length) {
    CounterRng rng(seed, /*stream=*/0);
    const int64_t count = (length + kBlockTokens - 1) / kBlockTokens;
    for (int64_t i = 0; i < count; ++i) blocks.push_back(static_cast<int32_t>(2 * (count - i)));
    // What other sequences left behind must not matter, not even where it is not a number.
    const size_t size = static_cast<size_t>((2 * count + 1) * shape.block());
    std::vector<float> garbage(size, NAN);
    k.resize(size);
    v.resize(size);
    Convert(garbage, k);
    Convert(garbage, v);
    std::vector<float> head(static_cast<size_t>(shape.head_dim));
    for (int64_t p = 0; p < length; ++p) {
      for (int64_t h = 0; h < shape.kv_heads; ++h) {
        const int32_t block = blocks[static_cast<size_t>(p / kBlockTokens)];
        for (float& x : head) x = Uniform(rng);
        StoreKey(shape, head.data(), p, h, block, k.data());
        for (float& x : head) x = Uniform(rng);
        StoreValue(shape, head.data(), p, h, block, v.data());
      }
    }
    q.resize(static_cast<size_t>(length * width()));
    for (float& x : q) x = 4 * Uniform(rng);
  }
  static void Convert(const std::vector<float>& in, std::vector<float>& out) { out = in; }
  static void Convert(const std::vector<float>& in, std::vector<Bf16>& out) {
    kernels::F32ToBf16(in.data(), static_cast<int64_t>(in.size()), out.data());
  }
  int64_t width() const { return shape.kv_heads * shape.group * shape.head_dim; }

  AttentionTile<T> Tile(int64_t first, int64_t n, int64_t kv_head, std::vector<T>& out) const {
    AttentionTile<T> tile;
    const int64_t at = first * width() + kv_head * shape.group * shape.head_dim;
    tile.q = q.data() + at;
    tile.out = out.data() + at;
    tile.q_stride = tile.out_stride = width();
    tile.rows = n;
    tile.first_position = first;
    tile.blocks = blocks.data();
    tile.k = k.data();
    tile.v = v.data();
    tile.kv_head = kv_head;
    return tile;
  }
  // All rows in tiles of `chunk` rows.
  std::vector<T> Run(int64_t chunk) const {
    std::vector<T> out(q.size());
    AttentionScratch scratch;
    for (int64_t first = 0; first < rows; first += chunk) {
      for (int64_t h = 0; h < shape.kv_heads; ++h) {
        Attend(shape, Tile(first, std::min(chunk, rows - first), h, out), scratch);
      }
    }
    return out;
  }
  std::vector<T> Reference() const {
    std::vector<T> out(q.size());
    for (int64_t h = 0; h < shape.kv_heads; ++h) AttendReference(shape, Tile(0, rows, h, out));
    return out;
  }

  AttentionShape shape;
  int64_t rows;
  std::vector<int32_t> blocks;
  std::vector<T> k, v;
  std::vector<float> q;
};

float ToFloat(float x) { return x; }
float ToFloat(Bf16 x) {
  float out;
  kernels::Bf16ToF32(&x, 1, &out);
  return out;
}

// Values are in (-1, 1), so an absolute bound is one relative to the largest.
template <typename T>
void ExpectNearReference(const AttentionShape& shape, float bound) {
  for (const int64_t length : {1, 33, 70}) {
    const Sequence<T> sequence(shape, length, static_cast<uint64_t>(length));
    const std::vector<T> expected = sequence.Reference();
    for (const int64_t chunk : {1, 16}) {
      const std::vector<T> got = sequence.Run(chunk);
      for (size_t i = 0; i < got.size(); ++i) {
        ASSERT_NEAR(ToFloat(got[i]), ToFloat(expected[i]), bound)
            << "element " << i << " of length " << length;
      }
    }
  }
}

std::vector<AttentionShape> Shapes() {
  std::vector<AttentionShape> out;
  for (const int64_t dim : {8, 16, 20, 64, 80, 128}) out.push_back({2, 1 + dim % 3, dim, 0});
  out.push_back({1, 7, 32, 0});
  out.push_back({1, 4, 16, 5});
  out.push_back({1, 3, 64, 40});
  return out;
}

TEST(AttentionTest, TheKernelIsTheReferenceToAFewRoundingsInF32) {
  for (const AttentionShape& shape : Shapes()) ExpectNearReference<float>(shape, 2e-6f);
}

TEST(AttentionTest, TheKernelIsTheReferenceToOneRoundingInBf16) {
  for (const AttentionShape& shape : Shapes()) ExpectNearReference<Bf16>(shape, 1.0f / 256);
}

TEST(AttentionTest, ChunksDoNotChangeARowsBits) {
  for (const AttentionShape& shape : Shapes()) {
    const Sequence<float> sequence(shape, 75, 5);
    const std::vector<float> alone = sequence.Run(1);
    for (const int64_t chunk : {2, 3, 5, 16, 31, 75}) {
      const std::vector<float> got = sequence.Run(chunk);
      EXPECT_EQ(std::memcmp(got.data(), alone.data(), alone.size() * sizeof(float)), 0)
          << "chunks of " << chunk;
    }
  }
}

TEST(AttentionTest, AWindowHidesWhatLiesBeforeIt) {
  const AttentionShape shape{1, 1, 16, 5};
  Sequence<float> sequence(shape, 40, 9);
  const std::vector<float> before = sequence.Run(40);
  // Position 39 sees 35 to 39.
  std::vector<float> changed(16, 3.0f);
  StoreValue(shape, changed.data(), 34, 0, sequence.blocks[1], sequence.v.data());
  StoreKey(shape, changed.data(), 34, 0, sequence.blocks[1], sequence.k.data());
  const std::vector<float> after = sequence.Run(40);
  EXPECT_TRUE(std::equal(before.end() - 16, before.end(), after.end() - 16));
  EXPECT_FALSE(std::equal(before.end() - 32, before.end() - 16, after.end() - 32));
}

}  // namespace
}  // namespace sprint::testing
