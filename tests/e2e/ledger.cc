#include "tests/e2e/ledger.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/reader.h"

namespace sprint::testing {
namespace {

constexpr char kRows[] =
    "SELECT o.run_id, o.question_id, o.arm_id, o.sample, answer_tokens(a.tokens), answer_text(a.text), "
    "o.finish, "
    "(SELECT group_concat(v.gold_id || ':' || v.correct || ':' || v.extracted) FROM verdict v WHERE "
    "v.run_id = o.run_id AND v.question_id = o.question_id AND v.arm_id = o.arm_id AND v.sample = o.sample) "
    "FROM outcome o JOIN answer a USING (answer_id) ORDER BY 1, 2, 3, 4";

std::string ToText(const SqlValue& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) return absl::StrCat(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return "null";
}

absl::StatusOr<std::vector<std::string>> ReadLines(const std::string& database, const char* sql) {
  SPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<Reader> reader, Reader::Open(database));
  std::vector<std::string> rows;
  SPRINT_RETURN_IF_ERROR(reader->ForEachRow(sql, {}, [&rows](const auto&, const auto& row) {
    std::string line;
    for (const SqlValue& value : row) absl::StrAppend(&line, ToText(value), " | ");
    rows.push_back(std::move(line));
    return true;
  }));
  return rows;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ReadRows(const std::string& database) {
  return ReadLines(database, kRows);
}

absl::StatusOr<std::vector<std::string>> ReadStates(const std::string& database) {
  return ReadLines(database,
                   "SELECT experiment, problem, layer, width, hex(vector) FROM v_feature "
                   "ORDER BY experiment, problem_ordinal, layer");
}

namespace {

// "I 2026-01-31T12:00:00.123 sprint-worker[7]: ack run=1 question=2 arm=3 sample=0"
struct LogLine {
  std::string time, process, verb, cell;
};
std::optional<LogLine> ParseLine(const std::string& line) {
  const size_t message = line.find("]: ");
  const size_t cell = line.find(" run=");
  if (line.size() < 26 || message == std::string::npos || cell == std::string::npos) return std::nullopt;
  return LogLine{line.substr(2, 23), line.substr(26, message - 26),
                 line.substr(message + 3, cell - message - 3),
                 line.substr(cell + 1, line.find(" tokens=") - cell - 1)};
}

// A process begins a cell.
struct Start {
  std::string cell, time;
  int line = 0;  // of its log
  bool revoked = false;
};

// What one process logged.
struct Process {
  std::vector<Start> starts;
  std::map<std::string, size_t> running;  // cell to its last start, when that was not revoked
  std::set<std::string> revoked;          // while it did not run
  int last_heard = 0;                     // the line of the coordinator's last word
};

using FirstAcks = std::map<std::string, std::string>;  // cell to time

void Read(const LogLine& line, int number, Process& process, LogSummary& summary, FirstAcks& first_acks) {
  if (line.verb == "start") {
    ++summary.started;
    const bool revoked = process.revoked.erase(line.cell) > 0;
    if (!revoked) process.running[line.cell] = process.starts.size();
    process.starts.push_back({line.cell, line.time, number, revoked});
  } else if (line.verb == "finish") {
    ++summary.finished;
  } else if (line.verb == "ack") {
    ++summary.acknowledged;
    process.last_heard = number;
    std::string& first = first_acks.try_emplace(line.cell, line.time).first->second;
    first = std::min(first, line.time);
  } else if (line.verb == "revoke") {
    process.last_heard = number;
    const auto running = process.running.find(line.cell);
    if (running == process.running.end()) {
      process.revoked.insert(line.cell);
    } else {
      process.starts[running->second].revoked = true;
      process.running.erase(running);
    }
  }
}

std::vector<Process> ReadLog(const std::filesystem::path& path, LogSummary& summary, FirstAcks& first_acks) {
  std::map<std::string, Process> processes;
  std::ifstream stream(path);
  std::string text;
  for (int number = 1; std::getline(stream, text); ++number) {
    if (const std::optional<LogLine> line = ParseLine(text)) {
      Read(*line, number, processes[line->process], summary, first_acks);
    }
  }
  std::vector<Process> all;
  for (auto& [name, process] : processes) all.push_back(std::move(process));
  return all;
}

}  // namespace

LogSummary ReadWorkerLogs(const std::string& folder) {
  LogSummary summary;
  FirstAcks first_acks;
  std::vector<Process> processes;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (!absl::StrContains(file.path().filename().string(), "worker")) continue;
    for (Process& process : ReadLog(file.path(), summary, first_acks)) {
      processes.push_back(std::move(process));
    }
  }
  for (const Process& process : processes) {
    for (const Start& start : process.starts) {
      const auto ack = first_acks.find(start.cell);
      if (ack == first_acks.end() || start.time <= ack->second) continue;
      if (start.revoked || process.last_heard < start.line) continue;
      summary.repeated.push_back(
          absl::StrCat(start.cell, " acknowledged at ", ack->second, ", started at ", start.time));
    }
  }
  return summary;
}

}  // namespace sprint::testing
