#include "tests/e2e/ledger.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
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

}  // namespace

namespace {

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

LogSummary ReadWorkerLogs(const std::string& folder) {
  LogSummary summary;
  std::map<std::string, std::string> first_ack;  // cell to time
  std::vector<std::pair<std::string, std::string>> starts;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (!absl::StrContains(file.path().filename().string(), "worker")) continue;
    std::ifstream stream(file.path());
    std::string line;
    // "I 2026-01-31T12:00:00.123 sprint-worker[7]: ack run=1 question=2 arm=3 sample=0"
    while (std::getline(stream, line)) {
      const size_t message = line.find("]: ");
      const size_t cell = line.find(" run=");
      if (line.size() < 26 || message == std::string::npos || cell == std::string::npos) continue;
      const std::string time = line.substr(2, 23);
      const std::string verb = line.substr(message + 3, cell - message - 3);
      const std::string key = line.substr(cell + 1, line.find(" tokens=") - cell - 1);
      if (verb == "start") {
        ++summary.started;
        starts.emplace_back(key, time);
      } else if (verb == "finish") {
        ++summary.finished;
      } else if (verb == "ack") {
        ++summary.acknowledged;
        const auto [entry, is_new] = first_ack.emplace(key, time);
        if (!is_new) entry->second = std::min(entry->second, time);
      }
    }
  }
  for (const auto& [key, time] : starts) {
    const auto ack = first_ack.find(key);
    if (ack != first_ack.end() && time > ack->second) {
      summary.repeated.push_back(absl::StrCat(key, " acknowledged at ", ack->second, ", started at ", time));
    }
  }
  return summary;
}

}  // namespace sprint::testing
