// What people get wrong, and the one line they are told: the real `sprint` on bad input of every kind.
// The same table, as docs/ERRORS.md has it, is printed by each test; SPRINT_ERRORS_OUT=FILE collects it.
#include "tests/cli/bad_input.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/file.h"
#include "storage/sqlite_store.h"
#include "tests/cli/program.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

// The demo model's weights in two shards, as the index of a large model has them.
void Shard(Place& place) {
  place.Write("model/model.safetensors.index.json",
              R"({"weight_map": {"model.embed_tokens.weight": "model-00001-of-00002.safetensors",
                                 "model.norm.weight": "model-00002-of-00002.safetensors"}})");
  fs::rename(place.Path("model/model.safetensors"), place.Path("model/model-00001-of-00002.safetensors"));
}

std::vector<Case> ModelCases() {
  return {
      {"a model that does not exist",
       [](Place&) {
         return DryRunWith({"--model", "nowhere"});
       },
       1,
       {"nowhere"}},
      {"a folder that is no model",
       [](Place& place) {
         fs::create_directory(place.Path("empty"));
         return DryRunWith({"--model", "empty"});
       },
       1,
       {"config.json"}},
      {"an architecture that is not known",
       [](Place& place) {
         place.EditJson("model/config.json", [](Json& json) {
           json["architectures"] = {"MambaForCausalLM"};
           json["model_type"] = "mamba";
         });
         return kDryRun;
       },
       1,
       {"amba"}},
      {"a missing shard",
       [](Place& place) {
         Shard(place);
         return kDryRun;
       },
       1,
       {"model-00002-of-00002.safetensors"}},
      {"a truncated weight file",
       [](Place& place) {
         fs::resize_file(place.Path("model/model.safetensors"),
                         fs::file_size(place.Path("model/model.safetensors")) - 100);
         return kDryRun;
       },
       1,
       {"model.safetensors"}},
      {"a NaN among the weights",
       [](Place& place) {
         std::string bytes = place.Read("model/model.safetensors");
         bytes.replace(bytes.size() - 2, 2, "\xc0\x7f");
         place.Write("model/model.safetensors", bytes);
         return kDryRun;
       },
       1,
       {"NaN"}},
      {"a tensor of the wrong shape",
       [](Place& place) {
         place.EditJson("model/config.json", [](Json& json) { json["intermediate_size"] = 255; });
         return kDryRun;
       },
       1,
       {"255", "256"}},
      {"a tokenizer larger than the embedding",
       [](Place& place) {
         place.EditJson("model/tokenizer.json", [](Json& json) {
           json["added_tokens"].push_back({{"id", 5000},
                                           {"content", "<extra>"},
                                           {"special", true},
                                           {"single_word", false},
                                           {"lstrip", false},
                                           {"rstrip", false},
                                           {"normalized", false}});
         });
         return kDryRun;
       },
       1,
       {"tokenizer", "5000", "369"}},
      {"a file that is no GGUF",
       [](Place& place) {
         place.Write("weights.gguf", "this is no model");
         return Arguments{"model", "inspect", "weights.gguf"};
       },
       1,
       {"weights.gguf"}},
  };
}

std::vector<Case> SpecCases() {
  const auto spec = [](const std::string& text) {
    return [text](Place& place) {
      place.Write("sweep.yaml", text);
      return kDryRun;
    };
  };
  return {
      {"a spec that does not exist",
       [](Place&) {
         return Arguments{"launch", "nope.yaml"};
       },
       1,
       {"nope.yaml"}},
      {"an unknown field",
       spec("model: {path: model}\ndatset: {path: questions.jsonl}\n"),
       1,
       {"sweep.yaml:2", "datset", "dataset"}},
      {"a value of the wrong type",
       spec("model: {path: model}\ndataset: {path: questions.jsonl, limit: ten}\n"),
       1,
       {"sweep.yaml:2", "ten"}},
      {"a field given twice", spec("model: {path: a}\nmodel: {path: b}\n"), 1, {"sweep.yaml:2", "model"}},
      {"text that is no YAML", spec("model: {path: [\n"), 1, {"sweep.yaml:"}},
      {"a spec without a model", spec("dataset: {path: questions.jsonl}\n"), 1, {"model.path"}},
      {"samples without a temperature",
       spec("model: {path: model}\ndataset: {path: questions.jsonl}\nsamples: 4\n"),
       1,
       {"samples", "decoding.temperature"}},
      {"a rule of sampling out of its range",
       spec("model: {path: model}\ndataset: {path: questions.jsonl}\n"
            "decoding: {temperature: 0.9, top_p: 2}\n"),
       1,
       {"top_p is 2"}},
      {"a prompt template without its place for the question",
       spec("model: {path: model}\ndataset: {path: questions.jsonl}\nprompt: {template: hello}\n"),
       1,
       {"{question}"}},
      {"a prompt format that is not known",
       spec("model: {path: model}\ndataset: {path: questions.jsonl}\nprompt: {format: alpaca}\n"),
       1,
       {"alpaca"}},
  };
}

