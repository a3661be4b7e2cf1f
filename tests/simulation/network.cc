#include "tests/simulation/network.h"

#include <algorithm>
#include <utility>

#include "tests/simulation/world.h"

namespace sprint::sim {

absl::Time Network::Arrival(int worker, Direction& direction) {
  absl::Time time = world_.loop().now() + world_.Between(absl::Microseconds(100), absl::Milliseconds(20));
  if (static_cast<size_t>(worker) < partitioned_until_.size()) {
    time = std::max(time, partitioned_until_[static_cast<size_t>(worker)]);
  }
  direction.clear = std::max(direction.clear + absl::Nanoseconds(1), time);
  return direction.clear;
}

void Network::Partition(int worker, absl::Duration length) {
  partitioned_until_.resize(static_cast<size_t>(world_.worker_count()), absl::InfinitePast());
  partitioned_until_[static_cast<size_t>(worker)] = world_.loop().now() + length;
}

void Network::Connect(int worker) {
  const bool cut = static_cast<size_t>(worker) < partitioned_until_.size() &&
                   partitioned_until_[static_cast<size_t>(worker)] > world_.loop().now();
  const int64_t life = world_.worker(worker).life();
  if (cut || !world_.coordinator().alive()) {
    world_.loop().After(world_.Between(absl::Milliseconds(1), absl::Seconds(1)),
                        [this, worker, life] { world_.worker(worker).OnConnectFailed(life); });
    return;
  }
  auto stream = std::make_shared<Stream>();
  stream->worker = worker;
  stream->life = life;
  stream->incarnation = world_.coordinator().incarnation();
  streams_.push_back(stream);
  std::erase_if(streams_, [](const std::shared_ptr<Stream>& old) { return old->broken; });
  world_.loop().At(Arrival(worker, stream->down),
                   [this, stream] { world_.worker(stream->worker).OnOpened(stream); });
}

void Network::SendUp(const std::shared_ptr<Stream>& stream, std::string bytes) {
  if (stream->broken) return;
  const int64_t number = ++stream->up.sent;
  const auto deliver = [this, stream, number, bytes] {
    if (number > stream->up.limit) return;
    stream->up.delivered = std::max(stream->up.delivered, number);
    world_.coordinator().OnBytes(stream, bytes);
  };
  const absl::Time arrival = Arrival(stream->worker, stream->up);
  world_.loop().At(arrival, deliver);
  // Twice: what a coordinator that reads an old stream late may make of it. Never the Hello.
  if (number > 1 && world_.Mishap(0.01)) {
    world_.loop().At(arrival + world_.Between(absl::ZeroDuration(), absl::Seconds(40)), deliver);
  }
}

void Network::SendDown(const std::shared_ptr<Stream>& stream, std::string bytes) {
  if (stream->broken) return;
  const int64_t number = ++stream->down.sent;
  world_.loop().At(Arrival(stream->worker, stream->down), [this, stream, number, bytes] {
    if (number > stream->down.limit) return;
    stream->down.delivered = number;
    world_.worker(stream->worker).OnBytes(stream, bytes);
  });
}

void Network::Break(const std::shared_ptr<Stream>& stream, bool lose) {
  if (stream->broken) return;
  stream->broken = true;
  for (Direction* direction : {&stream->up, &stream->down}) {
    const int64_t under_way = direction->sent - direction->delivered;
    const int64_t kept =
        lose ? static_cast<int64_t>(world_.rng().NextBelow(static_cast<uint64_t>(under_way) + 1)) : under_way;
    direction->limit = direction->delivered + kept;
  }
  const auto end = [&](const Direction& direction) {
    const absl::Duration notice = world_.Chance(0.2) ? absl::Seconds(20) : absl::Milliseconds(50);
    return std::max(direction.clear, world_.loop().now()) + world_.Between(absl::Nanoseconds(1), notice);
  };
  world_.loop().At(end(stream->down), [this, stream] { world_.worker(stream->worker).OnClosed(stream); });
  world_.loop().At(end(stream->up), [this, stream] { world_.coordinator().OnClosed(stream); });
}

void Network::BreakAll(int worker, bool lose) {
  const std::vector<std::shared_ptr<Stream>> streams = streams_;
  for (const auto& stream : streams) {
    if (stream->worker == worker) Break(stream, lose);
  }
}

void Network::BreakEverything() {
  const std::vector<std::shared_ptr<Stream>> streams = streams_;
  for (const auto& stream : streams) Break(stream);
}

}  // namespace sprint::sim
