#include "coordinator/core/bits.h"

#include "tests/testing/testing.h"

namespace sprint {
namespace {

TEST(Bits, BeginAllSetAndCountWhatIsCleared) {
  Bits bits(130);
  EXPECT_EQ(bits.count(), 130);
  bits.Clear(64);
  bits.Clear(64);
  bits.Clear(129);
  EXPECT_EQ(bits.count(), 128);
  EXPECT_FALSE(bits.Test(64));
  bits.Set(64);
  EXPECT_EQ(bits.count(), 129);
}

TEST(Bits, NextFindsEverySetBitInOrder) {
  for (const int32_t size : {1, 63, 64, 65, 200}) {
    Bits bits(size);
    std::vector<int32_t> expected;
    for (int32_t i = 0; i < size; ++i) {
      if (i % 7 == 3) {
        expected.push_back(i);
      } else {
        bits.Clear(i);
      }
    }
    std::vector<int32_t> found;
    for (int32_t i = bits.Next(0); i >= 0; i = bits.Next(i + 1)) found.push_back(i);
    EXPECT_EQ(found, expected) << size;
  }
}

TEST(Bits, NextOfNothingIsNone) {
  Bits bits(64);
  for (int32_t i = 0; i < 64; ++i) bits.Clear(i);
  EXPECT_EQ(bits.Next(0), -1);
  EXPECT_EQ(bits.Next(64), -1);
  EXPECT_EQ(Bits().Next(0), -1);
}

}  // namespace
}  // namespace sprint
