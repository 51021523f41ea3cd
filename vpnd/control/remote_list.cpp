#include "vpnd/control/remote_list.hpp"

#include <algorithm>
#include <random>

namespace vpnd::control {

namespace {

constexpr unsigned kRoundsBeforeBackOff = 5;
constexpr unsigned kMostDoublings = 16;

}  // namespace

RemoteList::RemoteList(const config::ClientOptions& client)
    : remotes_(client.remotes), limit_(client.connect_attempts) {
  if (client.random_order)
    std::shuffle(remotes_.begin(), remotes_.end(), std::mt19937(std::random_device()()));
}

void RemoteList::advance() {
  if (++position_ < remotes_.size()) return;
  position_ = 0;
  ++rounds_;
}

std::chrono::seconds RemoteList::wait() const {
  const config::LinkOptions& link = current().link;
  const unsigned doublings =
      rounds_ < kRoundsBeforeBackOff ? 0 : std::min(rounds_ - kRoundsBeforeBackOff + 1, kMostDoublings);
  return std::min(link.connect_retry * (1U << doublings), link.connect_retry_max_wait);
}

}  // namespace vpnd::control
