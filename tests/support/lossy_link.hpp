// One direction of a network for tests: datagrams go in, and come out late, twice, damaged, in another order
// or not at all. It lives in the time the test gives it, and the same seed makes the same faults.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <vector>

namespace vpnd::test {

struct LinkFaults {
  double loss = 0;      // chance that a datagram disappears
  double repeat = 0;    // that it comes twice
  double bit_flip = 0;  // that one of its bits is turned over
  std::chrono::milliseconds delay{20};
  std::chrono::milliseconds jitter{0};  // added at random: with much of it, datagrams overtake each other
};

class LossyLink {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Datagram = std::vector<std::byte>;

  LossyLink(std::uint32_t seed, const LinkFaults& faults) : random_(seed), faults_(faults) {}

  void set_faults(const LinkFaults& faults) { faults_ = faults; }

  void send(const Datagram& datagram, TimePoint now);

  // The next datagram that has arrived by `now`.
  std::optional<Datagram> receive(TimePoint now);

  // TimePoint::max() when nothing is on its way.
  TimePoint next_arrival() const;

 private:
  bool happens(double chance) { return std::uniform_real_distribution<>(0, 1)(random_) < chance; }
  void put(Datagram datagram, TimePoint now);

  std::mt19937 random_;
  LinkFaults faults_;
  std::multimap<TimePoint, Datagram> on_the_way_;
};

}  // namespace vpnd::test
