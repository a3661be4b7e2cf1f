// sprint score: what a reward model says of an experiment's stored answers, through the same coordinator.
//
// A score experiment is one of engine mode "score": its questions are whole texts (prompt and answer, or the
// answer up to a step), its one arm is the reward model as it is, and its outcomes hold the scores. Equal
// texts are scored once. `sprint votes --reward` uses them.
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/own_arms.h"
#include "cli/render/text.h"
#include "cli/score_texts.h"
#include "cli/submit.h"
#include "model/engine_mode.h"

namespace sprint {
namespace {

struct ScoreOptions {
  std::string experiment;
  std::string model;
  std::string dtype = "f32";
  std::string text_template = "{prompt}{answer}";
  StepFormat steps;  // its texts as people type them
  std::string good_token;
  std::string bad_token;
  std::string name;
  Connection connection;
  LocalWorkerOptions local;
  bool dry_run = false;
  bool detach = false;
  bool json = false;
};

// "\n\n" as people type it in a shell.
std::string Unescaped(const std::string& text) { return absl::StrReplaceAll(text, {{"\\n", "\n"}}); }

StepFormat StepsWanted(const ScoreOptions& options) {
  return {Unescaped(options.steps.separator), Unescaped(options.steps.token), options.steps.keep_separator};
}

// The id of a text that is one token of the model.
absl::StatusOr<int32_t> OneToken(const char* option, const std::string& text, const Tokenizer& tokenizer) {
  EncodeOptions bare;
  bare.add_special = false;
  const std::vector<int32_t> tokens = tokenizer.Encode(text, bare);
  if (tokens.size() == 1) return tokens[0];
  return UsageError(absl::StrCat(option, " \"", text, "\" is ", Plural(std::ssize(tokens), "token", "tokens"),
                                 " of the model; it takes one"));
}

// How the model scores: by a head of its own, or by two tokens.
absl::StatusOr<EngineMode> ModeOf(const ScoreOptions& options, const ModelFiles& model) {
  EngineMode mode;
  mode.kind = EngineMode::Kind::kScore;
  const bool by_tokens = !options.good_token.empty();
  if (!by_tokens && model.config.labels > 0) return mode;
  if (by_tokens == (model.config.labels > 0)) {
    return Error(absl::StatusCode::kInvalidArgument, Reason::kModelUnsupported,
                 by_tokens
                     ? absl::StrCat(options.model,
                                    " has a head of its own that scores; leave --good-token and "
                                    "--bad-token out")
                     : absl::StrCat(options.model,
                                    " is a language model, without a head that scores; give a reward model, "
                                    "such as a Qwen2ForSequenceClassification, or the tokens that it scores "
                                    "by (--good-token, --bad-token)"));
  }
  SPRINT_ASSIGN_OR_RETURN(mode.good_token,
                          OneToken("--good-token", Unescaped(options.good_token), *model.tokenizer));
  SPRINT_ASSIGN_OR_RETURN(mode.bad_token,
                          OneToken("--bad-token", Unescaped(options.bad_token), *model.tokenizer));
  if (mode.good_token == mode.bad_token) return UsageError("--good-token and --bad-token are the same token");
  return mode;
}

// The text is tokenised whole, as the models' authors do; a separator that melts into what stands before it
// is not where the model would look for it.
absl::Status CheckStepToken(const ScoreOptions& options, const PreparedLaunch& launch, const std::string& id,
                            const RenderedPrompt& text) {
  if (options.steps.token.empty()) return absl::OkStatus();
  SPRINT_ASSIGN_OR_RETURN(const int32_t token,
                          OneToken("--step-token", StepsWanted(options).token, *launch.model->tokenizer));
  if (!text.tokens.empty() && text.tokens.back() == token) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, Reason::kModelUnsupported,
               absl::StrCat("answer \"", id,
                            "\": the step token is no token of its own behind this text; a special "
                            "token, such as <extra_0>, always is"));
}

absl::Status AddText(const ScoreOptions& options, const AnswerToScore& answer, PreparedLaunch& launch,
                     absl::flat_hash_map<Hash256, int32_t>& known) {
  const std::vector<std::string> steps = StepsOf(answer.text, StepsWanted(options));
  for (size_t step = 0; step < steps.size(); ++step) {
    RenderedPrompt text;
    text.text = FillTemplate(Unescaped(options.text_template), answer, steps[step]);
    text.tokens = launch.model->tokenizer->Encode(text.text);
    const auto needed = static_cast<int64_t>(text.tokens.size()) + 1;
    const std::string id = ScoreId(answer, step);
    if (text.tokens.empty() || needed > launch.model->config.context) {
      return Error(
          absl::StatusCode::kInvalidArgument, Reason::kPromptTooLong,
          absl::StrCat("answer \"", id, "\" has ", text.tokens.size(), " tokens; the reward model takes ",
                       launch.model->config.context - 1, " at most"));
    }
    SPRINT_RETURN_IF_ERROR(CheckStepToken(options, launch, id, text));
    launch.problems.push_back({id, steps[step], "", "", ""});
    AddPrompt(std::move(text), known, launch);
  }
  return absl::OkStatus();
}

absl::StatusOr<PreparedLaunch> PrepareScores(const ScoreOptions& options, const std::string& name,
                                             const std::vector<AnswerToScore>& answers) {
  PreparedLaunch launch;
  SPRINT_ASSIGN_OR_RETURN(launch.model, OpenModel(options.model));
  const ModelConfig& config = launch.model->config;
  SPRINT_ASSIGN_OR_RETURN(const EngineMode mode, ModeOf(options, *launch.model));
  launch.spec.set_name(name);
  launch.spec.mutable_model()->set_path(std::filesystem::absolute(options.model).lexically_normal().string());
  launch.spec.mutable_model()->set_dtype(options.dtype);
  launch.spec.mutable_prompt()->set_template_(options.text_template);
  launch.spec.set_engine_mode(mode.Name());
  launch.spec.set_samples(1);
  launch.run.dtype = options.dtype;
  launch.run.engine_mode = mode.Name();
  launch.run.decoding.max_new_tokens = 1;
  launch.run.model_name = config.name;
  launch.run.model_path = launch.spec.model().path();
  launch.run.tokenizer_hash = launch.model->tokenizer->Fingerprint();
  launch.arms = {Arm()};
  absl::flat_hash_map<Hash256, int32_t> known;
  for (const AnswerToScore& answer : answers) SPRINT_RETURN_IF_ERROR(AddText(options, answer, launch, known));
  UseGrid(launch);
  SPRINT_ASSIGN_OR_RETURN(launch.run.weights_hash, FingerprintWeights(*launch.model, 1, nullptr));
  return launch;
}

std::string NameOf(Reader& reader, ExperimentId id) {
  const absl::StatusOr<std::vector<ExperimentSummary>> all = ListExperiments(reader);
  if (!all.ok()) return "";
  for (const ExperimentSummary& summary : *all) {
    if (summary.id == id) return summary.name;
  }
  return "";
}

absl::Status PrintScores(const Terminal& terminal, const ScoreOptions& options, int64_t experiment) {
  SPRINT_ASSIGN_OR_RETURN(const auto reader, OpenDatabase(options.connection.database));
  SPRINT_ASSIGN_OR_RETURN(const AnswerScores scores,
                          ReadScores(*reader, ExperimentId(experiment), StepReduction::kLast));
  double sum = 0;
  for (const auto& [answer, score] : scores) sum += score;
  const double mean = sum / static_cast<double>(scores.size());
  if (options.json) {
    const nlohmann::ordered_json json = {
        {"experiment", experiment}, {"answers", scores.size()}, {"mean_last_score", mean}};
    terminal.out.Write(json.dump(2) + "\n");
    return absl::OkStatus();
  }
  terminal.out.Write(absl::StrCat(Plural(static_cast<int64_t>(scores.size()), "answer", "answers"),
                                  " scored, ", mean, " on average; sprint votes ", options.experiment,
                                  " --reward ", experiment, " shows what they are worth\n"));
  return absl::OkStatus();
}

absl::StatusOr<int> RunScore(const Terminal& terminal, const ScoreOptions& options) {
  Interrupts interrupts;
  if (!absl::StrContains(options.text_template, "{answer}"))
    return UsageError("--template lacks {answer}, which stands for the answer");
  if (!options.steps.token.empty() && !absl::EndsWith(options.text_template, "{answer}"))
    return UsageError(
        "--template ends with {answer} where --step-token is given: the score is read at the token");
  if (options.steps.keep_separator && (options.steps.token.empty() || options.steps.separator.empty()))
    return UsageError("--keep-separator needs --steps and --step-token");
  if (options.good_token.empty() != options.bad_token.empty())
    return UsageError("--good-token and --bad-token go together");
  SPRINT_ASSIGN_OR_RETURN(const auto reader, OpenDatabase(options.connection.database));
  SPRINT_ASSIGN_OR_RETURN(const ExperimentId id, FindExperiment(*reader, options.experiment));
  SPRINT_ASSIGN_OR_RETURN(const std::vector<AnswerToScore> answers, ReadAnswersToScore(*reader, id));
  if (answers.empty())
    return absl::FailedPreconditionError(absl::StrCat("experiment ", id.value(), " has no answers yet"));
  const std::string name = options.name.empty() ? absl::StrCat(NameOf(*reader, id), "-scores") : options.name;
  SPRINT_ASSIGN_OR_RETURN(const PreparedLaunch launch, PrepareScores(options, name, answers));
  if (options.dry_run)
    return PrintEstimate(terminal, options.connection, options.local, launch, options.json);
  const auto print = [&](int64_t experiment) { return PrintScores(terminal, options, experiment); };
  return RunSideJob(terminal, interrupts, options.connection, options.local, launch, options.detach, print);
}

}  // namespace

