// A client as management clients command it.

#pragma once

#include "vpnd/management/target.hpp"

namespace vpnd::control {

class Client;

/// Belongs to the control thread; the client outlives it.
class ClientCommands final : public management::Target {
 public:
  explicit ClientCommands(Client& client) : client_(client) {}

  void forget_passwords() override;
  std::optional<std::string> status(unsigned version) override;
  management::LoadStats load_stats() override;
  std::vector<management::ByteCount> byte_counts() override;
  management::Outcome send_challenge_response(std::string_view response) override;
  std::optional<std::vector<std::string>> remotes() const override;
  std::string auth_retry() const override;
  bool set_auth_retry(std::string_view retry) override;

 private:
  Client& client_;
};

}  // namespace vpnd::control