std::vector<Case> CommandLineCases() {
  return {
      {"a mistyped command",
       [](Place&) {
         return Arguments{"lanch", "sweep.yaml"};
       },
       2,
       {"\"lanch\"", "launch"}},
      {"an unknown option",
       [](Place&) {
         return Arguments{"launch", "sweep.yaml", "--dryrun"};
       },
       2,
       {"--dryrun", "--help"}},
      {"an option's value that is not allowed",
       [](Place&) {
         return DryRunWith({"--dtype", "f16"});
       },
       2,
       {"f16", "bf16"}},
      {"nothing to launch", [](Place&) { return Arguments{"launch"}; }, 2, {"--model and --dataset"}},
      {"no database", [](Place&) { return Arguments{"status"}; }, 1, {"sprint.db", "sprint launch"}},
      {"a coordinator that does not answer",
       [](Place&) {
         return Arguments{"list", "--coordinator", "127.0.0.1:1"};
       },
       1,
       {"127.0.0.1:1"}},
      {"an experiment that does not exist",
       [](Place& place) {
         place.MakeDatabase("sprint.db");
         return Arguments{"status", "nope"};
       },
       1,
       {"sprint launch"}},
      {"a method of Best-of-N that does not exist",
       [](Place&) {
         return Arguments{"bon", "sweep.yaml", "--methods", "samples,luck"};
       },
       2,
       {"luck", "set-cover"}},
      {"a method of Best-of-N without what it needs",
       [](Place&) {
         return Arguments{"bon", "sweep.yaml", "--methods", "selector"};
       },
       2,
       {"--selector", "--choices"}},
      {"more arms than there are",
       [](Place&) {
         return Arguments{"bon", "sweep.yaml", "--arms", "L0H*", "--n", "7", "--methods", "random"};
       },
       1,
       {"random", "6", "7"}},
      {"a selector that does not exist",
       [](Place&) {
         return Arguments{"bon", "sweep.yaml", "--selector", "none.selector", "--methods", "selector"};
       },
       1,
       {"selector"}},
      {"an aggregation that does not exist",
       [](Place&) {
         return Arguments{"votes", "--aggregation", "mean"};
       },
       2,
       {"mean", "weighted"}},
      {"votes of a database that does not exist",
       [](Place&) {
         return Arguments{"votes", "--db", "none.db"};
       },
       1,
       {"none.db"}},
      {"SQL that is wrong",
       [](Place& place) {
         place.MakeDatabase("sprint.db");
         return Arguments{"query", "SELEC 1"};
       },
       1,
       {"SELEC"}},
      {"SQL that would write",
       [](Place& place) {
         place.MakeDatabase("sprint.db");
         return Arguments{"query", "DELETE FROM outcome"};
       },
       1,
       {}},
      {"a backup over a file that exists",
       [](Place& place) {
         place.MakeDatabase("sprint.db");
         return Arguments{"db", "backup", "sweep.yaml"};
       },
       1,
       {"sweep.yaml"}},
  };
}

const Arguments kLaunch = {"launch", "sweep.yaml", "--workers", "0", "--detach"};

std::vector<Case> DatabaseCases() {
  return {
      {"a file that is no sprint database",
       [](Place& place) {
         place.Write("sprint.db", std::string(8192, 'x'));
         return kLaunch;
       },
       1,
       {"sprint.db"}},
      {"a file that is no sprint database, queried",
       [](Place& place) {
         place.Write("sprint.db", "some notes of mine\n");
         return Arguments{"query", "v_progress"};
       },
       1,
       {"sprint.db"}},
      {"a database of a newer release",
       [](Place& place) {
         place.MakeDatabase("sprint.db");
         std::string bytes = place.Read("sprint.db");
         bytes[62] = 0x7f;  // user_version, big-endian at 60
         place.Write("sprint.db", bytes);
         return kLaunch;
       },
       1,
       {"sprint.db", "newer"}},
      {"a damaged database",
       [](Place& place) {
         place.MakeDatabase("sprint.db");
         std::string bytes = place.Read("sprint.db");
         for (size_t i = 100; i < bytes.size(); ++i) bytes[i] = static_cast<char>(0xa5);
         place.Write("sprint.db", bytes);
         return kLaunch;
       },
       1,
       {"sprint.db"}},
      {"a database in a folder that does not exist",
       [](Place&) {
         return Arguments{"launch", "sweep.yaml", "--db", "no/such/sprint.db"};
       },
       1,
       {"no/such"}},
  };
}

