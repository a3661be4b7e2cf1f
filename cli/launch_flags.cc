#include "cli/launch_flags.h"

namespace sprint {
namespace {

constexpr char kGroup[] = "The experiment (over the spec, or instead of it)";

void InGroup(CLI::Option* option, const char* type) { option->type_name(type)->group(kGroup); }

}  // namespace

void AddSpecFlags(CLI::App* command, LaunchFlags& flags) {
  command->add_option("SPEC", flags.spec, "The experiment: YAML, JSON or textproto")->type_name("FILE");
  InGroup(command->add_option("--name", flags.name, "What people call it"), "NAME");
  InGroup(command->add_option("--model", flags.model, "A Hugging Face folder or a .gguf file"), "PATH");
  InGroup(command->add_option("--dtype", flags.dtype, "What the weights are computed in")
              ->check(CLI::IsMember({"f32", "bf16"}).description("")),
          "f32|bf16");
  InGroup(command->add_option("--dataset", flags.dataset, "Questions and answers, JSON lines"), "FILE");
  InGroup(command->add_option("--limit", flags.limit, "So many questions")
              ->check(CLI::Validator(CLI::NonNegativeNumber).description("")),
          "N");
  InGroup(command->add_option("--offset", flags.offset, "Skip so many first")
              ->check(CLI::Validator(CLI::NonNegativeNumber).description("")),
          "N");
  InGroup(command->add_option("--ids", flags.ids, "These questions only")->delimiter(','), "ID,…");
  InGroup(command->add_option(
              "--field", flags.fields,
              "A row's field by another name: question=problem; or preset=gsm8k|math|svamp|minerva|aime"),
          "FIELD=NAME");
  InGroup(command->add_option("--format", flags.format, "How a prompt is laid out")
              ->check(CLI::IsMember({"raw", "chatml", "llama3"}).description("")),
          "raw|chatml|llama3");
  InGroup(command->add_option("--system", flags.system, "The system text"), "TEXT");
  InGroup(command->add_option("--template", flags.prompt_template, "The user's turn, with {question} in it"),
          "TEXT");
  InGroup(command->add_option("--max-new-tokens", flags.max_new_tokens, "Tokens an answer has at most"), "N");
  InGroup(command->add_option("--stop-token", flags.stop_tokens, "Ends an answer, beside the model's own"),
          "ID");
  command->add_flag("--ignore-eos", flags.ignore_eos, "The model's own end tokens do not end an answer")
      ->group(kGroup);
  InGroup(command->add_option("--temperature", flags.temperature, "0 is greedy; more samples"), "T");
  InGroup(command->add_option("--top-k", flags.top_k, "Draw among the k best tokens"), "K");
  InGroup(command->add_option("--top-p", flags.top_p, "Draw among the fewest tokens of this mass"), "P");
  InGroup(command->add_option("--min-p", flags.min_p, "Draw among tokens this likely against the best"), "P");
  InGroup(command->add_option("--repetition-penalty", flags.repetition_penalty, "Above 1 repeats less"), "R");
  InGroup(command->add_option("--stop-string", flags.stop_strings, "An answer's text ends before it"),
          "TEXT");
  InGroup(command->add_option("--loop-repeats", flags.loop_repeats,
                              "Ends an answer that says a piece so often in a row"),
          "K");
  InGroup(command->add_option("--samples", flags.samples, "Answers of each question under each arm"), "N");
  InGroup(command
              ->add_option("--hidden-states", flags.hidden_states,
                           "Keep the prompts' hidden states after these layers: 15, middle, last; by commas")
              ->delimiter(','),
          "LAYERS");
  InGroup(command->add_option("--seed", flags.seed, "Part of the run's identity"), "N");
  InGroup(command->add_option("--priority", flags.priority, "Higher first among experiments"), "N");
}

void AddArmFlags(CLI::App* command, LaunchFlags& flags) {
  InGroup(command->add_option("--arms", flags.arms,
                              "all; L3H* (each head of layer 3); L3 (the whole layer); 3:5; L3H0-8+L7H2; "
                              "L3H5*0.5 (scaled); several by commas"),
          "ARMS");
  InGroup(command->add_option("--group", flags.group, "Heads taken together in all and L3H*")
              ->check(CLI::Validator(CLI::PositiveNumber).description("")),
          "N");
  InGroup(command->add_option("--scale", flags.scale,
                              "Multiply the heads of all, L3H* and L3 by this in place of 0: a control"),
          "FACTOR");
}

}  // namespace sprint
