#include "worker/worker_program.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/status.h"
#include "conversation/token.h"
#include "worker/worker_shell.h"

namespace sprint {
namespace {

constexpr int kExitStopped = 130;

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "unknown";
}

void AddFlags(CLI::App& app, WorkerFlags& flags) {
  app.set_version_flag("--version", SPRINT_VERSION);
  app.add_option("--coordinator", flags.coordinator, "where the coordinator listens, HOST:PORT")->required();
  app.add_option("--name", flags.name, "this worker's name, for people (default HOST/PID)");
  app.add_option("--instance", flags.instance, "its identity (default random); for supervisors");
  app.add_option("--device", flags.device, "auto, cpu, cuda, cuda:1")->capture_default_str();
  app.add_option("--threads", flags.threads, "CPU threads; 0: all this process may use")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--max-sequences", flags.max_sequences,
                 "answers generated at once; 0: as many as pay on this machine, which is measured")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option(
         "--lanes", flags.lanes,
         "groups that threads and answers are dealt to, none of which waits for another: 2 make large "
         "sweeps faster and small ones slower")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--memory", flags.memory_bytes, "for weights and K/V, as 6GiB; default: from the machine")
      ->transform(CLI::AsSizeValue(false));
  app.add_flag("!--no-prefix-reuse", flags.prefix_reuse,
               "compute the common beginning of prompts for each question again");
  app.add_flag("!--no-layer-resume", flags.layer_resume,
               "compute each arm's prompt from the first layer, and not from its lowest pruned one");
  app.add_flag("!--no-screened-head", flags.screened_head,
               "compute all logits for a greedy choice, and not only those that 8 bits leave open (bf16)");
  app.add_option("--max-draft", flags.max_draft,
                 "tokens tried at once from a question's known answers, where that pays; 0: none")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  app.add_option(
      "--shared-weights", flags.shared_weights,
      "folder where this machine's workers share weights (default: in /dev/shm); none: each has its own");
  app.add_option("--models", flags.models, "folders that hold models, searched by the model's base name");
  app.add_option("--log-file", flags.log_file, "append the log to this file (default: stderr)");
  app.add_option("--log-level", flags.log_level, "debug, info, warning, error, off")->capture_default_str();
  app.add_option("--token-file", flags.token_file, "holds the token that the coordinator asks for");
}

absl::StatusOr<AgentOptions> MakeAgentOptions(const WorkerFlags& flags, const WorkerProgram& program) {
  AgentOptions agent;
  const std::string random = RandomBytes(16);
  agent.instance = flags.instance.empty() ? absl::BytesToHexString(random) : flags.instance;
  agent.name = flags.name.empty() ? absl::StrCat(HostName(), "/", getpid()) : flags.name;
  agent.software = absl::StrCat(program.name, " ", SPRINT_VERSION);
  agent.device = program.describe_device(flags);
  for (const char byte : random.substr(0, 8)) agent.seed = agent.seed << 8 | static_cast<uint8_t>(byte);
  if (!flags.token_file.empty()) {
    SPRINT_ASSIGN_OR_RETURN(agent.auth_token, ReadTokenFile(flags.token_file));
  }
  return agent;
}

absl::Status Work(const WorkerFlags& flags, const WorkerProgram& program) {
  SPRINT_ASSIGN_OR_RETURN(const LogLevel level, ParseLogLevel(flags.log_level));
  SPRINT_RETURN_IF_ERROR(InitLog({program.name, level, flags.log_file}));
  SPRINT_ASSIGN_OR_RETURN(AgentOptions agent, MakeAgentOptions(flags, program));
  WorkerShell* shell = nullptr;
  Mutex mutex;
  SignalWatcher signals([&](int count) {
    if (count > 1) _exit(kExitStopped);
    SPRINT_LOG(kInfo) << "a signal: finishing what runs; a second one stops at once";
    MutexLock lock(&mutex);
    if (shell != nullptr) shell->Drain();
  });
  SPRINT_LOG(kInfo) << agent.name << " (instance " << agent.instance << ", " << agent.device << ") works for "
                    << flags.coordinator;
  WorkerShell worker({std::move(agent), Clock::Real(), MakeChannel(flags.coordinator)},
                     program.make_loader(flags));
  {
    MutexLock lock(&mutex);
    shell = &worker;
  }
  const absl::Status status = worker.Run();
  MutexLock lock(&mutex);
  shell = nullptr;
  return status;
}

}  // namespace

int RunWorkerProgram(int argc, char** argv, const WorkerProgram& program) {
  CLI::App app("Computes cells for a sprint coordinator.", program.name);
  WorkerFlags flags;
  AddFlags(app, flags);
  if (program.add_flags != nullptr) program.add_flags(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  const absl::Status status = Work(flags, program);
  if (status.ok()) {
    SPRINT_LOG(kInfo) << "ended in good order";
    FlushLog();
    return 0;
  }
  SPRINT_LOG(kError) << status.message();
  FlushLog();
  if (!flags.log_file.empty())
    std::fprintf(stderr, "%s: %s\n", program.name.c_str(), std::string(status.message()).c_str());
  return 1;
}

}  // namespace sprint
