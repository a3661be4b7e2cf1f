#include "storage/log_folder.h"

#include "base/status.h"

namespace sprint {

bool FoldLog(Database& database, bool truncate) {
  int in_log = 0;
  int folded = 0;
  const int code =
      sqlite3_wal_checkpoint_v2(database.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_log, &folded);
  const bool held_back = code != SQLITE_OK || folded < in_log;
  if (held_back || !truncate) return held_back;
  sqlite3_busy_timeout(database.handle(), 0);
  const int cut =
      sqlite3_wal_checkpoint_v2(database.handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, &in_log, &folded);
  sqlite3_busy_timeout(database.handle(), kBusyTimeoutMs);
  return cut != SQLITE_OK;
}

absl::StatusOr<std::unique_ptr<LogFolder>> LogFolder::Start(const std::string& path) {
  SPRINT_ASSIGN_OR_RETURN(std::unique_ptr<Database> database,
                          Database::Open(SqliteUri(path, "mode=rw"), path, SQLITE_OPEN_READWRITE));
  SPRINT_RETURN_IF_ERROR(database->Execute("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0"));
  std::unique_ptr<LogFolder> folder(new LogFolder(std::move(database)));
  folder->thread_ = std::thread([raw = folder.get()] { raw->Loop(); });
  return folder;
}

LogFolder::~LogFolder() {
  {
    MutexLock lock(&mutex_);
    stop_ = true;
  }
  wake_.Signal();
  if (thread_.joinable()) thread_.join();
}

void LogFolder::Request(bool truncate) {
  {
    MutexLock lock(&mutex_);
    requested_ = true;
    truncate_ = truncate_ || truncate;
  }
  wake_.Signal();
}

void LogFolder::Loop() {
  for (;;) {
    bool truncate = false;
    {
      MutexLock lock(&mutex_);
      while (!requested_ && !stop_) wake_.Wait(&mutex_);
      if (stop_) return;
      truncate = truncate_;
      requested_ = false;
      truncate_ = false;
    }
    held_back_.store(FoldLog(*database_, truncate));
  }
}

}  // namespace sprint
