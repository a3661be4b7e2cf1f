// The command groups; each adds its commands to the tree.
#ifndef SPRINT_CLI_COMMANDS_H_
#define SPRINT_CLI_COMMANDS_H_

#include "cli/app.h"

namespace sprint {

void AddLaunch(App& app);
void AddResume(App& app);
void AddStatusCommands(App& app);   // status, list, watch, workers
void AddControlCommands(App& app);  // pause, cancel, retry, delete, shutdown
void AddStats(App& app);
void AddBon(App& app);
void AddVotes(App& app);
void AddScore(App& app);
void AddEmbed(App& app);
void AddPlan(App& app);
void AddQuery(App& app);
void AddExport(App& app);
void AddDb(App& app);
void AddModel(App& app);
void AddTry(App& app);
void AddJudge(App& app);
void AddExplain(App& app);
void AddRegrade(App& app);
void AddDataset(App& app);
void AddPrograms(App& app);  // worker, coordinator, selector, …: their own programs
void AddCompletion(App& app);

// The tree with every command, for RunCli and for the completion scripts.
void AddAllCommands(App& app);

// The whole of `sprint`: builds the tree, hands commands that are programs of their own to these, runs the
// rest. No exception leaves it.
int RunCli(int argc, char** argv);

}  // namespace sprint

#endif  // SPRINT_CLI_COMMANDS_H_
