// A coordinator that asks for a token and serves metrics, with workers and commands, as programs over
// loopback.
#include <grpcpp/grpcpp.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "storage/endpoint.h"
#include "tests/testing/control_client.h"
#include "tests/testing/http_get.h"
#include "tests/testing/processes.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(90);

class GuardedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(WriteFileAtomically(folder_.File("token"), "s3cret\n"));
    ASSERT_OK(WriteFileAtomically(folder_.File("another"), "another\n"));
    const std::vector<std::string> words = {BinDir() + "/sprint-coordinator",
                                            "--db",
                                            folder_.File("x.db"),
                                            "--token-file",
                                            folder_.File("token"),
                                            "--metrics",
                                            "127.0.0.1:0",
                                            "--log-file",
                                            folder_.File("coordinator.log")};
    ASSERT_OK_AND_ASSIGN(coordinator_, Process::Start(words, folder_.File("coordinator.out")));
    ASSERT_TRUE(Eventually(
        kPatience, [&] { return ReadEndpoint(folder_.File("x.db")).ok() || !coordinator_.Running(); }));
    ASSERT_OK_AND_ASSIGN(const Endpoint endpoint, ReadEndpoint(folder_.File("x.db")));
    address_ = endpoint.address;
  }
  // Ends when it is killed, or refused.
  Process StartWorker(const std::string& token_file, const std::string& log) {
    std::vector<std::string> words = {BinDir() + "/sprint-fake-worker", "--coordinator", address_,
                                      "--log-file", folder_.File(log)};
    if (!token_file.empty()) words.insert(words.end(), {"--token-file", folder_.File(token_file)});
    absl::StatusOr<Process> process = Process::Start(words, folder_.File(log + ".out"));
    EXPECT_OK(process);
    return process.ok() ? *std::move(process) : Process();
  }
  // The exit code of `sprint WORDS --coordinator ADDRESS`; its output is in `out`.
  int Sprint(std::vector<std::string> words) {
    words.insert(words.begin(), BinDir() + "/sprint");
    words.insert(words.end(), {"--coordinator", address_});
    absl::StatusOr<Process> process = Process::Start(words, folder_.File("out"));
    EXPECT_OK(process);
    return process->Wait(kPatience).value_or(-1);
  }
  int MetricsPort() {
    const std::string out = ReadFile(folder_.File("coordinator.out")).value_or("");
    const size_t at = out.find("metrics at port ");
    int port = 0;
    if (at == std::string::npos) return 0;
    const size_t begin = at + sizeof("metrics at port ") - 1;
    return absl::SimpleAtoi(out.substr(begin, out.find('\n', begin) - begin), &port) ? port : 0;
  }

  const TempDir folder_;
  Process coordinator_;
  std::string address_;
};

TEST_F(GuardedTest, OnlyWhoShowsTheTokenIsServedAndMetricsCountWhatIsDone) {
  const auto channel = grpc::CreateChannel(address_, grpc::InsecureChannelCredentials());
  EXPECT_EQ(ControlClient(channel).Submit({}).status().code(), absl::StatusCode::kUnauthenticated);
  ControlClient client(channel, "s3cret");
  ASSERT_OK(client.Submit({}));
  for (const char* token_file : {"", "another"}) {
    const std::string log = absl::StrCat("stranger", token_file, ".log");
    Process stranger = StartWorker(token_file, log);
    ASSERT_OK_AND_ASSIGN(const int code, stranger.Wait(kPatience));
    EXPECT_EQ(code, 1);
    EXPECT_THAT(ReadFile(folder_.File(log)).value_or(""), HasSubstr("--token-file"));
  }
  const Process worker = StartWorker("token", "worker.log");
  ASSERT_OK_AND_ASSIGN(const auto status, client.WatchToTheEnd("made-up", kPatience));
  EXPECT_EQ(status.done(), 12);
  const int port = MetricsPort();
  ASSERT_OK_AND_ASSIGN(const std::string metrics, HttpGet(port, "/metrics"));
  EXPECT_THAT(metrics, HasSubstr("\nsprint_outcomes_total 12\n"));
  EXPECT_TRUE(Eventually(kPatience, [port] {
    const absl::StatusOr<std::string> page = HttpGet(port, "/metrics");
    return page.ok() && page->find("\nsprint_workers 1\n") != std::string::npos;
  }));
}

TEST_F(GuardedTest, CommandsShowTheTokenOfTheFileThatTheyAreGiven) {
  EXPECT_EQ(Sprint({"list"}), 1);
  EXPECT_THAT(ReadFile(folder_.File("out")).value_or(""), HasSubstr("asks for a token"));
  EXPECT_EQ(Sprint({"list", "--token-file", folder_.File("another")}), 1);
  EXPECT_THAT(ReadFile(folder_.File("out")).value_or(""), HasSubstr("asks for another token"));
  EXPECT_EQ(Sprint({"list", "--token-file", folder_.File("missing")}), 1);
  EXPECT_THAT(ReadFile(folder_.File("out")).value_or(""), HasSubstr("missing"));
  EXPECT_EQ(Sprint({"list", "--token-file", folder_.File("token")}), 0);
}

}  // namespace
}  // namespace sprint::testing
