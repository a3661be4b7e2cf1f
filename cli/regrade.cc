#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/render/table.h"
#include "cli/render/text.h"
#include "eval/judge.h"
#include "storage/sqlite_store.h"

namespace sprint {
namespace {

constexpr int64_t kChunk = 2'000;  // answers judged in one transaction

struct RegradeOptions {
  std::string experiment;
  std::string database = "sprint.db";
  int64_t limit = 20;
  bool dry_run = false;
  bool json = false;
};

// A verdict that came out otherwise than the latest stored one.
struct Change {
  std::string question, arm, gold, before, after, reason;
  int64_t sample = 0;
  bool correct = false;  // now
};

struct Regraded {
  int64_t id = 0;
  std::string name;
  int64_t judged = 0;   // answers judged again
  int64_t first = 0;    // of them, without a verdict before
  int64_t current = 0;  // that this judge had judged already
  int64_t to_right = 0;
  int64_t to_wrong = 0;
  std::vector<Change> changes;  // at most the limit
};

void JudgeAgain(const std::vector<SqlValue>& row, int64_t limit, Regraded& result) {
  if (IntegerOf(row[6]) == kJudgeVersion) {
    ++result.current;
    return;
  }
  ++result.judged;
  const Verdict verdict = Judge(TextOf(row[7]), TextOf(row[3]));
  if (std::holds_alternative<std::monostate>(row[4])) {
    ++result.first;
    return;
  }
  if (verdict.correct == (IntegerOf(row[4]) != 0)) return;
  ++(verdict.correct ? result.to_right : result.to_wrong);
  if (limit > 0 && static_cast<int64_t>(result.changes.size()) >= limit) return;
  Change change;
  change.question = TextOf(row[0]);
  change.arm = TextOf(row[1]);
  change.gold = TextOf(row[3]);
  change.before = TextOf(row[5]);
  change.after = verdict.extraction.answer;
  change.reason = verdict.reason;
  change.sample = IntegerOf(row[2]);
  change.correct = verdict.correct;
  result.changes.push_back(std::move(change));
}

// What this judge says of the stored answers that an older one judged last. Writes nothing.
absl::Status Compare(Reader& reader, int64_t limit, Regraded& result) {
  return reader.ForEachRow(
      "SELECT o.problem, o.arm, o.sample, o.gold, o.correct, o.answer, o.judge_version, "
      "answer_text(a.text) FROM v_outcome o CROSS JOIN answer a ON a.answer_id = o.answer_id "
      "WHERE o.experiment_id = ?1 AND o.gold_id IS NOT NULL",
      {result.id}, [&](const auto&, const std::vector<SqlValue>& row) {
        JudgeAgain(row, limit, result);
        return true;
      });
}

// Stores this judge's verdicts beside the older ones.
absl::Status Write(Store& store, ExperimentId id) {
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const std::vector<UnjudgedAnswer> answers,
                            store.Unjudged(id, kJudgeVersion, kChunk));
    if (answers.empty()) return absl::OkStatus();
    WriteBatch batch;
    for (const UnjudgedAnswer& answer : answers) {
      Verdict verdict = Judge(answer.text, answer.gold_text);
      batch.verdicts.push_back({answer.cell, answer.gold, kJudgeVersion, verdict.correct,
                                std::move(verdict.extraction.answer), std::move(verdict.extraction.rule),
                                std::move(verdict.reason)});
    }
    SPRINT_RETURN_IF_ERROR(store.Commit(batch));
  }
}

absl::StatusOr<std::vector<Regraded>> Chosen(Reader& reader, const std::string& experiment) {
  std::vector<Regraded> chosen;
  int64_t only = 0;
  if (!experiment.empty()) {
    SPRINT_ASSIGN_OR_RETURN(const ExperimentId id, FindExperiment(reader, experiment));
    only = id.value();
  }
  SPRINT_RETURN_IF_ERROR(reader.ForEachRow(
      "SELECT experiment_id, name FROM experiment WHERE ?1 = 0 OR experiment_id = ?1 ORDER BY 1", {only},
      [&](const auto&, const std::vector<SqlValue>& row) {
        Regraded& one = chosen.emplace_back();
        one.id = IntegerOf(row[0]);
        one.name = TextOf(row[1]);
        return true;
      }));
  return chosen;
}

