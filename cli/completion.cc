#include "cli/completion.h"

#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "cli/commands.h"
#include "cli/siblings.h"

namespace sprint {
namespace {

CompletionOption Describe(const CLI::Option& option) {
  CompletionOption out;
  for (const std::string& name : option.get_lnames()) out.flags.push_back("--" + name);
  for (const std::string& name : option.get_snames()) out.flags.push_back("-" + name);
  out.description = option.get_description();
  const std::string type = option.get_type_name();
  out.takes_value = option.get_items_expected_max() > 0;
  out.takes_path = absl::StrContains(type, "FILE") || absl::StrContains(type, "PATH");
  if (absl::StrContains(type, "|")) out.choices = absl::StrSplit(type, '|');
  return out;
}

void Collect(const CLI::App& app, const std::vector<std::string>& path, std::vector<CompletionCommand>& out) {
  CompletionCommand command;
  command.path = path;
  command.description = app.get_description();
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_group().empty()) command.options.push_back(Describe(*option));
  }
  const auto children = app.get_subcommands(
      [](const CLI::App* child) { return !child->get_name().empty() && !child->get_group().empty(); });
  for (const CLI::App* child : children)
    command.subcommands.emplace_back(child->get_name(), child->get_description());
  out.push_back(std::move(command));
  for (const CLI::App* child : children) {
    std::vector<std::string> below = path;
    below.push_back(child->get_name());
    Collect(*child, below, out);
  }
}

// 'text' for a shell, whatever is in it.
std::string Quoted(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

std::string PathKey(const CompletionCommand& command) { return absl::StrJoin(command.path, " "); }

std::vector<std::string> Flags(const CompletionCommand& command) {
  std::vector<std::string> flags;
  for (const CompletionOption& option : command.options)
    flags.insert(flags.end(), option.flags.begin(), option.flags.end());
  return flags;
}

std::vector<std::string> SubcommandNames(const CompletionCommand& command) {
  std::vector<std::string> names;
  for (const auto& [name, description] : command.subcommands) names.push_back(name);
  return names;
}

bool HasPathPositional(const CompletionCommand& command) {
  for (const CompletionOption& option : command.options) {
    if (option.flags.empty() && option.takes_path) return true;
  }
  return false;
}

// "--db|--out) what ;;" for each option of a command that takes a value.
std::string BashValueCases(const CompletionCommand& command) {
  std::string text;
  for (const CompletionOption& option : command.options) {
    if (!option.takes_value || option.flags.empty()) continue;
    std::string action = ":";
    if (!option.choices.empty())
      action = absl::StrCat("COMPREPLY=($(compgen -W ", Quoted(absl::StrJoin(option.choices, " ")),
                            " -- \"$cur\"))");
    if (option.takes_path) action = "COMPREPLY=($(compgen -f -- \"$cur\"))";
    absl::StrAppend(&text, "        ", absl::StrJoin(option.flags, "|"), ") ", action, "; return ;;\n");
  }
  return text;
}

std::string BashCase(const CompletionCommand& command) {
  const std::string values = BashValueCases(command);
  std::string text = absl::StrCat("    ", Quoted(PathKey(command)), ")\n");
  if (!values.empty()) absl::StrAppend(&text, "      case \"$prev\" in\n", values, "      esac\n");
  absl::StrAppend(&text, "      words=", Quoted(absl::StrJoin(SubcommandNames(command), " ")),
                  "\n      flags=", Quoted(absl::StrJoin(Flags(command), " ")),
                  "\n      files=", HasPathPositional(command) ? "1" : "0", "\n      ;;\n");
  return text;
}

std::string FishCondition(const CompletionCommand& command) {
  if (command.path.empty()) return "__fish_use_subcommand";
  std::string condition = absl::StrCat("__fish_seen_subcommand_from ", command.path.front());
  if (command.path.size() > 1)
    absl::StrAppend(&condition, "; and __fish_seen_subcommand_from ", command.path[1]);
  if (!command.subcommands.empty()) {
    absl::StrAppend(&condition, "; and not __fish_seen_subcommand_from ",
                    absl::StrJoin(SubcommandNames(command), " "));
  }
  return condition;
}

std::string FishOption(const CompletionCommand& command, const CompletionOption& option) {
  std::string line = absl::StrCat("complete -c sprint -n ", Quoted(FishCondition(command)));
  for (const std::string& flag : option.flags) {
    absl::StrAppend(&line, absl::StartsWith(flag, "--") ? " -l " : " -s ",
                    absl::StripPrefix(absl::StripPrefix(flag, "-"), "-"));
  }
  if (option.takes_value) absl::StrAppend(&line, option.takes_path ? " -r -F" : " -x");
  if (!option.choices.empty()) absl::StrAppend(&line, " -a ", Quoted(absl::StrJoin(option.choices, " ")));
  return absl::StrCat(line, " -d ", Quoted(option.description), "\n");
}

// _arguments' own signs in a description or a value list.
std::string ZshText(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"[", "\\["}, {"]", "\\]"}, {":", "\\:"}});
}

