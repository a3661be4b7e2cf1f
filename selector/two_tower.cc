#include "selector/two_tower.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/rng.h"
#include "base/status.h"
#include "selector/training_kernels.h"
#include "worker/engine/gemm.h"
#include "worker/engine/matrix.h"
#include "worker/engine/parallel.h"

namespace sprint {
namespace {

constexpr uint64_t kInitStream = 0x696e6974;     // "init"
constexpr uint32_t kDropoutStream = 0x64726f70;  // "drop"
constexpr int64_t kRowsAtOnce = 16;              // of element-wise work, for one thread

using Floats = std::vector<float>;

size_t Count(int64_t a, int64_t b) { return static_cast<size_t>(a * b); }

// What a product's right side is packed from: `values` is [cols, rows], so that consecutive rows of W lie
// side by side already.
void PackTransposed(const float* values, ThreadPool& pool, Matrix& w) {
  float* to = w.data.as<float>();
  pool.For(w.panels(), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t first = panel * kPanelRows;
      const int64_t width = std::min(kPanelRows, w.rows - first);
      for (int64_t col = 0; col < w.cols; ++col)
        std::copy_n(values + col * w.rows + first, width, to + panel * w.panel() + col * kPanelRows);
    }
  });
}

// The same from values that are [rows, cols].
void PackRows(const float* values, ThreadPool& pool, Matrix& w) {
  pool.For(w.panels(), 1, [&](int64_t begin, int64_t end, int) {
    const int64_t first = begin * kPanelRows;
    StoreRows(values + first * w.cols, first, std::min(end * kPanelRows, w.rows) - first, w);
  });
}

// out[c, r] = in[r, c], in tiles that stay in the cache.
void Transpose(const float* in, int64_t rows, int64_t cols, ThreadPool& pool, float* out) {
  constexpr int64_t kTile = 32;
  pool.For((cols + kTile - 1) / kTile, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t c0 = begin * kTile; c0 < std::min(end * kTile, cols); c0 += kTile) {
      for (int64_t r0 = 0; r0 < rows; r0 += kTile) {
        for (int64_t c = c0; c < std::min(c0 + kTile, cols); ++c) {
          for (int64_t r = r0; r < std::min(r0 + kTile, rows); ++r) out[c * rows + r] = in[r * cols + c];
        }
      }
    }
  });
}

// sum[c] = the sum of column c, from the first row on.
void ColumnSums(const float* in, int64_t rows, int64_t cols, float* sum) {
  std::fill_n(sum, cols, 0.0F);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) sum[c] += in[r * cols + c];
  }
}

double SquareSum(const float* in, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(in[i]) * in[i];
  return sum;
}

// out[r] = in[r] / norms[r] * scale, norms[r] = sqrt(|in[r]|^2 + 1e-12) as Selector::Scores has it.
void Normalise(const float* in, int64_t rows, int64_t d, float scale, float* norms, float* out) {
  for (int64_t r = 0; r < rows; ++r) {
    norms[r] = static_cast<float>(std::sqrt(SquareSum(in + r * d, d) + 1e-12));
    for (int64_t i = 0; i < d; ++i) out[r * d + i] = in[r * d + i] / norms[r] * scale;
  }
}

// Back through Normalise with scale 1: g becomes (g - u (u . g)) / norm, u = in / norm.
void NormaliseBack(const float* in, const float* norms, int64_t rows, int64_t d, float* g) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* x = in + r * d;
    double along = 0;
    for (int64_t i = 0; i < d; ++i) along += static_cast<double>(x[i]) / norms[r] * g[r * d + i];
    for (int64_t i = 0; i < d; ++i)
      g[r * d + i] = (g[r * d + i] - x[i] / norms[r] * static_cast<float>(along)) / norms[r];
  }
}

