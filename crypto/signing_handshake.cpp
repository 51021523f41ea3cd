// OpenSSL 3's way to keys of other kinds are providers; its former one, methods of RSA and EC keys, does all
// that is needed here with a tenth of the code, and OpenSSL 3 still has it.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "crypto/signing_handshake.hpp"

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <utility>

#include "crypto/openssl_error.hpp"

namespace vpnd::crypto {
namespace {

using RsaPtr = OpenSslPtr<RSA, RSA_free>;
using EcKeyPtr = OpenSslPtr<EC_KEY, EC_KEY_free>;
using RsaMethodPtr = OpenSslPtr<RSA_METHOD, RSA_meth_free>;
using EcKeyMethodPtr = OpenSslPtr<EC_KEY_METHOD, EC_KEY_METHOD_free>;
using EcdsaSignaturePtr = OpenSslPtr<ECDSA_SIG, ECDSA_SIG_free>;

constexpr int kRsaFailed = -1;

// The handshake that this thread is in the middle of.
thread_local SigningHandshake* current = nullptr;

std::vector<std::byte> copy(const unsigned char* bytes, int size) {
  const auto* const begin = reinterpret_cast<const std::byte*>(bytes);
  return {begin, begin + std::max(size, 0)};
}

// OpenSSL is C: nothing may be thrown through it.
std::optional<Signature> fetch(SignatureRequest::Scheme scheme, const unsigned char* bytes,
                               int size) noexcept {
  try {
    return SigningHandshake::fetch({scheme, copy(bytes, size)});
  } catch (...) {
    return std::nullopt;
  }
}

int sign_rsa(int size, const unsigned char* from, unsigned char* to, RSA* rsa, int padding) {
  const auto scheme =
      padding == RSA_NO_PADDING ? SignatureRequest::Scheme::rsa_raw : SignatureRequest::Scheme::rsa_pkcs1;
  const bool known = padding == RSA_NO_PADDING || padding == RSA_PKCS1_PADDING;
  const auto signature = known ? fetch(scheme, from, size) : std::nullopt;
  if (!signature || signature->size() != static_cast<std::size_t>(RSA_size(rsa))) {
    SigningHandshake::note_lack();
    return kRsaFailed;
  }
  std::ranges::copy(*signature, reinterpret_cast<std::byte*>(to));
  return static_cast<int>(signature->size());
}

ECDSA_SIG* sign_ec(const unsigned char* digest, int size, const BIGNUM*, const BIGNUM*, EC_KEY*) {
  const auto signature = fetch(SignatureRequest::Scheme::ecdsa, digest, size);
  const unsigned char* der = signature ? as_uchar(signature->data()) : nullptr;
  ECDSA_SIG* const parsed =
      signature ? d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(signature->size())) : nullptr;
  if (parsed == nullptr) SigningHandshake::note_lack();
  return parsed;
}

int sign_ec_to_der(int, const unsigned char* digest, int size, unsigned char* to, unsigned int* written,
                   const BIGNUM* kinv, const BIGNUM* r, EC_KEY* key) {
  const EcdsaSignaturePtr signature(sign_ec(digest, size, kinv, r, key));
  if (!signature) return 0;
  // What the keeper sent may be longer than what OpenSSL has room for.
  if (i2d_ECDSA_SIG(signature.get(), nullptr) > ECDSA_size(key)) {
    SigningHandshake::note_lack();
    return 0;
  }
  *written = static_cast<unsigned int>(i2d_ECDSA_SIG(signature.get(), &to));
  return 1;
}

const RSA_METHOD* rsa_method() {
  static const RsaMethodPtr kMethod = [] {
    RsaMethodPtr method(RSA_meth_dup(RSA_PKCS1_OpenSSL()));
    must_succeed(method && RSA_meth_set_priv_enc(method.get(), sign_rsa) == 1 &&
                 RSA_meth_set_flags(method.get(), RSA_METHOD_FLAG_NO_CHECK | RSA_FLAG_EXT_PKEY) == 1);
    return method;
  }();
  return kMethod.get();
}

const EC_KEY_METHOD* ec_key_method() {
  static const EcKeyMethodPtr kMethod = [] {
    EcKeyMethodPtr method(EC_KEY_METHOD_new(EC_KEY_OpenSSL()));
    must_succeed(method != nullptr);
    EC_KEY_METHOD_set_sign(method.get(), sign_ec_to_der, nullptr, sign_ec);
    return method;
  }();
  return kMethod.get();
}

KeyPtr external_rsa_key(const RSA* known) {
  const BIGNUM* modulus = nullptr;
  const BIGNUM* exponent = nullptr;
  RSA_get0_key(known, &modulus, &exponent, nullptr);
  RsaPtr rsa(RSA_new());
  KeyPtr key(EVP_PKEY_new());
  must_succeed(rsa && key && RSA_set0_key(rsa.get(), BN_dup(modulus), BN_dup(exponent), nullptr) == 1 &&
               RSA_set_method(rsa.get(), rsa_method()) == 1 &&
               EVP_PKEY_assign_RSA(key.get(), rsa.get()) == 1);
  (void)rsa.release();  // now the key's
  return key;
}

KeyPtr external_ec_key(const EC_KEY* known) {
  EcKeyPtr ec(EC_KEY_dup(known));
  KeyPtr key(EVP_PKEY_new());
  must_succeed(ec && key && EC_KEY_set_method(ec.get(), ec_key_method()) == 1 &&
               EVP_PKEY_assign_EC_KEY(key.get(), ec.get()) == 1);
  (void)ec.release();  // now the key's
  return key;
}

}  // namespace

SigningHandshake::~SigningHandshake() {
  while (work_.is_stopped()) {
    answer_->given = true;
    answer_->signature.reset();
    (void)work_.resume();
  }
}

void SigningHandshake::advance(std::function<void()> step) {
  if (!waits()) {
    return follow(work_.run([this, step = std::move(step)] {
      current = this;
      step();
    }));
  }
  if (answer_->given) follow(work_.resume());
}

// The keeper is asked on the owner's side, since he may do whatever he likes there.
void SigningHandshake::follow(StoppableWork::Progress progress) {
  while (progress == StoppableWork::Progress::stopped) {
    if (request_) {
      keeper_.sign(*std::exchange(request_, std::nullopt),
                   [answer = answer_](std::optional<Signature> signature) {
                     answer->given = true;
                     answer->signature = std::move(signature);
                   });
    }
    if (!answer_->given) return;
    progress = work_.resume();
  }
}

std::optional<Signature> SigningHandshake::fetch(SignatureRequest&& request) {
  if (current == nullptr) return std::nullopt;
  SigningHandshake& self = *current;
  self.request_ = std::move(request);
  self.answer_ = std::make_shared<Answer>();
  const auto answer = self.answer_;
  self.work_.stop();
  return std::move(answer->signature);
}

void SigningHandshake::note_lack() noexcept {
  if (current != nullptr) current->lacks_signature_ = true;
}

KeyPtr make_external_key(const X509* certificate) {
  EVP_PKEY* const known = X509_get0_pubkey(certificate);
  if (known == nullptr) return nullptr;
  switch (EVP_PKEY_get_base_id(known)) {
    case EVP_PKEY_RSA:
      return external_rsa_key(EVP_PKEY_get0_RSA(known));
    case EVP_PKEY_EC:
      return external_ec_key(EVP_PKEY_get0_EC_KEY(known));
    default:
      return nullptr;
  }
}

}  // namespace vpnd::crypto
