// Between OpenSSL, which wants a signature from a callback, and a handshake that can wait for it; for use
// inside crypto.
#pragma once

#include <memory>
#include <optional>

#include "crypto/external_key.hpp"
#include "crypto/openssl_ptr.hpp"
#include "crypto/stoppable_work.hpp"

namespace vpnd::crypto {

// The handshake of one session whose key is elsewhere.
class SigningHandshake {
 public:
  explicit SigningHandshake(KeyKeeper& keeper) : keeper_(keeper) {}
  // Ends a handshake that waits: it fails.
  ~SigningHandshake();
  SigningHandshake(const SigningHandshake&) = delete;
  SigningHandshake& operator=(const SigningHandshake&) = delete;

  // Runs `step`, one call into OpenSSL with what has to follow it, or goes on with the one that has stopped.
  // Returns when it has finished, or still waits for the keeper.
  void advance(std::function<void()> step);
  [[nodiscard]] bool waits() const noexcept { return work_.is_stopped(); }

  // Whether it failed because the keeper gave no signature, or one that is none.
  [[nodiscard]] bool lacks_signature() const noexcept { return lacks_signature_; }

  // ---- for OpenSSL's callbacks ----
  // The keeper's answer to the handshake that this thread is in the middle of. Nothing outside of advance().
  static std::optional<Signature> fetch(SignatureRequest&& request);
  static void note_lack() noexcept;

 private:
  // Outlives the handshake if the keeper takes longer.
  struct Answer {
    bool given = false;
    std::optional<Signature> signature;
  };

  void follow(StoppableWork::Progress progress);

  KeyKeeper& keeper_;
  std::optional<SignatureRequest> request_;
  std::shared_ptr<Answer> answer_;
  bool lacks_signature_ = false;
  StoppableWork work_;
};

// An EVP_PKEY with the public key of this certificate whose signatures come from SigningHandshake::fetch().
// Nothing if it is neither RSA nor EC.
KeyPtr make_external_key(const X509* certificate);

}  // namespace vpnd::crypto
