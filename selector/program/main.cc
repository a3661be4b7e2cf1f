// sprint-selector: from outcomes to selectors, and from selectors to arms. `sprint selector`, `sprint
// compare` and `sprint select` run it.
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "cli/completion.h"
#include "selector/program/commands.h"

int main(int argc, char** argv) {
  try {
    sprint::App app("Which arms to run for a question: selectors, trained on a sweep's outcomes.",
                    "sprint selector");
    sprint::AddFreeze(app);
    const std::vector<std::string> words(argv + (argc > 2 ? 2 : argc), argv + argc);
    sprint::AddTrain(app, words);
    sprint::AddEval(app);
    sprint::AddCompare(app);
    sprint::AddShowAndList(app);
    sprint::AddSelect(app);
    sprint::AddChoose(app);
    sprint::AddDescribeCommands(app);
    return app.Run({argv + (argc > 0 ? 1 : 0), argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sprint selector: unexpected: %s\n", error.what());
    return 1;
  }
}