std::string ZshOption(const CompletionOption& option) {
  std::string value;
  if (option.takes_value) {
    value = option.takes_path         ? ":file:_files"
            : !option.choices.empty() ? absl::StrCat(":value:(", absl::StrJoin(option.choices, " "), ")")
                                      : ":value: ";
  }
  if (option.flags.empty())
    return absl::StrCat("      ", Quoted(absl::StrCat("*:argument:", option.takes_path ? "_files" : " ")),
                        " \\\n");
  std::string text;
  for (const std::string& flag : option.flags) {
    absl::StrAppend(&text, "      ",
                    Quoted(absl::StrCat(flag, option.takes_value && absl::StartsWith(flag, "--") ? "=" : "",
                                        "[", ZshText(option.description), "]", value)),
                    " \\\n");
  }
  return text;
}

// What sprint-selector says of its commands; nothing where it is not there, or of another release.
std::vector<CompletionCommand> AskSelectorProgram() {
  const absl::StatusOr<std::string> program = FindSibling("selector");
  if (!program.ok()) return {};
  const absl::StatusOr<SiblingOutput> output = RunSibling(*program, {"describe-commands"});
  if (!output.ok() || output->exit_code != 0) return {};
  return CommandsFromJson(output->out).value_or(std::vector<CompletionCommand>());
}

absl::StatusOr<int> WriteScript(const Terminal& terminal, const App& app, const std::string& shell) {
  std::vector<CompletionCommand> commands = DescribeCommands(app.root());
  AddSelectorCommands(AskSelectorProgram(), commands);
  terminal.out.Write(shell == "bash"  ? BashCompletion(commands)
                     : shell == "zsh" ? ZshCompletion(commands)
                                      : FishCompletion(commands));
  return kExitDone;
}

}  // namespace

std::vector<CompletionCommand> DescribeCommands(const CLI::App& root) {
  std::vector<CompletionCommand> commands;
  Collect(root, {}, commands);
  return commands;
}

std::string BashCompletion(const std::vector<CompletionCommand>& commands) {
  std::string known;  // the paths, to walk the words with
  std::string cases;
  for (const CompletionCommand& command : commands) {
    if (!command.path.empty()) absl::StrAppend(&known, " ", Quoted(PathKey(command)));
    absl::StrAppend(&cases, BashCase(command));
  }
  return absl::StrCat(
      "# bash completion for sprint. Use: source <(sprint completion bash)\n"
      "_sprint() {\n"
      "  local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\" path='' word known "
      "words flags files\n"
      "  COMPREPLY=()\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    for known in",
      known,
      "; do\n"
      "      if [ \"${path:+$path }$word\" = \"$known\" ]; then path=\"$known\"; break; fi\n"
      "    done\n"
      "  done\n"
      "  case \"$path\" in\n",
      cases,
      "  esac\n"
      "  if [[ \"$cur\" == -* ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$flags\" -- \"$cur\"))\n"
      "  elif [ -n \"$words\" ]; then\n"
      "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
      "  elif [ \"$files\" = 1 ]; then\n"
      "    COMPREPLY=($(compgen -f -- \"$cur\"))\n"
      "  fi\n"
      "}\n"
      "complete -o filenames -o bashdefault -F _sprint sprint\n");
}

