// sprint-bench-judge [--peers DIR] [FIGURE…] [-- FILE…]: the judge's speed beside math-verify's on the same
// pairs.
//
//   judge/math-verify   pairs judged per second of processor time; reference: math-verify 0.9
//   judge/slowest-pair  milliseconds of the slowest pair; reference: math-verify's slowest
//   judge/agreement     the share of pairs judged as the file expects; reference: math-verify's
//
// FILE: JSON lines {gold, pred, task?, expected?}; without any, the public answer pairs of
// $SPRINT_SHARED_DIR (or ../shared), or else tests/eval/judge_cases.jsonl. Both judge one chunk after
// another in turns. The peer runs with $SPRINT_MATH_VERIFY, a Python that has it (scripts/bench makes one);
// without it one line says so, and ours stand alone.
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "eval/judge_rows.h"

namespace sprint {
namespace {

using nlohmann::json;
constexpr size_t kChunk = 100;

struct Pair {
  JudgeRow row;
  bool contested = false;
  bool has_expected = false;
  bool expected = false;
};

struct Totals {
  double seconds = 0;
  double slowest = 0;
  std::string slowest_id;
  int64_t pairs = 0;
  int64_t expected = 0;  // pairs with an expectation
  int64_t as_expected = 0;

  void Add(const Pair& pair, double took, bool correct) {
    seconds += took;
    ++pairs;
    if (took > slowest) {
      slowest = took;
      slowest_id = pair.row.id;
    }
    if (!pair.has_expected || pair.contested) return;
    ++expected;
    as_expected += correct == pair.expected;
  }
};

double ProcessorSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// The peer's process, one line out for one line in.
class Peer {
 public:
  explicit Peer(const std::string& python) {
    int to[2];
    int from[2];
    if (pipe(to) != 0 || pipe(from) != 0) return;
    pid_ = fork();
    if (pid_ == 0) {
      dup2(to[0], STDIN_FILENO);
      dup2(from[1], STDOUT_FILENO);
      for (const int fd : {to[0], to[1], from[0], from[1]}) close(fd);
      execl(python.c_str(), python.c_str(), "bench/peers/judge_math_verify.py", nullptr);
      _exit(127);
    }
    close(to[0]);
    close(from[1]);
    out_ = fdopen(to[1], "w");
    in_ = fdopen(from[0], "r");
  }
  ~Peer() {
    if (out_ != nullptr) std::fclose(out_);
    if (in_ != nullptr) std::fclose(in_);
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // A discarded value when the peer is gone.
  json Ask(const json& question) {
    const std::string line = question.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    if (std::fwrite(line.data(), 1, line.size(), out_) != line.size() || std::fflush(out_) != 0) {
      return json(json::value_t::discarded);
    }
    std::string answer;
    for (int c = std::fgetc(in_); c != EOF && c != '\n'; c = std::fgetc(in_)) {
      answer.push_back(static_cast<char>(c));
    }
    return json::parse(answer, nullptr, false);
  }

 private:
  pid_t pid_ = -1;
  FILE* out_ = nullptr;
  FILE* in_ = nullptr;
};

std::vector<std::string> DefaultFiles() {
  const char* shared = std::getenv("SPRINT_SHARED_DIR");
  const std::string folder = absl::StrCat(shared == nullptr ? "../shared" : shared, "/fixtures/");
  std::vector<std::string> files;
  for (const char* name :
       {"grading/cases.jsonl", "grading/gsm8k_real_5276.jsonl", "best_of_n/qwen_math_cot_100x8.jsonl"}) {
    if (FileExists(folder + name)) files.push_back(folder + name);
  }
  if (files.empty()) files.emplace_back("tests/eval/judge_cases.jsonl");
  return files;
}

// Rows with a gold answer; those without are no pairs.
absl::Status ReadPairs(const std::string& file, std::vector<Pair>& pairs) {
  SPRINT_ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    const json value = json::parse(line, nullptr, false);
    if (!value.is_object() || !value.contains("gold") || value["gold"].is_null()) continue;
    SPRINT_ASSIGN_OR_RETURN(const std::vector<JudgeRow> rows, ParseJudgeRows(line, file));
    Pair pair;
    pair.row = rows.front();
    pair.contested = value.contains("contested");
    pair.has_expected = value.contains("expected") && value["expected"].is_boolean();
    pair.expected = pair.has_expected && value["expected"].get<bool>();
    pairs.push_back(std::move(pair));
  }
  return absl::OkStatus();
}

// Judges one chunk with both; false when the peer is gone.
bool JudgeChunk(const std::vector<Pair>& pairs, size_t begin, size_t end, Peer* peer, Totals& ours,
                Totals& theirs) {
  json question = {{"pairs", json::array()}};
  for (size_t i = begin; i < end; ++i) {
    const double start = ProcessorSeconds();
    const Verdict verdict = JudgeRowAlone(pairs[i].row);
    ours.Add(pairs[i], ProcessorSeconds() - start, verdict.correct);
    question["pairs"].push_back({*pairs[i].row.gold, pairs[i].row.pred});
  }
  if (peer == nullptr) return true;
  const json answer = peer->Ask(question);
  if (!answer.is_object() || answer["seconds"].size() != end - begin) return false;
  for (size_t i = begin; i < end; ++i) {
    theirs.Add(pairs[i], answer["seconds"][i - begin].get<double>(),
               answer["correct"][i - begin].get<bool>());
  }
  return true;
}

void Print(const char* figure, double ratio, double ours, double reference, const char* unit) {
  std::printf("judge/%s: ratio=%.4g ours=%.6g reference=%.6g unit=%s\n", figure, ratio, ours, reference,
              unit);
}

void Report(const std::vector<std::string>& figures, const Totals& ours, const Totals& theirs) {
  const auto wants = [&](const std::string& figure) {
    return figures.empty() || std::find(figures.begin(), figures.end(), figure) != figures.end() ||
           std::find(figures.begin(), figures.end(), "judge/" + figure) != figures.end();
  };
  const double rate = static_cast<double>(ours.pairs) / ours.seconds;
  std::printf("judge: %ld pairs, %.0f a second; the slowest, %s, took %.3f ms; %ld of %ld as expected\n",
              static_cast<long>(ours.pairs), rate, ours.slowest_id.c_str(), ours.slowest * 1e3,
              static_cast<long>(ours.as_expected), static_cast<long>(ours.expected));
  if (theirs.pairs == 0) return;
  const double peer_rate = static_cast<double>(theirs.pairs) / theirs.seconds;
  if (wants("math-verify")) Print("math-verify", rate / peer_rate, rate, peer_rate, "pairs/s");
  if (wants("slowest-pair"))
    Print("slowest-pair", theirs.slowest / ours.slowest, ours.slowest * 1e3, theirs.slowest * 1e3, "ms");
  if (!wants("agreement") || ours.expected == 0) return;
  const double share = static_cast<double>(ours.as_expected) / static_cast<double>(ours.expected);
  const double peer_share = static_cast<double>(theirs.as_expected) / static_cast<double>(theirs.expected);
  Print("agreement", share / peer_share, share, peer_share, "share");
}

int Run(const std::vector<std::string>& arguments) {
  std::vector<std::string> figures;
  std::vector<std::string> files;
  std::string python;
  bool after = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (!after && absl::StartsWith(argument, "--") && argument.size() > 2) {  // those of every benchmark
      if (argument == "--peers" && i + 1 < arguments.size()) {
        python = absl::StrCat(arguments[i + 1], "/math-verify/bin/python");
      }
      ++i;
    } else if (argument == "--") {
      after = true;
    } else {
      (after ? files : figures).push_back(argument);
    }
  }
  if (files.empty()) files = DefaultFiles();
  std::vector<Pair> pairs;
  for (const std::string& file : files) {
    if (const absl::Status status = ReadPairs(file, pairs); !status.ok()) {
      std::fprintf(stderr, "sprint-bench-judge: %s\n", std::string(status.message()).c_str());
      return 1;
    }
  }
  std::unique_ptr<Peer> peer;
  if (FileExists(python)) peer = std::make_unique<Peer>(python);
  if (peer == nullptr) std::puts("judge: math-verify 0.9 is not at hand; ours stand alone");
  Totals ours;
  Totals theirs;
  for (size_t begin = 0; begin < pairs.size(); begin += kChunk) {
    if (JudgeChunk(pairs, begin, std::min(begin + kChunk, pairs.size()), peer.get(), ours, theirs)) continue;
    std::puts("judge: math-verify ended early; what it judged until then counts");
    peer.reset();
  }
  Report(figures, ours, theirs);
  return 0;
}

}  // namespace
}  // namespace sprint

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  return sprint::Run(std::vector<std::string>(argv + 1, argv + argc));
}
