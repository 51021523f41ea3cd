#include "crypto/tls_crypt_v2.hpp"

#include <algorithm>
#include <array>

#include "crypto/ctr_cipher.hpp"
#include "crypto/mac.hpp"
#include "crypto/pem.hpp"
#include "crypto/random.hpp"

namespace vpnd::crypto {
namespace {

constexpr const char* kServerLabel = "OpenVPN tls-crypt-v2 server key";
constexpr const char* kClientLabel = "OpenVPN tls-crypt-v2 client key";
constexpr std::size_t kTagSize = 32;
constexpr std::size_t kLengthSize = 2;
constexpr std::size_t kMaxInnerSize = kMaxWrappedKeySize - kTagSize - kLengthSize;  // Kc | metadata
// op sid pid time TAG, and the least a REST can be: no acks and a message id.
constexpr std::size_t kMinTlsCryptPacket = 17 + kTagSize + 5;

static_assert(kMinWrappedKeySize == kTagSize + KeyMaterial::kSize + kLengthSize);
static_assert(kMaxInnerSize == KeyMaterial::kSize + 1 + kMaxMetadataSize);

using Bytes = std::span<const std::byte>;
using Tag = std::array<std::byte, kTagSize>;

std::array<std::byte, kLengthSize> encode_length(std::size_t size) {
  return {static_cast<std::byte>(size >> 8), static_cast<std::byte>(size & 0xff)};
}

std::size_t decode_length(Bytes from) {
  return std::to_integer<std::size_t>(from[0]) << 8 | std::to_integer<std::size_t>(from[1]);
}

Bytes encryption_key(const Secret<128>& key) {
  return key.expose().first<kCtrKeySize>();
}

Tag tag_of(const Secret<128>& server_key, Bytes length, Bytes inner) {
  const Hmac hmac(Digest::sha256(), server_key.expose().subspan<64, 32>());
  const Bytes pieces[] = {length, inner};
  Tag tag;
  hmac.compute(pieces, tag);
  return tag;
}

void apply_cipher(const Secret<128>& server_key, Bytes tag, Bytes in, std::span<std::byte> out) {
  apply_aes_256_ctr(encryption_key(server_key).first<kCtrKeySize>(), tag.first<kCtrIvSize>(), in, out);
}

}  // namespace

TlsCryptMetadata TlsCryptMetadata::timestamp(std::int64_t unix_seconds) {
  TlsCryptMetadata metadata{.type = kTimestamp, .bytes = std::vector<std::byte>(8)};
  const auto value = static_cast<std::uint64_t>(unix_seconds);
  for (unsigned i = 0; i < 8; ++i) metadata.bytes[i] = static_cast<std::byte>(value >> (56 - 8 * i));
  return metadata;
}

std::optional<std::int64_t> TlsCryptMetadata::as_timestamp() const noexcept {
  if (type != kTimestamp || bytes.size() != 8) return std::nullopt;
  std::uint64_t value = 0;
  for (const std::byte byte : bytes) value = value << 8 | std::to_integer<std::uint64_t>(byte);
  return static_cast<std::int64_t>(value);
}

std::optional<TlsCryptV2ServerKey> TlsCryptV2ServerKey::parse(std::string_view text) {
  Secret<kSize> key;
  if (decode_pem(text, kServerLabel, key.expose()) != kSize) return std::nullopt;
  return TlsCryptV2ServerKey(std::move(key));
}

TlsCryptV2ServerKey TlsCryptV2ServerKey::generate() {
  Secret<kSize> key;
  fill_random(key.expose());
  return TlsCryptV2ServerKey(std::move(key));
}

SecretString TlsCryptV2ServerKey::format() const {
  return encode_pem(kServerLabel, key_.expose());
}

std::vector<std::byte> TlsCryptV2ServerKey::wrap(const KeyMaterial& client_key,
                                                 const std::optional<TlsCryptMetadata>& metadata) const {
  if (metadata && metadata->bytes.size() > kMaxMetadataSize) return {};
  Secret<kMaxInnerSize> storage;
  auto end = std::ranges::copy(client_key.expose(), storage.expose().begin()).out;
  if (metadata) {
    *end++ = static_cast<std::byte>(metadata->type);
    end = std::ranges::copy(metadata->bytes, end).out;
  }
  const Bytes inner(storage.expose().begin(), end);

  const std::size_t size = kTagSize + inner.size() + kLengthSize;
  const auto length = encode_length(size);
  const Tag tag = tag_of(key_, length, inner);
  std::vector<std::byte> wrapped(size);
  std::ranges::copy(tag, wrapped.begin());
  apply_cipher(key_, tag, inner, std::span(wrapped).subspan(kTagSize, inner.size()));
  std::ranges::copy(length, wrapped.end() - kLengthSize);
  return wrapped;
}

std::optional<UnwrappedClientKey> TlsCryptV2ServerKey::unwrap(Bytes wrapped) const {
  if (wrapped.size() < kMinWrappedKeySize || wrapped.size() > kMaxWrappedKeySize) return std::nullopt;
  const Bytes length = wrapped.last(kLengthSize);
  if (decode_length(length) != wrapped.size()) return std::nullopt;

  const Bytes tag = wrapped.first(kTagSize);
  const Bytes encrypted = wrapped.subspan(kTagSize, wrapped.size() - kTagSize - kLengthSize);
  Secret<kMaxInnerSize> storage;
  const Bytes inner = storage.expose().first(encrypted.size());
  apply_cipher(key_, tag, encrypted, storage.expose());
  if (!constant_time_equal(tag_of(key_, length, inner), tag)) return std::nullopt;

  UnwrappedClientKey client{.key = KeyMaterial(inner.first<KeyMaterial::kSize>()), .metadata = std::nullopt};
  const Bytes metadata = inner.subspan(KeyMaterial::kSize);
  if (!metadata.empty()) {
    client.metadata = TlsCryptMetadata{.type = std::to_integer<std::uint8_t>(metadata[0]),
                                       .bytes = {metadata.begin() + 1, metadata.end()}};
  }
  return client;
}

std::optional<TlsCryptV2ClientKey> TlsCryptV2ClientKey::parse(std::string_view text) {
  Secret<KeyMaterial::kSize + kMaxWrappedKeySize> storage;
  const std::optional<std::size_t> size = decode_pem(text, kClientLabel, storage.expose());
  if (!size || *size < KeyMaterial::kSize + kMinWrappedKeySize) return std::nullopt;
  const Bytes wrapped = Bytes(storage.expose()).first(*size).subspan(KeyMaterial::kSize);
  // The server will refuse a WKc whose length lies; better to say so when the file is read.
  if (decode_length(wrapped.last(kLengthSize)) != wrapped.size()) return std::nullopt;
  return TlsCryptV2ClientKey{.key = KeyMaterial(Bytes(storage.expose()).first<KeyMaterial::kSize>()),
                             .wrapped = {wrapped.begin(), wrapped.end()}};
}

std::optional<TlsCryptV2ClientKey> TlsCryptV2ClientKey::generate(
    const TlsCryptV2ServerKey& server_key, const std::optional<TlsCryptMetadata>& metadata) {
  TlsCryptV2ClientKey client;
  fill_random(client.key.expose());
  client.wrapped = server_key.wrap(client.key, metadata);
  if (client.wrapped.empty()) return std::nullopt;
  return client;
}

SecretString TlsCryptV2ClientKey::format() const {
  Secret<KeyMaterial::kSize + kMaxWrappedKeySize> storage;
  const auto middle = std::ranges::copy(key.expose(), storage.expose().begin()).out;
  const auto end = std::ranges::copy(wrapped, middle).out;
  return encode_pem(kClientLabel, Bytes(storage.expose().begin(), end));
}

std::optional<WrappedKeySplit> split_wrapped_key(Bytes packet) noexcept {
  if (packet.size() < kMinTlsCryptPacket + kMinWrappedKeySize) return std::nullopt;
  const std::size_t size = decode_length(packet.last(kLengthSize));
  if (size < kMinWrappedKeySize || size > kMaxWrappedKeySize) return std::nullopt;
  if (size > packet.size() - kMinTlsCryptPacket) return std::nullopt;
  return WrappedKeySplit{.packet = packet.first(packet.size() - size), .wrapped = packet.last(size)};
}

}  // namespace vpnd::crypto