// One row of the table of docs/ERRORS.md.
void PrintRow(const Case& bad, const ProgramResult& result, const Place& place) {
  const std::string message = absl::StrReplaceAll(
      result.err, {{place.root() + "/", ""}, {place.root(), "."}, {"|", "\\|"}, {"\n", ""}});
  const std::string row = absl::StrCat("| ", bad.name, " | ", result.exit_code, " | `` ", message, " `` |\n");
  std::printf("%s", row.c_str());
  if (const char* file = std::getenv("SPRINT_ERRORS_OUT"); file != nullptr)
    std::ofstream(file, std::ios::app) << row;
}

void Check(const Case& bad, const ProgramResult& result, const Place& place) {
  PrintRow(bad, result, place);
  EXPECT_EQ(result.exit_code, bad.exit_code) << result.err;
  EXPECT_THAT(result.err, ::testing::StartsWith("sprint: "));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  for (const std::string& fragment : bad.fragments) EXPECT_THAT(result.err, ::testing::HasSubstr(fragment));
  EXPECT_EQ(result.out, "") << "nothing is reported beside the error";
}

class BadInput : public ::testing::TestWithParam<Case> {};

TEST_P(BadInput, IsOneLineAndAnExitCode) {
  Place place;
  const Arguments arguments = GetParam().spoil(place);
  Check(GetParam(), testing::RunSprint(arguments, place.root(), {"NO_COLOR=1"}), place);
}

std::string TestName(const ::testing::TestParamInfo<Case>& info) {
  std::string name;
  for (const char c : std::string(info.param.name)) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) name += c;
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(CommandLine, BadInput, ::testing::ValuesIn(CommandLineCases()), TestName);
INSTANTIATE_TEST_SUITE_P(Spec, BadInput, ::testing::ValuesIn(SpecCases()), TestName);
INSTANTIATE_TEST_SUITE_P(Model, BadInput, ::testing::ValuesIn(ModelCases()), TestName);
INSTANTIATE_TEST_SUITE_P(Question, BadInput, ::testing::ValuesIn(QuestionCases()), TestName);
INSTANTIATE_TEST_SUITE_P(Database, BadInput, ::testing::ValuesIn(DatabaseCases()), TestName);

TEST(BadInputAlone, IsADatabaseThatCannotBeWritten) {
  const Case bad = {"a database that may not be written", nullptr, 1, {"sprint.db"}};
  Place place;
  place.MakeDatabase("sprint.db");
  fs::permissions(place.Path("sprint.db"),
                  fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read);
  if (geteuid() != 0) {
    Check(bad, testing::RunSprint(kLaunch, place.root(), {"NO_COLOR=1"}), place);
    return;
  }
  // Root may write everything, so somebody else has to try.
  Arguments as_nobody = {"--reuid=65534", "--clear-groups", testing::BinDir() + "/sprint"};
  const Arguments probe = {"--reuid=65534", "--clear-groups", "test", "-x",
                           testing::BinDir() + "/sprint-coordinator"};
  if (testing::RunProgram("setpriv", probe).exit_code != 0) {
    GTEST_SKIP() << "setpriv cannot run the programs as another user; is their folder closed to others?";
  }
  as_nobody.insert(as_nobody.end(), kLaunch.begin(), kLaunch.end());
  // The folder is theirs, the file is not.
  fs::remove(place.Path("sprint.db.lock"));
  ASSERT_EQ(chown(place.root().c_str(), 65534, 65534), 0);
  Check(bad, testing::RunProgram("setpriv", as_nobody, place.root(), {"NO_COLOR=1"}), place);
}

TEST(BadInputAlone, IsAPortInUse) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string where = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  Place place;
  const ProgramResult result = testing::RunSprint(
      {"coordinator", "--db", "sprint.db", "--listen", where, "--log-file", "log"}, place.root());
  close(fd);
  PrintRow({"a port in use", nullptr, 1, {}}, result, place);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, ::testing::HasSubstr(where));
  EXPECT_THAT(result.err, ::testing::HasSubstr("in use"));
}

}  // namespace
}  // namespace sprint
