#include "coordinator/http/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace sprint {
namespace {

prometheus::Counter& Counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Gauge& Gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

class PrometheusMetrics : public Metrics {
 public:
  explicit PrometheusMetrics(std::unique_ptr<prometheus::Exposer> exposer) : exposer_(std::move(exposer)) {
    exposer_->RegisterCollectable(registry_);
  }

  int port() const override {
    const std::vector<int> ports = exposer_->GetListeningPorts();
    return ports.empty() ? 0 : ports[0];
  }

  void Committed(const WriteBatch& batch, absl::Duration took) override {
    int64_t tokens = 0;
    for (const OutcomeRecord& outcome : batch.outcomes) tokens += static_cast<int64_t>(outcome.tokens.size());
    outcomes_.Increment(static_cast<double>(batch.outcomes.size()));
    tokens_.Increment(static_cast<double>(tokens));
    alarms_.Increment(static_cast<double>(batch.alarms.size()));
    commits_.Observe(absl::ToDoubleSeconds(took));
  }

  void SetLevels(const MetricLevels& levels) override {
    workers_.Set(static_cast<double>(levels.workers));
    leased_.Set(static_cast<double>(levels.leased_cells));
    queue_.Set(static_cast<double>(levels.queue_length));
    wal_.Set(static_cast<double>(levels.wal_bytes));
  }

 private:
  const std::shared_ptr<prometheus::Registry> registry_ = std::make_shared<prometheus::Registry>();
  prometheus::Counter& outcomes_ = Counter(*registry_, "sprint_outcomes_total", "Outcomes made durable");
  prometheus::Counter& tokens_ = Counter(*registry_, "sprint_tokens_total", "Generated tokens made durable");
  prometheus::Counter& alarms_ = Counter(*registry_, "sprint_determinism_alarms_total",
                                         "Late outcomes that differ from the durable one");
  prometheus::Histogram& commits_ =
      prometheus::BuildHistogram()
          .Name("sprint_commit_seconds")
          .Help("How long one commit of the database takes")
          .Register(*registry_)
          .Add({}, prometheus::Histogram::BucketBoundaries{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
                                                           0.2, 0.5, 1, 5});
  prometheus::Gauge& workers_ = Gauge(*registry_, "sprint_workers", "Workers connected now");
  prometheus::Gauge& leased_ = Gauge(*registry_, "sprint_leased_cells", "Cells that workers hold now");
  prometheus::Gauge& queue_ =
      Gauge(*registry_, "sprint_event_queue_length", "Tasks that wait for the event loop");
  prometheus::Gauge& wal_ = Gauge(*registry_, "sprint_wal_bytes", "Size of the database's write-ahead log");
  const std::unique_ptr<prometheus::Exposer> exposer_;  // first to go: it reads the registry
};

}  // namespace

absl::StatusOr<std::unique_ptr<Metrics>> Metrics::Serve(const std::string& address) {
  try {
    return std::make_unique<PrometheusMetrics>(std::make_unique<prometheus::Exposer>(address, 1));
  } catch (const std::exception& e) {
    return Error(absl::StatusCode::kUnavailable, Reason::kAddressInUse,
                 absl::StrCat("metrics cannot be served at ", address, " (", e.what(),
                              "); give --metrics another port, or port 0 for one that is free"));
  }
}

}  // namespace sprint
