#include "cli/bon_methods.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "selector/blind_methods.h"

namespace sprint {
namespace {

constexpr BonMethod kMethods[] = {BonMethod::kBaseline, BonMethod::kSelector,       BonMethod::kSamples,
                                  BonMethod::kRandom,   BonMethod::kAverage,        BonMethod::kBestArms,
                                  BonMethod::kSetCover, BonMethod::kSelectorSampled};
constexpr uint64_t kRandomStream = 0x72616e64;
constexpr uint64_t kBestStream = 0x62657374;

// A number that the prompt's tokens decide.
uint64_t StreamOf(const Hash256& question) {
  uint64_t stream = 0;
  for (int i = 0; i < 8; ++i)
    stream = stream << 8 | static_cast<uint8_t>(question.Raw()[static_cast<size_t>(i)]);
  return stream;
}

absl::StatusOr<std::vector<Arm>> ArmsOf(const Snapshot& training) {
  std::vector<Arm> arms;
  for (const std::string& name : training.arms) {
    absl::StatusOr<Arm> arm = Arm::Parse(name);
    if (!arm.ok()) return Annotate(arm.status(), absl::StrCat("snapshot ", training.name));
    arms.push_back(*std::move(arm));
  }
  return arms;
}

// Makes the choices of one method.
class Chooser {
 public:
  Chooser(BonMethod method, const BonInputs& inputs) : name_(BonMethodName(method)), inputs_(inputs) {}

  std::vector<Choice> TheSame(const std::vector<Arm>& arms, int32_t samples) const {
    std::vector<Choice> choices;
    for (const Problem& problem : inputs_.launch->problems)
      choices.push_back({problem.id, arms, {}, name_, samples, name_});
    return choices;
  }

  // The first n of an order of `arms`.
  std::vector<Choice> FirstOf(const std::vector<Arm>& arms, const std::vector<int32_t>& order) const {
    std::vector<Arm> first;
    for (const int32_t arm : order) {
      if (std::ssize(first) < inputs_.n) first.push_back(arms[static_cast<size_t>(arm)]);
    }
    return TheSame(first, 1);
  }

  std::vector<Choice> Drawn(const std::vector<Arm>& arms, const std::vector<double>& weights,
                            uint64_t stream) const {
    std::vector<Choice> choices;
    const PreparedLaunch& launch = *inputs_.launch;
    for (size_t i = 0; i < launch.problems.size(); ++i) {
      const Hash256& question = launch.questions[static_cast<size_t>(launch.question_of[i])];
      Choice& choice = choices.emplace_back();
      choice.id = launch.problems[i].id;
      choice.method = name_;
      choice.where = name_;
      choice.samples = 1;
      for (const int32_t arm :
           DrawArms(weights, inputs_.n, inputs_.seed ^ (stream << 32), StreamOf(question)))
        choice.arms.push_back(arms[static_cast<size_t>(arm)]);
    }
    return choices;
  }

  std::vector<Choice> Selected() const {
    std::vector<Choice> choices = inputs_.selected;
    for (Choice& choice : choices) {
      const auto kept = std::min(choice.arms.size(), static_cast<size_t>(inputs_.n));
      choice.arms.resize(kept);
      if (!choice.scores.empty()) choice.scores.resize(kept);
      choice.method = choice.method.empty() ? name_ : absl::StrCat(name_, " ", choice.method);
      choice.samples = 1;
    }
    return choices;
  }

 private:
  const std::string name_;
  const BonInputs& inputs_;
};

absl::Status CheckEnough(absl::string_view name, absl::Span<const double> weights, int32_t n) {
  const auto there = std::count_if(weights.begin(), weights.end(), [](double weight) { return weight > 0; });
  if (there >= n) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " has ", there, " arms to choose ", n,
                                                 " from; ask for a smaller --n or give it more arms"));
}

absl::StatusOr<std::vector<Choice>> ChooseRandom(const Chooser& chooser, const BonInputs& inputs) {
  std::vector<double> weights;
  for (const Arm& arm : inputs.launch->arms)
    weights.push_back(arm.is_baseline() && !inputs.with_baseline ? 0 : 1);
  SPRINT_RETURN_IF_ERROR(CheckEnough("random", weights, inputs.n));
  return chooser.Drawn(inputs.launch->arms, weights, kRandomStream);
}

