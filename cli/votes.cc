#include "cli/votes.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "cli/own_arms.h"
#include "cli/render/table.h"
#include "cli/render/text.h"
#include "proto/spec_io.h"

namespace sprint {
namespace {

constexpr int kTextWidth = 96;

// The experiments named, and those that hold their samples; each once.
absl::StatusOr<std::vector<ExperimentId>> FindAll(Reader& reader, const std::vector<std::string>& names) {
  std::vector<ExperimentId> found;
  const auto add = [&found](ExperimentId id) {
    if (std::find(found.begin(), found.end(), id) == found.end()) found.push_back(id);
  };
  SPRINT_ASSIGN_OR_RETURN(const std::vector<ExperimentSummary> all, ListExperiments(reader));
  for (const std::string& name : names) {
    SPRINT_ASSIGN_OR_RETURN(const ExperimentId id, FindExperiment(reader, name));
    add(id);
    std::string plain;
    for (const ExperimentSummary& summary : all) {
      if (summary.id == id) plain = summary.name;
    }
    const bool paired = std::any_of(all.begin(), all.end(), [&](const ExperimentSummary& summary) {
      return summary.name == SampledName(plain);
    });
    if (!paired) continue;
    SPRINT_ASSIGN_OR_RETURN(const ExperimentId sampled, FindExperiment(reader, SampledName(plain)));
    add(sampled);
  }
  return found;
}

absl::StatusOr<std::vector<Choice>> StoredChoices(const StoredAnswers& stored) {
  const std::string where = absl::StrCat("the spec of experiment ", stored.experiment);
  const absl::StatusOr<v1::ExperimentSpec> spec = ParseSpec(stored.spec, "stored.yaml");
  if (!spec.ok()) return Annotate(spec.status(), where);
  absl::StatusOr<std::vector<Choice>> choices = ChoicesOf(spec->arms());
  if (!choices.ok()) return Annotate(choices.status(), where);
  return choices;
}

std::string Difference(const std::optional<Estimate>& estimate) {
  if (!estimate) return "";
  return absl::StrFormat("%+.1f [%+.1f, %+.1f]", 100 * estimate->mean, 100 * estimate->interval.low,
                         100 * estimate->interval.high);
}

Tone ToneOf(const std::optional<Estimate>& estimate) {
  if (!estimate) return Tone::kPlain;
  if (estimate->interval.low > 0) return Tone::kGood;
  return estimate->interval.high < 0 ? Tone::kBad : Tone::kPlain;
}

// What an aggregation does, for its table's heading.
absl::string_view Meaning(Aggregation aggregation) {
  switch (aggregation) {
    case Aggregation::kCoverage:
      return "coverage: one of the N answers is right";
    case Aggregation::kMajority:
      return "majority: the answer given most often is right";
    case Aggregation::kWeighted:
      return "weighted: the answer with the largest sum of scores is right";
    case Aggregation::kBest:
      return "best: the answer with the largest score is right";
  }
  return "";
}

std::string TableOf(const Votes& votes, Aggregation aggregation, const Style& style, int width) {
  const VoteTable& table = votes.table;
  std::vector<TableColumn> columns = {{"method", Align::kLeft, true}, {"N", Align::kRight},
                                      {"right %", Align::kRight},     {"95 % interval", Align::kRight},
                                      {"tokens", Align::kRight},      {"ms", Align::kRight}};
  if (!table.reference.empty()) {
    columns.push_back({absl::StrCat("less ", table.reference, ", same N"), Align::kRight});
    columns.push_back({"same tokens", Align::kRight});
    columns.push_back({"N of them", Align::kRight});
  }
  Table lines(std::move(columns));
  for (const VoteRow& row : table.rows) {
    if (row.aggregation != aggregation) continue;
    std::vector<TableCell> cells = {
        row.method,
        row.n == 0 ? "all" : absl::StrCat(row.n),
        {absl::StrFormat("%.1f", 100 * row.accuracy.mean), Tone::kStrong},
        absl::StrFormat("%.1f to %.1f", 100 * row.accuracy.interval.low, 100 * row.accuracy.interval.high),
        absl::StrFormat("%.0f", row.mean_tokens),
        row.mean_seconds > 0 ? absl::StrFormat("%.1f", 1000 * row.mean_seconds) : std::string()};
    if (!table.reference.empty()) {
      cells.push_back({Difference(row.at_equal_n), ToneOf(row.at_equal_n)});
      cells.push_back({Difference(row.at_equal_tokens), ToneOf(row.at_equal_tokens)});
      cells.push_back(row.at_equal_tokens
                          ? absl::StrFormat("%.1f%s", row.reference_n, row.tokens_reached ? "" : "!")
                          : std::string());
    }
    lines.AddRow(std::move(cells));
  }
  if (lines.rows() == 0) return "";
  return absl::StrCat("\n", style.Paint(Tone::kStrong, std::string(Meaning(aggregation))), "\n",
                      lines.Render(style, width));
}

std::vector<std::string> Notes(const Votes& votes) {
  const VoteTable& table = votes.table;
  std::vector<std::string> notes;
  if (votes.unanswered > 0) {
    notes.push_back(absl::StrCat(Plural(votes.unanswered, "cell is", "cells are"),
                                 " still to come or given up: numbers will change, and what is unfinished is "
                                 "mostly long answers."));
  }
  if (table.left_out > 0) {
    notes.push_back(absl::StrCat(Plural(table.left_out, "question is", "questions are"),
                                 " left out: some method has no answers to ",
                                 table.left_out == 1 ? "it" : "them", "."));
  }
  if (table.reference.empty()) {
    notes.emplace_back(
        "Nothing to compare with: no experiment here has samples of the unpruned model (sprint bon --methods "
        "samples).");
  } else {
    notes.push_back(
        absl::StrCat("Differences are in points, less ", table.reference,
                     ", paired by question, with 95 % intervals that are not corrected for the "
                     "number of lines. At the same tokens it gives N answers or one more by a lot; ! "
                     "where it has not enough answers to spend as much, or one answer costs more."));
  }
  return notes;
}

nlohmann::ordered_json EstimateJson(const Estimate& estimate) {
  return {{"mean", estimate.mean}, {"low", estimate.interval.low}, {"high", estimate.interval.high}};
}

absl::StatusOr<AnswerScores> ReadRewards(Reader& reader, const VotesOptions& options) {
  AnswerScores all;
  for (const std::string& name : options.rewards) {
    SPRINT_ASSIGN_OR_RETURN(const ExperimentId id, FindExperiment(reader, name));
    SPRINT_ASSIGN_OR_RETURN(AnswerScores scores, ReadScores(reader, id, options.reduction));
    all.merge(scores);
  }
  return all;
}

void GiveRewards(const AnswerScores& rewards, StoredAnswers& stored) {
  for (auto& [number, question] : stored.questions) {
    for (auto& [cell, answer] : question.answers) {
      const auto found =
          rewards.find({question.problem, stored.arms[static_cast<size_t>(cell.first)], cell.second});
      if (found != rewards.end()) answer.reward = found->second;
    }
  }
}

}  // namespace

std::string SampledName(const std::string& name) { return name + "-sampled"; }

absl::StatusOr<Votes> LoadVotes(Reader& reader, const std::vector<std::string>& experiments,
                                const VotesOptions& options) {
  Votes votes;
  SPRINT_ASSIGN_OR_RETURN(const std::vector<ExperimentId> ids, FindAll(reader, experiments));
  SPRINT_ASSIGN_OR_RETURN(const AnswerScores rewards, ReadRewards(reader, options));
  std::vector<AnsweringMethod> methods;
  std::set<std::string> names;
  for (const ExperimentId id : ids) {
    SPRINT_ASSIGN_OR_RETURN(StoredAnswers stored, ReadStoredAnswers(reader, id));
    GiveRewards(rewards, stored);
    SPRINT_ASSIGN_OR_RETURN(const std::vector<Choice> choices, StoredChoices(stored));
    votes.experiments.push_back(stored.experiment);
    votes.unanswered += stored.unanswered;
    for (AnsweringMethod& method : MethodsOf(stored, choices, options.score)) {
      if (!names.insert(method.name).second) {
        absl::StrAppend(&method.name, " (", stored.experiment, ")");
        names.insert(method.name);
      }
      methods.push_back(std::move(method));
    }
  }
  SPRINT_ASSIGN_OR_RETURN(votes.table, CompareVotes(methods, options.table));
  return votes;
}

std::string FormatVotes(const Votes& votes, const Style& style, int width) {
  std::string text =
      absl::StrCat(style.Paint(Tone::kStrong, Printable(absl::StrJoin(votes.experiments, ", "))), "  (",
                   Plural(votes.table.questions, "question", "questions"), ")\n");
  for (const Aggregation aggregation :
       {Aggregation::kCoverage, Aggregation::kMajority, Aggregation::kWeighted, Aggregation::kBest}) {
    text += TableOf(votes, aggregation, style, width);
  }
  text += "\n";
  for (const std::string& note : Notes(votes)) {
    for (const std::string& line : Wrap(note, width > 0 ? std::min(width, kTextWidth) : kTextWidth))
      absl::StrAppend(&text, style.Paint(Tone::kDim, line), "\n");
  }
  return text;
}

std::string VotesJson(const Votes& votes) {
  nlohmann::ordered_json json;
  json["experiments"] = votes.experiments;
  json["questions"] = votes.table.questions;
  json["left_out"] = votes.table.left_out;
  json["unanswered"] = votes.unanswered;
  json["reference"] = nullptr;
  if (!votes.table.reference.empty()) json["reference"] = votes.table.reference;
  json["rows"] = nlohmann::ordered_json::array();
  for (const VoteRow& row : votes.table.rows) {
    nlohmann::ordered_json& out = json["rows"].emplace_back();
    out["method"] = row.method;
    out["n"] = nullptr;
    if (row.n > 0) out["n"] = row.n;
    out["aggregation"] = std::string(AggregationName(row.aggregation));
    out["accuracy"] = EstimateJson(row.accuracy);
    out["mean_tokens"] = row.mean_tokens;
    out["mean_seconds"] = nullptr;
    if (row.mean_seconds > 0) out["mean_seconds"] = row.mean_seconds;
    if (row.at_equal_n) out["at_equal_n"] = EstimateJson(*row.at_equal_n);
    if (!row.at_equal_tokens) continue;
    out["at_equal_tokens"] = EstimateJson(*row.at_equal_tokens);
    out["at_equal_tokens"]["reference_n"] = row.reference_n;
    out["at_equal_tokens"]["reached"] = row.tokens_reached;
  }
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace sprint
