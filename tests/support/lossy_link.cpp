#include "tests/support/lossy_link.hpp"

#include <utility>

namespace vpnd::test {

void LossyLink::send(const Datagram& datagram, TimePoint now) {
  const int copies = happens(faults_.repeat) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    if (!happens(faults_.loss)) put(datagram, now);
  }
}

void LossyLink::put(Datagram datagram, TimePoint now) {
  if (!datagram.empty() && happens(faults_.bit_flip)) {
    const std::size_t bit = std::uniform_int_distribution<std::size_t>(0, datagram.size() * 8 - 1)(random_);
    datagram[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  const auto jitter = std::uniform_int_distribution<std::int64_t>(0, faults_.jitter.count())(random_);
  on_the_way_.emplace(now + faults_.delay + std::chrono::milliseconds(jitter), std::move(datagram));
}

std::optional<LossyLink::Datagram> LossyLink::receive(TimePoint now) {
  if (on_the_way_.empty() || on_the_way_.begin()->first > now) return std::nullopt;
  Datagram datagram = std::move(on_the_way_.begin()->second);
  on_the_way_.erase(on_the_way_.begin());
  return datagram;
}

LossyLink::TimePoint LossyLink::next_arrival() const {
  return on_the_way_.empty() ? TimePoint::max() : on_the_way_.begin()->first;
}

}  // namespace vpnd::test
