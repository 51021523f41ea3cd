#include "proto/options_string.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "proto/control_message.hpp"

namespace vpnd::proto {
namespace {

// What stock adds to the tun MTU for a classic AEAD packet over UDP, and for the length prefix over TCP.
// Nothing is derived from it any more; it stands here so that a stock peer finds the number it expects.
constexpr std::uint32_t kLinkOverhead = 49;
constexpr std::uint32_t kStreamOverhead = 2;
constexpr std::uint32_t kCompressionOverhead = 1;

constexpr bool is_stream(LinkProtocol link) {
  return link == LinkProtocol::tcp_v4 || link == LinkProtocol::tcp_v6;
}

std::string protocol_name(LinkProtocol link, crypto::Role role) {
  const std::string side = role == crypto::Role::client ? "_CLIENT" : "_SERVER";
  switch (link) {
    case LinkProtocol::udp_v4:
      return "UDPv4";
    case LinkProtocol::udp_v6:
      return "UDPv6";
    case LinkProtocol::tcp_v4:
      return "TCPv4" + side;
    case LinkProtocol::tcp_v6:
      return "TCPv6" + side;
  }
  return {};
}

std::uint32_t link_mtu(const OptionsStringSettings& settings) {
  return settings.tun_mtu + kLinkOverhead + (is_stream(settings.link) ? kStreamOverhead : 0) +
         (settings.comp_lzo ? kCompressionOverhead : 0);
}

int key_bits(std::string_view cipher) {
  if (cipher.find("128") != std::string_view::npos) return 128;
  return cipher.find("192") != std::string_view::npos ? 192 : 256;
}

// Calls `visit(field)` for every field between commas.
template <typename Visit>
void for_each_field(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view field = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    if (!field.empty()) visit(field);
  }
}

std::string_view first_word(std::string_view field) {
  return field.substr(0, field.find(' '));
}

std::string_view behind_first_word(std::string_view field) {
  const std::size_t space = field.find(' ');
  return space == std::string_view::npos ? std::string_view{} : field.substr(space + 1);
}

// The fields whose difference would make the tunnel carry the wrong kind of packets.
constexpr std::array<std::string_view, 5> kCompared{"dev-type", "tun-mtu", "comp-lzo", "mtu-dynamic",
                                                    "tls-client"};

bool is_compared(std::string_view field) {
  const std::string_view word = first_word(field);
  return word == "tls-server" || std::find(kCompared.begin(), kCompared.end(), word) != kCompared.end();
}

std::string quoted(std::string_view field) {
  constexpr std::size_t kMaxShown = 80;
  std::string shown(field.substr(0, kMaxShown));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '_');
  return "'" + shown + "'";
}

// The field of `text` that begins with this word; empty if there is none.
std::string_view find_field(std::string_view text, std::string_view word) {
  std::string_view found;
  for_each_field(text, [&](std::string_view field) {
    if (found.empty() && first_word(field) == word) found = field;
  });
  return found;
}

}  // namespace

std::string format_options_string(const OptionsStringSettings& settings) {
  std::string text = "V4,dev-type tun,link-mtu " + std::to_string(link_mtu(settings)) + ",tun-mtu " +
                     std::to_string(settings.tun_mtu) + ",proto " +
                     protocol_name(settings.link, settings.role);
  if (settings.comp_lzo) text += ",comp-lzo";
  if (settings.key_direction) text += ",keydir " + std::to_string(*settings.key_direction);
  text += ",cipher " + settings.cipher + ",auth [null-digest],keysize " +
          std::to_string(key_bits(settings.cipher));
  if (settings.tls_auth) text += ",tls-auth";
  text += settings.role == crypto::Role::client ? ",key-method 2,tls-client" : ",key-method 2,tls-server";
  return text;
}

PeerOptionsString parse_options_string(std::string_view text) {
  PeerOptionsString options;
  options.comp_lzo = !find_field(text, "comp-lzo").empty();
  const std::string_view cipher = behind_first_word(find_field(text, "cipher"));
  if (!cipher.empty() && cipher != "[null-cipher]" && is_printable(cipher)) options.cipher = cipher;

  const std::string_view mtu = behind_first_word(find_field(text, "tun-mtu"));
  std::uint32_t value = 0;
  const char* const end = mtu.data() + mtu.size();
  const auto [stopped_at, error] = std::from_chars(mtu.data(), end, value);
  if (error == std::errc{} && stopped_at == end) options.tun_mtu = value;
  return options;
}

std::vector<std::string> compare_options_strings(std::string_view expected, std::string_view received) {
  expected = expected.substr(0, kMaxOptionsStringSize);
  received = received.substr(0, kMaxOptionsStringSize);
  std::vector<std::string> differences;
  for_each_field(expected, [&](std::string_view field) {
    if (!is_compared(field)) return;
    const std::string_view other = find_field(received, first_word(field));
    const std::string name = quoted(first_word(field));
    if (other.empty()) {
      differences.push_back(
          name + " is present in local config but missing in remote config, local=" + quoted(field));
    } else if (other != field) {
      differences.push_back(name + " is used inconsistently, local=" + quoted(field) +
                            ", remote=" + quoted(other));
    }
  });
  for_each_field(received, [&](std::string_view field) {
    if (is_compared(field) && find_field(expected, first_word(field)).empty()) {
      differences.push_back(
          quoted(first_word(field)) +
          " is present in remote config but missing in local config, remote=" + quoted(field));
    }
  });
  return differences;
}

std::vector<std::string> options_inconsistencies(OptionsStringSettings own, std::string_view received,
                                                 const SettledByPush& settled) {
  if (received.empty() || received.starts_with("V0 UNDEF")) return {};
  const PeerOptionsString peer = parse_options_string(received);
  own.role = own.role == crypto::Role::client ? crypto::Role::server : crypto::Role::client;
  if (settled.tun_mtu && peer.tun_mtu) own.tun_mtu = *peer.tun_mtu;
  if (settled.compression) own.comp_lzo = peer.comp_lzo;
  return compare_options_strings(format_options_string(own), received);
}

}  // namespace vpnd::proto
