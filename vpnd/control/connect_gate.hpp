// What has to be settled before a client tries a server: the pause since the last try, and whatever
// management clients are asked (hold, certificate, user name and password, which server, which proxy), one
// after the other.

#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>

#include "vpnd/config/options.hpp"
#include "vpnd/control/client_credentials.hpp"
#include "vpnd/control/external_identity.hpp"
#include "vpnd/control/remote_list.hpp"
#include "vpnd/management/interface.hpp"

namespace vpnd::control {

/// "udp4", "tcp-client" and so on, as management clients read it.
std::string_view protocol_name(const config::Protocol& protocol);

/// Belongs to the control thread. What it refers to outlives it.
class ConnectGate {
 public:
  /// Without management there is only the pause.
  ConnectGate(asio::io_context& context, const config::Options& options, ClientCredentials& credentials,
              RemoteList& remotes, management::Interface* management)
      : context_(context),
        options_(options),
        credentials_(credentials),
        remotes_(remotes),
        management_(management),
        pause_(context) {}

  /// Whose certificate is to be asked for; null: nobody's. Before the first pass().
  void set_identity(ExternalIdentity* identity) noexcept { identity_ = identity; }

  /// Calls `open` with the server to try, later. What was begun before is forgotten.
  void pass(std::chrono::seconds pause, std::function<void(const config::Remote&)> open);
  void forget();

 private:
  void wait(std::chrono::seconds pause);
  void ask_certificate();
  void ask_credentials();
  void ask_remote();
  void ask_proxy();
  void finish();
  void then(void (ConnectGate::*step)());

  asio::io_context& context_;
  const config::Options& options_;
  ClientCredentials& credentials_;
  RemoteList& remotes_;
  management::Interface* const management_;
  ExternalIdentity* identity_ = nullptr;
  asio::steady_timer pause_;
  std::uint64_t round_ = 0;  // answers to former rounds are not heard
  config::Remote remote_;
  std::function<void(const config::Remote&)> open_;
};

}  // namespace vpnd::control
