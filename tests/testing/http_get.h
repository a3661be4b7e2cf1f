// One HTTP GET over loopback, for tests of what is served to scrapers.
#ifndef SPRINT_TESTS_TESTING_HTTP_GET_H_
#define SPRINT_TESTS_TESTING_HTTP_GET_H_

#include <string>

#include "absl/status/statusor.h"

namespace sprint::testing {

// The whole response, its header included. UNAVAILABLE when nobody listens at the port.
absl::StatusOr<std::string> HttpGet(int port, const std::string& path);

}  // namespace sprint::testing

#endif  // SPRINT_TESTS_TESTING_HTTP_GET_H_
