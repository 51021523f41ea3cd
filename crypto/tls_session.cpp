#include <fmt/format.h>
#include <openssl/err.h>

#include <algorithm>
#include <climits>

#include "crypto/openssl_error.hpp"
#include "crypto/signing_handshake.hpp"
#include "crypto/tls.hpp"
#include "crypto/tls_state.hpp"
#include "crypto/x509_facts.hpp"

namespace vpnd::crypto {

struct TlsSession::State {
  std::shared_ptr<TlsContextState> context;  // before ssl: the verification policy must outlive it
  SslPtr ssl;
  BIO* incoming = nullptr;  // ssl's
  BIO* outgoing = nullptr;  // ssl's
  Status status = Status::handshaking;
  std::string failure;
  std::string verify_failure;  // written by verify_peer
  std::string received_alert;
  std::vector<CertificateFacts> peer_chain;
  std::unique_ptr<SigningHandshake> signing;  // last: its end is that of a handshake that waits

  void fail(std::string reason) {
    status = Status::failed;
    failure = std::move(reason);
    drop_openssl_errors();
  }

  // The most telling of what is known about why OpenSSL gave up.
  void fail_by_openssl(std::string_view during) {
    if (signing && signing->lacks_signature())
      return fail("TLS handshake failed: the keeper of our private key gave no valid signature");
    if (!verify_failure.empty()) return fail(verify_failure);
    if (!received_alert.empty())
      return fail(fmt::format("{} failed: the peer's alert says: {}", during, received_alert));
    fail(fmt::format("{} failed: {}", during, take_openssl_errors()));
  }

