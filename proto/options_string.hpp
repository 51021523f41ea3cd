// The options string ("OCC") that both sides send once in the key exchange (docs/protocol.md §6): a
// description of the tunnel which the other side compares with its own. Differences are worth a warning, with
// two exceptions that are acted upon: the cipher, when there is no other negotiation, and comp-lzo.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/role.hpp"

namespace vpnd::proto {

inline constexpr std::size_t kMaxOptionsStringSize = 512;  // with its NUL

enum class LinkProtocol : std::uint8_t { udp_v4, udp_v6, tcp_v4, tcp_v6 };

struct OptionsStringSettings {
  crypto::Role role = crypto::Role::client;  // of the sender
  LinkProtocol link = LinkProtocol::udp_v4;
  std::uint32_t tun_mtu = 1500;
  std::string cipher = "AES-256-GCM";
  std::optional<int> key_direction = {};  // 0 or 1: of tls-auth with a direction
  bool tls_auth = false;
  bool comp_lzo = false;
};

std::string format_options_string(const OptionsStringSettings& settings);

struct PeerOptionsString {
  std::optional<std::string> cipher;  // empty when absent or "[null-cipher]"
  bool comp_lzo = false;
  std::optional<std::uint32_t> tun_mtu;
};

PeerOptionsString parse_options_string(std::string_view text);

// One line of text, in stock's words, per difference that matters between what the peer was expected to send
// and what it sent. Fields that follow from the negotiated cipher or say nothing (link-mtu, cipher, auth,
// keysize, keydir, proto …) are passed over, as in stock. Text that came from the peer is made printable.
std::vector<std::string> compare_options_strings(std::string_view expected, std::string_view received);

// What push settles for both sides, so that a difference in the options strings means nothing.
struct SettledByPush {
  bool tun_mtu = false;
  bool compression = false;
};

// The same for what a peer should send to whoever has these settings. A peer that sent nothing, or only that
// its options are undefined (disable-occ), is not compared.
std::vector<std::string> options_inconsistencies(OptionsStringSettings own, std::string_view received,
                                                 const SettledByPush& settled);

}  // namespace vpnd::proto
