#include "tests/testing/http_get.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace sprint::testing {

absl::StatusOr<std::string> HttpGet(int port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::string request = absl::StrCat("GET ", path, " HTTP/1.0\r\n\r\n");
  std::string response;
  bool ok = fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
            write(fd, request.data(), request.size()) == static_cast<ssize_t>(request.size());
  char buffer[4096];
  ssize_t got = 0;
  while (ok && (got = read(fd, buffer, sizeof(buffer))) > 0)
    response.append(buffer, static_cast<size_t>(got));
  ok = ok && got == 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  if (!ok) return absl::UnavailableError(absl::StrCat("port ", port, ": ", std::strerror(error)));
  return response;
}

}  // namespace sprint::testing
