// A route as the host's routing table knows it, and the answer to "which way would this go?".

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tunio/ip_address.hpp"

namespace vpnd::host {

inline constexpr std::uint32_t kMainTable = 254;

// `gateway` or `device` or both must be given.
struct Route {
  tunio::Prefix destination;
  std::optional<tunio::IpAddress> gateway;
  std::string device;                   // empty: the kernel finds it from the gateway
  std::optional<std::uint32_t> metric;  // none: the kernel's default
  std::uint32_t table = kMainTable;

  bool operator==(const Route&) const = default;
};

// "192.0.2.0/24 via 10.8.0.1 dev tun0 metric 5 table 100", for messages.
std::string text(const Route& route);

struct Path {
  std::optional<tunio::IpAddress> gateway;  // none: the destination is on the link
  std::string device;
  std::optional<tunio::IpAddress> source;  // the address the kernel would send from

  bool operator==(const Path&) const = default;
};

}  // namespace vpnd::host
