// TLS, the checks of the peer's certificate, key renewal, and the data channel's ciphers.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vpnd/config/material.hpp"

namespace vpnd::config {

enum class TlsVersion : std::uint8_t { tls1_0, tls1_1, tls1_2, tls1_3 };
enum class CertificateProfile : std::uint8_t { insecure, legacy, preferred, suiteb };
enum class CertificatePurpose : std::uint8_t { client, server };
enum class ClientCertificate : std::uint8_t { none, optional, require };
enum class NameMatch : std::uint8_t { subject, name, name_prefix };

struct ExpectedName {
  std::string text;
  NameMatch match = NameMatch::subject;
};

// x509-track
struct TrackedField {
  std::string name;
  bool whole_chain = false;  // "+": of every certificate, not of the peer's own alone
  Location where;
};

struct TlsOptions {
  std::optional<Material> ca;
  std::optional<Material> ca_directory;  // capath; only its path and place
  std::optional<Material> pkcs12;        // instead of certificate and private_key; DER
  std::optional<Material> certificate;
  std::optional<Material> private_key;
  std::optional<Material> key_password;  // askpass FILE; the first line counts
  bool ask_key_password = false;         // askpass without a file: from the terminal
  std::optional<Material> extra_certificates;
  std::optional<Material> crl;               // with a path: read again when the file changes
  std::optional<Material> revoked_serials;   // crl-verify DIR dir; only its path and place
  std::vector<std::string> issuer_hashes;    // verify-hash: 40 (SHA-1) or 64 (SHA-256) lower-case hex digits
  std::vector<std::string> name_fields;      // x509-username-field; empty: CN
  std::vector<TrackedField> tracked_fields;  // for scripts; empty: the whole subject of every one
  std::optional<std::vector<unsigned>> key_usages;  // remote-cert-ku; empty: any
  std::string extended_key_usage;                   // remote-cert-eku
  std::vector<std::string> peer_fingerprints;       // SHA-256, 64 lower-case hex digits without colons
  std::optional<CertificatePurpose> peer_purpose;   // remote-cert-tls: what the *peer* must be
  std::optional<ExpectedName> expected_name;
  ClientCertificate client_certificate = ClientCertificate::require;  // server only
  TlsVersion version_min = TlsVersion::tls1_2;
  std::optional<TlsVersion> version_max;
  std::string ciphers;       // TLS <= 1.2; as configured: IANA or OpenSSL names; empty: the library's default
  std::string ciphersuites;  // TLS 1.3
  std::string groups;
  CertificateProfile profile = CertificateProfile::legacy;
  std::chrono::seconds retransmit_timeout{2};    // tls-timeout
  std::chrono::seconds handshake_window{60};     // hand-window
  std::chrono::seconds transition_window{3600};  // tran-window
};

struct RenewalOptions {
  std::chrono::seconds interval{3600};  // reneg-sec; 0: never by time
  std::optional<std::chrono::seconds>
      interval_min;         // a time between the two is drawn; absent: the role's default
  std::uint64_t bytes = 0;  // 0: the cipher's own limit alone
  std::uint64_t packets = 0;
};

// Which bytes stand around the plaintext. vpnd never compresses, and drops what a peer compressed.
enum class CompressionFraming : std::uint8_t {
  none,
  lzo,      // 0xFA in front
  swap,     // 0xFB in front, the first byte moved to the end
  stub_v2,  // nothing, except 0x50 0x00 before a packet that begins with 0x50
};

struct DataOptions {
  std::vector<std::string> ciphers{"AES-256-GCM", "AES-128-GCM",
                                   "CHACHA20-POLY1305"};  // canonical names, best first
  std::optional<std::string> fallback_cipher;             // data-ciphers-fallback, if it is an AEAD
  std::string announced_cipher;  // `cipher`, for the options string only; empty: the first of `ciphers`
  std::string digest = "SHA1";   // `auth`: HMAC of tls-auth; of no effect on the data channel
  CompressionFraming framing = CompressionFraming::none;
  unsigned replay_window = 2048;   // packets; rounded up to a multiple of 64
  bool epoch_format = true;        // data packets in OpenVPN 2.7's epoch format where the peer can
  bool exporter_required = false;  // force-tls-key-material-export: no peer without it
  bool key_exporter = true;        // false: data keys by the legacy PRF even where the peer could export them
};

}  // namespace vpnd::config