// Leaves units of one row out, and scales the others.
void DropUnits(const Dropout& dropout, int64_t row, int64_t n, float* hidden) {
  if (dropout.share <= 0) return;
  const auto limit = static_cast<uint32_t>(dropout.share * 4294967296.0);
  const auto scale = static_cast<float>(1 / (1 - dropout.share));
  for (int64_t i = 0; i < n; i += 4) {
    const std::array<uint32_t, 4> drawn =
        Philox4x32({static_cast<uint32_t>(i / 4), static_cast<uint32_t>(row),
                    static_cast<uint32_t>(dropout.step), kDropoutStream},
                   {static_cast<uint32_t>(dropout.seed), static_cast<uint32_t>(dropout.seed >> 32)});
    for (int64_t k = i; k < std::min(i + 4, n); ++k)
      hidden[k] = drawn[static_cast<size_t>(k - i)] < limit ? 0.0F : hidden[k] * scale;
  }
}

}  // namespace

TowerLayout::TowerLayout(const TowerShape& shape) {
  w1 = 0;
  b1 = w1 + Count(shape.hidden, shape.features);
  w2 = b1 + Count(shape.hidden, 1);
  b2 = w2 + Count(shape.d, shape.hidden);
  arm = b2 + Count(shape.d, 1);
  map = arm + Count(shape.arms, shape.d);
  size = map + Count(shape.d, shape.arm_features);
}

// The buffers for one number of rows. Names: what is computed on the way forward; d_… its gradient;
// …_t transposed; m_… packed as a product's right side.
struct TwoTower::Batch {
  int64_t rows = 0;
  Floats x, hidden, z, z_norm, left, scores;
  Floats arms, arm_norm, right, arm_square;
  Floats d_z, d_hidden, d_arms;
  Floats left_t, d_z_t, d_hidden_t, d_arms_t;
  Floats row_loss, score_sum;
  Matrix m_w1, m_w2, m_right;
  Matrix m_right_t, m_d_scores, m_hidden, m_w2_t, m_x;
};

TwoTower::TwoTower(TowerOptions options, ThreadPool& pool)
    : options_(std::move(options)), layout_(options_.shape), pool_(pool) {}
TwoTower::~TwoTower() = default;

std::vector<float> TwoTower::InitialParameters(uint64_t seed) const {
  const TowerShape& s = options_.shape;
  std::vector<float> parameters(layout_.size, 0.0F);
  CounterRng rng(seed, kInitStream);
  const auto uniform = [&](size_t first, size_t count, int64_t inputs) {
    const double most = 1 / std::sqrt(static_cast<double>(std::max<int64_t>(inputs, 1)));
    for (size_t i = first; i < first + count; ++i)
      parameters[i] = static_cast<float>((2 * rng.NextDouble() - 1) * most);
  };
  uniform(layout_.w1, Count(s.hidden, s.features + 1), s.features);
  uniform(layout_.w2, Count(s.d, s.hidden + 1), s.hidden);
  const double spread = (options_.score == ScoreKind::kDot ? 0.1 : 1.0) /
                        std::sqrt(static_cast<double>(std::max<int64_t>(s.d, 1)));
  for (size_t i = layout_.arm; i < layout_.map; ++i)
    parameters[i] = static_cast<float>(rng.NextNormal() * spread);
  uniform(layout_.map, Count(s.d, s.arm_features), s.arm_features * 100);
  return parameters;
}

std::vector<float> TwoTower::ArmVectors(const std::vector<float>& parameters) const {
  const TowerShape& s = options_.shape;
  Floats arms(parameters.begin() + static_cast<std::ptrdiff_t>(layout_.arm),
              parameters.begin() + static_cast<std::ptrdiff_t>(layout_.map));
  const float* map = parameters.data() + layout_.map;
  for (int64_t arm = 0; arm < s.arms; ++arm) {
    const float* c = options_.arm_features.data() + arm * s.arm_features;
    for (int64_t i = 0; i < s.d; ++i) {
      for (int64_t k = 0; k < s.arm_features; ++k)
        arms[static_cast<size_t>(arm * s.d + i)] += map[i * s.arm_features + k] * c[k];
    }
  }
  return arms;
}

