#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/render/text.h"
#include "eval/judge.h"
#include "model/decoding.h"

namespace sprint {
namespace {

struct ExplainOptions {
  std::string experiment;
  std::string arm;
  std::string question;
  int64_t sample = 0;
  std::string database = "sprint.db";
  bool json = false;
};

// One answer with its latest verdict; no verdict where there is no gold.
struct Explained {
  std::string question, arm, gold, text, finish;
  int64_t tokens = 0;
  bool judged = false;
  bool correct = false;
  int64_t judge_version = 0;
  std::string extracted, rule, reason;
  size_t begin = 0;  // of the extracted answer in the text; begin == end: not found there
  size_t end = 0;
};

// "3:5" as the stored name L3H5.
std::string ArmName(const std::string& typed) {
  const std::vector<std::string> parts = absl::StrSplit(typed, ':');
  int32_t layer = 0;
  int32_t head = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &layer) || !absl::SimpleAtoi(parts[1], &head)) {
    return typed;
  }
  return absl::StrCat("L", layer, "H", head);
}

// Where the verdict's answer stands in the text: where the judge of today finds it, or its last occurrence.
void Locate(Explained& found) {
  if (found.extracted.empty()) return;
  const Extraction extraction = ExtractAnswer(found.text);
  found.begin = extraction.answer == found.extracted ? extraction.begin : found.text.rfind(found.extracted);
  if (found.begin == std::string::npos)
    found.begin = found.end = 0;
  else
    found.end = found.begin + found.extracted.size();
}

bool Any(Reader& reader, const std::string& sql, const std::vector<SqlValue>& parameters) {
  bool any = false;
  const absl::Status status = reader.ForEachRow(sql, parameters, [&](const auto&, const auto&) {
    any = true;
    return false;
  });
  return status.ok() && any;
}

// Why there is no such answer.
absl::Status Missing(Reader& reader, ExperimentId id, const ExplainOptions& options, const std::string& arm) {
  std::string message;
  if (!Any(reader, "SELECT 1 FROM problem WHERE experiment_id = ?1 AND external_id = ?2",
           {id.value(), options.question})) {
    message = absl::StrCat("the experiment has no question \"", options.question,
                           "\"; `sprint query v_coverage` lists their ids (problem)");
  } else if (!Any(reader,
                  "SELECT 1 FROM experiment_arm x CROSS JOIN arm a ON a.arm_id = x.arm_id "
                  "WHERE x.experiment_id = ?1 AND a.name = ?2",
                  {id.value(), arm})) {
    message = absl::StrCat("the experiment has no arm \"", options.arm,
                           "\"; `sprint stats` lists them (baseline, L3H5, …)");
  } else {
    message = absl::StrCat("question \"", options.question, "\" under ", arm, " has no answer of sample ",
                           options.sample, " yet");
  }
  return absl::NotFoundError(message);
}

absl::StatusOr<Explained> Load(Reader& reader, ExperimentId id, const ExplainOptions& options) {
  const std::string arm = ArmName(options.arm);
  std::optional<Explained> found;
  SPRINT_RETURN_IF_ERROR(reader.ForEachRow(
      "SELECT p.text, o.arm, o.gold, answer_text(a.text), o.finish, o.tokens, o.correct, o.judge_version, "
      "o.answer, o.rule, o.reason FROM v_outcome o CROSS JOIN answer a ON a.answer_id = o.answer_id "
      "CROSS JOIN problem p ON p.experiment_id = o.experiment_id AND p.external_id = o.problem "
      "WHERE o.experiment_id = ?1 AND o.problem = ?2 AND o.arm = ?3 AND o.sample = ?4",
      {id.value(), options.question, arm, options.sample},
      [&](const auto&, const std::vector<SqlValue>& row) {
        found.emplace();
        found->question = TextOf(row[0]);
        found->arm = TextOf(row[1]);
        found->gold = TextOf(row[2]);
        found->text = TextOf(row[3]);
        found->finish = TextOf(row[4]);
        found->tokens = IntegerOf(row[5]);
        found->judged = std::holds_alternative<int64_t>(row[6]);
        found->correct = IntegerOf(row[6]) != 0;
        found->judge_version = IntegerOf(row[7]);
        found->extracted = TextOf(row[8]);
        found->rule = TextOf(row[9]);
        found->reason = TextOf(row[10]);
        return false;
      }));
  if (!found) return Missing(reader, id, options, arm);
  Locate(*found);
  return *std::move(found);
}

// Safe lines of a text for a terminal, indented.
std::string Block(absl::string_view text) {
  std::string out;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::StrAppend(&out, "  ", Printable(line), "\n");
  }
  return out;
}

