#include "cli/own_arms.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/block_builder.h"

namespace sprint {
namespace {

absl::StatusOr<Choice> ChoiceOf(const v1::ArmChoice& written, std::string where) {
  Choice choice;
  choice.id = written.id();
  choice.method = written.method();
  choice.samples = written.samples();
  choice.scores.assign(written.scores().begin(), written.scores().end());
  choice.where = std::move(where);
  for (const std::string& name : written.arms()) {
    absl::StatusOr<Arm> arm = Arm::Parse(name);
    if (!arm.ok()) return Annotate(arm.status(), choice.where);
    choice.arms.push_back(*std::move(arm));
  }
  SPRINT_RETURN_IF_ERROR(CheckChoice(choice));
  return choice;
}

// The database keeps the choices in the spec, which has to be read back (kMaxSpecValues).
constexpr int64_t kMostValues = 900'000;

absl::Status CheckSize(const std::vector<Choice>& choices) {
  int64_t values = 0;
  for (const Choice& choice : choices) values += 8 + std::ssize(choice.arms) + std::ssize(choice.scores);
  if (values <= kMostValues) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the choices have ", values, " values with their scores; one experiment keeps ",
                   kMostValues, " at most: launch them in parts (--offset, --limit)"));
}

// Choices may name rows that the spec's offset, limit and ids leave out: those are of the dataset, too.
absl::StatusOr<std::vector<Problem>> AllProblems(const PreparedLaunch& launch,
                                                 const std::vector<Choice>& choices) {
  std::set<std::string> ids;
  for (const Problem& problem : launch.problems) ids.insert(problem.id);
  const bool within = std::all_of(choices.begin(), choices.end(),
                                  [&](const Choice& choice) { return ids.contains(choice.id); });
  if (within) return std::vector<Problem>();
  DatasetOptions options;
  options.fields = DatasetOptionsOf(launch.spec.dataset()).fields;
  return ReadDataset(launch.spec.dataset().path(), options);
}

// The index of each arm that is chosen, in canonical order.
std::map<Arm, int32_t> ArmIndices(const std::vector<Choice>& choices) {
  std::map<Arm, int32_t> index;
  for (const Choice& choice : choices) {
    for (const Arm& arm : choice.arms) index.emplace(arm, 0);
  }
  int32_t next = 0;
  for (auto& [arm, number] : index) number = next++;
  return index;
}

}  // namespace

bool HasOwnArms(const v1::Arms& arms) { return !arms.per_question().empty() || !arms.choices().empty(); }

absl::StatusOr<std::vector<Choice>> ChoicesOf(const v1::Arms& arms) {
  if (!arms.per_question().empty()) return ReadChoices(arms.per_question());
  std::vector<Choice> choices;
  for (int i = 0; i < arms.choices_size(); ++i) {
    SPRINT_ASSIGN_OR_RETURN(Choice choice,
                            ChoiceOf(arms.choices(i), absl::StrCat("spec: arms.choices[", i, "]")));
    choices.push_back(std::move(choice));
  }
  return choices;
}

void WriteChoices(const std::vector<Choice>& choices, v1::Arms& arms) {
  arms.Clear();
  for (const Choice& choice : choices) {
    v1::ArmChoice& written = *arms.add_choices();
    written.set_id(choice.id);
    for (const Arm& arm : choice.arms) written.add_arms(arm.Name());
    for (const double score : choice.scores) written.add_scores(score);
    written.set_method(choice.method);
    written.set_samples(choice.samples);
  }
}

absl::Status UseOwnArms(PreparedLaunch& launch) {
  SPRINT_ASSIGN_OR_RETURN(std::vector<Choice> choices, ChoicesOf(launch.spec.arms()));
  SPRINT_ASSIGN_OR_RETURN(const std::vector<Problem> known, AllProblems(launch, choices));
  SPRINT_ASSIGN_OR_RETURN(
      launch.choices, MatchChoices(std::move(choices), launch.problems, known, launch.model->config.layers,
                                   launch.model->config.heads));
  SPRINT_RETURN_IF_ERROR(CheckSize(launch.choices));
  const bool greedy = launch.run.decoding.sampling.temperature == 0;
  const std::map<Arm, int32_t> index = ArmIndices(launch.choices);
  for (const auto& [arm, number] : index) launch.arms.push_back(arm);
  absl::flat_hash_map<std::string, int32_t> question_of;
  for (size_t i = 0; i < launch.problems.size(); ++i)
    question_of[launch.problems[i].id] = launch.question_of[i];
  BlockBuilder builder;
  for (Choice& choice : launch.choices) {
    if (choice.samples == 0) choice.samples = launch.spec.samples();
    if (greedy && choice.samples > 1) {
      return Error(absl::StatusCode::kInvalidArgument, Reason::kSpecInvalid,
                   absl::StrCat(choice.where, ": samples is ", choice.samples,
                                ", but greedy decoding gives one answer; set decoding.temperature"));
    }
    for (const Arm& arm : choice.arms) builder.Add(question_of.at(choice.id), index.at(arm), choice.samples);
  }
  launch.blocks = builder.Blocks();
  return absl::OkStatus();
}

void UseGrid(PreparedLaunch& launch) {
  BlockPlan& block = launch.blocks.emplace_back();
  block.questions.resize(launch.questions.size());
  std::iota(block.questions.begin(), block.questions.end(), 0);
  block.arms.resize(launch.arms.size());
  std::iota(block.arms.begin(), block.arms.end(), 0);
  block.samples = launch.spec.samples();
}

void AddOwnArms(const PreparedLaunch& launch, std::vector<v1::Question>& questions) {
  if (launch.choices.empty()) return;
  std::map<Arm, int32_t> index;
  for (const Arm& arm : launch.arms) index.emplace(arm, static_cast<int32_t>(index.size()));
  absl::flat_hash_map<std::string, std::map<int32_t, int32_t>> own;  // by id, then arm: samples
  for (const Choice& choice : launch.choices) {
    std::map<int32_t, int32_t>& of_question = own[choice.id];
    for (const Arm& arm : choice.arms) {
      int32_t& samples = of_question[index.at(arm)];
      samples = std::max(samples, choice.samples);
    }
  }
  for (v1::Question& question : questions) {
    for (const auto& [arm, samples] : own.at(question.id())) {
      question.add_own_arms(arm);
      question.add_own_samples(samples);
    }
  }
}

}  // namespace sprint
