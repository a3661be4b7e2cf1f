#include "cli/watch.h"

#include <optional>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "base/status.h"
#include "cli/render/text.h"
#include "cli/status_view.h"

namespace sprint {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(200);

// What the thread that reads the stream hands to the one that draws.
class Inbox {
 public:
  void Put(const v1::ExperimentStatus& status) {
    const MutexLock lock(&mutex_);
    latest_ = status;
    changed_.SignalAll();
  }
  void Close(absl::Status result) {
    const MutexLock lock(&mutex_);
    result_ = std::move(result);
    closed_ = true;
    changed_.SignalAll();
  }
  // Waits a tick for news. The status, when it is new.
  std::optional<v1::ExperimentStatus> Take(bool& closed) {
    const MutexLock lock(&mutex_);
    if (!latest_ && !closed_) changed_.WaitWithTimeout(&mutex_, kTick);
    closed = closed_;
    std::optional<v1::ExperimentStatus> taken;
    taken.swap(latest_);
    return taken;
  }
  absl::Status result() {
    const MutexLock lock(&mutex_);
    return result_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::optional<v1::ExperimentStatus> latest_ ABSL_GUARDED_BY(mutex_);
  absl::Status result_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

class Watch {
 public:
  Watch(const Terminal& terminal, ControlClient& client, Interrupts& interrupts, const WatchOptions& options)
      : client_(client),
        interrupts_(interrupts),
        options_(options),
        printer_({terminal.err.tty, terminal.err.width, terminal.err.style},
                 [stream = terminal.err](absl::string_view text) { stream.Write(text); }),
        style_(terminal.err.style) {}

  absl::StatusOr<WatchEnd> Run() {
    interrupts_.Handled();
    const int before = interrupts_.count();
    std::thread reader([this] {
      inbox_.Close(client_.Watch(options_.experiment, stop_, [this](const v1::ExperimentStatus& status) {
        inbox_.Put(status);
        return status.state() != "cancelled";
      }));
    });
    bool closed = false;
    while (!closed) {
      if (const std::optional<v1::ExperimentStatus> status = inbox_.Take(closed)) Show(*status);
      while (interrupted_ < interrupts_.count() - before) OnInterrupt(++interrupted_);
    }
    reader.join();
    if (drain_.joinable()) drain_.join();
    printer_.Finish();
    return End();
  }

 private:
  void Show(const v1::ExperimentStatus& status) {
    end_.status = status;
    if (options_.on_status != nullptr) {
      options_.on_status(status);
      return;
    }
    for (const std::string& note : status.notes()) {
      if (notes_.insert(note).second) printer_.Note(style_.Paint(Tone::kWarning, Printable(note)));
    }
    printer_.Update(ProgressOf(status), absl::Now());
  }

  void OnInterrupt(int count) {
    if (options_.started == nullptr) {
      printer_.Note("stopped watching; the experiment goes on (sprint watch, sprint pause)");
      stop_.HangUp();
      return;
    }
    if (count == 1) {
      printer_.Note(absl::StrCat("stopping: the ",
                                 Plural(end_.status.running(), "running cell is", "running cells are"),
                                 " finished and kept; Ctrl-C again stops now"));
      // The answer may take as long as the longest answer: the bar goes on meanwhile.
      drain_ = std::thread([this] { client_.Shutdown(/*now=*/false).IgnoreError(); });
    } else if (count == 2) {
      printer_.Note("stopping now: what runs is computed again by sprint resume");
      options_.started->EndNow();
      stop_.HangUp();
    }
  }

  absl::StatusOr<WatchEnd> End() {
    end_.interrupted = interrupted_ > 0;
    const absl::Status result = inbox_.result();
    if (end_.interrupted || result.ok()) return end_;
    if (ReasonOf(result) != Reason::kNotReachable && !absl::IsCancelled(result)) return result;
    return Error(absl::StatusCode::kUnavailable, Reason::kNotReachable,
                 absl::StrCat("the coordinator at ", client_.address(), " is gone (", result.message(),
                              "); every row it acknowledged is kept, `sprint resume` goes on"));
  }

  ControlClient& client_;
  Interrupts& interrupts_;
  const WatchOptions& options_;
  ProgressPrinter printer_;
  const Style style_;
  Inbox inbox_;
  ControlClient::Stop stop_;
  std::thread drain_;
  int interrupted_ = 0;
  std::set<std::string> notes_;
  WatchEnd end_;
};

}  // namespace

absl::StatusOr<WatchEnd> WatchExperiment(const Terminal& terminal, ControlClient& client,
                                         Interrupts& interrupts, const WatchOptions& options) {
  return Watch(terminal, client, interrupts, options).Run();
}

}  // namespace sprint