std::string MarkedText(const Explained& found, const Style& style) {
  if (found.end == found.begin) return Block(found.text);
  // The marks are put in before lines are made safe, as characters that Printable keeps.
  const std::string marked = absl::StrCat(found.text.substr(0, found.begin), "⟦", found.extracted, "⟧",
                                          found.text.substr(found.end));
  std::string block = Block(marked);
  if (!style.enabled()) return block;
  const size_t begin = block.find("⟦", found.begin);
  const size_t end = begin == std::string::npos ? begin : block.find("⟧", begin);
  if (end == std::string::npos) return block;
  const size_t length = end + std::string("⟧").size() - begin;
  return absl::StrCat(block.substr(0, begin), style.Paint(Tone::kAccent, block.substr(begin, length)),
                      block.substr(begin + length));
}

std::string HowItEnded(const std::string& finish) {
  if (finish == FinishReasonName(FinishReason::kStop)) return "";
  if (finish == FinishReasonName(FinishReason::kStopString)) return ", ended by a stop string";
  return absl::StrCat(", cut off (", finish, ")");
}

void Show(const Terminal& terminal, const Explained& found) {
  const Style& style = terminal.out.style;
  const auto title = [&](absl::string_view name) { return style.Paint(Tone::kStrong, name); };
  std::string out = absl::StrCat(title("question"), "\n", Block(found.question), title("answer"), " of ",
                                 Printable(found.arm), ", ", Plural(found.tokens, "token", "tokens"),
                                 HowItEnded(found.finish), "\n", MarkedText(found, style));
  if (!found.judged) {
    absl::StrAppend(&out, title("verdict"), "    none: there is no gold answer\n");
  } else {
    absl::StrAppend(&out, title("gold"), "       ", Printable(found.gold), "\n", title("extracted"), "  ",
                    found.extracted.empty() ? "nothing" : Printable(found.extracted), "  (rule: ", found.rule,
                    ")\n", title("verdict"), "    ",
                    style.Paint(found.correct ? Tone::kGood : Tone::kBad, found.correct ? "right" : "wrong"),
                    "\n", title("reason"), "     ", Printable(found.reason), "\n");
    const Verdict now = Judge(found.text, found.gold);
    absl::StrAppend(&out, title("judge"), "      version ", found.judge_version);
    if (found.judge_version != kJudgeVersion) {
      absl::StrAppend(&out, "; version ", kJudgeVersion, " says ", now.correct ? "right" : "wrong", ": ",
                      Printable(now.reason), " (`sprint regrade` keeps both)");
    }
    out += "\n";
  }
  terminal.out.Write(out);
}

absl::StatusOr<int> Explain(const Terminal& terminal, const ExplainOptions& options) {
  SPRINT_ASSIGN_OR_RETURN(const auto reader, OpenDatabase(options.database));
  SPRINT_ASSIGN_OR_RETURN(const ExperimentId id, FindExperiment(*reader, options.experiment));
  SPRINT_ASSIGN_OR_RETURN(const Explained found, Load(*reader, id, options));
  if (!options.json) {
    Show(terminal, found);
    return kExitDone;
  }
  nlohmann::ordered_json json = {{"question", found.question}, {"arm", found.arm},
                                 {"sample", options.sample},   {"text", found.text},
                                 {"tokens", found.tokens},     {"finish", found.finish},
                                 {"gold", found.gold},         {"verdict", nullptr}};
  if (found.judged) {
    json["verdict"] = found.correct;
    json["extracted"] = found.extracted;
    json["begin"] = found.begin;
    json["end"] = found.end;
    json["rule"] = found.rule;
    json["reason"] = found.reason;
    json["judge_version"] = found.judge_version;
  }
  terminal.out.Write(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  return kExitDone;
}

}  // namespace

void AddExplain(App& app) {
  auto options = std::make_shared<ExplainOptions>();
  CLI::App* command =
      app.Add(app.root(), "explain", "Show one answer, what was extracted from it, and why it was judged so",
              {"sprint explain demo baseline 17", "sprint explain demo L3H5 test/algebra/4 --json"},
              [options](const Terminal& terminal) { return Explain(terminal, *options); });
  command->add_option("EXPERIMENT", options->experiment, "Its number or name")->required();
  command->add_option("ARM", options->arm, "baseline, L3H5 or 3:5, …")->required();
  command->add_option("QUESTION", options->question, "Its id in the dataset")->required();
  command->add_option("--sample", options->sample, "Of several samples, this one")
      ->type_name("N")
      ->capture_default_str();
  AddDatabase(command, options->database);
  command->add_flag("--json", options->json, "As JSON");
}

}  // namespace sprint
