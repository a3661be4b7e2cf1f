// Streams between workers and the coordinator. A stream is ordered while it lives, as gRPC's are;
// disorder comes of its end: an old stream's messages may arrive after a new stream's.
#ifndef SPRINT_TESTS_SIMULATION_NETWORK_H_
#define SPRINT_TESTS_SIMULATION_NETWORK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace sprint::sim {

class World;

struct Direction {
  int64_t sent = 0;
  int64_t delivered = 0;
  int64_t limit = INT64_MAX;  // messages beyond it are lost
  absl::Time clear;           // the last one's arrival: later ones come after it
};

struct Stream {
  int worker = 0;
  int64_t life = 0;         // of the worker process that opened it
  int64_t incarnation = 0;  // of the coordinator it leads to
  bool broken = false;
  Direction up;
  Direction down;
};

class Network {
 public:
  explicit Network(World& world) : world_(world) {}

  // The worker hears StreamOpened, or StreamClosed when nobody answers.
  void Connect(int worker);
  void SendUp(const std::shared_ptr<Stream>& stream, std::string bytes);
  void SendDown(const std::shared_ptr<Stream>& stream, std::string bytes);
  // Loses a tail of what is under way, and tells both ends, each at its own time.
  void Break(const std::shared_ptr<Stream>& stream, bool lose = true);
  // Breaks every stream of a worker, or every one of all.
  void BreakAll(int worker, bool lose);
  void BreakEverything();
  // Holds back all messages of a worker.
  void Partition(int worker, absl::Duration length);

 private:
  absl::Time Arrival(int worker, Direction& direction);

  World& world_;
  std::vector<std::shared_ptr<Stream>> streams_;
  std::vector<absl::Time> partitioned_until_;
};

}  // namespace sprint::sim

#endif  // SPRINT_TESTS_SIMULATION_NETWORK_H_
