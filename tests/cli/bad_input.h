// A place to spoil and the cases that spoil it: what the tests of bad input share.
#ifndef SPRINT_TESTS_CLI_BAD_INPUT_H_
#define SPRINT_TESTS_CLI_BAD_INPUT_H_

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "base/file.h"
#include "storage/sqlite_store.h"
#include "tests/cli/program.h"
#include "tests/testing/testing.h"

namespace sprint {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::ProgramResult;
using Arguments = std::vector<std::string>;

// A folder with a good model, dataset and spec, for a case to spoil.
class Place {
 public:
  Place() {
    fs::copy(testing::SourceDir() + "/demo/model", Path("model"), fs::copy_options::recursive);
    fs::permissions(folder_.path(), fs::perms::all);
    Write("questions.jsonl",
          "{\"id\": \"a\", \"question\": \"Tom has 3 apples .\", \"answer\": \"3\"}\n"
          "{\"id\": \"b\", \"question\": \"Tom has 4 apples .\", \"answer\": \"4\"}\n");
    Write("sweep.yaml",
          "model: {path: model}\ndataset: {path: questions.jsonl}\ndecoding: {max_new_tokens: 32}\n");
  }
  std::string Path(const std::string& name) const { return folder_.File(name); }
  const std::string& root() const { return folder_.path(); }
  std::string Read(const std::string& name) const { return ReadFile(Path(name)).value_or(""); }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name), std::ios::binary) << text;
  }
  void EditJson(const std::string& name, const std::function<void(Json&)>& edit) const {
    Json json = Json::parse(Read(name));
    edit(json);
    Write(name, json.dump());
  }
  // A new database that the coordinator would take.
  void MakeDatabase(const std::string& name) const {
    SqliteStoreOptions options;
    options.path = Path(name);
    EXPECT_OK(OpenSqliteStore(options));
  }

 private:
  testing::TempDir folder_;
};

struct Case {
  const char* name;  // what is wrong, for people
  std::function<Arguments(Place&)> spoil;
  int exit_code;
  std::vector<std::string> fragments;
};

// How a failed test names its case.
inline void PrintTo(const Case& bad, std::ostream* out) { *out << bad.name; }

inline const Arguments kDryRun = {"launch", "sweep.yaml", "--dry-run"};

inline Arguments DryRunWith(Arguments more) {
  Arguments arguments = kDryRun;
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

// Datasets, their rows, and rows to be judged.
std::vector<Case> QuestionCases();

}  // namespace sprint

#endif  // SPRINT_TESTS_CLI_BAD_INPUT_H_
