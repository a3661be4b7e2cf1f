#include "cli/submit.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "cli/app.h"
#include "cli/follow.h"
#include "cli/render/text.h"

namespace sprint {
namespace {

std::vector<CensusBlock> CensusBlocksOf(const PreparedLaunch& launch) {
  std::vector<Hash256> arms;
  for (const Arm& arm : launch.arms) arms.push_back(arm.ContentHash());
  std::vector<CensusBlock> blocks;
  for (const BlockPlan& block : launch.blocks) {
    CensusBlock& census = blocks.emplace_back();
    for (const int32_t question : block.questions)
      census.questions.push_back(launch.questions[static_cast<size_t>(question)]);
    for (const int32_t arm : block.arms) census.arms.push_back(arms[static_cast<size_t>(arm)]);
    census.first_sample = block.first_sample;
    census.samples = block.samples;
  }
  return blocks;
}

}  // namespace

absl::StatusOr<PreparedLaunch> PrepareWithProgress(const Terminal& terminal, const v1::ExperimentSpec& spec,
                                                   const PreparedLaunch* like) {
  WeightsProgress progress(terminal);
  return Prepare(
      spec, [&](double share) { progress.Show(share); }, like);
}

absl::StatusOr<LaunchEstimate> EstimateHere(const Connection& connection, const LocalWorkerOptions& local,
                                            const PreparedLaunch& launch) {
  SelectionCensus census;
  if (FileExists(connection.database)) {
    SPRINT_ASSIGN_OR_RETURN(const auto reader, Reader::Open(connection.database));
    SPRINT_ASSIGN_OR_RETURN(census, reader->Census(launch.run.ContentHash(), CensusBlocksOf(launch)));
  }
  int workers = local.workers;
  SPRINT_ASSIGN_OR_RETURN(const auto live, ReachLive(connection));
  if (live != nullptr) {
    SPRINT_ASSIGN_OR_RETURN(const v1::WorkersResponse response, live->Workers());
    workers = 0;
    for (const v1::WorkerStatus& worker : response.workers()) workers += worker.state() != "lost" ? 1 : 0;
  }
  return EstimateLaunch(launch, census, workers);
}

absl::StatusOr<int> PrintEstimate(const Terminal& terminal, const Connection& connection,
                                  const LocalWorkerOptions& local, const PreparedLaunch& launch, bool json) {
  SPRINT_ASSIGN_OR_RETURN(const LaunchEstimate estimate, EstimateHere(connection, local, launch));
  terminal.out.Write(json ? EstimateJson(estimate, launch) : FormatEstimate(estimate, launch));
  return kExitDone;
}

absl::StatusOr<int64_t> SubmitLaunch(const Terminal& terminal, Coordinator& coordinator,
                                     const PreparedLaunch& launch) {
  const absl::StatusOr<v1::SubmitResponse> submitted =
      coordinator.client().Submit(SubmissionOf(launch), QuestionsOf(launch));
  if (!submitted.ok()) {
    if (coordinator.started != nullptr) coordinator.started->EndNow();
    return submitted.status();
  }
  const int64_t missing = submitted->cells() - submitted->existing();
  terminal.err.Write(absl::StrCat(
      submitted->continued() ? "continues " : "launched ", launch.spec.name(), " (experiment ",
      submitted->experiment(), "): ", Plural(submitted->cells(), "cell", "cells"), ", ",
      FormatCount(submitted->existing()), " there already, ", FormatCount(missing), " to compute\n"));
  return submitted->experiment();
}

absl::StatusOr<int> RunSideJob(const Terminal& terminal, Interrupts& interrupts, const Connection& connection,
                               const LocalWorkerOptions& local, const PreparedLaunch& launch, bool detach,
                               absl::FunctionRef<absl::Status(int64_t)> print) {
  SPRINT_ASSIGN_OR_RETURN(Coordinator coordinator, ReachOrStart(connection, local));
  SPRINT_ASSIGN_OR_RETURN(const int64_t experiment, SubmitLaunch(terminal, coordinator, launch));
  if (detach) {
    terminal.out.Write(absl::StrCat(experiment, "\n"));
    return kExitDone;
  }
  FollowOptions follow;
  follow.connection = connection;
  follow.statistics = false;
  follow.experiments = {experiment};
  SPRINT_ASSIGN_OR_RETURN(const int code, Follow(terminal, coordinator, interrupts, follow));
  if (code == kExitDone) SPRINT_RETURN_IF_ERROR(print(experiment));
  return code;
}

}  // namespace sprint
