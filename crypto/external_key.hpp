// A private key that is held elsewhere: its keeper is asked for each signature, and the handshake waits for
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace vpnd::crypto {

struct SignatureRequest {
  enum class Scheme : std::uint8_t {
    rsa_pkcs1,  // `data` is a DigestInfo; the padding of EMSA-PKCS1-v1_5 is for the keeper to add (RFC 8017
                // §9.2)
    rsa_raw,    // `data` is as long as the modulus, padded already: the private-key operation alone
    ecdsa,      // `data` is a digest; the signature is an ECDSA-Sig-Value in DER (RFC 3279 §2.2.3)
  };
  Scheme scheme = Scheme::rsa_pkcs1;
  std::vector<std::byte> data;
};

using Signature = std::vector<std::byte>;

class KeyKeeper {
 public:
  using Done = std::function<void(std::optional<Signature>)>;

  virtual ~KeyKeeper() = default;

  // Asks for a signature. `done` is called once, during the call or later, on the same thread; with nothing
  // if there will be none. After a later call somebody has to see to it that TlsSession::advance() is called.
  // It may be called when the session has gone.
  virtual void sign(SignatureRequest request, Done done) = 0;
};

// What the keeper of an RSA key can do. TLS 1.3 wants PSS, which needs rsa_raw (RFC 8446 §4.2.3).
enum class RsaSchemes : std::uint8_t { pkcs1, pkcs1_and_raw };

}  // namespace vpnd::crypto
