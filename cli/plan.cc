// sprint plan: which effect so many questions can show, and how many an effect needs.
#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/render/table.h"
#include "cli/render/text.h"
#include "cli/stats.h"
#include "eval/statistics/power.h"

namespace sprint {
namespace {

// Where no discordance is known: what single pruned heads do to models of different robustness.
const std::vector<double> kUsualDiscordances = {0.02, 0.05, 0.1, 0.2, 0.3};

struct PlanCommand {
  int64_t questions = 0;
  int64_t arms = 0;
  int64_t helpful = 1;
  double effect = 0;       // points
  double discordance = 0;  // percent
  double power = 0.8;
  double rate = 0.05;
  std::string from;
  std::string database = "sprint.db";
  bool json = false;
};

// One line of the plan; effects are shares.
struct PlanRow {
  double discordance = 0;
  std::optional<double> effect;        // found among the arms
  std::optional<double> effect_alone;  // as the only arm
  double best_by_luck = 0;
  std::optional<int64_t> questions;  // that the wished-for effect needs
};

PlanRow Plan(const PlanCommand& command, double discordance) {
  PlanRow row;
  row.discordance = discordance;
  const PowerDesign among{discordance, LevelOfOneTest(command.rate, command.arms, command.helpful)};
  if (command.questions > 0) {
    row.effect = DetectableEffect(command.questions, command.power, among);
    row.effect_alone = DetectableEffect(command.questions, command.power, {discordance, command.rate});
    row.best_by_luck = ExpectedNullBest(command.questions, command.arms, discordance);
  }
  if (command.effect > 0) row.questions = QuestionsNeeded(command.effect / 100, command.power, among);
  return row;
}

std::string Points(double share) { return absl::StrFormat("%.1f", 100 * share); }

std::string FormatPlan(const PlanCommand& command, const std::vector<PlanRow>& rows,
                       const Terminal& terminal) {
  std::vector<TableColumn> columns = {{"discordance %", Align::kRight}};
  const bool several = command.arms > 1;
  if (command.questions > 0) {
    columns.push_back({"finds (points)", Align::kRight});
    if (several) {
      columns.push_back({"as the only arm", Align::kRight});
      columns.push_back({"best by luck", Align::kRight});
    }
  }
  if (command.effect > 0)
    columns.push_back({absl::StrCat("questions for ", absl::StrFormat("%g", command.effect)), Align::kRight});
  Table table(std::move(columns));
  for (const PlanRow& row : rows) {
    std::vector<TableCell> cells = {Points(row.discordance)};
    if (command.questions > 0) {
      cells.push_back({row.effect ? Points(*row.effect) : "none", Tone::kStrong});
      if (several) {
        cells.push_back(row.effect_alone ? Points(*row.effect_alone) : "none");
        cells.push_back({Points(row.best_by_luck), Tone::kDim});
      }
    }
    if (command.effect > 0)
      cells.push_back({row.questions ? FormatCount(*row.questions) : ">10,000,000", Tone::kStrong});
    table.AddRow(std::move(cells));
  }
  const int width = terminal.out.width > 0 ? std::min(terminal.out.width, 100) : 100;
  const std::string heading = absl::StrCat(
      command.questions > 0 ? absl::StrCat(Plural(command.questions, "question", "questions"), ", ") : "",
      Plural(command.arms, "arm", "arms"), " beside the baseline, ", command.helpful,
      command.helpful == 1 ? " of them better" : " of them equally better", ", found with ",
      absl::StrFormat("%g", 100 * command.power), " % power at a false discovery rate of ",
      absl::StrFormat("%g", 100 * command.rate), " %");
  std::string text = absl::StrCat(absl::StrJoin(Wrap(heading, width), "\n"), "\n\n",
                                  table.Render(terminal.out.style, terminal.out.width), "\n");
  for (const std::string& line : Wrap("Discordance is the share of questions that an arm fixes or breaks (an "
                                      "effect cannot be larger); sprint "
                                      "stats shows an experiment's. Best by luck is what the best of so many "
                                      "arms that do nothing shows on "
                                      "average.",
                                      width)) {
    absl::StrAppend(&text, terminal.out.style.Paint(Tone::kDim, line), "\n");
  }
  return text;
}

// To the precision that the search has: the same on every machine.
double Rounded(double share) { return std::round(share * 1e5) / 1e5; }

std::string PlanJson(const PlanCommand& command, const std::vector<PlanRow>& rows) {
  nlohmann::ordered_json json = {{"questions", nullptr},       {"arms", command.arms},
                                 {"helpful", command.helpful}, {"power", command.power},
                                 {"rate", command.rate},       {"rows", nlohmann::ordered_json::array()}};
  if (command.questions > 0) json["questions"] = command.questions;
  for (const PlanRow& row : rows) {
    nlohmann::ordered_json& out = json["rows"].emplace_back();
    out["discordance"] = Rounded(row.discordance);
    if (command.questions > 0) {
      out["effect"] = nullptr;
      if (row.effect) out["effect"] = Rounded(*row.effect);
      out["effect_alone"] = nullptr;
      if (row.effect_alone) out["effect_alone"] = Rounded(*row.effect_alone);
      out["best_by_luck"] = Rounded(row.best_by_luck);
    }
    if (command.effect > 0) {
      out["wished_effect"] = command.effect / 100;
      out["questions_needed"] = nullptr;
      if (row.questions) out["questions_needed"] = *row.questions;
    }
  }
  return json.dump(2) + "\n";
}

// Fills in what was not given from an experiment that has run.
absl::Status ReadFrom(PlanCommand& command) {
  SPRINT_ASSIGN_OR_RETURN(const auto reader, OpenDatabase(command.database));
  SPRINT_ASSIGN_OR_RETURN(const ExperimentId id, FindExperiment(*reader, command.from));
  SPRINT_ASSIGN_OR_RETURN(const Stats stats, LoadStats(*reader, id));
  if (command.discordance <= 0) {
    command.discordance = 100 * stats.statistics.median_discordance;
    if (command.discordance <= 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("no arm of ", stats.name, " fixed or broke a question yet: give --discordance"));
    }
  }
  const auto compared = static_cast<int64_t>(ArmsByEffect(stats).size());
  if (command.arms == 0) command.arms = std::max<int64_t>(1, compared);
  if (command.questions == 0) command.questions = stats.judgeable;
  return absl::OkStatus();
}

absl::StatusOr<int> ShowPlan(const Terminal& terminal, const PlanCommand& given) {
  PlanCommand command = given;
  if (!command.from.empty()) SPRINT_RETURN_IF_ERROR(ReadFrom(command));
  if (command.questions == 0 && command.effect == 0)
    return UsageError("plan needs --questions, --effect or --from (sprint plan --help)");
  if (command.arms == 0) command.arms = 1;
  std::vector<PlanRow> rows;
  if (command.discordance > 0) {
    rows.push_back(Plan(command, command.discordance / 100));
  } else {
    for (const double discordance : kUsualDiscordances) rows.push_back(Plan(command, discordance));
  }
  terminal.out.Write(command.json ? PlanJson(command, rows) : FormatPlan(command, rows, terminal));
  return kExitDone;
}

}  // namespace

