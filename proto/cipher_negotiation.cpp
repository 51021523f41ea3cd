#include "proto/cipher_negotiation.hpp"

#include <algorithm>

namespace vpnd::proto {
namespace {

constexpr std::string_view kNcp2Ciphers = "AES-256-GCM:AES-128-GCM";  // what IV_NCP=2 alone stands for

bool contains(std::span<const crypto::AeadAlgorithm> list, crypto::AeadAlgorithm cipher) {
  return std::find(list.begin(), list.end(), cipher) != list.end();
}

void add_once(CipherList& list, crypto::AeadAlgorithm cipher) {
  if (!contains(list, cipher)) list.push_back(cipher);
}

std::optional<crypto::AeadAlgorithm> cipher_of_options(const PeerOptionsString& options) {
  return options.cipher ? crypto::aead_from_name(*options.cipher) : std::nullopt;
}

// What the client can do, by the best source it gives; names that vpnd does not have fall out, for they
// cannot be chosen.
CipherList ciphers_of(const PeerInfo& client, const PeerOptionsString& options) {
  if (const auto list = client.ciphers()) return parse_cipher_list(*list).ciphers;
  if (client.ncp() >= 2) return parse_cipher_list(kNcp2Ciphers).ciphers;
  if (const auto cipher = cipher_of_options(options)) return {*cipher};
  return {};
}

bool says_nothing_about_ciphers(const PeerInfo& client, const PeerOptionsString& options) {
  return !client.ciphers() && client.ncp() < 2 && !options.cipher;
}

}  // namespace

ParsedCipherList parse_cipher_list(std::string_view text) {
  ParsedCipherList parsed;
  while (!text.empty()) {
    const std::size_t colon = text.find(':');
    std::string_view name = text.substr(0, colon);
    text.remove_prefix(colon == std::string_view::npos ? text.size() : colon + 1);
    const bool optional = name.starts_with('?');
    if (optional) name.remove_prefix(1);
    if (name.empty()) continue;

    if (name == "DEFAULT") {
      for (const auto cipher : parse_cipher_list(kDefaultCiphers).ciphers) add_once(parsed.ciphers, cipher);
    } else if (const auto cipher = crypto::aead_from_name(name)) {
      add_once(parsed.ciphers, *cipher);
    } else {
      (optional ? parsed.unknown_optional : parsed.unknown).emplace_back(name);
    }
  }
  return parsed;
}

std::string format_cipher_list(std::span<const crypto::AeadAlgorithm> ciphers) {
  std::string text;
  for (const auto cipher : ciphers) {
    if (!text.empty()) text += ':';
    text += crypto::aead_name(cipher);
  }
  return text;
}

std::optional<crypto::AeadAlgorithm> choose_cipher(std::span<const crypto::AeadAlgorithm> own,
                                                   std::optional<crypto::AeadAlgorithm> fallback,
                                                   const PeerInfo& client,
                                                   const PeerOptionsString& client_options) {
  const CipherList theirs = ciphers_of(client, client_options);
  for (const auto cipher : own) {
    if (contains(theirs, cipher)) return cipher;
  }
  if (says_nothing_about_ciphers(client, client_options)) return fallback;
  return std::nullopt;
}

bool takes_pushed_cipher(const PeerInfo& client) {
  return client.ncp() >= 2 || client.ciphers().has_value();
}

ProtocolFlags choose_protocol_flags(const PeerInfo& client) {
  // Only clients that know `protocol-flags` can be told of dynamic tls-crypt.
  const bool takes_flags = client.has(ProtoBit::cc_exit_notify);
  return {.tls_key_export = client.has(ProtoBit::tls_key_export),
          .dynamic_tls_crypt = takes_flags && client.has(ProtoBit::dynamic_tls_crypt),
          .exit_by_control_channel = takes_flags,
          .data_epoch = takes_flags && client.has(ProtoBit::data_epoch) && client.has(ProtoBit::data_v2)};
}

std::vector<std::string> negotiation_push_options(crypto::AeadAlgorithm cipher, const PeerInfo& client) {
  std::vector<std::string> options;
  if (takes_pushed_cipher(client)) options.push_back("cipher " + std::string(crypto::aead_name(cipher)));

  const ProtocolFlags flags = choose_protocol_flags(client);
  if (flags.exit_by_control_channel) {
    std::string words = "protocol-flags cc-exit";
    if (flags.tls_key_export) words += " tls-ekm";
    if (flags.dynamic_tls_crypt) words += " dyn-tls-crypt";
    if (flags.data_epoch) words += " aead-epoch";
    options.push_back(std::move(words));
  } else if (flags.tls_key_export) {
    options.push_back("key-derivation tls-ekm");
  }
  return options;
}

ClientCipher accept_cipher(std::span<const crypto::AeadAlgorithm> own,
                           std::optional<crypto::AeadAlgorithm> fallback,
                           std::optional<std::string_view> pushed, const PeerOptionsString& server_options) {
  if (pushed) {
    const auto cipher = crypto::aead_from_name(*pushed);
    if (cipher && contains(own, *cipher)) return {cipher, {}};
    return {std::nullopt, "the server chose cipher " + std::string(*pushed) +
                              ", which is not in data-ciphers (" + format_cipher_list(own) + ")"};
  }
  const auto offered = cipher_of_options(server_options);
  if (offered && contains(own, *offered)) return {offered, {}};
  if (fallback) return {fallback, {}};
  return {std::nullopt, "the server pushed no cipher, and its " +
                            server_options.cipher.value_or("unnamed cipher") + " is not in data-ciphers (" +
                            format_cipher_list(own) + ")"};
}

}  // namespace vpnd::proto
