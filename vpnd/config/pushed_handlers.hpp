// The options that a client takes from a server. Apart from pushed_options.hpp so that a test can hold the
// list against the table of directives.
#pragma once

#include <span>
#include <string_view>

#include "vpnd/config/arguments.hpp"
#include "vpnd/config/pushed_options.hpp"

namespace vpnd::config {

enum class PushGroup : std::uint8_t { other, routes_and_dns };  // the latter are left out by route-nopull

struct PushedHandler {
  std::string_view name;
  void (*apply)(const Arguments&, const Options&, PushedOptions&) = nullptr;
  PushGroup group = PushGroup::other;
};

std::span<const PushedHandler> pushed_handlers();

}  // namespace vpnd::config