absl::StatusOr<TwoTower::Batch*> TwoTower::BatchOf(int64_t rows) {
  std::unique_ptr<Batch>& slot = batches_[rows];
  if (slot != nullptr) return slot.get();
  const TowerShape& s = options_.shape;
  auto batch = std::make_unique<Batch>();
  Batch& b = *batch;
  b.rows = rows;
  b.x.resize(Count(rows, s.features));
  for (Floats* values : {&b.hidden, &b.d_hidden, &b.d_hidden_t}) values->resize(Count(rows, s.hidden));
  for (Floats* values : {&b.z, &b.left, &b.left_t, &b.d_z, &b.d_z_t}) values->resize(Count(rows, s.d));
  for (Floats* values : {&b.right, &b.d_arms, &b.d_arms_t}) values->resize(Count(s.arms, s.d));
  for (Floats* values : {&b.z_norm, &b.row_loss, &b.score_sum}) values->resize(static_cast<size_t>(rows));
  b.arm_norm.resize(static_cast<size_t>(s.arms));
  b.arm_square.resize(static_cast<size_t>(s.arms));
  b.scores.resize(Count(rows, s.arms));
  const auto make = [](Matrix& matrix, int64_t outputs, int64_t inputs) -> absl::Status {
    SPRINT_ASSIGN_OR_RETURN(matrix, NewMatrix(outputs, inputs, Dtype::kF32));
    return absl::OkStatus();
  };
  SPRINT_RETURN_IF_ERROR(make(b.m_w1, s.hidden, s.features));
  SPRINT_RETURN_IF_ERROR(make(b.m_w2, s.d, s.hidden));
  SPRINT_RETURN_IF_ERROR(make(b.m_right, s.arms, s.d));
  SPRINT_RETURN_IF_ERROR(make(b.m_right_t, s.d, s.arms));
  SPRINT_RETURN_IF_ERROR(make(b.m_d_scores, s.arms, rows));
  SPRINT_RETURN_IF_ERROR(make(b.m_hidden, s.hidden, rows));
  SPRINT_RETURN_IF_ERROR(make(b.m_w2_t, s.hidden, s.d));
  SPRINT_RETURN_IF_ERROR(make(b.m_x, s.features, rows));
  slot = std::move(batch);
  return slot.get();
}

void TwoTower::Forward(const std::vector<float>& parameters, const TowerData& data,
                       absl::Span<const int32_t> rows, const Dropout& dropout, Batch& b) {
  const TowerShape& s = options_.shape;
  Gemm gemm(pool_);
  for (size_t r = 0; r < rows.size(); ++r)
    std::copy_n(data.x + rows[r] * s.features, s.features, b.x.data() + static_cast<int64_t>(r) * s.features);
  PackRows(parameters.data() + layout_.w1, pool_, b.m_w1);
  gemm.Multiply(b.m_w1, b.x.data(), b.rows, b.hidden.data());
  const float* b1 = parameters.data() + layout_.b1;
  for (int64_t r = 0; r < b.rows; ++r) {
    float* h = b.hidden.data() + r * s.hidden;
    for (int64_t i = 0; i < s.hidden; ++i) h[i] = std::max(h[i] + b1[i], 0.0F);
    DropUnits(dropout, r, s.hidden, h);
  }
  PackRows(parameters.data() + layout_.w2, pool_, b.m_w2);
  gemm.Multiply(b.m_w2, b.hidden.data(), b.rows, b.z.data());
  const float* b2 = parameters.data() + layout_.b2;
  for (int64_t r = 0; r < b.rows; ++r) {
    for (int64_t i = 0; i < s.d; ++i) b.z[static_cast<size_t>(r * s.d + i)] += b2[i];
  }
  // scores = left right^T, and what only distances have.
  b.arms = ArmVectors(parameters);
  const auto temperature = static_cast<float>(options_.temperature);
  if (options_.score == ScoreKind::kCosine) {
    Normalise(b.z.data(), b.rows, s.d, 1 / temperature, b.z_norm.data(), b.left.data());
    Normalise(b.arms.data(), s.arms, s.d, 1, b.arm_norm.data(), b.right.data());
  } else {
    const float scale = options_.score == ScoreKind::kDistance ? 2 / temperature : 1.0F;
    for (size_t i = 0; i < b.z.size(); ++i) b.left[i] = b.z[i] * scale;
    b.right = b.arms;
  }
  PackRows(b.right.data(), pool_, b.m_right);
  gemm.Multiply(b.m_right, b.left.data(), b.rows, b.scores.data());
  if (options_.score == ScoreKind::kDistance) {
    for (int64_t a = 0; a < s.arms; ++a)
      b.arm_square[static_cast<size_t>(a)] = static_cast<float>(SquareSum(b.arms.data() + a * s.d, s.d));
    for (int64_t r = 0; r < b.rows; ++r) {
      const auto square = static_cast<float>(SquareSum(b.z.data() + r * s.d, s.d));
      float* scores = b.scores.data() + r * s.arms;
      for (int64_t a = 0; a < s.arms; ++a)
        scores[a] -= (square + b.arm_square[static_cast<size_t>(a)]) / temperature;
    }
  }
}

