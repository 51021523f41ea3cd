// Results and announcements, which somebody reads line by line while the program is still running.

#pragma once

#include <fmt/core.h>

#include <cstdio>
#include <string_view>

#include "bench/traffic/sockets.hpp"

namespace vpnd::bench {

// Writes a line to standard output at once.
inline void say(std::string_view line) {
  fmt::print("{}\n", line);
  if (std::fflush(stdout) != 0) fail("standard output");
}

}  // namespace vpnd::bench
