#pragma once

#include <array>

#include "tunio/batch_io.hpp"

namespace vpnd::tunio {

/// Switches a socket between its configured path MTU discovery and IP_PMTUDISC_PROBE, as the datagrams that
/// go out next need it: the kernel has no such flag for one message. One socket serves peers of both kinds,
/// and setsockopt is called only where one follows the other.
class FragmentRule {
 public:
  /// Remembers how the socket is configured. `fd` < 0: none.
  void set_socket(int fd, int family) noexcept;

  /// From now on datagrams to this address family leave so.
  void apply(Fragments fragments, int destination_family) noexcept;

 private:
  // An IPv6 socket has both: it sends IPv4 by IPv4's rule.
  struct Option {
    int level;
    int name;
    int configured;
    Fragments now;
  };

  int fd_ = -1;
  std::array<Option, 2> options_{};  // IPv4, IPv6
};

}  // namespace vpnd::tunio
