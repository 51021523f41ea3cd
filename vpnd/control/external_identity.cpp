#include "vpnd/control/external_identity.hpp"

#include <spdlog/spdlog.h>

#include <span>
#include <string_view>
#include <utility>

#include "vpnd/config/base64.hpp"
#include "vpnd/config/diagnostic.hpp"

namespace vpnd::control {

namespace {

std::string_view algorithm_name(crypto::SignatureRequest::Scheme scheme) {
  switch (scheme) {
    case crypto::SignatureRequest::Scheme::rsa_pkcs1:
      return "RSA_PKCS1_PADDING";
    case crypto::SignatureRequest::Scheme::rsa_raw:
      return "RSA_NO_PADDING";
    case crypto::SignatureRequest::Scheme::ecdsa:
      break;
  }
  return "ECDSA";
}

std::string base64_of(const std::vector<std::byte>& bytes) {
  return config::encode_base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::optional<crypto::Signature> signature_of(const std::string& base64) {
  const auto text = config::decode_base64(base64);
  if (!text || text->empty()) return std::nullopt;
  const auto bytes = std::as_bytes(std::span(*text));
  return crypto::Signature(bytes.begin(), bytes.end());
}

}  // namespace

ExternalIdentity::ExternalIdentity(const config::Options& options, crypto::TlsContext& tls,
                                   management::Interface& management, std::function<void()> answered)
    : options_(options.management), tls_(tls), management_(management), answered_(std::move(answered)) {
  const auto& certificate = options.tls.certificate;
  if (!certificate) return;
  try {
    tls_.use_external_key(certificate->content.expose(), *this, options_.external_key->schemes);
    has_certificate_ = true;
  } catch (const crypto::TlsError& error) {
    const bool of_key = error.setting() == "management-external-key";
    throw config::ConfigError(
        {of_key ? options_.external_key->where : certificate->where, error.setting(), error.what()});
  }
}

ExternalIdentity::~ExternalIdentity() {
  management_.withdraw_signature();
}

bool ExternalIdentity::take_certificate(const std::string& pem) {
  try {
    tls_.use_external_key(pem, *this, options_.external_key->schemes);
    has_certificate_ = true;
  } catch (const crypto::TlsError& error) {
    spdlog::error("the certificate that a management client gave cannot be used: {}", error.what());
  }
  return has_certificate_;
}

void ExternalIdentity::sign(crypto::SignatureRequest request, Done done) {
  management_.ask_signature(base64_of(request.data), algorithm_name(request.scheme),
                            [this, done = std::move(done)](const std::string& base64) {
                              auto signature = signature_of(base64);
                              if (!signature)
                                spdlog::error("a management client gave a signature that is no base64");
                              done(std::move(signature));
                              answered_();
                            });
  if (!management_.anybody()) spdlog::info("Need a signature from management interface, waiting...");
}

}  // namespace vpnd::control
