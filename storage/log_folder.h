// Folds the write-ahead log into the database on a thread of its own, so that no commit waits for it.
#ifndef SPRINT_STORAGE_LOG_FOLDER_H_
#define SPRINT_STORAGE_LOG_FOLDER_H_

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "storage/sqlite.h"

namespace sprint {

// Folds everything that no reader's snapshot needs; then, with `truncate`, cuts the log's file back to
// nothing unless a reader or the writer is at work on it. Errors only leave the log longer. Returns
// whether something was held back.
bool FoldLog(Database& database, bool truncate);

// Thread-safe.
class LogFolder {
 public:
  // Opens a connection of its own.
  static absl::StatusOr<std::unique_ptr<LogFolder>> Start(const std::string& path);
  // Ends the thread after the fold that is under way.
  ~LogFolder();
  LogFolder(const LogFolder&) = delete;
  LogFolder& operator=(const LogFolder&) = delete;

  // Asks for a fold; returns at once.
  void Request(bool truncate);
  // Whether the last fold left something.
  bool held_back() const { return held_back_.load(); }

 private:
  explicit LogFolder(std::unique_ptr<Database> database) : database_(std::move(database)) {}
  void Loop();

  // The thread's alone.
  std::unique_ptr<Database> database_;

  std::atomic<bool> held_back_ = false;
  Mutex mutex_;
  CondVar wake_;
  bool requested_ ABSL_GUARDED_BY(mutex_) = false;
  bool truncate_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sprint

#endif  // SPRINT_STORAGE_LOG_FOLDER_H_
