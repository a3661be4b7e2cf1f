#include "tests/cli/bad_input.h"

namespace sprint {

namespace {

// Good choices for both questions, then `more`.
Arguments WithChoices(Place& place, const std::string& more) {
  place.Write("arms.jsonl",
              "{\"id\": \"a\", \"arms\": [\"baseline\"]}\n{\"id\": \"b\", \"arms\": [\"L0H1\"]}\n" + more);
  return DryRunWith({"--choices", "arms.jsonl"});
}

}  // namespace

std::vector<Case> QuestionCases() {
  return {
      {"a dataset that does not exist",
       [](Place&) {
         return DryRunWith({"--dataset", "none.jsonl"});
       },
       1,
       {"none.jsonl"}},
      {"an empty dataset",
       [](Place& place) {
         place.Write("questions.jsonl", "");
         return kDryRun;
       },
       1,
       {"questions.jsonl"}},
      {"a row that is not JSON",
       [](Place& place) {
         place.Write("questions.jsonl", "{\"question\": \"a\", \"answer\": \"1\"}\n{\"question\": \n");
         return kDryRun;
       },
       1,
       {"questions.jsonl:2"}},
      {"a row without the question's field",
       [](Place&) {
         return DryRunWith({"--field", "question=problem"});
       },
       1,
       {"questions.jsonl:1", "problem", "question"}},
      {"two rows of one id",
       [](Place& place) {
         place.Write("questions.jsonl",
                     "{\"id\": \"a\", \"question\": \"x\", \"answer\": \"1\"}\n"
                     "{\"id\": \"a\", \"question\": \"y\", \"answer\": \"2\"}\n");
         return kDryRun;
       },
       1,
       {"questions.jsonl:2", "\"a\""}},
      {"an id that the dataset lacks",
       [](Place&) {
         return DryRunWith({"--ids", "zz"});
       },
       1,
       {"zz"}},
      {"a selection that leaves nothing",
       [](Place&) {
         return DryRunWith({"--offset", "9"});
       },
       1,
       {"questions.jsonl"}},
      {"chosen arms for an unknown question",
       [](Place& place) { return WithChoices(place, "{\"id\": \"zz\", \"arms\": [\"L0H1\"]}\n"); },
       1,
       {"arms.jsonl:3", "\"zz\""}},
      {"a chosen arm that does not read",
       [](Place& place) { return WithChoices(place, "{\"id\": \"b\", \"arms\": [\"head 3\"]}\n"); },
       1,
       {"arms.jsonl:3", "head 3"}},
      {"a chosen head that the model lacks",
       [](Place& place) {
         return WithChoices(place, "{\"id\": \"b\", \"arms\": [\"L0H9\"], \"method\": \"m\"}\n");
       },
       1,
       {"arms.jsonl:3", "head 9"}},
      {"an empty list of chosen arms",
       [](Place& place) { return WithChoices(place, "{\"id\": \"b\", \"arms\": []}\n"); },
       1,
       {"arms.jsonl:3", "empty"}},
      {"an arm chosen twice",
       [](Place& place) { return WithChoices(place, "{\"id\": \"b\", \"arms\": [\"L0H1\", \"0:1\"]}\n"); },
       1,
       {"arms.jsonl:3", "L0H1", "twice"}},
      {"a question chosen for twice",
       [](Place& place) { return WithChoices(place, "{\"id\": \"b\", \"arms\": [\"L0H1\"]}\n"); },
       1,
       {"arms.jsonl:3", "arms.jsonl:2"}},
      {"a question that nothing is chosen for",
       [](Place& place) {
         return WithChoices(place, "{\"id\": \"a\", \"arms\": [\"L0H1\"], \"method\": \"m\"}\n");
       },
       1,
       {"arms.jsonl", "\"b\""}},
      {"samples of chosen arms without a temperature",
       [](Place& place) {
         return WithChoices(place,
                            "{\"id\": \"a\", \"arms\": [\"L0H1\"], \"method\": \"m\", \"samples\": "
                            "4}\n{\"id\": \"b\", \"arms\": [\"L0H1\"], \"method\": \"m\"}\n");
       },
       1,
       {"arms.jsonl:3", "greedy"}},
      {"a file of chosen arms that does not exist",
       [](Place&) {
         return DryRunWith({"--choices", "none.jsonl"});
       },
       1,
       {"none.jsonl"}},
      {"chosen arms beside arms for all",
       [](Place& place) {
         Arguments arguments = WithChoices(place, "");
         arguments.insert(arguments.end(), {"--arms", "all"});
         return arguments;
       },
       2,
       {"--choices", "--arms"}},
      {"a CSV row of too few fields",
       [](Place& place) {
         place.Write("questions.csv", "id,question,answer\na,x,1\nb,y\n");
         return DryRunWith({"--dataset", "questions.csv"});
       },
       1,
       {"questions.csv:3", "2 fields"}},
      {"a preset that is not known",
       [](Place&) {
         return DryRunWith({"--field", "preset=mmlu"});
       },
       2,
       {"mmlu", "svamp"}},
      {"a row to be judged that is not JSON",
       [](Place& place) {
         place.Write("pairs.jsonl", "{\"gold\": \"1\", \"pred\": \"1\"}\n{\"gold\"\n");
         return Arguments{"judge", "pairs.jsonl"};
       },
       1,
       {"pairs.jsonl:2"}},
      {"a row to be judged without its answer",
       [](Place& place) {
         place.Write("pairs.jsonl", "{\"id\": 1, \"gold\": \"1\"}\n");
         return Arguments{"judge", "pairs.jsonl"};
       },
       1,
       {"pairs.jsonl:1", "pred"}},
      {"a judge's task that is not known",
       [](Place& place) {
         place.Write("pairs.jsonl", "{\"gold\": \"1\", \"pred\": \"1\", \"task\": \"grade\"}\n");
         return Arguments{"judge", "pairs.jsonl"};
       },
       1,
       {"grade", "extract+equiv"}},
      {"a prompt longer than the context",
       [](Place&) {
         return DryRunWith({"--max-new-tokens", "100000"});
       },
       1,
       {"\"a\"", "100000"}},
      {"a layer that does not exist",
       [](Place&) {
         return DryRunWith({"--arms", "99:0"});
       },
       1,
       {"99"}},
      {"a layer of hidden states that does not exist",
       [](Place&) {
         return DryRunWith({"--hidden-states", "0,4"});
       },
       1,
       {"hidden_states[1]", "layers 0 to 3"}},
      {"a head that does not exist",
       [](Place&) {
         return DryRunWith({"--arms", "0:99"});
       },
       1,
       {"99"}},
      {"a group that does not divide the heads",
       [](Place&) {
         return DryRunWith({"--arms", "all", "--group", "4"});
       },
       1,
       {"4"}},
      {"text that is no arm",
       [](Place&) {
         return DryRunWith({"--arms", "first"});
       },
       2,
       {"first", "L3H*"}},
  };
}

}  // namespace sprint
