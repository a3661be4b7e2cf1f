#include "cli/bon_selection.h"

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/status.h"
#include "cli/siblings.h"

namespace sprint {
namespace {

// A folder of its own among the temporary files, gone with all in it at the end of the scope.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::error_code error;
    const std::filesystem::path temporary = std::filesystem::temp_directory_path(error);
    path_ = (error ? std::filesystem::path(".") : temporary) / "sprint-bon-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  bool ok() const { return !path_.empty(); }
  std::string File(const char* name) const { return absl::StrCat(path_, "/", name); }

 private:
  std::string path_;
};

// The questions under the names that the program takes by default.
std::string DatasetLines(const std::vector<Problem>& problems) {
  std::string lines;
  for (const Problem& problem : problems) {
    const nlohmann::ordered_json row = {{"id", problem.id},
                                        {"question", problem.question},
                                        {"answer", problem.gold},
                                        {"subject", problem.subject},
                                        {"level", problem.level}};
    absl::StrAppend(&lines, row.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), "\n");
  }
  return lines;
}

// The last line that the program wrote, without its name.
std::string ReasonIn(const std::string& output) {
  std::string reason = "it said nothing";
  for (absl::string_view line : absl::StrSplit(output, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    for (const char* name : {"sprint selector:", "sprint:"}) absl::ConsumePrefix(&line, name);
    if (!line.empty()) reason = std::string(absl::StripAsciiWhitespace(line));
  }
  return reason;
}

}  // namespace

absl::StatusOr<std::vector<Choice>> AskSelector(const SelectionRequest& request,
                                                const PreparedLaunch& launch) {
  SPRINT_ASSIGN_OR_RETURN(const std::string program, FindSibling("selector"));
  const ScratchFolder scratch;
  if (!scratch.ok())
    return absl::UnavailableError("cannot make a folder among the temporary files ($TMPDIR)");
  const std::string questions = scratch.File("questions.jsonl");
  const std::string arms = scratch.File("arms.jsonl");
  SPRINT_RETURN_IF_ERROR(WriteFileAtomically(questions, DatasetLines(launch.problems)));
  std::vector<std::string> arguments = {"choose",
                                        "--selector=" + request.selector,
                                        "--dataset=" + questions,
                                        absl::StrCat("--n=", request.n),
                                        "--model=" + launch.spec.model().path(),
                                        "--out=" + arms};
  if (!request.policy.empty()) arguments.push_back("--policy=" + request.policy);
  if (request.allow_seen) arguments.emplace_back("--allow-seen");
  if (request.skip_seen) arguments.emplace_back("--skip-seen");
  SPRINT_ASSIGN_OR_RETURN(const SiblingOutput output, RunSibling(program, arguments));
  if (output.exit_code == 0) return ReadChoices(arms);
  return absl::UnknownError(absl::StrCat("sprint-selector chose no arms: ", ReasonIn(output.err)));
}

}  // namespace sprint