double TwoTower::ScoresToGradient(const TowerData& data, absl::Span<const int32_t> rows, Batch& b) {
  const int64_t arms = options_.shape.arms;
  pool_.For(b.rows, kRowsAtOnce, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t row = rows[static_cast<size_t>(r)];
      const uint8_t* known = data.known + row * arms;
      float* scores = b.scores.data() + r * arms;
      int64_t judged = arms;
      for (int64_t a = 0; a < arms; ++a) {
        if (known[a] != 0) continue;
        scores[a] = kernels::kUnknownScore;
        --judged;
      }
      const float* target = data.target + row * arms;
      const float share = 1 / static_cast<float>(b.rows);
      float& loss = b.row_loss[static_cast<size_t>(r)];
      if (options_.logistic) {
        const float each = 1 / static_cast<float>(judged);
        loss = kernels::LogisticLossRow(target, share * each, arms, scores) * each;
      } else {
        loss = kernels::SoftmaxLossRow(target, share, arms, scores);
      }
    }
  });
  double sum = 0;
  for (const float loss : b.row_loss) sum += loss;
  return sum / static_cast<double>(b.rows);
}

// From the scores' gradient to d_z and d_arms.
void TwoTower::BackwardScores(Batch& b) {
  const TowerShape& s = options_.shape;
  Gemm gemm(pool_);
  PackTransposed(b.right.data(), pool_, b.m_right_t);
  gemm.Multiply(b.m_right_t, b.scores.data(), b.rows, b.d_z.data());
  Transpose(b.left.data(), b.rows, s.d, pool_, b.left_t.data());
  PackTransposed(b.scores.data(), pool_, b.m_d_scores);
  gemm.Multiply(b.m_d_scores, b.left_t.data(), s.d, b.d_arms_t.data());
  Transpose(b.d_arms_t.data(), s.d, s.arms, pool_, b.d_arms.data());
  const auto temperature = static_cast<float>(options_.temperature);
  if (options_.score == ScoreKind::kCosine) {
    for (float& value : b.d_z) value /= temperature;
    NormaliseBack(b.z.data(), b.z_norm.data(), b.rows, s.d, b.d_z.data());
    NormaliseBack(b.arms.data(), b.arm_norm.data(), s.arms, s.d, b.d_arms.data());
  } else if (options_.score == ScoreKind::kDistance) {
    const float scale = 2 / temperature;
    for (int64_t r = 0; r < b.rows; ++r) {
      double sum = 0;
      for (int64_t a = 0; a < s.arms; ++a) sum += b.scores[static_cast<size_t>(r * s.arms + a)];
      for (size_t i = Count(r, s.d); i < Count(r + 1, s.d); ++i)
        b.d_z[i] = scale * (b.d_z[i] - static_cast<float>(sum) * b.z[i]);
    }
    ColumnSums(b.scores.data(), b.rows, s.arms, b.arm_square.data());
    for (int64_t a = 0; a < s.arms; ++a) {
      for (size_t i = Count(a, s.d); i < Count(a + 1, s.d); ++i)
        b.d_arms[i] -= scale * b.arm_square[static_cast<size_t>(a)] * b.arms[i];
    }
  }
}

