#include "vpnd/host/route.hpp"

#include <fmt/format.h>

#include <iterator>

namespace vpnd::host {

std::string text(const Route& route) {
  std::string words = route.destination.network().format();
  const auto add = std::back_inserter(words);
  if (route.gateway) fmt::format_to(add, " via {}", route.gateway->format());
  if (!route.device.empty()) fmt::format_to(add, " dev {}", route.device);
  if (route.metric) fmt::format_to(add, " metric {}", *route.metric);
  if (route.table != kMainTable) fmt::format_to(add, " table {}", route.table);
  return words;
}

}  // namespace vpnd::host
