#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/render/text.h"
#include "cli/siblings.h"
#include "cli/side_by_side.h"
#include "model/arm.h"

namespace sprint {
namespace {

struct TryOptions {
  std::string model;
  std::string prompt;
  std::string arm;
  std::string format = "raw";
  std::string system;
  std::string dtype = "f32";
  int32_t max_new_tokens = 128;
  bool json = false;
};

// The last line of a program's stderr is why it failed; its own name is taken off.
std::string ReasonIn(const std::string& output) {
  std::string reason;
  for (absl::string_view line : absl::StrSplit(output, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (!line.empty()) reason = std::string(absl::StripPrefix(line, "sprint-try: "));
  }
  return reason.empty() ? "sprint-try failed and said nothing" : reason;
}

absl::StatusOr<nlohmann::ordered_json> RunTry(const TryOptions& options) {
  SPRINT_ASSIGN_OR_RETURN(const std::string program, FindSibling("try"));
  // A value that is joined to its flag may begin with a dash; an empty one would take the next flag's place.
  std::vector<std::string> arguments = {options.model,
                                        "--prompt=" + options.prompt,
                                        "--arm=" + options.arm,
                                        "--format=" + options.format,
                                        "--dtype=" + options.dtype,
                                        absl::StrCat("--max-new-tokens=", options.max_new_tokens)};
  if (!options.system.empty()) arguments.push_back("--system=" + options.system);
  SPRINT_ASSIGN_OR_RETURN(const SiblingOutput output, RunSibling(program, arguments));
  if (output.exit_code != 0) return absl::UnknownError(ReasonIn(output.err));
  nlohmann::ordered_json json =
      nlohmann::ordered_json::parse(output.out, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("answers") || json["answers"].size() != 2) {
    return absl::InternalError(
        absl::StrCat(program, " did not answer as expected; use programs of one release"));
  }
  return json;
}

TitledText Answer(const nlohmann::ordered_json& answer) {
  return {absl::StrCat(answer.value("arm", ""), "  (",
                       Plural(answer.value("token_count", int64_t{0}), "token", "tokens"), ", ",
                       answer.value("finish", ""), ", log-probability ",
                       absl::StrFormat("%.2f", answer.value("logprob_sum", 0.0)), ")"),
          answer.value("text", "")};
}

std::string Verdict(const nlohmann::ordered_json& json) {
  const auto first = json.value("first_difference", int64_t{-1});
  if (first < 0) return "the answers are the same, token by token";
  return absl::StrCat("the answers part at token ", first + 1, ", at ▸");
}

absl::StatusOr<int> Try(const Terminal& terminal, const TryOptions& options) {
  if (options.prompt.empty()) return UsageError("--prompt is empty; give it the question");
  const absl::StatusOr<Arm> arm = Arm::Parse(options.arm);
  if (!arm.ok()) return UsageError(absl::StrCat("--arm: ", arm.status().message()));
  if (arm->is_baseline())
    return UsageError("--arm baseline: the baseline is shown anyway; name an arm such as 3:5");
  if (terminal.err.tty) terminal.err.Write("loading the model …");
  const absl::StatusOr<nlohmann::ordered_json> json = RunTry(options);
  if (terminal.err.tty) terminal.err.Write("\r\x1b[K");
  if (!json.ok()) return json.status();
  if (options.json) {
    terminal.out.Write(json->dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return kExitDone;
  }
  terminal.out.Write(SideBySide(Answer((*json)["answers"][0]), Answer((*json)["answers"][1]),
                                terminal.out.style, terminal.out.width));
  terminal.out.Write(absl::StrCat("\n", terminal.out.style.Paint(Tone::kDim, Verdict(*json)), "\n"));
  return kExitDone;
}

}  // namespace

void AddTry(App& app) {
  auto options = std::make_shared<TryOptions>();
  CLI::App* command =
      app.Add(app.root(), "try", "One prompt, answered by the baseline and by a pruned model, side by side",
              {"sprint try demo/model --prompt \"Mia has 3 apples and buys 4 more. How many now?\" --arm 3:5",
               "sprint try model.gguf --format chatml --prompt \"What is 12 * 7?\" --arm L5H0-8"},
              [options](const Terminal& terminal) { return Try(terminal, *options); });
  command->add_option("MODEL", options->model, "A Hugging Face folder or a .gguf file")
      ->required()
      ->type_name("PATH");
  command->add_option("--prompt", options->prompt, "The question")->required()->type_name("TEXT");
  command->add_option("--arm", options->arm, "What is pruned: 3:5, L3H0-8, L3H5+L7H2")
      ->required()
      ->type_name("ARM");
  AddChoice(command, "--format", options->format, {"raw", "chatml", "llama3"}, "How the prompt is laid out")
      ->capture_default_str();
  command->add_option("--system", options->system, "The system text")->type_name("TEXT");
  AddChoice(command, "--dtype", options->dtype, {"f32", "bf16"}, "What it is computed in")
      ->capture_default_str();
  command->add_option("--max-new-tokens", options->max_new_tokens, "Tokens an answer has at most")
      ->type_name("N")
      ->check(CLI::Validator(CLI::PositiveNumber).description(""))
      ->capture_default_str();
  command->add_flag("--json", options->json, "As JSON");
}

}  // namespace sprint