void TwoTower::Backward(const std::vector<float>& parameters, double kept, Batch& b,
                        absl::Span<float> gradient) {
  const TowerShape& s = options_.shape;
  Gemm gemm(pool_);
  BackwardScores(b);
  std::copy(b.d_arms.begin(), b.d_arms.end(), gradient.begin() + static_cast<std::ptrdiff_t>(layout_.arm));
  float* d_map = gradient.data() + layout_.map;
  std::fill_n(d_map, s.d * s.arm_features, 0.0F);
  for (int64_t a = 0; a < s.arms && s.arm_features > 0; ++a) {
    const float* c = options_.arm_features.data() + a * s.arm_features;
    for (int64_t i = 0; i < s.d; ++i) {
      for (int64_t k = 0; k < s.arm_features; ++k)
        d_map[i * s.arm_features + k] += b.d_arms[static_cast<size_t>(a * s.d + i)] * c[k];
    }
  }
  // The second layer: d_w2 = d_z^T hidden.
  ColumnSums(b.d_z.data(), b.rows, s.d, gradient.data() + layout_.b2);
  Transpose(b.d_z.data(), b.rows, s.d, pool_, b.d_z_t.data());
  PackTransposed(b.hidden.data(), pool_, b.m_hidden);
  gemm.Multiply(b.m_hidden, b.d_z_t.data(), s.d, gradient.data() + layout_.w2);
  // The first: back through dropout and relu, then d_w1 = d_hidden^T x.
  PackTransposed(parameters.data() + layout_.w2, pool_, b.m_w2_t);
  gemm.Multiply(b.m_w2_t, b.d_z.data(), b.rows, b.d_hidden.data());
  const auto scale = static_cast<float>(1 / kept);
  for (size_t i = 0; i < b.d_hidden.size(); ++i)
    b.d_hidden[i] = b.hidden[i] > 0 ? b.d_hidden[i] * scale : 0.0F;
  ColumnSums(b.d_hidden.data(), b.rows, s.hidden, gradient.data() + layout_.b1);
  Transpose(b.d_hidden.data(), b.rows, s.hidden, pool_, b.d_hidden_t.data());
  PackTransposed(b.x.data(), pool_, b.m_x);
  gemm.Multiply(b.m_x, b.d_hidden_t.data(), s.hidden, gradient.data() + layout_.w1);
}

absl::StatusOr<double> TwoTower::Loss(const std::vector<float>& parameters, const TowerData& data,
                                      absl::Span<const int32_t> rows, const Dropout& dropout,
                                      absl::Span<float> gradient) {
  SPRINT_ASSIGN_OR_RETURN(Batch * batch, BatchOf(static_cast<int64_t>(rows.size())));
  Forward(parameters, data, rows, dropout, *batch);
  const double loss = ScoresToGradient(data, rows, *batch);
  Backward(parameters, 1 - dropout.share, *batch, gradient);
  return loss;
}

absl::Status TwoTower::AddLosses(const std::vector<float>& parameters, const TowerData& data,
                                 absl::Span<const int32_t> rows, absl::Span<const float> factors,
                                 float centre, absl::Span<double> sums) {
  SPRINT_ASSIGN_OR_RETURN(Batch * batch, BatchOf(static_cast<int64_t>(rows.size())));
  Forward(parameters, data, rows, {}, *batch);
  const Floats scores = batch->scores;
  for (size_t k = 0; k < factors.size(); ++k) {
    const float shift = options_.logistic ? centre * (1 - factors[k]) : 0.0F;
    for (size_t i = 0; i < scores.size(); ++i) batch->scores[i] = scores[i] * factors[k] + shift;
    sums[k] += ScoresToGradient(data, rows, *batch) * static_cast<double>(rows.size());
  }
  return absl::OkStatus();
}

absl::StatusOr<float> TwoTower::MeanScore(const std::vector<float>& parameters, const TowerData& data,
                                          absl::Span<const int32_t> rows) {
  SPRINT_ASSIGN_OR_RETURN(Batch * batch, BatchOf(static_cast<int64_t>(rows.size())));
  Forward(parameters, data, rows, {}, *batch);
  double sum = 0;
  for (const float score : batch->scores) sum += score;
  return static_cast<float>(sum / static_cast<double>(batch->scores.size()));
}

}  // namespace sprint
