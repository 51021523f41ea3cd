// The talk with a proxy before the tunnel's own bytes flow: CONNECT of HTTP (RFC 9110 §9.3.6) with basic
// authentication (RFC 7617), or SOCKS 5 (RFC 1928) with user name and password (RFC 1929), for a connection
// or for datagrams. Without I/O.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/secret.hpp"
#include "tunio/endpoint.hpp"
#include "vpnd/config/proxy_options.hpp"

namespace vpnd::control {

class ProxyDialogue {
 public:
  enum class State : std::uint8_t { talking, open, refused };

  /// `datagrams`: SOCKS only.
  enum class Wanted : std::uint8_t { connection, datagrams };

  /// Asks the proxy for a way to `host`, which it looks up itself. `proxy` outlives the dialogue.
  ProxyDialogue(const config::ProxyOptions& proxy, const std::string& host, std::uint16_t port,
                Wanted wanted = Wanted::connection);

  /// What is to be sent to the proxy now; empty if it is its turn.
  crypto::SecretString take_output() { return std::move(output_); }
  /// Bytes that came from the proxy, which are everything up to now that was not given yet. A server of
  /// OpenVPN's protocol waits for its client, so that nothing follows the proxy's last word.
  void receive(std::string_view bytes);

  State state() const noexcept { return state_; }
  /// Where datagrams are to be sent, once the way is open; an unspecified address means the proxy's own. They
  /// may be sent as long as this connection lasts.
  const tunio::Endpoint& relay() const noexcept { return relay_; }
  /// Why it was refused, for the log.
  const std::string& reason() const noexcept { return reason_; }

 private:
  enum class Step : std::uint8_t { http_answer, socks_method, socks_authentication, socks_answer };

  void begin_http();
  void begin_socks();
  void take_http_answer();
  void take_socks_method();
  void take_socks_authentication();
  void take_socks_answer();
  void send_socks_request();
  bool take_relay(std::string_view answer);
  void refuse(std::string reason);

  const config::ProxyOptions& proxy_;
  const std::string host_;
  const std::uint16_t port_;
  const Wanted wanted_;
  Step step_;
  State state_ = State::talking;
  std::string input_;
  crypto::SecretString output_;
  std::string reason_;
  tunio::Endpoint relay_;
};

}  // namespace vpnd::control
