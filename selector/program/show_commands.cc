// sprint selector show, list, export: what a selector is and where it comes from.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/status.h"
#include "cli/render/table.h"
#include "cli/render/text.h"
#include "selector/program/commands.h"
#include "storage/reader.h"

namespace sprint {
namespace {

using Json = nlohmann::ordered_json;

struct ShowOptions {
  std::string selector;
  bool json = false;
};
struct ListOptions {
  std::string folder;
  std::string database = "sprint.db";
  bool json = false;
};
struct ExportOptions {
  std::string selector;
  std::string database = "sprint.db";
  std::string out;
};

// The lineage without the texts it has seen, which are their number here.
Json Summary(const OpenedSelector& opened) {
  Json json = Json::parse(opened.selector.lineage, nullptr, /*allow_exceptions=*/false);
  json["seen"] = opened.lineage.seen.size();
  json["example_tokens"] = opened.lineage.example_tokens.size();
  const SelectorWeights& w = opened.selector.weights;
  json["shape"] = {{"features", w.features}, {"hidden", w.hidden}, {"dim", w.d}, {"arms", w.arms}};
  json["score"] = std::string(ScoreKindName(opened.selector.score));
  json["loss"] = std::string(LossKindName(opened.selector.loss));
  const Calibration& c = opened.selector.calibration;
  json["calibration"] = {{"slope", c.slope}, {"prior", c.prior}, {"offset", c.offset}};
  return json;
}

absl::StatusOr<int> Show(const Terminal& terminal, const ShowOptions& options) {
  SPRINT_ASSIGN_OR_RETURN(const OpenedSelector opened, OpenSelector(options.selector));
  const Json json = Summary(opened);
  if (options.json) {
    terminal.out.Write(json.dump(2) + "\n");
    return kExitDone;
  }
  const Lineage& l = opened.lineage;
  const SelectorWeights& w = opened.selector.weights;
  Table table({{""}, {""}});
  table.AddRow(
      {"model", absl::StrCat(l.model_name, " (weights ", l.weights_hash.substr(0, 12), ", ", l.dtype, ")")});
  table.AddRow(
      {"snapshot", absl::StrCat(l.snapshot_name, " (", l.snapshot_hash.substr(0, 12), "), experiments ",
                                absl::StrJoin(l.experiments, ", "), ", judge version ", l.judge_version)});
  table.AddRow({"features", absl::StrCat(l.recipe, ", ", w.features, " numbers")});
  table.AddRow({"towers", absl::StrCat(w.features, " > ", w.hidden, " > ", w.d, ", ", w.arms, " arms, score ",
                                       ScoreKindName(opened.selector.score), ", loss ",
                                       LossKindName(opened.selector.loss))});
  table.AddRow({"trained on", absl::StrCat(Plural(opened.selector.train_count(), "question", "questions"),
                                           ", ", l.seen.size(), " seen with those that validated")});
  table.AddRow({"options", l.options});
  table.AddRow({"report", l.report});
  const Calibration& c = opened.selector.calibration;
  table.AddRow(
      {"calibration", absl::StrFormat("slope %.3f, prior %.3f, offset %.3f", c.slope, c.prior, c.offset)});
  terminal.out.Write(table.Render(terminal.out.style, 0));
  return kExitDone;
}

// A selector with where it is: a file, or a name in the database.
struct Listed {
  std::string where;
  OpenedSelector opened;
};

absl::StatusOr<std::vector<Listed>> InFolder(const Terminal& terminal, const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (absl::EndsWith(entry.path().string(), ".selector")) paths.push_back(entry.path().string());
  }
  if (error) return absl::NotFoundError(absl::StrCat(folder, ": ", error.message()));
  std::sort(paths.begin(), paths.end());
  std::vector<Listed> listed;
  for (const std::string& path : paths) {
    absl::StatusOr<OpenedSelector> opened = OpenSelector(path);
    if (opened.ok()) {
      listed.push_back({path, *std::move(opened)});
    } else {
      terminal.err.Write(absl::StrCat(opened.status().message(), "\n"));
    }
  }
  return listed;
}

// Calls `take` with (hash, name, bytes) of each selector of the database, the oldest first.
using TakeFn = std::function<absl::Status(const std::string&, const std::string&, const std::string&)>;
absl::Status ForEachKept(const std::string& database, const TakeFn& take) {
  if (!FileExists(database))
    return absl::NotFoundError(absl::StrCat("there is no database ", database, "; --db names another"));
  SPRINT_ASSIGN_OR_RETURN(const auto reader, Reader::Open(database));
  absl::Status status;
  SPRINT_RETURN_IF_ERROR(reader->ForEachRow("SELECT hex(hash), name, file FROM selector ORDER BY selector_id",
                                            {}, [&](const auto&, const std::vector<SqlValue>& row) {
                                              const auto* blob = std::get_if<Blob>(&row[2]);
                                              status =
                                                  take(absl::AsciiStrToLower(TextOf(row[0])), TextOf(row[1]),
                                                       blob == nullptr ? std::string() : blob->bytes);
                                              return status.ok();
                                            }));
  return status;
}

absl::StatusOr<std::vector<Listed>> InDatabase(const std::string& database) {
  std::vector<Listed> listed;
  SPRINT_RETURN_IF_ERROR(ForEachKept(
      database,
      [&](const std::string& hash, const std::string& name, const std::string& bytes) -> absl::Status {
        Listed entry;
        entry.where = absl::StrCat(name, " (", hash.substr(0, 12), ")");
        SPRINT_ASSIGN_OR_RETURN(entry.opened.selector, ParseSelector(bytes, name));
        SPRINT_ASSIGN_OR_RETURN(entry.opened.lineage, LineageFromJson(entry.opened.selector.lineage, name));
        listed.push_back(std::move(entry));
        return absl::OkStatus();
      }));
  return listed;
}

absl::StatusOr<int> List(const Terminal& terminal, const ListOptions& options) {
  SPRINT_ASSIGN_OR_RETURN(const std::vector<Listed> listed, options.folder.empty()
                                                                ? InDatabase(options.database)
                                                                : InFolder(terminal, options.folder));
  Table table({{"selector"},
               {"model"},
               {"snapshot"},
               {"features"},
               {"loss"},
               {"arms", Align::kRight},
               {"seed", Align::kRight}});
  Json json = Json::array();
  for (const Listed& entry : listed) {
    Json row = Summary(entry.opened);
    row["selector"] = entry.where;
    json.push_back(row);
    const Lineage& l = entry.opened.lineage;
    table.AddRow({entry.where, l.model_name,
                  absl::StrCat(l.snapshot_name, " (", l.snapshot_hash.substr(0, 12), ")"), l.recipe,
                  std::string(LossKindName(entry.opened.selector.loss)),
                  absl::StrCat(entry.opened.selector.weights.arms), absl::StrCat(l.seed)});
  }
  if (options.json) {
    terminal.out.Write(json.dump(2) + "\n");
  } else if (table.rows() > 0) {
    terminal.out.Write(table.Render(terminal.out.style, terminal.out.width));
  } else {
    terminal.err.Write(absl::StrCat("no selector in ",
                                    options.folder.empty() ? options.database : options.folder,
                                    "; sprint selector train makes one\n"));
  }
  return kExitDone;
}

absl::StatusOr<int> Export(const Terminal& terminal, const ExportOptions& options) {
  std::string found;
  std::string name;
  SPRINT_RETURN_IF_ERROR(ForEachKept(
      options.database, [&](const std::string& hash, const std::string& kept, const std::string& bytes) {
        // Of several with one name the latest.
        const bool by_hash = options.selector.size() >= 6 && absl::StartsWith(hash, options.selector);
        if (kept == options.selector || by_hash) {
          found = bytes;
          name = kept;
        }
        return absl::OkStatus();
      }));
  if (found.empty()) {
    return absl::NotFoundError(absl::StrCat("no selector ", options.selector, " in ", options.database,
                                            "; sprint selector list names those there are"));
  }
  const std::string path = options.out.empty() ? absl::StrCat(name, ".selector") : options.out;
  SPRINT_RETURN_IF_ERROR(WriteFileAtomically(path, found));
  terminal.out.Write(absl::StrCat(path, "\n"));
  return kExitDone;
}

}  // namespace

