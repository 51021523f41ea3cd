// A fixture for what needs an io_context to wait with, and maybe scripts in a folder.

#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <string>

#include "tests/vpnd/host/temporary_folder.hpp"
#include "vpnd/dataplane/messages.hpp"
#include "vpnd/hooks/script_runner.hpp"

namespace vpnd::control::test {

// Where a UDP peer is reached.
inline dataplane::Link link_to(const tunio::Endpoint& endpoint) {
  dataplane::Link link;
  link.endpoint = endpoint;
  return link;
}

class ScriptFixture : public host::TemporaryFolder {
 protected:
  std::string script(std::string_view name, const std::string& body) {
    const auto file = write(name, "#!/bin/sh\n" + body);
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    return file.string();
  }

  // Lets things happen until the condition holds; whether it came to that.
  template <typename Condition>
  bool wait_for(Condition condition) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < limit) {
      if (condition()) return true;
      io.restart();
      io.run_one_for(std::chrono::milliseconds(20));
    }
    return false;
  }

  asio::io_context io;
};

}  // namespace vpnd::control::test
