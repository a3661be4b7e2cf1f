#include "coordinator/rpc/server.h"

#include <arpa/inet.h>
#include <grpc/grpc.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace sprint {
namespace {

constexpr int kMaxMessageBytes = 64 << 20;

struct HostPort {
  std::string host;
  std::string port;
};

absl::StatusOr<HostPort> Split(const std::string& address) {
  const size_t colon = address.rfind(':');
  int port = -1;
  if (colon == std::string::npos || colon == 0 || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      port < 0 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", address, "\" is no address to listen at; give HOST:PORT, as 127.0.0.1:0"));
  }
  return HostPort{address.substr(0, colon), address.substr(colon + 1)};
}

// Why nothing could listen there, from the operating system itself.
absl::Status WhyNot(const std::string& address, const HostPort& at) {
  std::string host = at.host;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), at.port.c_str(), &hints, &found); error != 0) {
    return absl::InvalidArgumentError(absl::StrCat("cannot listen at ", address, ": ", gai_strerror(error),
                                                   "; name another with --listen"));
  }
  const int fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, found->ai_protocol);
  const int error = fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) != 0 ? errno : 0;
  freeaddrinfo(found);
  if (fd >= 0) close(fd);
  if (error == EADDRINUSE || error == 0) {
    return Error(absl::StatusCode::kUnavailable, Reason::kAddressInUse,
                 absl::StrCat(address,
                              " is in use by another program; name another port with --listen, or port "
                              "0 for one that is free"));
  }
  return absl::UnavailableError(
      absl::StrCat("cannot listen at ", address, ": ", std::strerror(error), "; name another with --listen"));
}

// Once a process: they change what every server built later has.
void UsePlugins() {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

void Configure(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // two coordinators never share a port
  // A peer whose machine vanished is noticed within half a minute.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(Coordinator& coordinator, const std::string& address) {
  UsePlugins();
  auto server = std::unique_ptr<Server>(new Server(coordinator));
  grpc::ServerBuilder builder;
  Configure(builder);
  builder.RegisterService(&server->workers_);
  builder.RegisterService(&server->control_);
  int port = 0;
  HostPort at;
  if (!address.empty()) {
    SPRINT_ASSIGN_OR_RETURN(at, Split(address));
    builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  }
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr || (port == 0 && !address.empty())) return WhyNot(address, at);
  const bool anywhere = at.host == "0.0.0.0" || at.host == "[::]";
  server->address_ = absl::StrCat(anywhere ? "127.0.0.1" : at.host, ":", port);
  return server;
}

std::shared_ptr<grpc::Channel> Server::InProcessChannel() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  return server_->InProcessChannel(arguments);
}

Server::~Server() {
  if (server_ == nullptr) return;
  coordinator_.HangUp();
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(2));
  server_->Wait();
}

}  // namespace sprint
