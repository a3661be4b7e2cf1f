#include "worker/engine/torch_internal/fused_attention.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <list>

#include "base/rng.h"
#include "tests/testing/testing.h"
#include "worker/engine/attention.h"

namespace sprint::testing {
namespace {

constexpr int64_t kBlocks = 80;

ModelConfig Config(int32_t heads, int32_t kv_heads, int64_t window) {
  ModelConfig config;
  config.heads = heads;
  config.kv_heads = kv_heads;
  config.head_dim = 16;
  config.context = 2048;
  config.sliding_window = window;
  return config;
}

class FusedAttentionTest : public ::testing::Test {
 protected:
  // Sequences with as many positions each; their blocks are strewn over the pool.
  void Make(const ModelConfig& config, const std::vector<int64_t>& lengths) {
    config_ = config;
    lengths_ = lengths;
    CounterRng rng(/*seed=*/4, /*stream=*/0);
    const auto fill = [&](at::Tensor t) {
      for (int64_t i = 0; i < t.numel(); ++i) t.data_ptr<float>()[i] = static_cast<float>(rng.NextNormal());
      return t;
    };
    k_ = fill(at::empty({kBlocks * kBlockTokens, config.kv_heads, config.head_dim}));
    v_ = fill(at::empty({kBlocks * kBlockTokens, config.kv_heads, config.head_dim}));
    tables_.clear();
    queries_.clear();
    int32_t next = 0;
    for (const int64_t length : lengths) {
      std::vector<int32_t>& table = tables_.emplace_back();
      for (int64_t p = 0; p < length; p += kBlockTokens) table.push_back(next++ * 37 % kBlocks);
      queries_.push_back(fill(at::empty({length, config.heads, config.head_dim})));
    }
    ASSERT_LE(next, kBlocks);
  }

  struct Piece {
    size_t sequence;
    int64_t first, rows;
  };
  // What one step gives for the pieces, [rows of all, heads * head_dim].
  at::Tensor Attend(const std::vector<Piece>& pieces) {
    const c10::InferenceMode guard;
    StepBatch batch;
    std::vector<at::Tensor> queries;
    for (const Piece& piece : pieces) {
      StepSequence sequence;
      sequence.first_row = batch.rows();
      sequence.rows = piece.rows;
      sequence.first_position = piece.first;
      // A table that ends where the rows end, as the scheduler's may.
      auto& table = short_tables_.emplace_back(
          tables_[piece.sequence].begin(),
          tables_[piece.sequence].begin() + (piece.first + piece.rows - 1) / kBlockTokens + 1);
      sequence.blocks = table.data();
      batch.sequences.push_back(sequence);
      batch.tokens.resize(batch.tokens.size() + static_cast<size_t>(piece.rows));
      queries.push_back(queries_[piece.sequence].narrow(0, piece.first, piece.rows));
    }
    const int64_t rows = batch.rows();
    const int64_t padded = (rows + 63) / 64 * 64;
    queries.push_back(at::zeros({padded - rows, config_.heads, config_.head_dim}));
    PackedInputs inputs{at::Device(at::kCPU)};
    FusedAttention attention(config_, at::kFloat);
    attention.Plan(batch, padded, inputs);
    inputs.Upload();
    const auto shared = attention.Share(inputs);
    return attention.Attend(shared, at::cat(queries, 0), k_, v_).narrow(0, 0, rows).contiguous();
  }
  // In double precision and the plainest loops.
  std::vector<double> Reference(size_t sequence, int64_t position, int32_t head) const {
    const int32_t kv_head = head / (config_.heads / config_.kv_heads);
    const int64_t low =
        config_.sliding_window > 0 ? std::max<int64_t>(0, position - config_.sliding_window + 1) : 0;
    const auto at = [&](const at::Tensor& pool, int64_t p) {
      const int64_t slot =
          tables_[sequence][static_cast<size_t>(p / kBlockTokens)] * kBlockTokens + p % kBlockTokens;
      return pool.data_ptr<float>() + (slot * config_.kv_heads + kv_head) * config_.head_dim;
    };
    const float* q =
        queries_[sequence].data_ptr<float>() + (position * config_.heads + head) * config_.head_dim;
    std::vector<double> out(static_cast<size_t>(config_.head_dim));
    double total = 0;
    for (int64_t p = low; p <= position; ++p) {
      double dot = 0;
      for (int32_t d = 0; d < config_.head_dim; ++d) dot += double{q[d]} * at(k_, p)[d];
      const double weight = std::exp(dot / std::sqrt(config_.head_dim));
      total += weight;
      for (int32_t d = 0; d < config_.head_dim; ++d) out[static_cast<size_t>(d)] += weight * at(v_, p)[d];
    }
    for (double& value : out) value /= total;
    return out;
  }
  void ExpectReference() {
    std::vector<Piece> whole;
    for (size_t i = 0; i < lengths_.size(); ++i) whole.push_back({i, 0, lengths_[i]});
    const at::Tensor all = Attend(whole);
    int64_t row = 0;
    for (const Piece& piece : whole) {
      for (int64_t p = 0; p < piece.rows; ++p, ++row) {
        for (int32_t head = 0; head < config_.heads; ++head) {
          const std::vector<double> expected = Reference(piece.sequence, p, head);
          const float* found = all.data_ptr<float>() + (row * config_.heads + head) * config_.head_dim;
          for (size_t d = 0; d < expected.size(); ++d)
            ASSERT_NEAR(found[d], expected[d], 2e-6) << p << " " << head;
        }
      }
    }
  }
  static bool Same(const at::Tensor& a, const at::Tensor& b) { return a.equal(b); }

  ModelConfig config_;
  std::vector<int64_t> lengths_;
  std::vector<std::vector<int32_t>> tables_;
  std::list<std::vector<int32_t>> short_tables_;
  std::vector<at::Tensor> queries_;
  at::Tensor k_, v_;
};

TEST_F(FusedAttentionTest, GivesWhatThePlainLoopsGive) {
  Make(Config(6, 2, 0), {1, 7, 40, 150, 300});
  ExpectReference();
  Make(Config(4, 4, 0), {129});
  ExpectReference();
}

TEST_F(FusedAttentionTest, SeesNoFurtherBackThanTheWindow) {
  Make(Config(4, 2, 50), {20, 64, 333});
  ExpectReference();
  Make(Config(4, 1, 1), {45});
  ExpectReference();
}

TEST_F(FusedAttentionTest, BitsDoNotDependOnChunksOrNeighbours) {
  Make(Config(6, 2, 0), {140, 33, 9, 260, 1, 1200});
  for (const size_t sequence : {0, 3, 5}) {
    const int64_t length = lengths_[sequence];
    const at::Tensor whole = Attend({{sequence, 0, length}});
    for (const int64_t cut : {int64_t{1}, int64_t{13}, int64_t{64}, length - 1}) {
      const at::Tensor first = Attend({{sequence, 0, cut}, {1, 0, 33}});
      const at::Tensor rest = Attend({{2, 3, 6}, {4, 0, 1}, {sequence, cut, length - cut}});
      EXPECT_TRUE(Same(first.narrow(0, 0, cut), whole.narrow(0, 0, cut))) << sequence << " " << cut;
      EXPECT_TRUE(Same(rest.narrow(0, 7, length - cut), whole.narrow(0, cut, length - cut)))
          << sequence << " " << cut;
    }
    const at::Tensor last = Attend({{sequence, length - 1, 1}});  // as decoding computes it
    EXPECT_TRUE(Same(last, whole.narrow(0, length - 1, 1))) << sequence;
  }
}

}  // namespace
}  // namespace sprint::testing