std::string Json(const std::vector<Regraded>& results, const RegradeOptions& options) {
  nlohmann::ordered_json experiments = nlohmann::ordered_json::array();
  for (const Regraded& one : results) {
    nlohmann::ordered_json changes = nlohmann::ordered_json::array();
    for (const Change& change : one.changes) {
      changes.push_back({{"question", change.question},
                         {"arm", change.arm},
                         {"sample", change.sample},
                         {"gold", change.gold},
                         {"before", change.before},
                         {"after", change.after},
                         {"verdict", change.correct},
                         {"reason", change.reason}});
    }
    experiments.push_back({{"id", one.id},
                           {"name", one.name},
                           {"judged", one.judged},
                           {"first", one.first},
                           {"current", one.current},
                           {"to_right", one.to_right},
                           {"to_wrong", one.to_wrong},
                           {"changes", std::move(changes)}});
  }
  const nlohmann::ordered_json json = {{"database", options.database},
                                       {"judge_version", kJudgeVersion},
                                       {"dry_run", options.dry_run},
                                       {"experiments", std::move(experiments)}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void ShowOne(const TerminalStream& out, const Regraded& one, bool dry_run) {
  std::string line = absl::StrCat(Printable(one.name), " (", one.id, "): ");
  if (one.judged == 0) {
    absl::StrAppend(&line, "nothing to do; ", Plural(one.current, "answer has", "answers have"),
                    " a verdict of judge version ", kJudgeVersion, "\n");
    out.Write(line);
    return;
  }
  absl::StrAppend(&line, Plural(one.judged, "answer", "answers"), dry_run ? " would be judged" : " judged",
                  " by version ", kJudgeVersion, "; ", one.to_right, " wrong became right, ", one.to_wrong,
                  " right became wrong, ", one.first, " had no verdict\n");
  out.Write(line);
  if (one.changes.empty()) return;
  Table table({{"question"},
               {"arm"},
               {"sample", Align::kRight},
               {"now"},
               {"before", Align::kLeft, true},
               {"reason", Align::kLeft, true}});
  for (const Change& change : one.changes) {
    table.AddRow({change.question,
                  change.arm,
                  absl::StrCat(change.sample),
                  {change.correct ? "right" : "wrong", change.correct ? Tone::kGood : Tone::kBad},
                  change.before,
                  change.reason});
  }
  out.Write(table.Render(out.style, out.width));
  const int64_t more = one.to_right + one.to_wrong - static_cast<int64_t>(one.changes.size());
  if (more > 0) out.Write(absl::StrCat("and ", more, " more; --limit 0 shows all\n"));
}

absl::StatusOr<int> Regrade(const Terminal& terminal, const RegradeOptions& options) {
  SPRINT_ASSIGN_OR_RETURN(const auto reader, OpenDatabase(options.database));
  // The ownership is taken before anything is read, so that no coordinator judges meanwhile.
  std::unique_ptr<Store> store;
  if (!options.dry_run) {
    SqliteStoreOptions open;
    open.path = options.database;
    open.create = false;
    SPRINT_ASSIGN_OR_RETURN(store, OpenSqliteStore(open));
  }
  SPRINT_ASSIGN_OR_RETURN(std::vector<Regraded> results, Chosen(*reader, options.experiment));
  for (Regraded& one : results) {
    SPRINT_RETURN_IF_ERROR(Compare(*reader, options.limit, one));
    if (store != nullptr) SPRINT_RETURN_IF_ERROR(Write(*store, ExperimentId(one.id)));
  }
  if (options.json) {
    terminal.out.Write(Json(results, options));
    return kExitDone;
  }
  for (const Regraded& one : results) ShowOne(terminal.out, one, options.dry_run);
  if (results.empty()) terminal.out.Write("the database has no experiment\n");
  return kExitDone;
}

}  // namespace

void AddRegrade(App& app) {
  auto options = std::make_shared<RegradeOptions>();
  CLI::App* command = app.Add(
      app.root(), "regrade", "Judge stored answers again and show what changed; older verdicts are kept",
      {"sprint regrade --dry-run          what this judge would change, in all experiments",
       "sprint regrade demo --json"},
      [options](const Terminal& terminal) { return Regrade(terminal, *options); });
  command->add_option("EXPERIMENT", options->experiment, "Its number or name; all of them when left out");
  AddDatabase(command, options->database);
  command->add_flag("--dry-run", options->dry_run, "Store nothing; works beside a live coordinator");
  command->add_option("--limit", options->limit, "Changes shown of each experiment; 0: all")
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--json", options->json, "As JSON");
}

}  // namespace sprint
