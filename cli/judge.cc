#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/render/text.h"
#include "eval/judge_rows.h"

namespace sprint {
namespace {

// A line a row; flushed when so much has gathered.
constexpr size_t kFlushBytes = 1 << 16;

absl::StatusOr<std::string> ReadStandardInput() {
  std::string text;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
    if (n == 0) return text;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return absl::UnavailableError(absl::StrCat("cannot read stdin: ", std::strerror(errno)));
    text.append(buffer, static_cast<size_t>(n));
  }
}

absl::StatusOr<int> JudgeFile(const Terminal& terminal, const std::string& path) {
  SPRINT_ASSIGN_OR_RETURN(const std::string text, path == "-" ? ReadStandardInput() : ReadFile(path));
  SPRINT_ASSIGN_OR_RETURN(const std::vector<JudgeRow> rows,
                          ParseJudgeRows(text, path == "-" ? "stdin" : path));
  std::string out;
  for (const JudgeRow& row : rows) {
    absl::StrAppend(&out, WriteJudged(row, JudgeRowAlone(row)), "\n");
    if (out.size() < kFlushBytes) continue;
    terminal.out.Write(out);
    out.clear();
  }
  terminal.out.Write(out);
  return kExitDone;
}

}  // namespace

void AddJudge(App& app) {
  auto path = std::make_shared<std::string>();
  CLI::App* command = app.Add(
      app.root(), "judge", "Judge answers from a file, with what was extracted and why",
      {"sprint judge pairs.jsonl > verdicts.jsonl",
       "echo '{\"id\": 1, \"task\": \"equiv\", \"gold\": \"1/2\", \"pred\": \"0.5\"}' | sprint judge -"},
      [path](const Terminal& terminal) { return JudgeFile(terminal, *path); });
  command->footer(absl::StrCat(
      command->get_footer(),
      "\nRows are JSON lines {id, task, gold, pred}. task: equiv (pred is an answer), extract (pred is a "
      "whole\ntext; gold may be null), extract+equiv (the default: a whole text with a gold answer). The "
      "result has a\nline a row: {id, verdict, extracted, rule, reason}; verdict is true, false or, "
      "without a gold, null.\n"));
  command->add_option("FILE", *path, "JSON lines, or - for stdin")->required();
}

}  // namespace sprint
