// Certificates for tests, made on the spot: P-256 keys, so that a handshake costs little. Everything is PEM
// text.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vpnd::test {

struct Identity {
  std::string cert;  // PEM certificate
  std::string key;   // PEM private key, not encrypted
};

enum class Usage : std::uint8_t {
  server,       // EKU serverAuth, KU digitalSignature
  client,       // EKU clientAuth, KU digitalSignature
  unspecified,  // neither extension
};

struct Request {
  std::string common_name;
  Usage usage = Usage::client;
  std::chrono::hours valid_from{-1};  // relative to now
  std::chrono::hours valid_until{24 * 365};
  std::string organisation = "vpnd test";
};

// A certificate authority with its own key and serial numbers.
class TestCa {
 public:
  explicit TestCa(const std::string& common_name = "Test CA",
                  std::chrono::hours valid_until = std::chrono::hours{24 * 3650});
  ~TestCa();
  TestCa(TestCa&&) noexcept;
  TestCa& operator=(TestCa&&) noexcept;

  [[nodiscard]] std::string cert() const;
  [[nodiscard]] Identity issue(const Request& request);
  [[nodiscard]] Identity issue_server(const std::string& common_name = "server");
  [[nodiscard]] Identity issue_client(const std::string& common_name = "client");
  // An intermediate authority under this one.
  [[nodiscard]] TestCa issue_ca(const std::string& common_name);

  // The list of everything revoked so far.
  void revoke(const std::string& cert_pem);
  [[nodiscard]] std::string crl(std::chrono::hours next_update = std::chrono::hours{24 * 30}) const;

 private:
  struct State;
  explicit TestCa(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A certificate that signs itself, for fingerprint mode.
[[nodiscard]] Identity make_self_signed(const std::string& common_name, Usage usage);

// The same key under a password.
[[nodiscard]] std::string encrypt_key(const std::string& key_pem, const std::string& password);

// "AA:BB:…", SHA-256 of the certificate.
[[nodiscard]] std::string fingerprint_of(const std::string& cert_pem);

// "9d66eef0", by which a folder of certificates names it.
[[nodiscard]] std::string subject_hash_of(const std::string& cert_pem);

// Certificate, key and the authority's certificate as one PKCS #12 file.
[[nodiscard]] std::string make_pkcs12(const Identity& identity, const std::string& ca_pem,
                                      const std::string& password);

}  // namespace vpnd::test
