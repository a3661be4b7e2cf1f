// The coordinator as a process has it: the event loop around core and store, and what the services
// ask of it. Streams, gRPC and flags are elsewhere (server.h, main.cc); this knows none of them.
//
// Threads: every public method may be called from any thread and returns at once; callbacks run on
// the event loop's thread and must not block. A callback that never ran because the coordinator ended
// is destroyed: its owner notices by that.
#ifndef SPRINT_COORDINATOR_RPC_COORDINATOR_H_
#define SPRINT_COORDINATOR_RPC_COORDINATOR_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "coordinator/http/metrics.h"
#include "coordinator/rpc/event_loop.h"
#include "coordinator/rpc/gold_book.h"
#include "coordinator/rpc/rates.h"
#include "coordinator/rpc/trainings.h"
#include "coordinator/rpc/watch_hub.h"
#include "coordinator/rpc/work_pool.h"
#include "sprint/v1/control.pb.h"
#include "storage/reader.h"

namespace sprint {

struct CoordinatorOptions {
  Clock* clock = nullptr;
  std::string database;    // its path, for people and for FindExperiment
  std::string version;     // of the program
  std::string auth_token;  // what workers and callers must show; empty: nothing
  absl::Duration lease = absl::Seconds(30);
  absl::Duration heartbeat = absl::Seconds(5);
  absl::Duration linger = absl::Milliseconds(5);
  int judge_threads = 2;
  // Ends by itself once nothing has run and nobody has watched for so long; infinite: never. Before
  // the first submission or running experiment it waits ten times as long.
  absl::Duration idle_grace = absl::InfiniteDuration();
  Metrics* metrics = nullptr;  // may be null; outlives the coordinator
  // The number of an experiment of this name that the core does not hold (storage/reader.h); may be
  // null. Runs on the pool.
  std::function<absl::StatusOr<ExperimentId>(const std::string& name)> find_experiment;
  // Every experiment of the database, also those that the core does not hold (storage/reader.h); may be
  // null. Runs on the pool.
  std::function<absl::StatusOr<std::vector<ExperimentSummary>>()> list_experiments;
};

// A worker's stream, as far as the coordinator needs it. Both are thread-safe and never block.
class WorkerStream {
 public:
  virtual ~WorkerStream() = default;
  virtual void Send(const CoordinatorMessage& message) = 0;
  // After what was sent before.
  virtual void Close(const absl::Status& status) = 0;
};
using WorkerStreamPtr = std::shared_ptr<WorkerStream>;

// Says that a message has been dealt with, by its destruction: the stream may read on.
using Receipt = std::shared_ptr<void>;

class Coordinator {
 public:
  // Loads what is unfinished from the store and starts the loop. Errors are the store's.
  static absl::StatusOr<std::unique_ptr<Coordinator>> Start(std::unique_ptr<Store> store,
                                                            const CoordinatorOptions& options);
  ~Coordinator();
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  const CoordinatorOptions& options() const { return options_; }
  int64_t epoch() const { return epoch_; }
  WorkPool& pool() { return pool_; }

  // ---- Workers. Of one stream these come in order: Hello first, Ended last.
  void Hello(WorkerStreamPtr stream, sprint::Hello hello);
  // Judges outcomes and compresses their payloads on the calling thread (a pool's), then hands the message
  // to the loop.
  void Receive(WorkerStreamPtr stream, WorkerMessage message, Receipt receipt);
  void Ended(WorkerStreamPtr stream);
  // A supervisor saw the process of that instance end otherwise than in good order.
  void WorkerProcessDied(const std::string& instance);

  // ---- Experiments. Names: a number, a name (the latest of it), or nothing (the latest of all).
  using StatusReply = std::function<void(absl::StatusOr<v1::ExperimentStatus>)>;
  void Submit(ExperimentPlan plan, std::function<void(absl::StatusOr<CreatedExperiment>)> reply);
  void Do(const std::string& name, Command command, StatusReply reply);
  void Status(const std::string& name, StatusReply reply);
  void List(std::function<void(absl::StatusOr<v1::ListResponse>)> reply);
  void Workers(std::function<void(v1::WorkersResponse)> reply);
  void Watch(const std::string& name, std::shared_ptr<StatusSink> sink);
  void Unwatch(std::shared_ptr<StatusSink> sink);

