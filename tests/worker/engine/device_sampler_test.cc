#include "worker/engine/torch_internal/device_sampler.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "base/rng.h"
#include "tests/testing/testing.h"
#include "worker/engine/sampler.h"
#include "worker/engine/torch_internal/packed_results.h"

namespace sprint::testing {
namespace {

const at::Device kCpu(at::kCPU);

struct Row {
  bool samples = true;
  Sampling sampling;
  std::vector<int32_t> prompt;
  std::vector<int32_t> answer;
  double u = 0;
  std::vector<float> logits;
};

class Rows : public RowSampler {
 public:
  explicit Rows(std::vector<Row> rows) : rows_(std::move(rows)) {}
  bool Samples(int64_t row) const override { return rows_[static_cast<size_t>(row)].samples; }
  RowRules Rules(int64_t row) const override {
    const Row& r = rows_[static_cast<size_t>(row)];
    return {&r.sampling, {r.prompt, r.answer, {}}, r.u};
  }
  int32_t Sample(int64_t row, absl::Span<const float> logits) const override {
    const RowRules rules = Rules(row);
    return SampleToken(logits, *rules.sampling, rules.before, rules.u);
  }
  int32_t Expected(size_t row) const {
    const std::vector<float>& logits = rows_[row].logits;
    if (rows_[row].samples) return Sample(static_cast<int64_t>(row), logits);
    return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  }
  at::Tensor Logits(int64_t padding) const {
    const auto vocab = static_cast<int64_t>(rows_.front().logits.size());
    const at::Tensor out = at::zeros({static_cast<int64_t>(rows_.size()) + padding, vocab});
    for (size_t i = 0; i < rows_.size(); ++i) {
      std::copy(rows_[i].logits.begin(), rows_[i].logits.end(),
                out.data_ptr<float>() + static_cast<int64_t>(i) * vocab);
    }
    return out;
  }
  size_t size() const { return rows_.size(); }

