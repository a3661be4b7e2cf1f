#include "base/status.h"

#include <set>

#include "tests/testing/testing.h"

namespace sprint {
namespace {

TEST(Status, EveryReasonHasANameOfItsOwnThatReadsBack) {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(Reason::kNotReachable); ++i) {
    const Reason reason = static_cast<Reason>(i);
    names.insert(std::string(ReasonName(reason)));
    EXPECT_EQ(ReasonFromName(ReasonName(reason)), reason);
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(Reason::kNotReachable) + 1);
  EXPECT_EQ(ReasonFromName("NO_SUCH_REASON"), Reason::kUnspecified);
}

TEST(Status, AReasonTravelsWithItsError) {
  const absl::Status status =
      Error(absl::StatusCode::kNotFound, Reason::kExperimentUnknown, "no experiment 7");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "no experiment 7");
  EXPECT_EQ(ReasonOf(status), Reason::kExperimentUnknown);
  EXPECT_EQ(ReasonOf(absl::OkStatus()), Reason::kUnspecified);
  EXPECT_EQ(ReasonOf(absl::InternalError("x")), Reason::kUnspecified);
}

TEST(Status, AnnotateKeepsCodeAndReason) {
  const absl::Status status =
      Annotate(Error(absl::StatusCode::kDataLoss, Reason::kModelDamaged, "cut off"), "shard 2");
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(status.message(), "shard 2: cut off");
  EXPECT_EQ(ReasonOf(status), Reason::kModelDamaged);
  EXPECT_OK(Annotate(absl::OkStatus(), "shard 2"));
}

absl::StatusOr<int> Half(int x) {
  if (x % 2 != 0) return absl::InvalidArgumentError("odd");
  return x / 2;
}
absl::StatusOr<int> Quarter(int x) {
  SPRINT_ASSIGN_OR_RETURN(const int half, Half(x));
  SPRINT_RETURN_IF_ERROR(Half(half).status());
  return half / 2;
}

TEST(Status, TheMacrosReturnTheFirstError) {
  ASSERT_OK_AND_ASSIGN(const int quarter, Quarter(12));
  EXPECT_EQ(quarter, 3);
  EXPECT_EQ(Quarter(3).status().message(), "odd");
  EXPECT_EQ(Quarter(6).status().message(), "odd");
}

}  // namespace
}  // namespace sprint
