// Peer info: `KEY=VALUE` lines in which each side tells the other what it can do (docs/protocol.md §6). They
// arrive inside TLS but before authorisation, and are never to be trusted for security.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vpnd::proto {

// The bits of IV_PROTO.
enum class ProtoBit : std::uint8_t {
  data_v2 = 1,
  request_push = 2,  // the server may send PUSH_REPLY unasked
  tls_key_export = 3,
  auth_pending_keywords = 4,
  p2p_negotiation = 5,
  dns_option_first_form = 6,
  cc_exit_notify = 7,  // EXIT by control channel, and understands `protocol-flags`
  auth_fail_temp = 8,
  dynamic_tls_crypt = 9,
  data_epoch = 10,
  dns_option = 11,
  push_update = 12,
};

constexpr std::uint32_t proto_mask(ProtoBit bit) {
  return std::uint32_t{1} << static_cast<unsigned>(bit);
}

// What this implementation announces as a client.
inline constexpr std::uint32_t kOwnProtoBits =
    proto_mask(ProtoBit::data_v2) | proto_mask(ProtoBit::request_push) |
    proto_mask(ProtoBit::tls_key_export) | proto_mask(ProtoBit::auth_pending_keywords) |
    proto_mask(ProtoBit::cc_exit_notify) | proto_mask(ProtoBit::auth_fail_temp) |
    proto_mask(ProtoBit::dynamic_tls_crypt) | proto_mask(ProtoBit::data_epoch) |
    proto_mask(ProtoBit::push_update);

// In point-to-point mode, where both ends announce it; there is no push.
inline constexpr std::uint32_t kOwnPointToPointBits =
    proto_mask(ProtoBit::data_v2) | proto_mask(ProtoBit::tls_key_export) |
    proto_mask(ProtoBit::p2p_negotiation) | proto_mask(ProtoBit::cc_exit_notify) |
    proto_mask(ProtoBit::dynamic_tls_crypt);

struct PeerInfoSettings {
  std::string version;                                         // value of IV_VER
  std::string platform = "linux";                              // value of IV_PLAT
  std::uint32_t proto_bits = kOwnProtoBits;                    // value of IV_PROTO
  std::string ciphers;                                         // value of IV_CIPHERS: a colon list
  std::uint32_t max_tun_mtu = 1600;                            // value of IV_MTU
  std::vector<std::pair<std::string, std::string>> variables;  // further lines, such as UV_*
};

// The lines a client sends. A variable whose name or value could break the line format is left out.
// IV_NCP=2 is announced only when `ciphers` holds AES-128-GCM and AES-256-GCM, for that is what it means.
std::string format_peer_info(const PeerInfoSettings& settings);

// The other side's lines, checked and bounded.
class PeerInfo {
 public:
  static constexpr std::size_t kMaxSize = 4096;  // of the whole text; what is beyond is not read
  static constexpr std::size_t kMaxLines = 128;
  static constexpr std::size_t kMaxNameSize = 64;
  static constexpr std::size_t kMaxValueSize = 512;

  PeerInfo() = default;

  // Takes over every well-formed line; others are skipped and counted. Of a repeated name the first counts. A
  // byte of a value that is not printable ASCII becomes '_', so that a value can be logged.
  static PeerInfo parse(std::string_view text);

  std::optional<std::string_view> find(std::string_view name) const;
  bool has(ProtoBit bit) const { return (proto_bits_ & proto_mask(bit)) != 0; }
  // From now on as if the other side had not announced this.
  void forget(ProtoBit bit) { proto_bits_ &= ~proto_mask(bit); }
  std::uint32_t proto_bits() const { return proto_bits_; }  // 0 when IV_PROTO is absent or no number
  std::optional<std::string_view> ciphers() const { return find("IV_CIPHERS"); }
  std::uint32_t ncp() const { return number("IV_NCP"); }  // 0 when absent
  std::optional<std::uint32_t> max_tun_mtu() const;       // IV_MTU, if it is a number
  bool has_compression_stub_v2() const { return number("IV_COMP_STUBv2") == 1; }
  std::vector<std::string_view> out_of_band_auth_methods() const;  // IV_SSO: openurl, webauth, crtext …
  std::size_t skipped_lines() const { return skipped_lines_; }

  // The lines that may become environment variables of a script: names of letters, digits and '_' that begin
  // with IV_ or UV_, which keeps PATH and LD_PRELOAD out. As in stock, white space and $ ( ` in a value
  // become '_'.
  std::vector<std::pair<std::string, std::string>> environment() const;

 private:
  std::uint32_t number(std::string_view name) const;

  std::map<std::string, std::string, std::less<>> values_;
  std::uint32_t proto_bits_ = 0;
  std::size_t skipped_lines_ = 0;
};

}  // namespace vpnd::proto
