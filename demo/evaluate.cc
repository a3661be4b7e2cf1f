#include "demo/evaluate.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "demo/vocabulary.h"

namespace sprint::demo {
namespace {

// Rows (a problem under an arm) decoded together.
constexpr int64_t kRows = 1024;

struct Row {
  size_t problem;
  size_t arm;
};

at::Tensor GatesOf(const std::vector<Row>& rows, int64_t layers, int64_t heads) {
  at::Tensor gates = at::ones({static_cast<int64_t>(rows.size()), layers, heads});
  float* data = gates.data_ptr<float>();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].arm > 0)
      data[static_cast<int64_t>(i) * layers * heads + static_cast<int64_t>(rows[i].arm) - 1] = 0;
  }
  return gates;
}

// The greedy answers of rows whose prompts have one length, [row][token], without the end token.
// Rows that have ended leave the batch.
std::vector<std::vector<int32_t>> Decode(const Net& net, const std::vector<std::vector<int32_t>>& prompts,
                                         const std::vector<Row>& rows) {
  const auto count = static_cast<int64_t>(rows.size());
  const auto length = static_cast<int64_t>(prompts[rows[0].problem].size());
  at::Tensor ids = at::empty({count, length}, at::kLong);
  for (int64_t i = 0; i < count; ++i) {
    const std::vector<int32_t>& prompt = prompts[rows[i].problem];
    std::copy(prompt.begin(), prompt.end(), ids.data_ptr<int64_t>() + i * length);
  }
  at::Tensor gates = GatesOf(rows, net.shape().layers, net.shape().heads);
  std::vector<std::vector<int32_t>> answers(rows.size());
  std::vector<size_t> running(rows.size());
  for (size_t i = 0; i < running.size(); ++i) running[i] = i;
  KvCache cache;
  for (int step = 0; step < kMaxAnswerTokens && !running.empty(); ++step) {
    const at::Tensor next = net.Logits(net.Forward(ids, gates, &cache).select(1, -1)).argmax(-1).contiguous();
    const int64_t* tokens = next.data_ptr<int64_t>();
    std::vector<int64_t> kept;
    std::vector<size_t> still;
    for (size_t i = 0; i < running.size(); ++i) {
      if (tokens[i] == kEndId) continue;
      answers[running[i]].push_back(static_cast<int32_t>(tokens[i]));
      kept.push_back(static_cast<int64_t>(i));
      still.push_back(running[i]);
    }
    if (still.size() < running.size()) {
      const at::Tensor index = at::tensor(kept, at::kLong);
      ids = next.index_select(0, index).unsqueeze(1);
      gates = gates.index_select(0, index);
      for (at::Tensor& t : cache.keys) t = t.index_select(0, index);
      for (at::Tensor& t : cache.values) t = t.index_select(0, index);
    } else {
      ids = next.unsqueeze(1);
    }
    running = std::move(still);
  }
  // What is still running was cut off: no answer.
  for (const size_t i : running) answers[i].clear();
  return answers;
}

int Count(const std::vector<bool>& values) {
  return static_cast<int>(std::count(values.begin(), values.end(), true));
}

}  // namespace

std::string BoxedAnswer(absl::string_view text) {
  constexpr absl::string_view kOpen = "\\boxed{";
  const size_t open = text.rfind(kOpen);
  if (open == absl::string_view::npos) return "";
  const size_t begin = open + kOpen.size(), close = text.find('}', begin);
  if (close == absl::string_view::npos) return "";
  return std::string(absl::StripAsciiWhitespace(text.substr(begin, close - begin)));
}

