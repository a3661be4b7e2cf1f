// The experiments' side of the coordinator: submissions, commands, statuses, and judging what is
// stored already.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "coordinator/rpc/coordinator.h"
#include "coordinator/rpc/status_proto.h"
#include "eval/judge.h"

namespace sprint {
namespace {

constexpr int64_t kJudgeChunk = 256;

absl::Status Unknown(const std::string& name) {
  return Error(absl::StatusCode::kNotFound, Reason::kExperimentUnknown,
               name.empty() ? "there is no experiment here yet"
                            : absl::StrCat("no experiment is called \"", name,
                                           "\" here; `sprint status` lists those there are"));
}

}  // namespace

void Coordinator::Submit(ExperimentPlan plan, std::function<void(absl::StatusOr<CreatedExperiment>)> reply) {
  loop_.Post([this, plan = std::move(plan), reply = std::move(reply)] {
    // The store counts the rows that exist, so it must have all that the core knows.
    absl::Status status = loop_.Flush();
    if (!status.ok()) return reply(status);
    const absl::StatusOr<CreatedExperiment> created = loop_.store().CreateExperiment(plan, loop_.Now());
    status = created.ok() ? Load(created->id) : created.status();
    if (!status.ok()) {
      loop_.EndIfFatal(status);
      return reply(status);
    }
    SPRINT_LOG(kInfo) << "experiment " << created->id.value() << " \"" << plan.name << "\" "
                      << (created->continued ? "continued" : "submitted") << ": " << created->cells
                      << " cells, " << created->existing << " there already";
    JudgeStored(created->id, {});
    busy_ = loop_.Now();
    worked_ = true;
    loop_.AfterCommit([reply, created] { reply(created); });
  });
}

// Puts an experiment as the store has it into the core, and its golds into the book.
absl::Status Coordinator::Load(ExperimentId id) {
  SPRINT_RETURN_IF_ERROR(loop_.Flush());
  SPRINT_ASSIGN_OR_RETURN(ExperimentRecord record, loop_.store().LoadExperiment(id));
  SPRINT_ASSIGN_OR_RETURN(const std::vector<GoldEntry> golds, loop_.store().Golds(id));
  golds_.Add(golds);
  loop_.Apply(ExperimentAdded{std::move(record)});
  return absl::OkStatus();
}

// Judges, in chunks, stored answers that this judge has no verdict for. `last`: the cells of the chunk
// before, so that verdicts that do not stick cannot make it go on for ever.
void Coordinator::JudgeStored(ExperimentId id, std::vector<CellKey> last) {
  loop_.Post([this, id, last = std::move(last)] {
    if (!loop_.Flush().ok()) return;
    absl::StatusOr<std::vector<UnjudgedAnswer>> answers =
        loop_.store().Unjudged(id, kJudgeVersion, kJudgeChunk);
    if (!answers.ok()) {
      loop_.EndIfFatal(answers.status());
      SPRINT_LOG(kError) << "experiment " << id.value()
                         << ": stored answers cannot be read to judge them: " << answers.status().message();
      return;
    }
    std::vector<CellKey> cells;
    for (const UnjudgedAnswer& answer : *answers) cells.push_back(answer.cell);
    if (cells.empty() || cells == last) return;
    pool_.Run([this, id, cells = std::move(cells), answers = *std::move(answers)]() mutable {
      VerdictsReady ready;
      for (const UnjudgedAnswer& answer : answers) {
        ready.verdicts.push_back(JudgeText(answer.cell, answer.gold, answer.gold_text, answer.text));
      }
      loop_.Post([this, ready = std::move(ready)] { loop_.Apply(ready); });
      JudgeStored(id, std::move(cells));
    });
  });
}

// The number that `name` means, where that takes no look into the database: a later experiment of the name
// may be one that the core does not hold.
std::optional<ExperimentId> Coordinator::Known(const std::string& name) const {
  int64_t number = 0;
  if (absl::SimpleAtoi(name, &number)) return ExperimentId(number);
  if (options_.find_experiment != nullptr) return std::nullopt;
  std::optional<ExperimentId> latest;
  for (const ExperimentStatus& status : loop_.core().Experiments()) {
    if (!name.empty() && status.name != name) continue;
    if (!latest.has_value() || status.id > *latest) latest = status.id;
  }
  return latest;
}

// Calls `then` on the loop, as a query or as a task. A name is looked up in the database, away from the
// loop.
void Coordinator::Resolve(const std::string& name, bool query,
                          std::function<void(absl::StatusOr<ExperimentId>)> then) {
  const auto post = [this, query](EventLoop::Task task) {
    query ? loop_.PostQuery(std::move(task)) : loop_.Post(std::move(task));
  };
  post([this, name, post, then = std::move(then)] {
    if (const std::optional<ExperimentId> id = Known(name)) return then(*id);
    if (options_.find_experiment == nullptr) return then(Unknown(name));
    pool_.Run([this, name, post, then] {
      absl::StatusOr<ExperimentId> id = options_.find_experiment(name);
      if (absl::IsNotFound(id.status())) id = Unknown(name);
      post([then, id] { then(id); });
    });
  });
}

void Coordinator::Do(const std::string& name, Command command, StatusReply reply) {
  Resolve(name, /*query=*/false, [this, command, reply = std::move(reply)](absl::StatusOr<ExperimentId> id) {
    absl::Status status = id.status();
    if (status.ok() && !loop_.core().Experiment(*id).has_value()) status = Load(*id);
    if (!status.ok()) {
      loop_.EndIfFatal(status);
      return reply(status);
    }
    loop_.Apply(ExperimentCommand{*id, command});
    if (command != Command::kDelete) {
      return loop_.AfterCommit([this, id, reply] { reply(StatusOf(*id)); });
    }
    status = loop_.Flush();
    if (status.ok()) status = loop_.store().DeleteExperiment(*id);
    loop_.EndIfFatal(status);
    rates_.Forget(*id);
    if (!status.ok()) {
      Load(*id).IgnoreError();  // it is still there
      return reply(status);
    }
    SPRINT_LOG(kInfo) << "experiment " << id->value() << " deleted; its rows stay";
    reply(v1::ExperimentStatus());
  });
}

v1::ExperimentStatus Coordinator::ProtoOf(const ExperimentStatus& status) {
  v1::ExperimentStatus proto = sprint::ToProto(status, rates_.Of(status.id, loop_.Now()));
  if (status.state != ExperimentState::kRunning) return proto;
  for (const auto& [key, text] : notices_) proto.add_notes(text);
  int32_t serving = 0;
  for (const WorkerStatus& worker : loop_.core().Workers()) serving += worker.connected ? 1 : 0;
  proto.set_workers(serving);
  return proto;
}

absl::StatusOr<v1::ExperimentStatus> Coordinator::StatusOf(ExperimentId id) {
  if (const std::optional<ExperimentStatus> status = loop_.core().Experiment(id)) return ProtoOf(*status);
  const absl::StatusOr<ExperimentRecord> record = loop_.store().LoadExperiment(id);
  if (absl::IsNotFound(record.status())) return Unknown(absl::StrCat(id.value()));
  if (!record.ok()) {
    loop_.EndIfFatal(record.status());
    return record.status();
  }
  return sprint::ToProto(*record);
}

void Coordinator::Status(const std::string& name, StatusReply reply) {
  Resolve(name, /*query=*/true, [this, reply = std::move(reply)](absl::StatusOr<ExperimentId> id) {
    reply(id.ok() ? StatusOf(*id) : absl::StatusOr<v1::ExperimentStatus>(id.status()));
  });
}

// What the core holds it knows best; the rest comes from the database.
void Coordinator::List(std::function<void(absl::StatusOr<v1::ListResponse>)> reply) {
  pool_.Run([this, reply = std::move(reply)] {
    std::vector<ExperimentSummary> stored;
    if (options_.list_experiments != nullptr) {
      absl::StatusOr<std::vector<ExperimentSummary>> all = options_.list_experiments();
      if (!all.ok()) return reply(all.status());
      stored = *std::move(all);
    }
    loop_.PostQuery([this, reply, stored = std::move(stored)] {
      std::map<ExperimentId, v1::ExperimentStatus> all;
      for (const ExperimentSummary& summary : stored) all[summary.id] = sprint::ToProto(summary);
      for (const ExperimentStatus& status : loop_.core().Experiments()) all[status.id] = ProtoOf(status);
      v1::ListResponse response;
      for (auto& [id, status] : all) *response.add_experiments() = std::move(status);
      reply(std::move(response));
    });
  });
}

void Coordinator::Workers(std::function<void(v1::WorkersResponse)> reply) {
  loop_.PostQuery([this, reply = std::move(reply)] {
    v1::WorkersResponse response;
    for (const WorkerStatus& status : loop_.core().Workers()) {
      *response.add_workers() = sprint::ToProto(status, loop_.Now());
    }
    reply(std::move(response));
  });
}

void Coordinator::Watch(const std::string& name, std::shared_ptr<StatusSink> sink) {
  Resolve(name, /*query=*/true, [this, sink = std::move(sink)](absl::StatusOr<ExperimentId> id) {
    if (!id.ok()) return sink->End(id.status());
    watches_.Add(*id, sink);
  });
}

void Coordinator::Unwatch(std::shared_ptr<StatusSink> sink) {
  loop_.PostQuery([this, sink = std::move(sink)] { watches_.Remove(sink.get()); });
}

}  // namespace sprint
