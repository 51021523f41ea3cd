// TLS over memory: ciphertext goes in and comes out as bytes, the control channel carries it.
// docs/protocol.md §5
//
// TlsContext is the configured identity and policy, made once and on reload; TlsSession is one handshake of
// one key id. A context and its sessions are used by one thread at a time. Sessions keep what they need of
// the context alive.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/certificate.hpp"
#include "crypto/external_key.hpp"
#include "crypto/role.hpp"
#include "crypto/secret.hpp"

namespace vpnd::crypto {

enum class TlsVersion : std::uint8_t { v1_0, v1_1, v1_2, v1_3 };
[[nodiscard]] std::optional<TlsVersion> tls_version_from_name(std::string_view name) noexcept;  // "1.2"

enum class VerifyClientCert : std::uint8_t { none, optional, require };

// `remote-cert-tls`: the peer's certificate must carry a key usage, and the extended key usage of that end.
enum class RemoteCertTls : std::uint8_t { unchecked, client, server };

struct VerifyX509Name {
  enum class Type : std::uint8_t {
    subject,
    name,
    name_prefix
  };  // the whole subject, the CN, the start of the CN
  Type type = Type::subject;
  std::string value;
};

// `verify-hash`: the digest that the certificate must have which signed the leaf. 20 bytes are SHA-1, 32
// SHA-256.
using IssuerHash = std::vector<std::byte>;

// `x509-username-field`: what stands for the common name, joined by '_'. An attribute of the subject by short
// or long name ("CN", "emailAddress"), "ext:subjectAltName" or "ext:issuerAltName" (the first e-mail address
// in it), or "serialNumber" (of the certificate, "0x" and hexadecimal digits).
using NameFields = std::vector<std::string>;

// `tls-cert-profile`: which keys and signatures are strong enough; OpenSSL's security levels 0, 1, 2, and
// Suite B.
enum class TlsCertProfile : std::uint8_t { insecure, legacy, preferred, suiteb };

// Every file is given by its text, because configurations carry them inline as well. Empty means not given.
struct TlsSettings {
  Role role = Role::client;

  std::string ca;            // PEM certificates
  std::string ca_directory;  // of certificates and revocation lists, named by hash (openssl rehash)
  std::string cert;          // PEM: ours, then its intermediates
  SecretString key;          // PEM, may be encrypted
  SecretString key_password;
  bool external_key = false;              // neither `cert` nor `key`: TlsContext::use_external_key() follows
  std::string extra_certs;                // PEM: sent after cert
  std::string crl;                        // PEM revocation lists
  std::string revoked_serials_directory;  // a file in it names a revoked certificate by its serial, decimal
  std::string dh;                         // PEM parameters; empty: OpenSSL's own

  VerifyClientCert verify_client_cert = VerifyClientCert::require;  // server only
  RemoteCertTls remote_cert_tls = RemoteCertTls::unchecked;
  std::optional<VerifyX509Name> verify_x509_name;
  std::vector<Fingerprint>
      peer_fingerprints;  // the leaf must be one of these; without `ca` that is the whole check

  std::optional<std::vector<unsigned>>
      key_usages;                  // `remote-cert-ku`: the bits of one of these, or any if empty
  std::string extended_key_usage;  // `remote-cert-eku`: an OID or OpenSSL's name of one
  std::vector<IssuerHash> issuer_hashes;
  NameFields name_fields;  // empty: CN

  TlsVersion version_min = TlsVersion::v1_2;
  std::optional<TlsVersion> version_max;
  std::string cipher;        // TLS <= 1.2: "TLS-ECDHE-RSA-WITH-…:…" or an OpenSSL cipher string
  std::string ciphersuites;  // TLS 1.3: "TLS_AES_256_GCM_SHA384:…"
  std::string groups;        // "X25519:secp384r1"
  TlsCertProfile cert_profile = TlsCertProfile::preferred;

  bool keep_certificates = false;  // CertificateFacts have their DER form: somebody will ask for more
};

// A setting OpenSSL could not use. what() names it and the cause: "cert: not a PEM certificate (…)".
class TlsError : public std::runtime_error {
 public:
  TlsError(std::string_view setting, std::string_view cause);
  [[nodiscard]] const std::string& setting() const noexcept {
    return setting_;
  }  // "ca", "key", "tls-cipher", …