std::string ZshCompletion(const std::vector<CompletionCommand>& commands) {
  std::string cases;
  for (const CompletionCommand& command : commands) {
    absl::StrAppend(&cases, "    ", Quoted(PathKey(command)), ")\n");
    if (!command.subcommands.empty()) {
      std::vector<std::string> entries;
      for (const auto& [name, description] : command.subcommands) {
        entries.push_back(Quoted(absl::StrCat(name, ":", absl::StrReplaceAll(description, {{":", "\\:"}}))));
      }
      absl::StrAppend(&cases, "      commands=(", absl::StrJoin(entries, " "),
                      ")\n      _describe command commands\n");
    }
    absl::StrAppend(&cases, "      _arguments \\\n");
    for (const CompletionOption& option : command.options) absl::StrAppend(&cases, ZshOption(option));
    absl::StrAppend(&cases, "      && return 0\n      ;;\n");
  }
  std::string known;
  for (const CompletionCommand& command : commands) {
    if (!command.path.empty()) absl::StrAppend(&known, " ", Quoted(PathKey(command)));
  }
  return absl::StrCat(
      "#compdef sprint\n"
      "# zsh completion for sprint. Use: sprint completion zsh > \"${fpath[1]}/_sprint\"\n"
      "_sprint() {\n"
      "  local path='' word known\n"
      "  local -a commands\n"
      "  integer depth=0\n"
      "  for word in \"${(@)words[2,CURRENT-1]}\"; do\n"
      "    for known in",
      known,
      "; do\n"
      "      if [[ \"${path:+$path }$word\" == \"$known\" ]]; then path=\"$known\"; (( ++depth )); break; "
      "fi\n"
      "    done\n"
      "  done\n"
      "  # _arguments counts from the command's own name.\n"
      "  (( depth > 0 )) && { words=(\"${(@)words[depth+1,-1]}\"); (( CURRENT -= depth )); }\n"
      "  case \"$path\" in\n",
      cases,
      "  esac\n"
      "}\n"
      "if [[ \"$funcstack[1]\" == _sprint ]]; then _sprint \"$@\"; else compdef _sprint sprint; fi\n");
}

std::string FishCompletion(const std::vector<CompletionCommand>& commands) {
  std::string text =
      "# fish completion for sprint. Use: sprint completion fish > ~/.config/fish/completions/sprint.fish\n";
  for (const CompletionCommand& command : commands) {
    const std::string condition = Quoted(FishCondition(command));
    if (!command.subcommands.empty() || !HasPathPositional(command)) {
      absl::StrAppend(&text, "complete -c sprint -n ", condition, " -f\n");
    }
    for (const auto& [name, description] : command.subcommands) {
      absl::StrAppend(&text, "complete -c sprint -n ", condition, " -f -a ", name, " -d ",
                      Quoted(description), "\n");
    }
    for (const CompletionOption& option : command.options) {
      if (!option.flags.empty()) absl::StrAppend(&text, FishOption(command, option));
    }
  }
  return text;
}

void AddCompletion(App& app) {
  auto shell = std::make_shared<std::string>();
  CLI::App* completion =
      app.Add(app.root(), "completion", "Print a completion script",
              {"source <(sprint completion bash)", "sprint completion zsh > \"${fpath[1]}/_sprint\"",
               "sprint completion fish > ~/.config/fish/completions/sprint.fish"},
              [shell, &app](const Terminal& terminal) { return WriteScript(terminal, app, *shell); });
  AddChoice(completion, "SHELL", *shell, {"bash", "zsh", "fish"}, "The shell")->required();
}

}  // namespace sprint