HeldOutMeasure MeasureHeldOut(const Net& net, const Tokenizer& tokenizer,
                              const std::vector<Problem>& problems, bool every_head) {
  c10::NoGradGuard no_grad;
  HeldOutMeasure measure{net.shape().layers, net.shape().heads, {}};
  const size_t arms = every_head ? 1 + static_cast<size_t>(measure.layers * measure.heads) : 1;
  measure.right.assign(arms, std::vector<bool>(problems.size()));

  std::vector<std::vector<int32_t>> prompts;
  std::map<size_t, std::vector<Row>> by_length;
  for (size_t p = 0; p < problems.size(); ++p) {
    prompts.push_back(tokenizer.Encode(PromptText(problems[p])));
    for (size_t arm = 0; arm < arms; ++arm) by_length[prompts[p].size()].push_back({p, arm});
  }
  for (const auto& [length, rows] : by_length) {
    for (size_t begin = 0; begin < rows.size(); begin += kRows) {
      const std::vector<Row> part(rows.begin() + static_cast<int64_t>(begin),
                                  rows.begin() + static_cast<int64_t>(std::min(rows.size(), begin + kRows)));
      const std::vector<std::vector<int32_t>> answers = Decode(net, prompts, part);
      for (size_t i = 0; i < part.size(); ++i) {
        const std::string text = tokenizer.Decode(answers[i], /*skip_special=*/true);
        measure.right[part[i].arm][part[i].problem] = BoxedAnswer(text) == problems[part[i].problem].answer;
      }
    }
  }
  return measure;
}

std::string GreedyAnswer(const Net& net, const Tokenizer& tokenizer, const Problem& problem) {
  c10::NoGradGuard no_grad;
  return tokenizer.Decode(Decode(net, {tokenizer.Encode(PromptText(problem))}, {{0, 0}})[0],
                          /*skip_special=*/true);
}

double BaselineAccuracy(const HeldOutMeasure& measure) {
  return static_cast<double>(Count(measure.right[0])) / static_cast<double>(measure.right[0].size());
}

std::string MeasureReport(const HeldOutMeasure& measure, const std::vector<Problem>& problems) {
  const std::vector<bool>& baseline = measure.right[0];
  const auto n = static_cast<double>(problems.size());
  std::string out =
      absl::StrFormat("problems %d, baseline %.3f (", problems.size(), BaselineAccuracy(measure));
  for (size_t s = 0; s < kSubjects.size(); ++s) {
    int right = 0, all = 0;
    for (size_t p = 0; p < problems.size(); ++p) {
      if (problems[p].subject != kSubjects[s]) continue;
      ++all;
      right += baseline[p] ? 1 : 0;
    }
    absl::StrAppendFormat(&out, "%s%s %d/%d", s == 0 ? "" : ", ", kSubjects[s], right, all);
  }
  absl::StrAppend(&out, ")\n");
  if (measure.right.size() < 2) return out;

  std::vector<bool> any = baseline;
  std::string table = "arm    accuracy  fixed  broken\n";
  double sum = 0, worst = 1, best = 0;
  int both = 0;
  for (size_t arm = 1; arm < measure.right.size(); ++arm) {
    int fixed = 0, broken = 0;
    for (size_t p = 0; p < problems.size(); ++p) {
      const bool right = measure.right[arm][p];
      fixed += right && !baseline[p] ? 1 : 0;
      broken += !right && baseline[p] ? 1 : 0;
      if (right) any[p] = true;
    }
    const double accuracy = Count(measure.right[arm]) / n;
    sum += accuracy;
    worst = std::min(worst, accuracy);
    best = std::max(best, accuracy);
    both += fixed > 0 && broken > 0 ? 1 : 0;
    const auto head = static_cast<int64_t>(arm - 1);
    absl::StrAppendFormat(&table, "L%dH%d   %.3f     %5d  %6d\n", head / measure.heads, head % measure.heads,
                          accuracy, fixed, broken);
  }
  const int wrong = static_cast<int>(problems.size()) - Count(baseline);
  absl::StrAppendFormat(
      &out,
      "mean head %.3f, worst %.3f, best %.3f, any head or baseline %.3f\n"
      "wrong answers fixed by some head: %d of %d; arms that both fix and break: %d of %d\n",
      sum / static_cast<double>(measure.right.size() - 1), worst, best, Count(any) / n,
      Count(any) - Count(baseline), wrong, both, measure.right.size() - 1);
  return out + table;
}

}  // namespace sprint::demo