void AddPlan(App& app) {
  auto command = std::make_shared<PlanCommand>();
  CLI::App* plan =
      app.Add(app.root(), "plan", "Before a sweep: the effect it can show, the questions it needs",
              {"sprint plan --questions 500 --arms 270", "sprint plan --arms 270 --effect 3 --discordance 10",
               "sprint plan --from demo --effect 3"},
              [command](const Terminal& terminal) { return ShowPlan(terminal, *command); });
  plan->add_option("--questions", command->questions, "Questions that each arm answers")
      ->check(CLI::Range(int64_t{1}, int64_t{100'000'000}).description(""))
      ->type_name("N");
  plan->add_option("--arms", command->arms, "Arms compared with the baseline (1)")
      ->check(CLI::Range(int64_t{1}, int64_t{100'000'000}).description(""))
      ->type_name("N");
  plan->add_option("--effect", command->effect, "The effect wished for: how many questions does it need")
      ->check(CLI::Range(0.001, 100.0).description(""))
      ->type_name("POINTS");
  plan->add_option("--discordance", command->discordance,
                   "Share of questions that an arm fixes or breaks; else a table of usual ones")
      ->check(CLI::Range(0.001, 100.0).description(""))
      ->type_name("PERCENT");
  plan->add_option("--from", command->from, "Take discordance, questions and arms from this experiment")
      ->type_name("EXPERIMENT");
  plan->add_option("--helpful", command->helpful,
                   "Arms that are as good together: the correction is milder (1)")
      ->check(CLI::Range(int64_t{1}, int64_t{100'000'000}).description(""))
      ->type_name("N");
  plan->add_option("--power", command->power, "The chance to find the effect (0.8)")
      ->check(CLI::Range(0.01, 0.9999).description(""))
      ->type_name("P");
  plan->add_option("--rate", command->rate, "The false discovery rate (0.05)")
      ->check(CLI::Range(1e-9, 0.5).description(""))
      ->type_name("Q");
  AddDatabase(plan, command->database);
  plan->add_flag("--json", command->json, "As JSON");
}

}  // namespace sprint
