#include "storage/features.h"

#include "absl/strings/str_cat.h"
#include "model/hidden_state.h"
#include "storage/reader.h"
#include "tests/storage/store_fixture.h"

namespace sprint::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FeaturesTest : public StoreTest {
 protected:
  // The outcome of question `i` under arm 0, with one hidden state a layer.
  OutcomeRecord With(const ExperimentRecord& record, size_t i, const std::vector<HiddenState>& hidden) {
    OutcomeRecord outcome = TestOutcome(CellAt(record, i, 0));
    outcome.hidden = hidden;
    outcome.numerics = numerics_;
    return outcome;
  }
  // What is stored of questions 0 … n - 1 after `layer`.
  StoredFeatures Read(int32_t n, int32_t layer, const std::string& dtype = "f32") {
    std::vector<Hash256> questions;
    for (int32_t i = 0; i < n; ++i) questions.push_back(TestQuestion(i).ContentHash());
    const absl::StatusOr<std::unique_ptr<Reader>> reader = Reader::Open(path());
    EXPECT_OK(reader);
    const auto read = ReadFeatures(**reader, {TestRun().weights_hash, dtype, layer}, questions);
    EXPECT_OK(read);
    return read.value_or(StoredFeatures());
  }
  void SetUp() override {
    StoreTest::SetUp();
    ASSERT_OK_AND_ASSIGN(numerics_, store_->InternNumerics("cpu avx512"));
  }
  NumericsId numerics_;
};

TEST_P(FeaturesTest, TheLayersThatAnExperimentAsksForAreKeptAndAreNotPartOfItsSelection) {
  ExperimentPlan plan = GridPlan(2, 2);
  const Hash256 selection = plan.SelectionHash();
  const ExperimentId id = Create(plan).id;
  EXPECT_THAT(Load(id).hidden_layers, IsEmpty());
  plan.hidden_layers = {1, 15};
  EXPECT_EQ(plan.SelectionHash(), selection);
  EXPECT_EQ(Create(plan).id, id);
  Reopen();
  EXPECT_THAT(Load(id).hidden_layers, ElementsAre(1, 15));
}

INSTANTIATE_TEST_SUITE_P(Both, FeaturesTest, ::testing::Values(Kind::kMemory, Kind::kSqlite), KindName);

using StoredFeaturesTest = FeaturesTest;

TEST_P(StoredFeaturesTest, StatesComeWithOutcomesBitForBitAndMissingOnesAreNamed) {
  const ExperimentRecord record = Create(GridPlan(3, 2));
  const std::vector<float> odd = {-0.0F, 1e-40F, 3.4e38F, 0.1F};
  ASSERT_OK(
      CommitOutcomes({With(record, 0, {{0, odd}, {3, {1, 2, 3, 4}}}), With(record, 2, {{0, {5, 6, 7, 8}}})}));
  const StoredFeatures first = Read(3, 0);
  EXPECT_EQ(first.width, 4);
  EXPECT_THAT(first.missing, ElementsAre(1));
  EXPECT_THAT(first.numerics, ElementsAre("cpu avx512"));
  ASSERT_EQ(first.values.size(), 12u);
  EXPECT_EQ(FloatBytes(absl::MakeConstSpan(first.values).subspan(0, 4)), FloatBytes(odd));
  EXPECT_THAT(absl::MakeConstSpan(first.values).subspan(8, 4), ElementsAre(5, 6, 7, 8));
  EXPECT_THAT(Read(3, 3).missing, ElementsAre(1, 2));
  EXPECT_THAT(Read(2, 1).missing, ElementsAre(0, 1));          // no such layer
  EXPECT_THAT(Read(2, 0, "bf16").missing, ElementsAre(0, 1));  // nor dtype
}

TEST_P(StoredFeaturesTest, RunsOfOneModelShareTheFirstStateOfAQuestion) {
  ExperimentPlan other = GridPlan(2, 1);
  other.runs = {TestRun(7)};  // another seed: another run, the same weights
  const ExperimentRecord record = Create(GridPlan(2, 1));
  const ExperimentRecord again = Create(other);
  ASSERT_NE(record.runs[0].id, again.runs[0].id);
  ASSERT_OK(CommitOutcomes({With(record, 0, {{1, {1, 2}}})}));
  ASSERT_OK(CommitOutcomes({With(again, 0, {{1, {3, 4}}}), With(again, 1, {{1, {5, 6}}})}));
  const StoredFeatures stored = Read(2, 1);
  EXPECT_THAT(stored.values, ElementsAre(1, 2, 5, 6));
  EXPECT_THAT(stored.missing, IsEmpty());
}

TEST_P(StoredFeaturesTest, AStateOfAnotherWidthIsNotStoredAndTheOutcomeIs) {
  const ExperimentRecord record = Create(GridPlan(2, 1));
  ASSERT_OK(CommitOutcomes({With(record, 0, {{1, {1, 2, 3}}})}));
  ASSERT_OK(CommitOutcomes({With(record, 1, {{1, {1, 2, 3, 4}}, {2, {1, 2, 3, 4}}})}));
  EXPECT_EQ(Load(record.id).done.size(), 2u);
  EXPECT_THAT(Read(2, 1).missing, ElementsAre(1));
  EXPECT_THAT(Read(2, 2).missing, ElementsAre(0));
}

TEST_P(StoredFeaturesTest, TheViewShowsThemForEveryExperimentOfTheModel) {
  const ExperimentRecord record = Create(GridPlan(2, 1));
  ASSERT_OK(CommitOutcomes({With(record, 1, {{0, {1, 2}}, {1, {3, 4}}})}));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Reader> reader, Reader::Open(path()));
  std::vector<std::string> rows;
  ASSERT_OK(reader->ForEachRow(
      "SELECT problem, layer, dtype, width, length(vector), numerics, experiment FROM v_feature WHERE "
      "experiment_id = ?1 ORDER BY layer",
      {record.id.value()}, [&](const auto&, const std::vector<SqlValue>& row) {
        rows.push_back(absl::StrCat(TextOf(row[0]), " ", IntegerOf(row[1]), " ", TextOf(row[2]), " ",
                                    IntegerOf(row[3]), " ", IntegerOf(row[4]), " ", TextOf(row[5]), " ",
                                    TextOf(row[6])));
        return true;
      }));
  EXPECT_THAT(rows, ElementsAre("q1 0 f32 2 8 cpu avx512 grid", "q1 1 f32 2 8 cpu avx512 grid"));
}

INSTANTIATE_TEST_SUITE_P(OnDisk, StoredFeaturesTest, ::testing::Values(Kind::kSqlite), KindName);

}  // namespace
}  // namespace sprint::testing
