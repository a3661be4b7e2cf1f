// sprint selector show, list: what a selector is and where it comes from.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "cli/render/table.h"
#include "cli/render/text.h"
#include "selector/program/commands.h"

namespace sprint {
namespace {

using Json = nlohmann::ordered_json;

struct ShowOptions {
  std::string selector;
  bool json = false;
};
struct ListOptions {
  std::string folder = ".";
  bool json = false;
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

absl::StatusOr<int> List(const Terminal& terminal, const ListOptions& options) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(options.folder, error)) {
    if (absl::EndsWith(entry.path().string(), ".selector")) paths.push_back(entry.path().string());
  }
  if (error) return absl::NotFoundError(absl::StrCat(options.folder, ": ", error.message()));
  std::sort(paths.begin(), paths.end());
  Table table({{"selector"},
               {"model"},
               {"snapshot"},
               {"features"},
               {"loss"},
               {"arms", Align::kRight},
               {"seed", Align::kRight}});
  Json json = Json::array();
  for (const std::string& path : paths) {
    const absl::StatusOr<OpenedSelector> opened = OpenSelector(path);
    if (!opened.ok()) {
      terminal.err.Write(absl::StrCat(opened.status().message(), "\n"));
      continue;
    }
    Json row = Summary(*opened);
    row["file"] = path;
    json.push_back(row);
    const Lineage& l = opened->lineage;
    table.AddRow({path, l.model_name, absl::StrCat(l.snapshot_name, " (", l.snapshot_hash.substr(0, 12), ")"),
                  l.recipe, std::string(LossKindName(opened->selector.loss)),
                  absl::StrCat(opened->selector.weights.arms), absl::StrCat(l.seed)});
  }
  if (options.json) {
    terminal.out.Write(json.dump(2) + "\n");
  } else if (table.rows() > 0) {
    terminal.out.Write(table.Render(terminal.out.style, terminal.out.width));
  } else {
    terminal.err.Write(
        absl::StrCat("no selector in ", options.folder, "; sprint selector train makes one\n"));
  }
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
  command = app.Add(app.root(), "list", "The selectors of a folder", {"sprint selector list"},
                    [list](const Terminal& terminal) { return List(terminal, *list); });
  command->add_option("FOLDER", list->folder, "Where they are")->type_name("DIR")->capture_default_str();
  command->add_flag("--json", list->json, "As JSON");
}

}  // namespace sprint
