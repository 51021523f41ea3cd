#include "vpnd/generate_key.hpp"

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>

#include "crypto/auth_token_key.hpp"
#include "crypto/static_key.hpp"
#include "crypto/tls_crypt_v2.hpp"
#include "vpnd/host/file_io.hpp"

namespace vpnd {

namespace {

crypto::TlsCryptMetadata timestamp() {
  return crypto::TlsCryptMetadata::timestamp(
      std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()));
}

crypto::SecretString client_key(const config::GenerateKey& request) {
  if (!request.server_key)
    throw std::runtime_error("--genkey tls-crypt-v2-client needs --tls-crypt-v2 SERVERKEY");
  const auto server_key = crypto::TlsCryptV2ServerKey::parse(request.server_key->content.expose());
  if (!server_key) throw std::runtime_error(request.server_key->origin() + ": not a tls-crypt-v2 server key");
  crypto::TlsCryptMetadata metadata = timestamp();
  if (!request.metadata.empty()) {
    const auto* const bytes = reinterpret_cast<const std::byte*>(request.metadata.data());
    metadata = {crypto::TlsCryptMetadata::kUserData, {bytes, bytes + request.metadata.size()}};
  }
  const auto key = crypto::TlsCryptV2ClientKey::generate(*server_key, metadata);
  if (!key)
    throw std::runtime_error(fmt::format("metadata may have at most {} bytes", crypto::kMaxMetadataSize));
  return key->format();
}

crypto::SecretString make(const config::GenerateKey& request) {
  switch (request.type) {
    case config::KeyType::tls_auth:
    case config::KeyType::tls_crypt:
      return crypto::StaticKey::generate().format();
    case config::KeyType::tls_crypt_v2_server:
      return crypto::TlsCryptV2ServerKey::generate().format();
    case config::KeyType::tls_crypt_v2_client:
      return client_key(request);
    case config::KeyType::auth_token:
      return crypto::AuthTokenKey::generate().format();
  }
  throw std::runtime_error("--genkey: unknown type");
}

}  // namespace

int generate_key(const config::GenerateKey& request) {
  const crypto::SecretString text = make(request);
  if (request.output.empty()) {
    fmt::print("{}", text.expose());
    return 0;
  }
  const auto written = host::write_file_atomically(request.output, text.expose(), 0600);
  if (!written.ok()) throw std::runtime_error(written.reason);
  return 0;
}

}  // namespace vpnd