  void shake_hands();
  void finish_handshake();
  void add_to_chain(X509* certificate);
};

namespace {

constexpr std::size_t kMaxRecordSize = 16384;  // RFC 8446 §5.1

int session_index() noexcept {
  static const int kIndex = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return kIndex;
}

// OpenSSL's only way to tell about alerts. Close-notify is no failure and is seen when reading.
void note_alert(const SSL* ssl, int where, int alert) {
  constexpr int kCloseNotify = 0;
  if ((where & SSL_CB_READ_ALERT) != SSL_CB_READ_ALERT || (alert & 0xff) == kCloseNotify) return;
  auto* const text = static_cast<std::string*>(SSL_get_ex_data(ssl, session_index()));
  if (text != nullptr) *text = SSL_alert_desc_string_long(alert);
}

}  // namespace

void TlsSession::State::shake_hands() {
  drop_openssl_errors();
  const int result = SSL_do_handshake(ssl.get());
  if (result == 1) {
    finish_handshake();
  } else if (SSL_get_error(ssl.get(), result) != SSL_ERROR_WANT_READ) {
    fail_by_openssl("TLS handshake");
  }
}

void TlsSession::State::finish_handshake() {
  status = Status::established;
  // Fingerprint mode builds no chain.
  const STACK_OF(X509)* const chain = context->policy.has_ca ? SSL_get0_verified_chain(ssl.get()) : nullptr;
  for (int i = 0; i < sk_X509_num(chain); ++i) add_to_chain(sk_X509_value(chain, i));
  if (peer_chain.empty()) {
    if (X509* const leaf = SSL_get0_peer_certificate(ssl.get())) add_to_chain(leaf);
  }
}

void TlsSession::State::add_to_chain(X509* certificate) {
  CertificateFacts& facts = peer_chain.emplace_back(describe(certificate, context->policy.name_fields));
  if (!context->keep_certificates) return;
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  must_succeed(size > 0);
  const OpenSslMemory<unsigned char> owner(der);
  const auto* const bytes = reinterpret_cast<const std::byte*>(der);
  facts.der.assign(bytes, bytes + size);
}

TlsSession::TlsSession(const TlsContext& context) : state_(std::make_unique<State>()) {
  drop_openssl_errors();
  State& state = *state_;
  state.context = context.state_;
  state.ssl.reset(SSL_new(context.state_->ssl.get()));
  BioPtr incoming(BIO_new(BIO_s_mem()));
  BioPtr outgoing(BIO_new(BIO_s_mem()));
  if (!state.ssl || !incoming || !outgoing) throw std::runtime_error("TLS: " + take_openssl_errors());
  // An empty buffer means "more will come", not "the end".
  BIO_set_mem_eof_return(incoming.get(), -1);
  BIO_set_mem_eof_return(outgoing.get(), -1);
  state.incoming = incoming.get();
  state.outgoing = outgoing.get();
  SSL_set_bio(state.ssl.get(), incoming.release(), outgoing.release());
  if (state.context->keeper != nullptr)
    state.signing = std::make_unique<SigningHandshake>(*state.context->keeper);
  set_verify_failure_sink(state.ssl.get(), &state.verify_failure);
  must_succeed(SSL_set_ex_data(state.ssl.get(), session_index(), &state.received_alert) == 1);
  SSL_set_info_callback(state.ssl.get(), note_alert);
  if (context.state_->role == Role::client) {
    SSL_set_connect_state(state.ssl.get());
  } else {
    SSL_set_accept_state(state.ssl.get());
  }
}

TlsSession::~TlsSession() = default;
TlsSession::TlsSession(TlsSession&&) noexcept = default;
TlsSession& TlsSession::operator=(TlsSession&&) noexcept = default;

TlsSession::Status TlsSession::advance() {
  State& state = *state_;
  if (state.status != Status::handshaking) return state.status;
  if (state.signing) {
    state.signing->advance([&state] { state.shake_hands(); });
  } else {
    state.shake_hands();
  }
  return state.status;
}

TlsSession::Status TlsSession::feed(std::span<const std::byte> ciphertext) {
  State& state = *state_;
  if (state.status == Status::failed || state.status == Status::closed) return state.status;
  if (!ciphertext.empty()) {
    const bool stored = ciphertext.size() <= INT_MAX &&
                        BIO_write(state.incoming, ciphertext.data(), static_cast<int>(ciphertext.size())) > 0;
    if (!stored) state.fail("no memory left for the peer's ciphertext");
  }
  return advance();
}

TlsSession::Status TlsSession::status() const noexcept {
  return state_->status;
}

std::size_t TlsSession::pending_ciphertext() const noexcept {
  return BIO_ctrl_pending(state_->outgoing);
}

std::size_t TlsSession::take_ciphertext(std::span<std::byte> out) noexcept {
  const auto room = static_cast<int>(std::min<std::size_t>(out.size(), INT_MAX));
  if (room == 0) return 0;
  const int size = BIO_read(state_->outgoing, out.data(), room);
  return size > 0 ? static_cast<std::size_t>(size) : 0;
}

std::optional<std::size_t> TlsSession::read_record(std::span<std::byte> out) {
  State& state = *state_;
  if (state.status != Status::established || out.empty()) return std::nullopt;
  drop_openssl_errors();
  std::size_t size = 0;
  const int result = SSL_read_ex(state.ssl.get(), out.data(), out.size(), &size);
  if (result == 1 && SSL_pending(state.ssl.get()) == 0) return size;
  if (result == 1) {
    state.fail(fmt::format("the peer sent a TLS record of more than {} bytes", out.size()));
    return std::nullopt;
  }
  switch (SSL_get_error(state.ssl.get(), result)) {
    case SSL_ERROR_WANT_READ:
      break;
    case SSL_ERROR_ZERO_RETURN:
      state.status = Status::closed;
      break;
    default:
      state.fail_by_openssl("TLS");
  }
  return std::nullopt;
}

bool TlsSession::write_record(std::span<const std::byte> plaintext) {
  State& state = *state_;
  if (state.status != Status::established) return false;
  if (plaintext.empty() || plaintext.size() > kMaxRecordSize) {
    state.fail(fmt::format("{} bytes do not make one TLS record", plaintext.size()));
    return false;
  }
  drop_openssl_errors();
  std::size_t written = 0;
  if (SSL_write_ex(state.ssl.get(), plaintext.data(), plaintext.size(), &written) == 1) return true;
  state.fail_by_openssl("writing to TLS");
  return false;
}

void TlsSession::close() {
  State& state = *state_;
  if (state.status != Status::established) return;
  SSL_shutdown(state.ssl.get());  // queues the alert; the peer's answer does not matter
  drop_openssl_errors();
  state.status = Status::closed;
}

bool TlsSession::export_key_material(std::string_view label, std::span<std::byte> out) {
  if (!established()) return false;
  const int exported = SSL_export_keying_material(state_->ssl.get(), as_uchar(out.data()), out.size(),
                                                  label.data(), label.size(), nullptr, 0, /*use_context=*/0);
  if (exported != 1) drop_openssl_errors();
  return exported == 1;
}

const std::vector<CertificateFacts>& TlsSession::peer_chain() const noexcept {
  return state_->peer_chain;
}

std::string TlsSession::protocol_description() const {
  const SSL* const ssl = state_->ssl.get();
  if (SSL_is_init_finished(ssl) == 0) return {};
  std::string text = fmt::format("{}, cipher {}", SSL_get_version(ssl), SSL_get_cipher_name(ssl));
  if (const CertificateFacts* peer = peer_certificate()) {
    text += fmt::format(", peer certificate: {}", peer->key_description);
  }
  return text;
}

const std::string& TlsSession::failure() const noexcept {
  return state_->failure;
}

}  // namespace vpnd::crypto
