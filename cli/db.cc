#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/render/progress.h"
#include "cli/render/text.h"
#include "storage/maintenance.h"

namespace sprint {
namespace {

struct DbOptions {
  std::string database = "sprint.db";
  std::string to;
  bool json = false;
};

absl::StatusOr<int> Check(const Terminal& terminal, const DbOptions& options) {
  if (!FileExists(options.database)) return OpenDatabase(options.database).status();
  SPRINT_ASSIGN_OR_RETURN(const CheckReport report, CheckDatabase(options.database));
  if (options.json) {
    const nlohmann::ordered_json json = {{"database", options.database},
                                         {"outcomes", report.outcomes},
                                         {"payloads", report.payloads},
                                         {"problems", report.problems}};
    terminal.out.Write(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  } else {
    for (const std::string& problem : report.problems) {
      terminal.out.Write(
          absl::StrCat(terminal.out.style.Paint(Tone::kBad, "problem"), "  ", Printable(problem), "\n"));
    }
    terminal.out.Write(absl::StrCat(
        options.database, ": ", Plural(report.outcomes, "outcome", "outcomes"), " and ",
        Plural(report.payloads, "payload", "payloads"), " read, ",
        report.problems.empty() ? "no problem found"
                                : Plural(static_cast<int64_t>(report.problems.size()), "problem", "problems"),
        "\n"));
  }
  return report.problems.empty() ? kExitDone : kExitFailed;
}

absl::StatusOr<int> Backup(const Terminal& terminal, const DbOptions& options) {
  if (!FileExists(options.database)) return OpenDatabase(options.database).status();
  ProgressPrinter printer({terminal.err.tty, terminal.err.width, terminal.err.style},
                          [&](absl::string_view text) { terminal.err.Write(text); });
  const auto progress = [&](int64_t done, int64_t total) {
    ProgressState state;
    state.label = "pages";
    state.done = done;
    state.total = total;
    printer.Update(state, absl::Now());
  };
  const absl::Status copied = BackupDatabase(
      options.database, options.to, terminal.err.tty ? progress : std::function<void(int64_t, int64_t)>());
  printer.Clear();
  SPRINT_RETURN_IF_ERROR(copied);
  terminal.err.Write(absl::StrCat("copied ", options.database, " to ", options.to, "\n"));
  return kExitDone;
}

}  // namespace

void AddDb(App& app) {
  CLI::App* db = app.Add(app.root(), "db", "Check or copy a database, also while it is written",
                         {"sprint db check", "sprint db backup copy.db"});
  auto checking = std::make_shared<DbOptions>();
  CLI::App* check = app.Add(*db, "check", "Read everything and say what is damaged",
                            {"sprint db check", "sprint db check sweep.db"},
                            [checking](const Terminal& terminal) { return Check(terminal, *checking); });
  check->add_option("DATABASE", checking->database, "The database, instead of --db")->type_name("FILE");
  AddDatabase(check, checking->database);
  check->add_flag("--json", checking->json, "As JSON");

  auto copying = std::make_shared<DbOptions>();
  CLI::App* backup =
      app.Add(*db, "backup", "A consistent copy", {"sprint db backup /mnt/backup/sprint-monday.db"},
              [copying](const Terminal& terminal) { return Backup(terminal, *copying); });
  backup->add_option("TO", copying->to, "The copy; must not exist")->required()->type_name("FILE");
  AddDatabase(backup, copying->database);
}

}  // namespace sprint