 private:
  std::string setting_;
};

// True if the PEM text holds a private key that cannot be read without a password.
[[nodiscard]] bool needs_password(const SecretString& pem_key);

// One of our own certificates or revocation lists and its end.
struct Lifetime {
  std::string setting;  // "ca", "cert", "crl-verify"
  std::string subject;  // of a list: its issuer
  std::chrono::system_clock::time_point not_after;

  // Whole days from `now`; negative once it has ended.
  [[nodiscard]] std::int64_t days_left(std::chrono::system_clock::time_point now) const noexcept;
  // For the log: "cert: CN=server expires in 6 days".
  [[nodiscard]] std::string describe(std::chrono::system_clock::time_point now) const;
};

struct TlsContextState;  // OpenSSL's side of it

class TlsContext {
 public:
  // Throws TlsError.
  explicit TlsContext(const TlsSettings& settings);
  ~TlsContext();
  TlsContext(TlsContext&&) noexcept;
  TlsContext& operator=(TlsContext&&) noexcept;

  // Replaces the revocation lists for handshakes to come. Throws TlsError and keeps the old ones if the text
  // is bad.
  void reload_crl(std::string_view pem);

  // A client's certificate, PEM as TlsSettings::cert, whose key somebody else has; he outlives context and
  // sessions. Once, before the first session. Throws TlsError.
  void use_external_key(std::string_view cert, KeyKeeper& keeper, RsaSchemes schemes);

  // Settings that were usable only in part, and own certificates and lists that end within 30 days or have
  // ended.
  [[nodiscard]] const std::vector<std::string>& warnings() const noexcept;
  [[nodiscard]] const std::vector<Lifetime>& lifetimes() const noexcept;

 private:
  friend class TlsSession;
  std::shared_ptr<TlsContextState> state_;
};

class TlsSession {
 public:
  enum class [[nodiscard]] Status : std::uint8_t{
      handshaking, established,
      closed,  // the peer said good-bye
      failed,  // failure() says why; ciphertext may still hold an alert for the peer
  };

  // Throws std::runtime_error if OpenSSL has no memory left for it.
  explicit TlsSession(const TlsContext& context);
  ~TlsSession();
  TlsSession(TlsSession&&) noexcept;
  TlsSession& operator=(TlsSession&&) noexcept;

  // Moves the handshake on with what has been fed, or with a signature that has come. A client's first call
  // makes its first message.
  Status advance();
  // Ciphertext from the peer, any cut, and then advance(). The caller bounds how much: it is stored until
  // used.
  Status feed(std::span<const std::byte> ciphertext);

  [[nodiscard]] Status status() const noexcept;
  [[nodiscard]] bool established() const noexcept { return status() == Status::established; }

  // Bytes that wait to be sent to the peer, and taking some of them: returns how many were written to `out`.
  [[nodiscard]] std::size_t pending_ciphertext() const noexcept;
  [[nodiscard]] std::size_t take_ciphertext(std::span<std::byte> out) noexcept;

  // One record of plaintext. Absent if there is none; then status() tells whether one may still come. A
  // record that does not fit into `out` fails the session: the size of `out` is the limit, stock uses 2048.
  [[nodiscard]] std::optional<std::size_t> read_record(std::span<std::byte> out);
  // Writes 1 to 16384 bytes as one record. False (and Status::failed) if not established or the size is
  // wrong.
  bool write_record(std::span<const std::byte> plaintext);
  // Says good-bye; the alert is to be taken as ciphertext.
  void close();

  // RFC 5705 / RFC 8446 §7.5 exporter without a context. False before the handshake is finished.
  [[nodiscard]] bool export_key_material(std::string_view label, std::span<std::byte> out);

  // The verified peer, leaf first, then its issuers. Empty before the handshake or without a certificate; in
  // fingerprint mode only the leaf.
  [[nodiscard]] const std::vector<CertificateFacts>& peer_chain() const noexcept;
  [[nodiscard]] const CertificateFacts* peer_certificate() const noexcept {
    return peer_chain().empty() ? nullptr : &peer_chain().front();
  }

  // "TLSv1.3, cipher TLS_AES_256_GCM_SHA384, peer certificate: 256 bits EC"; empty before the handshake is
  // finished.
  [[nodiscard]] std::string protocol_description() const;
  // Why the session failed, for a log: "certificate verification failed at depth 0 (CN=x): certificate has
  // expired".
  [[nodiscard]] const std::string& failure() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vpnd::crypto
