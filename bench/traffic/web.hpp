// A web server with one object, so that no file system, configuration or process model is part of the
// measurement.

#pragma once

#include <cstddef>

#include "bench/traffic/sockets.hpp"

namespace vpnd::bench {

// Answers every GET at `at` with an object of `size` bytes by sendfile, one thread per connection, which
// stays open (keep-alive) until the client closes it. Prints "ready". Does not return.
[[noreturn]] void serve(const Endpoint& at, std::size_t size);

}  // namespace vpnd::bench
