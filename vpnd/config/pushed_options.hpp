// What a server tells a client in PUSH_REPLY, one option at a time. The text is a stranger's: everything is
// checked, and nothing a server says may end the daemon.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vpnd/config/options.hpp"

namespace vpnd::config {

// As the server wrote it; whether it is what was offered is for proto to say.
struct PushedBatch {
  unsigned version = 0;
  unsigned lanes = 0;
};

struct PushedOptions {
  AddressOptions addresses;  // topology absent: net30
  RoutingOptions routing;
  std::vector<std::string> foreign_options;  // "dhcp-option DNS 10.8.0.1", "dns …": for the up script
  std::optional<std::chrono::seconds> ping;
  std::optional<std::chrono::seconds> timeout;  // ping-restart or ping-exit, the later one counts
  TimeoutAction timeout_action = TimeoutAction::restart;
  std::optional<std::uint32_t> peer_id;  // absent: none, or the server switched it off (-1, 16777215)
  std::optional<std::string> cipher;     // canonical name, one of DataOptions::ciphers (or the fallback)
  std::optional<CompressionFraming> framing;
  std::vector<std::string> echoes;  // for programs of the management interface
  std::optional<std::pair<std::chrono::seconds, std::uint64_t>> idle;  // inactive: time, least bytes
  std::optional<std::chrono::seconds> session_length;                  // session-timeout
  std::optional<std::uint16_t> tun_mtu;
  std::optional<unsigned> explicit_exit_notify;
  std::optional<std::size_t> send_buffer;
  std::optional<std::size_t> receive_buffer;
  std::optional<SensitiveText> auth_token;     // replaces the password
  std::optional<std::string> auth_token_user;  // decoded from base64
  bool keys_by_exporter = false;               // protocol-flags tls-ekm, or key-derivation tls-ekm
  bool exit_by_control_channel = false;        // cc-exit
  bool dynamic_tls_crypt = false;
  bool data_epoch = false;           // aead-epoch: data packets in the epoch format
  std::optional<PushedBatch> batch;  // vpnd-batch: the data channel is the batch channel
  std::vector<std::pair<std::string, std::string>> environment;  // setenv-safe: names begin with OPENVPN_
};

enum class PushVerdict : std::uint8_t {
  applied,  // `text` may still name a part that was left out
  ignored,  // known to be without effect here, filtered away, or unknown; `text` says which, empty if not
            // worth a line
  refused,  // a value that no server should send; not applied, the session may go on without it
  fatal,    // the session cannot be used: pull-filter reject, a cipher that was never offered, …
};

struct [[nodiscard]] PushResult {
  PushVerdict verdict = PushVerdict::applied;
  std::string text;  // one printable line for the log
};

// Applies one comma-separated element of PUSH_REPLY to `pushed`. `options` supplies the pull filters,
// route-nopull, the ciphers offered and the largest tun-mtu announced. "push-continuation" is the caller's
// affair and comes back ignored.
PushResult apply_pushed(std::string_view option, const Options& options, PushedOptions& pushed);

// Whether the client's pull filters let this option through, as a server would push it.
bool passes_pull_filters(std::string_view option, const Options& options);

// The largest tun-mtu a server may push: what we announce as IV_MTU.
std::uint16_t largest_pushed_mtu(const Options& options);

}  // namespace vpnd::config
