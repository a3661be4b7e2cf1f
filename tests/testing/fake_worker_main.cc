// sprint-fake-worker: the worker with the fake engine, for tests and benches. Links no torch.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "tests/testing/fake_engine.h"
#include "worker/worker_program.h"

int main(int argc, char** argv) {
  std::string text;
  // So that a supervisor that knows no such flag can pass it on.
  if (const char* from_environment = std::getenv("SPRINT_FAKE_ENGINE")) text = from_environment;
  sprint::WorkerProgram program;
  program.name = "sprint-fake-worker";
  program.add_flags = [&text](CLI::App& app) {
    app.add_option("--fake-engine", text, "as capacity=8,step-ms=2,tokens=4-12 (or $SPRINT_FAKE_ENGINE)");
  };
  program.describe_device = [](const sprint::WorkerFlags&) { return "fake"; };
  program.make_loader = [&text](const sprint::WorkerFlags&) -> std::unique_ptr<sprint::ModelLoader> {
    const auto options = sprint::testing::ParseFakeEngineOptions(text);
    if (options.ok()) return sprint::testing::MakeFakeLoader(*options);
    std::fprintf(stderr, "%s\n", std::string(options.status().message()).c_str());
    std::_Exit(2);
  };
  return sprint::RunWorkerProgram(argc, argv, program);
}
