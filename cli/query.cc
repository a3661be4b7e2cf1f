#include <algorithm>
#include <cctype>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/render/table.h"
#include "cli/rows.h"

namespace sprint {
namespace {

constexpr int64_t kTableRows = 200;

struct QueryOptions {
  std::string sql;
  std::string database = "sprint.db";
  std::string experiment;
  bool views = false;
  bool json = false;
  bool csv = false;
  int64_t limit = -1;  // negative: 200 for a table, all else
};

bool IsName(const std::string& text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

absl::StatusOr<int> ShowViews(const Terminal& terminal, Reader& reader, const QueryOptions& options) {
  const auto writer = MakeRowWriter(options.csv ? RowFormat::kCsv : RowFormat::kJson, terminal.out.style, 0,
                                    [&](absl::string_view text) { terminal.out.Write(text); });
  Table table({{"view"}, {"what it shows", Align::kLeft, true}});
  const std::vector<std::string> columns = {"view", "description"};
  for (const auto& [name, description] : reader.Views()) {
    table.AddRow({{name, Tone::kStrong}, description});
    if (options.json || options.csv) writer->Row(columns, {name, description});
  }
  if (options.json || options.csv) {
    writer->Finish(columns);
  } else {
    terminal.out.Write(table.Render(terminal.out.style, terminal.out.width));
  }
  return kExitDone;
}

absl::StatusOr<int> Query(const Terminal& terminal, const QueryOptions& options) {
  if (options.json && options.csv) return UsageError("--json and --csv are two formats; give one");
  if (options.sql.empty() && !options.views)
    return UsageError("query needs SQL or a view's name (sprint query --views)");
  SPRINT_ASSIGN_OR_RETURN(const auto reader, OpenDatabase(options.database));
  if (options.views) return ShowViews(terminal, *reader, options);
  std::string sql = options.sql;
  std::vector<SqlValue> parameters;
  if (IsName(sql)) {
    sql = absl::StrCat("SELECT * FROM ", options.sql);
    if (!options.experiment.empty()) {
      SPRINT_ASSIGN_OR_RETURN(const ExperimentId id, FindExperiment(*reader, options.experiment));
      absl::StrAppend(&sql, " WHERE experiment_id = ?1");
      parameters.emplace_back(id.value());
    }
  } else if (!options.experiment.empty()) {
    return UsageError("--experiment goes with a view's name; SQL says it itself (WHERE experiment_id = …)");
  }
  const RowFormat format = options.json  ? RowFormat::kJson
                           : options.csv ? RowFormat::kCsv
                                         : RowFormat::kTable;
  const int64_t most = options.limit >= 0 ? options.limit : format == RowFormat::kTable ? kTableRows : 0;
  const auto writer = MakeRowWriter(format, terminal.out.style, terminal.out.width,
                                    [&](absl::string_view text) { terminal.out.Write(text); });
  int64_t rows = 0;
  bool more = false;
  SPRINT_RETURN_IF_ERROR(reader->ForEachRow(
      sql, parameters, [&](const std::vector<std::string>& columns, const std::vector<SqlValue>& row) {
        more = most > 0 && rows == most;
        if (more) return false;
        ++rows;
        writer->Row(columns, row);
        return true;
      }));
  writer->Finish(reader->columns());
  if (more) {
    terminal.err.Write(
        terminal.err.style.Paint(Tone::kDim,
                                 absl::StrCat("the first ", most, " rows; --limit 0 shows all of them")) +
        "\n");
  }
  return kExitDone;
}

}  // namespace

void AddQuery(App& app) {
  auto options = std::make_shared<QueryOptions>();
  CLI::App* query =
      app.Add(app.root(), "query", "Ask the database: SQL, or a view by its name",
              {"sprint query --views", "sprint query v_arm_accuracy --experiment demo",
               "sprint query \"SELECT arm, fixed, broken FROM v_flips ORDER BY fixed DESC\" --limit 10",
               "sprint query v_outcome --csv > outcomes.csv"},
              [options](const Terminal& terminal) { return Query(terminal, *options); });
  query->add_option("SQL", options->sql, "A SELECT, or a view's name");
  AddDatabase(query, options->database);
  query->add_option("--experiment", options->experiment, "Of a view: this experiment's rows only")
      ->type_name("EXPERIMENT");
  query->add_flag("--views", options->views, "List the views");
  query->add_flag("--json", options->json, "A JSON array of objects");
  query->add_flag("--csv", options->csv, "CSV with a header");
  query->add_option("--limit", options->limit, "So many rows; 0: all (a table shows 200 unless told)")
      ->type_name("N");
}

}  // namespace sprint
