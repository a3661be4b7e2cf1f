// The worker as a program: flags, log, signals, loop. main.cc brings the torch engine; the tests'
// worker a fake one.
#ifndef SPRINT_WORKER_WORKER_PROGRAM_H_
#define SPRINT_WORKER_WORKER_PROGRAM_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "worker/model_loader.h"

namespace CLI {
class App;
}

namespace sprint {

struct WorkerFlags {
  std::string coordinator;
  std::string name;
  std::string instance;
  std::string device = "auto";
  int threads = 0;
  int max_sequences = 0;
  int lanes = 1;
  int64_t memory_bytes = 0;
  // Savings that change no result; each can be switched off.
  bool prefix_reuse = true;
  bool layer_resume = true;
  int max_draft = 16;
  bool screened_head = true;   // changes log-probabilities a little, and no text
  std::string shared_weights;  // a folder; empty: the default one; "none": not shared
  std::vector<std::string> models;
  std::string log_file;
  std::string log_level = "info";
  std::string token_file;
};

struct WorkerProgram {
  std::string name;
  // Adds flags of its own; may be null.
  std::function<void(CLI::App&)> add_flags;
  // What the device is, for people.
  std::function<std::string(const WorkerFlags&)> describe_device;
  std::function<std::unique_ptr<ModelLoader>(const WorkerFlags&)> make_loader;
};

// The exit code: 0 after a drain, 1 for an error (one line on stderr), 2 for wrong usage.
int RunWorkerProgram(int argc, char** argv, const WorkerProgram& program);

}  // namespace sprint

#endif  // SPRINT_WORKER_WORKER_PROGRAM_H_
