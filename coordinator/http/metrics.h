// The coordinator's metrics in Prometheus' format, over HTTP at /metrics.
#ifndef SPRINT_COORDINATOR_HTTP_METRICS_H_
#define SPRINT_COORDINATOR_HTTP_METRICS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/records.h"

namespace sprint {

// What has a level rather than a count.
struct MetricLevels {
  int64_t workers = 0;  // connected
  int64_t leased_cells = 0;
  int64_t queue_length = 0;  // of the event loop
  int64_t wal_bytes = 0;
};

// Thread-safe.
class Metrics {
 public:
  // Serves at `address` ("127.0.0.1:9464"; port 0: one that is free). UNAVAILABLE (kAddressInUse) when
  // it cannot listen there.
  static absl::StatusOr<std::unique_ptr<Metrics>> Serve(const std::string& address);
  virtual ~Metrics() = default;

  virtual int port() const = 0;
  virtual void Committed(const WriteBatch& batch, absl::Duration took) = 0;
  virtual void SetLevels(const MetricLevels& levels) = 0;
};

}  // namespace sprint

#endif  // SPRINT_COORDINATOR_HTTP_METRICS_H_
