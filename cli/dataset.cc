#include "eval/dataset.h"

#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/render/table.h"
#include "cli/render/text.h"
#include "eval/dataset_repeats.h"

namespace sprint {
namespace {

struct DatasetCommand {
  std::vector<std::string> files;
  std::string preset;
  int64_t limit = 20;
  bool json = false;
};

absl::StatusOr<std::vector<NamedDataset>> ReadAll(const DatasetCommand& command) {
  DatasetOptions options;
  if (!command.preset.empty()) options.fields = DatasetPreset(command.preset).value_or(options.fields);
  std::vector<NamedDataset> sets;
  for (const std::string& file : command.files) {
    SPRINT_ASSIGN_OR_RETURN(std::vector<Problem> problems, ReadDataset(file, options));
    sets.push_back({file, std::move(problems)});
  }
  return sets;
}

// "algebra 12, geometry 7"
std::string Counts(const std::vector<Problem>& problems, std::string Problem::*field) {
  std::map<std::string, int64_t> counts;
  for (const Problem& problem : problems) ++counts[problem.*field];
  counts.erase("");
  std::vector<std::string> parts;
  for (const auto& [name, count] : counts) parts.push_back(absl::StrCat(name, " ", count));
  return absl::StrJoin(parts, ", ");
}

std::string Json(const std::vector<NamedDataset>& sets, const std::vector<RepeatedQuestion>& repeats) {
  nlohmann::ordered_json json = {{"datasets", nlohmann::ordered_json::array()},
                                 {"repeats", nlohmann::ordered_json::array()}};
  for (const NamedDataset& set : sets) {
    json["datasets"].push_back({{"file", set.name}, {"rows", set.problems.size()}});
  }
  for (const RepeatedQuestion& repeat : repeats) {
    json["repeats"].push_back({{"file", sets[repeat.set].name},
                               {"id", repeat.id},
                               {"earlier_file", sets[repeat.earlier_set].name},
                               {"earlier_id", repeat.earlier_id},
                               {"same_answer", repeat.same_answer}});
  }
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void ShowRepeats(const TerminalStream& out, const std::vector<NamedDataset>& sets,
                 const std::vector<RepeatedQuestion>& repeats, int64_t limit) {
  if (repeats.empty()) {
    out.Write("no question comes twice\n");
    return;
  }
  int64_t within = 0;
  for (const RepeatedQuestion& repeat : repeats) within += repeat.set == repeat.earlier_set;
  const int64_t across = static_cast<int64_t>(repeats.size()) - within;
  out.Write(absl::StrCat(Plural(within, "question repeats", "questions repeat"), " one of the same file, ",
                         across, " one of another file\n"));
  Table table(
      {{"file", Align::kLeft, true}, {"question"}, {"is also in", Align::kLeft, true}, {"as"}, {"answers"}});
  for (const RepeatedQuestion& repeat : repeats) {
    if (limit > 0 && static_cast<int64_t>(table.rows()) == limit) break;
    table.AddRow({sets[repeat.set].name,
                  repeat.id,
                  sets[repeat.earlier_set].name,
                  repeat.earlier_id,
                  {repeat.same_answer ? "same" : "differ", repeat.same_answer ? Tone::kPlain : Tone::kBad}});
  }
  out.Write(table.Render(out.style, out.width));
  const int64_t more = static_cast<int64_t>(repeats.size() - table.rows());
  if (more > 0) out.Write(absl::StrCat("and ", more, " more; --limit 0 shows all\n"));
}

absl::StatusOr<int> CheckDatasets(const Terminal& terminal, const DatasetCommand& command) {
  SPRINT_ASSIGN_OR_RETURN(const std::vector<NamedDataset> sets, ReadAll(command));
  const std::vector<RepeatedQuestion> repeats = FindRepeats(sets);
  if (command.json) {
    terminal.out.Write(Json(sets, repeats));
    return kExitDone;
  }
  Table table({{"file", Align::kLeft, true},
               {"rows", Align::kRight},
               {"subjects", Align::kLeft, true},
               {"levels", Align::kLeft, true}});
  for (const NamedDataset& set : sets) {
    table.AddRow({set.name, FormatCount(static_cast<int64_t>(set.problems.size())),
                  Counts(set.problems, &Problem::subject), Counts(set.problems, &Problem::level)});
  }
  terminal.out.Write(table.Render(terminal.out.style, terminal.out.width));
  ShowRepeats(terminal.out, sets, repeats, command.limit);
  return kExitDone;
}

}  // namespace

void AddDataset(App& app) {
  auto options = std::make_shared<DatasetCommand>();
  CLI::App* command = app.Add(
      app.root(), "dataset", "Check datasets: rows, subjects, questions that come twice or in several files",
      {"sprint dataset test.jsonl", "sprint dataset train.jsonl test.jsonl      do the splits overlap?",
       "sprint dataset SVAMP.json --preset svamp",
       "sprint dataset freeze demo         the outcomes of a sweep, to train on (sprint selector freeze)"},
      [options](const Terminal& terminal) { return CheckDatasets(terminal, *options); });
  command->add_option("FILE", options->files, "JSON lines, JSON, CSV, or a folder of JSON files")->required();
  AddChoice(command, "--preset", options->preset, DatasetPresetNames(),
            "The fields of a dataset as published");
  command->add_option("--limit", options->limit, "Repeats shown; 0: all")
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--json", options->json, "As JSON, with all repeats");
}

}  // namespace sprint