void AddShowAndList(App& app) {
  auto show = std::make_shared<ShowOptions>();
  CLI::App* command = app.Add(app.root(), "show", "What a selector is, and where it comes from",
                              {"sprint selector show demo-1.selector"},
                              [show](const Terminal& terminal) { return Show(terminal, *show); });
  command->add_option("SELECTOR", show->selector, "The selector's file")->required()->type_name("FILE");
  command->add_flag("--json", show->json, "As JSON");
  auto list = std::make_shared<ListOptions>();
  command = app.Add(app.root(), "list", "The selectors that a database keeps, or those of a folder",
                    {"sprint selector list --db sprint.db", "sprint selector list ."},
                    [list](const Terminal& terminal) { return List(terminal, *list); });
  command->add_option("FOLDER", list->folder, "Where files are; none: the database")->type_name("DIR");
  AddDatabaseOption(command, list->database);
  command->add_flag("--json", list->json, "As JSON");
  auto exported = std::make_shared<ExportOptions>();
  command = app.Add(app.root(), "export", "A selector of the database as a file",
                    {"sprint selector export demo-1 --db sprint.db --out demo-1.selector"},
                    [exported](const Terminal& terminal) { return Export(terminal, *exported); });
  command->add_option("SELECTOR", exported->selector, "Its name, or the beginning of its hash")
      ->required()
      ->type_name("NAME");
  AddDatabaseOption(command, exported->database);
  command->add_option("--out", exported->out, "The file; else NAME.selector")->type_name("FILE");
}

}  // namespace sprint
