// A server as management clients command it.

#pragma once

#include "vpnd/management/target.hpp"

namespace vpnd::control {

class Server;

/// Belongs to the control thread; the server outlives it.
class ServerCommands final : public management::Target {
 public:
  explicit ServerCommands(Server& server) : server_(server) {}

  std::optional<std::string> status(unsigned version) override;
  management::LoadStats load_stats() override;
  std::vector<management::ByteCount> byte_counts() override;
  bool serves_clients() const override { return true; }
  std::size_t kill_by_name(std::string_view name) override;
  std::size_t kill_by_address(std::string_view address, std::uint16_t port) override;
  management::Outcome kill_client(std::uint64_t client, std::string_view message) override;
  management::Outcome admit_client(management::ClientKey key, std::string_view settings) override;
  management::Outcome deny_client(management::ClientKey key, std::string_view reason,
                                  std::string_view client_reason) override;
  management::Outcome put_off_client(management::ClientKey key, std::string_view extra,
                                     unsigned seconds) override;
  std::size_t push_update(std::optional<std::uint64_t> client,
                          const std::vector<std::string>& options) override;

 private:
  Server& server_;
};

}  // namespace vpnd::control
