#include "cli/app.h"

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/render/text.h"
#include "cli/version.h"

namespace sprint {
namespace {

constexpr absl::string_view kUsagePayload = "sprint/usage";

ColorMode ParseColor(const std::string& name) {
  if (name == "always") return ColorMode::kAlways;
  return name == "never" ? ColorMode::kNever : ColorMode::kAuto;
}

// The command that the line got to: the last one parsed, and its full name.
const CLI::App* Selected(const CLI::App& root, std::string& path) {
  const CLI::App* command = &root;
  path = root.get_name();
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    absl::StrAppend(&path, " ", command->get_name());
  }
  return command;
}

// The first word that is neither an option nor --color's value, behind the parent command's when there is
// one: a command that does not exist.
std::string UnknownWord(const std::vector<std::string>& arguments, bool has_parent) {
  int words_before = has_parent ? 1 : 0;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (absl::StartsWith(arguments[i], "-") || (i > 0 && arguments[i - 1] == "--color")) continue;
    if (words_before-- == 0) return arguments[i];
  }
  return "";
}

std::string ExamplesText(const std::vector<std::string>& examples) {
  if (examples.empty()) return "";
  return absl::StrCat("Examples:\n  ", absl::StrJoin(examples, "\n  "));
}

}  // namespace

absl::Status UsageError(absl::string_view message) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kUsagePayload, absl::Cord("1"));
  return status;
}

bool IsUsageError(const absl::Status& status) { return status.GetPayload(kUsagePayload).has_value(); }

CLI::Option* AddChoice(CLI::App* command, const std::string& flags, std::string& value,
                       const std::vector<std::string>& choices, const std::string& description) {
  return command->add_option(flags, value, description)
      ->check(CLI::IsMember(choices).description(""))
      ->type_name(absl::StrJoin(choices, "|"));
}

App::App(const std::string& description, const std::string& name) : root_(description, name) {
  root_.set_version_flag(
      "--version", [] { return absl::StrCat("sprint ", kVersion); }, "Print the version");
  root_.set_help_flag("-h,--help", "Print this help");
  root_.get_formatter()->label("SUBCOMMAND", "COMMAND");
  root_.get_formatter()->label("OPTIONS", "options");
  root_.get_formatter()->label("REQUIRED", "(required)");
  root_.get_formatter()->column_width(34);
  AddChoice(&root_, "--color", color_, {"auto", "always", "never"},
            "Colour: auto is on for terminals, unless NO_COLOR is set");
  root_.require_subcommand(0, 1);
  root_.footer(absl::StrCat(name, " COMMAND --help says more of a command."));
}

CLI::App* App::Add(CLI::App& parent, const std::string& name, const std::string& description,
                   const std::vector<std::string>& examples, Action action) {
  CLI::App* command = parent.add_subcommand(name, description);
  command->group("Commands");
  command->fallthrough();  // --color is the root's, wherever it is written
  command->footer(ExamplesText(examples));
  if (action != nullptr) {
    actions_[command] = std::move(action);
    command->require_subcommand(0, 0);
  } else {
    command->require_subcommand(1);
  }
  return command;
}

int App::Run(const std::vector<std::string>& arguments) {
  try {
    // CLI11 takes the arguments from the back.
    root_.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::Success& success) {
    return root_.exit(success);  // --help, --version
  } catch (const CLI::ParseError& error) {
    return Fail(OpenTerminal(ParseColor(color_)), Explain(error, arguments), kExitUsage);
  }
  const Terminal terminal = OpenTerminal(ParseColor(color_));
  const absl::StatusOr<int> code = RunSelected(terminal);
  if (code.ok()) return *code;
  return Fail(terminal, code.status().message(), IsUsageError(code.status()) ? kExitUsage : kExitFailed);
}

absl::StatusOr<int> App::RunSelected(const Terminal& terminal) {
  std::string path;
  const auto action = actions_.find(Selected(root_, path));
  if (action != actions_.end()) return action->second(terminal);
  terminal.err.Write(root_.help());
  return kExitUsage;
}

int App::Fail(const Terminal& terminal, absl::string_view message, int code) const {
  const std::string line = absl::StrReplaceAll(message, {{"\n", " "}, {"\r", " "}});
  terminal.err.Write(absl::StrCat(terminal.err.style.Paint(Tone::kBad, absl::StrCat(root_.get_name(), ":")),
                                  " ", line, "\n"));
  return code;
}

std::string App::Explain(const CLI::ParseError& error, const std::vector<std::string>& arguments) const {
  std::string path;
  const CLI::App* command = Selected(root_, path);
  const auto children =
      command->get_subcommands([](const CLI::App* child) { return !child->get_name().empty(); });
  const int code = error.get_exit_code();
  const bool about_commands = code == static_cast<int>(CLI::ExitCodes::ExtrasError) ||
                              code == static_cast<int>(CLI::ExitCodes::RequiredError);
  const std::string word =
      about_commands && !children.empty() ? UnknownWord(arguments, path != root_.get_name()) : "";
  if (!word.empty()) {
    std::vector<std::string> names;
    for (const CLI::App* child : children) names.push_back(child->get_name());
    const std::string nearest = NearestWord(word, names);
    return absl::StrCat("there is no command \"", word, "\"",
                        nearest.empty() ? "" : absl::StrCat("; did you mean \"", nearest, "\"?"), " (", path,
                        " --help lists the commands)");
  }
  return absl::StrCat(error.what(), " (", path, " --help)");
}

}  // namespace sprint
