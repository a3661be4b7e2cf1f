#include "coordinator/core/token.h"

#include "tests/testing/testing.h"

namespace sprint {
namespace {

HeldGrant Granted(WorkerId worker, LeaseId lease) {
  HeldGrant held;
  held.lease = lease;
  held.cells = {{RunId(1), QuestionId(2), ArmId(3), 0}, {RunId(1), QuestionId(2), ArmId(4), 1}};
  held.token = MakeGrantToken("key", worker, lease, held.cells);
  return held;
}

TEST(GrantToken, ProvesItsOwnGrantOnly) {
  const LeaseId lease(FirstLease(5));
  const HeldGrant held = Granted(WorkerId(7), lease);
  EXPECT_TRUE(VerifyGrantToken("key", WorkerId(7), held));
  EXPECT_FALSE(VerifyGrantToken("key", WorkerId(8), held));
  EXPECT_FALSE(VerifyGrantToken("another key", WorkerId(7), held));

  HeldGrant spoilt = held;
  spoilt.cells.pop_back();
  EXPECT_FALSE(VerifyGrantToken("key", WorkerId(7), spoilt));
  spoilt = held;
  spoilt.cells[1].sample = 0;
  EXPECT_FALSE(VerifyGrantToken("key", WorkerId(7), spoilt));
  spoilt = held;
  spoilt.lease = LeaseId(lease.value() + 1);
  EXPECT_FALSE(VerifyGrantToken("key", WorkerId(7), spoilt));
  spoilt = held;
  spoilt.token[0] = static_cast<char>(spoilt.token[0] ^ 1);
  EXPECT_FALSE(VerifyGrantToken("key", WorkerId(7), spoilt));
  spoilt.token.clear();
  EXPECT_FALSE(VerifyGrantToken("key", WorkerId(7), spoilt));
}

TEST(GrantToken, LeasesOfDifferentEpochsNeverCollide) {
  EXPECT_EQ(EpochOf(LeaseId(FirstLease(5))), 5);
  EXPECT_EQ(EpochOf(LeaseId(FirstLease(5) + 1'000'000'000)), 5);
  EXPECT_LT(FirstLease(5) + 1'000'000'000, FirstLease(6));
}

}  // namespace
}  // namespace sprint