 private:
  std::vector<Row> rows_;
};

std::vector<int64_t> Choose(const Rows& rows, int64_t candidates, int64_t padding = 0) {
  const c10::InferenceMode guard;
  PackedInputs inputs(kCpu);
  const at::Tensor logits = rows.Logits(padding);
  DeviceSampler sampler(logits.size(1));
  sampler.Plan(&rows, 0, static_cast<int64_t>(rows.size()), logits.size(0), inputs);
  inputs.Upload();
  const at::Tensor chosen = sampler.Choose(logits, inputs, candidates);
  EXPECT_EQ(chosen.size(0), logits.size(0));
  const int64_t* data = chosen.data_ptr<int64_t>();
  return {data, data + rows.size()};
}

double Pick(CounterRng& rng, std::initializer_list<double> values) {
  return values.begin()[rng.NextBelow(values.size())];
}

// Logits of one of three kinds: spread, many equal ones with zeros of both signs, one far above the rest.
Row RandomRow(CounterRng& rng, size_t vocab) {
  Row row;
  row.samples = rng.NextBelow(8) != 0;
  row.sampling.temperature = Pick(rng, {0, 0.3, 1, 2.5});
  row.sampling.top_k = static_cast<int32_t>(Pick(rng, {0, 0, 1, 5, 40, 100000}));
  row.sampling.top_p = Pick(rng, {1, 1, 0.05, 0.8, 0.97});
  row.sampling.min_p = Pick(rng, {0, 0, 0.02, 0.4, 1});
  row.sampling.repetition_penalty = Pick(rng, {1, 1, 1.3, 0.7});
  row.u = Pick(rng, {0, 0.999999999, rng.NextDouble(), rng.NextDouble(), rng.NextDouble()});
  const uint64_t kind = rng.NextBelow(3);
  for (size_t i = 0; i < vocab; ++i) {
    double logit = 2 * rng.NextNormal();
    if (kind == 1) logit = rng.NextBelow(2) == 0 ? -0.0 : static_cast<double>(rng.NextBelow(4)) - 2;
    if (kind == 2 && i == vocab / 2) logit += 30;
    row.logits.push_back(static_cast<float>(logit));
  }
  const auto tokens = [&](uint64_t n) {
    std::vector<int32_t> out;
    for (; n > 0; --n) out.push_back(static_cast<int32_t>(rng.NextBelow(vocab)));
    return out;
  };
  row.prompt = tokens(1 + rng.NextBelow(70));
  row.answer = tokens(rng.NextBelow(20));
  return row;
}

Rows RandomRows(uint64_t stream, size_t n, size_t vocab) {
  CounterRng rng(/*seed=*/23, stream);
  std::vector<Row> rows;
  for (size_t i = 0; i < n; ++i) rows.push_back(RandomRow(rng, vocab));
  return Rows(std::move(rows));
}

TEST(DeviceSamplerTest, ChoosesWhatTheHostChoosesUnderEveryRule) {
  for (const size_t vocab : {2, 11, 300, 3000}) {
    const Rows rows = RandomRows(vocab, 400, vocab);
    const std::vector<int64_t> chosen = Choose(rows, static_cast<int64_t>(vocab));
    for (size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(chosen[i], rows.Expected(i)) << vocab << " row " << i;
  }
}

TEST(DeviceSamplerTest, OfTheHighestLogitsARowIsEitherChosenAsTheHostDoesOrMarked) {
  for (const int64_t candidates : {1, 7, 64}) {
    const Rows rows = RandomRows(5, 400, 500);
    const std::vector<int64_t> chosen = Choose(rows, candidates);
    size_t decided = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (chosen[i] == DeviceSampler::kUndecided) continue;
      ++decided;
      EXPECT_EQ(chosen[i], rows.Expected(i)) << candidates << " row " << i;
    }
    EXPECT_GT(decided, rows.size() / 4);
    EXPECT_LT(decided, rows.size()) << "no row needed more";
  }
}

TEST(DeviceSamplerTest, ARowsChoiceDoesNotDependOnTheOthers) {
  const Rows all = RandomRows(9, 70, 200);
  const std::vector<int64_t> together = Choose(all, DeviceSampler::kCandidates, /*padding=*/5);
  CounterRng rng(/*seed=*/23, /*stream=*/9);
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(Choose(Rows({RandomRow(rng, 200)}), DeviceSampler::kCandidates)[0], together[i]) << i;
  }
}

TEST(DeviceSamplerTest, CountsTheGuessesThatWereChosenUpToTheFirstThatWasNot) {
  const at::Tensor chosen = at::tensor({5, 6, 7, 8, 1, 2, 3}, at::kLong);
  const at::Tensor guesses = at::tensor({5, 6, 9, -1, 1, 2, -1}, at::kLong);
  const at::Tensor accepted = CountAccepted(chosen, guesses);
  const std::vector<int64_t> expected = {2, 1, 0, 0, 2, 1, 0};
  EXPECT_EQ(std::vector<int64_t>(accepted.data_ptr<int64_t>(), accepted.data_ptr<int64_t>() + 7), expected);
}

TEST(PackedStepTest, InputsAndResultsComeAsTheyWereAdded) {
  PackedInputs inputs(kCpu);
  PackedResults results(kCpu);
  const std::vector<float> floats = {1.5F, -0.0F, 3e-42F};
  for (int64_t step = 1; step <= 3; ++step) {
    inputs.Clear();
    results.Clear();
    const std::vector<int64_t> longs(static_cast<size_t>(step) * 20000, -step);  // the block grows
    const auto a = inputs.Add(absl::MakeConstSpan(floats));
    const auto b = inputs.Add(absl::MakeConstSpan(longs));
    const auto c = inputs.Add(std::vector<double>{0.1, 0.2});
    inputs.Upload();
    EXPECT_EQ(inputs.uploads(), step);
    EXPECT_EQ(inputs.Get(c).data_ptr<double>()[1], 0.2);
    const size_t first = results.Add(inputs.Get(b));
    const size_t second = results.Add(inputs.Get(a).view({1, 3}));
    results.Fetch(results.Pack());
    EXPECT_EQ(results.Ints(first), std::vector<int32_t>(longs.size(), static_cast<int32_t>(-step)));
    EXPECT_EQ(results.Floats(second), floats);
  }
}

}  // namespace
}  // namespace sprint::testing