absl::StatusOr<std::vector<Choice>> ChooseByTraining(BonMethod method, const Chooser& chooser,
                                                     const BonInputs& inputs) {
  SPRINT_ASSIGN_OR_RETURN(const std::vector<Arm> arms, ArmsOf(*inputs.training));
  const BlindKnowledge knowledge =
      LearnBlindly(*inputs.training, inputs.with_baseline ? BaselineUse::kCandidate : BaselineUse::kExcluded);
  if (method == BonMethod::kBestArms) {
    SPRINT_RETURN_IF_ERROR(CheckEnough("best-arms", knowledge.best_share, inputs.n));
    return chooser.Drawn(arms, knowledge.best_share, kBestStream);
  }
  const std::vector<int32_t>& order =
      method == BonMethod::kAverage ? knowledge.by_average : knowledge.by_cover;
  const std::vector<double> each(order.size(), 1.0);
  SPRINT_RETURN_IF_ERROR(CheckEnough(BonMethodName(method), each, inputs.n));
  return chooser.FirstOf(arms, order);
}

}  // namespace

absl::string_view BonMethodName(BonMethod method) {
  switch (method) {
    case BonMethod::kBaseline:
      return "baseline";
    case BonMethod::kSelector:
      return "selector";
    case BonMethod::kSamples:
      return "samples";
    case BonMethod::kRandom:
      return "random";
    case BonMethod::kAverage:
      return "average";
    case BonMethod::kBestArms:
      return "best-arms";
    case BonMethod::kSelectorSampled:
      return "selector-sampled";
    case BonMethod::kSetCover:
      return "set-cover";
  }
  return "unknown";
}

absl::StatusOr<BonMethod> ParseBonMethod(absl::string_view name) {
  for (const BonMethod method : kMethods) {
    if (BonMethodName(method) == name) return method;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "there is no method \"", name, "\"; there are ",
      absl::StrJoin(kMethods, ", ",
                    [](std::string* out, BonMethod m) { absl::StrAppend(out, BonMethodName(m)); })));
}

bool NeedsSelection(BonMethod method) {
  return method == BonMethod::kSelector || method == BonMethod::kSelectorSampled;
}

bool NeedsTraining(BonMethod method) {
  return method == BonMethod::kAverage || method == BonMethod::kBestArms || method == BonMethod::kSetCover;
}

bool IsSampled(BonMethod method) {
  return method == BonMethod::kSamples || method == BonMethod::kSelectorSampled;
}

absl::StatusOr<std::vector<Choice>> ChooseFor(BonMethod method, const BonInputs& inputs) {
  const Chooser chooser(method, inputs);
  switch (method) {
    case BonMethod::kBaseline:
      return chooser.TheSame({Arm()}, 1);
    case BonMethod::kSamples:
      return chooser.TheSame({Arm()}, inputs.n);
    case BonMethod::kSelector:
    case BonMethod::kSelectorSampled:
      return chooser.Selected();
    case BonMethod::kRandom:
      return ChooseRandom(chooser, inputs);
    case BonMethod::kAverage:
    case BonMethod::kBestArms:
    case BonMethod::kSetCover:
      return ChooseByTraining(method, chooser, inputs);
  }
  return absl::InternalError("a method that is not known");
}

std::vector<bool> SeenInTraining(const Snapshot& training, const PreparedLaunch& launch) {
  absl::flat_hash_set<Hash256> used;
  for (const SnapshotProblem& problem : training.problems) {
    if (problem.split == Split::kTrain || problem.split == Split::kValidation)
      used.insert(QuestionRecord{problem.tokens, ""}.ContentHash());
  }
  std::vector<bool> seen;
  for (const int32_t question : launch.question_of)
    seen.push_back(used.contains(launch.questions[static_cast<size_t>(question)]));
  return seen;
}

absl::Status CheckUnseen(const Snapshot& training, const PreparedLaunch& launch) {
  const std::vector<bool> by_problem = SeenInTraining(training, launch);
  const auto seen = std::count(by_problem.begin(), by_problem.end(), true);
  if (seen == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(seen, " of the ", by_problem.size(), " questions are training questions of ",
                   training.name, ": what was learned from a question is not tested on it; ask others ",
                   "(--offset, --ids), leave them out (--skip-seen), or say --allow-seen"));
}

}  // namespace sprint
