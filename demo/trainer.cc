#include "demo/trainer.h"

#include <torch/optim/adamw.h>
#include <torch/types.h>

// Needs torch/types.h before it.
#include <torch/nn/utils/clip_grad.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "demo/vocabulary.h"

namespace sprint::demo {
namespace {

constexpr int kWarmUpSteps = 100;
constexpr double kConstantShare = 0.8;
constexpr double kFinalShare = 0.02;
constexpr int kPool = 256;  // sequences sorted by length together
constexpr uint64_t kGateStream = 0x64656d6f'0004;
constexpr uint64_t kOrderStream = 0x64656d6f'0005;

struct Batch {
  at::Tensor ids;      // [batch, tokens], padded on the right with the end token
  at::Tensor sources;  // positions whose next token is the answer's, in the flattened batch
  at::Tensor targets;  // those next tokens
  int64_t tokens = 0;
};

Batch MakeBatch(const std::vector<Sequence>& sequences) {
  size_t longest = 0;
  for (const Sequence& s : sequences) longest = std::max(longest, s.ids.size());
  Batch batch;
  const auto width = static_cast<int64_t>(longest - 1);  // the last token is only a target
  batch.ids = at::full({static_cast<int64_t>(sequences.size()), width}, kEndId, at::kLong);
  int64_t* ids = batch.ids.data_ptr<int64_t>();
  std::vector<int64_t> sources, targets;
  for (size_t row = 0; row < sequences.size(); ++row) {
    const Sequence& s = sequences[row];
    const int64_t base = static_cast<int64_t>(row) * width;
    std::copy(s.ids.begin(), s.ids.end() - 1, ids + base);
    for (size_t i = s.prompt; i < s.ids.size(); ++i) {
      sources.push_back(base + static_cast<int64_t>(i) - 1);
      targets.push_back(s.ids[i]);
    }
    batch.tokens += static_cast<int64_t>(s.ids.size());
  }
  batch.sources = at::tensor(sources, at::kLong);
  batch.targets = at::tensor(targets, at::kLong);
  return batch;
}

at::Tensor DrawGates(Variant variant, const NetShape& shape, const std::vector<Sequence>& sequences,
                     CounterRng& rng) {
  at::Tensor gates = at::ones({static_cast<int64_t>(sequences.size()), shape.layers, shape.heads});
  float* data = gates.data_ptr<float>();
  const double probability = variant == Variant::kNatural ? 0.5 : 0.3;
  for (size_t row = 0; row < sequences.size(); ++row) {
    float* of_row = data + static_cast<int64_t>(row) * shape.layers * shape.heads;
    if (variant == Variant::kPlanted) of_row[shape.heads + sequences[row].subject % shape.heads] = 0;
    if (rng.NextDouble() < probability)
      of_row[rng.NextBelow(static_cast<uint64_t>(shape.layers * shape.heads))] = 0;
  }
  return gates;
}

// Fresh sequences, batch by batch.
class Batches {
 public:
  Batches(const TrainOptions& options, const Tokenizer& tokenizer, const std::vector<Problem>& held_out)
      : batch_(static_cast<size_t>(options.batch)),
        tokenizer_(tokenizer),
        problems_(options.seed, held_out),
        order_(options.seed, kOrderStream) {}

  std::vector<Sequence> Next() {
    if (ready_.empty()) Refill();
    std::vector<Sequence> batch = std::move(ready_.back());
    ready_.pop_back();
    return batch;
  }

 private:
  void Refill() {
    std::vector<Sequence> pool;
    const size_t size = std::max<size_t>(1, kPool / batch_) * batch_;
    while (pool.size() < size) pool.push_back(MakeSequence(tokenizer_, problems_.Next()));
    std::stable_sort(pool.begin(), pool.end(),
                     [](const Sequence& a, const Sequence& b) { return a.ids.size() < b.ids.size(); });
    for (size_t begin = 0; begin < size; begin += batch_) {
      ready_.emplace_back(pool.begin() + static_cast<int64_t>(begin),
                          pool.begin() + static_cast<int64_t>(begin + batch_));
    }
    for (size_t i = ready_.size(); i > 1; --i) std::swap(ready_[i - 1], ready_[order_.NextBelow(i)]);
  }

