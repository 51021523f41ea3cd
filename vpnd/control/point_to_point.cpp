#include "vpnd/control/point_to_point.hpp"

#include <algorithm>

#include "vpnd/control/security_setup.hpp"

namespace vpnd::control {

namespace {

using proto::ProtoBit;

// The first in the list of TLS's server that the client has as well: both ends find the same one.
std::optional<crypto::AeadAlgorithm> shared_cipher(const config::Options& options,
                                                   const proto::CipherList& own,
                                                   const proto::PeerInfo& other) {
  const auto names = other.ciphers();
  if (!names) return std::nullopt;
  const proto::CipherList theirs = proto::parse_cipher_list(*names).ciphers;
  const bool we_serve = options.mode == config::Mode::server;
  const proto::CipherList& order = we_serve ? own : theirs;
  const proto::CipherList& partner = we_serve ? theirs : own;
  const auto found = std::find_if(order.begin(), order.end(), [&](crypto::AeadAlgorithm cipher) {
    return std::find(partner.begin(), partner.end(), cipher) != partner.end();
  });
  return found != order.end() ? std::optional(*found) : std::nullopt;
}

// Of a peer that does not negotiate: what it uses, or what we were told to use with such.
std::optional<crypto::AeadAlgorithm> unnegotiated_cipher(const config::Options& options,
                                                         const proto::CipherList& own,
                                                         const proto::PeerOptionsString& other) {
  const auto named = other.cipher ? crypto::aead_from_name(*other.cipher) : std::nullopt;
  if (named && std::find(own.begin(), own.end(), *named) != own.end()) return named;
  return fallback_cipher(options.data);
}

}  // namespace

std::string point_to_point_peer_info(const config::Options& options, const proto::CipherList& ciphers) {
  proto::PeerInfoSettings settings;
  settings.version = "vpnd-" VPND_VERSION;
  settings.proto_bits = proto::kOwnPointToPointBits;
  if (!options.data.key_exporter) settings.proto_bits &= ~proto::proto_mask(ProtoBit::tls_key_export);
  settings.ciphers = proto::format_cipher_list(ciphers);
  settings.max_tun_mtu = options.link.tun_mtu_max;
  return proto::format_peer_info(settings);
}

PointToPointTerms agree_point_to_point(const config::Options& options, const proto::CipherList& own,
                                       const proto::PeerInfo& other,
                                       const proto::PeerOptionsString& other_options,
                                       proto::Session& session) {
  PointToPointTerms terms;
  terms.cipher = shared_cipher(options, own, other);
  if (!terms.cipher && !other.ciphers()) terms.cipher = unnegotiated_cipher(options, own, other_options);
  if (!other.has(ProtoBit::p2p_negotiation)) return terms;
  terms.flags = proto::choose_protocol_flags(other);
  terms.flags.data_epoch = false;  // not announced: who would choose?
  if (!options.data.key_exporter) terms.flags.tls_key_export = false;
  if (other.has(ProtoBit::data_v2)) {
    terms.peer_id = session.derive_peer_id(terms.flags.tls_key_export ? proto::KeyDerivation::tls_exporter
                                                                      : proto::KeyDerivation::legacy_prf);
  }
  return terms;
}

}  // namespace vpnd::control