  // ---- Trainings. The program's main thread runs what Trainings().Next() says (trainings.h).
  using TrainingReply = std::function<void(absl::StatusOr<v1::TrainingStatus>)>;
  void Train(TrainingRecord training, TrainingReply reply);
  void CancelTraining(int64_t id, TrainingReply reply);
  // Keeps its selectors, then its end.
  void TrainingEnded(int64_t id, TrainingResult result);
  TrainingBook& trainings() { return trainings_; }

  // A line that every running experiment's status shows under `key`; empty: none any more.
  void SetNotice(const std::string& key, const std::string& text);

  // ---- The end.
  void Drain();   // workers finish what runs and leave, then done
  void Finish();  // done at once
  // Waits until it is done, or `patience` has passed: true, and why (OK unless something broke).
  bool WaitDone(absl::Duration patience, absl::Status* why);
  bool draining() const;
  // Hangs up on workers and watchers; services are to shut down after it, Stop comes last.
  void HangUp();
  void Stop();

 private:
  Coordinator(std::unique_ptr<Store> store, std::unique_ptr<Core> core, const CoordinatorOptions& options);

  absl::Status LoadUnfinished();
  EventLoopHooks Hooks();
  absl::Time Round(const absl::flat_hash_set<ExperimentId>& changed, absl::Time now);
  void CheckIdle(absl::Time now);
  void CheckDrained();
  void Committed(const WriteBatch& batch, absl::Duration took);
  void Trouble(const absl::Status& status);
  void Gauge();
  void SetDone(const absl::Status& why);

  // ---- coordinator_workers.cc; on the loop.
  WorkerId WorkerOf(const WorkerStreamPtr& stream) const;
  void Connect(const WorkerStreamPtr& stream, const sprint::Hello& hello);
  void Handle(const WorkerStreamPtr& stream, WorkerMessage message, std::vector<JudgedOutcome> judged);
  absl::Status Apply(const WorkerStreamPtr& stream, WorkerId worker, WorkerMessage message,
                     std::vector<JudgedOutcome> judged);
  absl::StatusOr<NumericsId> Numerics(const std::string& description);
  void Deliver(const Outgoing& outgoing);

  // ---- coordinator_control.cc; on the loop.
  void Resolve(const std::string& name, bool query, std::function<void(absl::StatusOr<ExperimentId>)> then);
  std::optional<ExperimentId> Known(const std::string& name) const;
  absl::Status Load(ExperimentId id);
  absl::StatusOr<v1::ExperimentStatus> StatusOf(ExperimentId id);
  v1::ExperimentStatus ProtoOf(const ExperimentStatus& status);
  void JudgeStored(ExperimentId id, std::vector<CellKey> last);

  const CoordinatorOptions options_;
  const int64_t epoch_;

  // ---- The loop's.
  Rates rates_;
  WatchHub watches_;
  absl::flat_hash_map<WorkerId, WorkerStreamPtr> streams_;
  absl::flat_hash_map<const WorkerStream*, WorkerId> workers_;
  absl::flat_hash_map<std::string, WorkerId> instances_;
  absl::flat_hash_map<std::string, NumericsId> numerics_;
  std::map<std::string, std::string> notices_;
  absl::Time busy_ = absl::InfinitePast();  // when something last ran or was watched
  bool worked_ = false;
  bool is_draining_ = false;
  absl::Time gauged_ = absl::InfinitePast();

  // ---- Shared.
  TrainingBook trainings_;
  GoldBook golds_;
  mutable Mutex mutex_;
  CondVar done_changed_;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status why_ ABSL_GUARDED_BY(mutex_);

  EventLoop loop_;
  WorkPool pool_;  // last: its jobs use all the rest
};

}  // namespace sprint

#endif  // SPRINT_COORDINATOR_RPC_COORDINATOR_H_