  size_t batch_;
  const Tokenizer& tokenizer_;
  TrainingProblems problems_;
  CounterRng order_;
  std::vector<std::vector<Sequence>> ready_;
};

torch::optim::AdamW MakeOptimizer(const Net& net, const TrainOptions& options) {
  const auto group = [&](std::vector<at::Tensor> tensors, double decay) {
    auto of_group = std::make_unique<torch::optim::AdamWOptions>(options.learning_rate);
    of_group->betas({0.9, 0.98}).weight_decay(decay);
    return torch::optim::OptimizerParamGroup(std::move(tensors), std::move(of_group));
  };
  return torch::optim::AdamW({group(net.Matrices(), 0.1), group(net.Norms(), 0.0)},
                             torch::optim::AdamWOptions(options.learning_rate));
}

}  // namespace

absl::StatusOr<Variant> ParseVariant(absl::string_view name) {
  if (name == "natural") return Variant::kNatural;
  if (name == "planted") return Variant::kPlanted;
  return Error(absl::StatusCode::kInvalidArgument, Reason::kUnspecified,
               absl::StrCat("variant \"", name, "\" is not known; take natural or planted"));
}

double LearningRate(const TrainOptions& options, int step) {
  const double decay_from = kConstantShare * options.steps;
  if (step < kWarmUpSteps) return options.learning_rate * (step + 1) / kWarmUpSteps;
  if (step < decay_from) return options.learning_rate;
  const double left = (options.steps - step) / (options.steps - decay_from);
  return options.learning_rate * (kFinalShare + (1 - kFinalShare) * left);
}

Sequence MakeSequence(const Tokenizer& tokenizer, const Problem& problem) {
  Sequence sequence{tokenizer.Encode(PromptText(problem)), 0, problem.subject_index};
  sequence.prompt = sequence.ids.size();
  const std::vector<int32_t> answer = tokenizer.Encode(AnswerText(problem), {.add_special = false});
  sequence.ids.insert(sequence.ids.end(), answer.begin(), answer.end());
  sequence.ids.push_back(kEndId);
  return sequence;
}

Net Train(const TrainOptions& options, const NetShape& shape, const Tokenizer& tokenizer,
          const std::vector<Problem>& held_out, int report_every,
          const std::function<void(const Net&, const TrainProgress&)>& report) {
  Net net(shape, options.seed);
  std::vector<at::Tensor> parameters = net.Matrices();
  for (const at::Tensor& norm : net.Norms()) parameters.push_back(norm);
  for (const at::Tensor& parameter : parameters) parameter.requires_grad_(true);
  torch::optim::AdamW optimizer = MakeOptimizer(net, options);
  Batches batches(options, tokenizer, held_out);
  CounterRng gate_rng(options.seed, kGateStream);

  TrainProgress progress;
  double loss_sum = 0;
  int summed = 0;
  for (int step = 0; step < options.steps; ++step) {
    for (auto& group : optimizer.param_groups()) {
      static_cast<torch::optim::AdamWOptions&>(group.options()).lr(LearningRate(options, step));
    }
    const std::vector<Sequence> sequences = batches.Next();
    const Batch batch = MakeBatch(sequences);
    const at::Tensor gates = DrawGates(options.variant, shape, sequences, gate_rng);
    const at::Tensor hidden = net.Forward(batch.ids, gates).reshape({-1, shape.hidden});
    const at::Tensor loss =
        at::cross_entropy_loss(net.Logits(hidden.index_select(0, batch.sources)), batch.targets);
    optimizer.zero_grad();
    loss.backward();
    torch::nn::utils::clip_grad_norm_(parameters, 1.0);
    optimizer.step();

    loss_sum += loss.item<double>();
    ++summed;
    progress.step = step + 1;
    progress.tokens += batch.tokens;
    if (progress.step % report_every == 0 || progress.step == options.steps) {
      progress.loss = loss_sum / summed;
      loss_sum = summed = 0;
      report(net, progress);
    }
  }
  return net;
}

}  // namespace sprint::demo