void AddScore(App& app) {
  auto options = std::make_shared<ScoreOptions>();
  const std::string language_model =
      "sprint score demo-bon --reward-model models/lm-prm --steps \"\\n\" --keep-separator --step-token "
      "\" ки\" --good-token \" +\" --bad-token \" -\"";
  CLI::App* score = app.Add(
      app.root(), "score", "A reward model's scores of an experiment's answers, for votes",
      {"sprint score demo-bon --reward-model models/rm",
       "sprint score demo-bon --reward-model models/prm --steps \"\\n\\n\"",
       "sprint score demo-bon --reward-model models/prm --steps \"\\n\\n\" --step-token \"<extra_0>\"",
       language_model, "sprint votes demo-bon --reward demo-bon-scores"},
      [options](const Terminal& terminal) { return RunScore(terminal, *options); });
  score->add_option("EXPERIMENT", options->experiment, "Its number or name")->required();
  score
      ->add_option("--reward-model", options->model,
                   "A Hugging Face folder with a head that scores, or of a language model (--good-token)")
      ->required()
      ->type_name("PATH");
  AddChoice(score, "--dtype", options->dtype, {"f32", "bf16"}, "What it is computed in")
      ->capture_default_str();
  score
      ->add_option("--template", options->text_template,
                   "The text that is scored, of {prompt}, {question} and {answer}; \\n is a line break")
      ->type_name("TEXT")
      ->capture_default_str();
  const auto text = [score](const std::string& flag, std::string& value, const std::string& what) {
    score->add_option(flag, value, what)->type_name("TEXT");
  };
  text("--steps", options->steps.separator, "Score each step, which ends behind this text: \"\\n\\n\"");
  text("--step-token", options->steps.token,
       "Put this token in place of it, and read the step's score there");
  score->add_flag("--keep-separator", options->steps.keep_separator,
                  "The step token stands before it instead");
  text("--good-token", options->good_token, "A language model scores by this token's probability");
  text("--bad-token", options->bad_token, "against this one's");
  score->add_option("--name", options->name, "What people call it (EXPERIMENT-scores)")->type_name("NAME");
  AddConnection(score, options->connection);
  AddLocalWorkers(score, options->local);
  score->add_flag("--dry-run", options->dry_run, "Only say what it would cost");
  score->add_flag("--detach", options->detach, "Return once it is submitted");
  score->add_flag("--json", options->json, "The result as JSON");
}

}  // namespace sprint
