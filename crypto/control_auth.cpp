#include "crypto/control_auth.hpp"

#include <algorithm>
#include <cassert>
#include <variant>

#include "crypto/ctr_cipher.hpp"
#include "crypto/mac.hpp"
#include "crypto/openssl_error.hpp"

namespace vpnd::crypto {
namespace {

constexpr std::size_t kHeaderSize = 9;    // op sid
constexpr std::size_t kPacketIdSize = 8;  // pid time
constexpr std::size_t kTlsCryptTagSize = 32;
constexpr std::size_t kTlsCryptKeySize = 32;

using Bytes = std::span<const std::byte>;

void put_u32(std::byte* to, std::uint32_t value) noexcept {
  for (int i = 0; i < 4; ++i) to[i] = static_cast<std::byte>(value >> (24 - 8 * i));
}

std::uint32_t get_u32(Bytes from) noexcept {
  std::uint32_t value = 0;
  for (const std::byte byte : from.first<4>()) value = value << 8 | std::to_integer<std::uint32_t>(byte);
  return value;
}

void put_header(std::byte* to, const ControlHeader& header) noexcept {
  to[0] = header.opcode_and_key_id;
  std::ranges::copy(header.session_id, to + 1);
}

ControlHeader get_header(Bytes from) noexcept {
  ControlHeader header;
  header.opcode_and_key_id = from[0];
  std::ranges::copy(from.subspan<1, 8>(), header.session_id.begin());
  return header;
}

void put_packet_id(std::byte* to, const ControlHeader& header) noexcept {
  put_u32(to, header.packet_id);
  put_u32(to + 4, header.unix_seconds);
}

void get_packet_id(Bytes from, ControlHeader& header) noexcept {
  header.packet_id = get_u32(from);
  header.unix_seconds = get_u32(from.subspan<4>());
}

struct TlsAuthKeys {
  Hmac sending;
  Hmac receiving;

  std::size_t overhead() const noexcept { return kHeaderSize + sending.tag_size() + kPacketIdSize; }

  void wrap(const ControlHeader& header, Bytes rest, std::byte* out) const noexcept {
    std::byte* const tag = out + kHeaderSize;
    std::byte* const ids = tag + sending.tag_size();
    std::byte* const body = ids + kPacketIdSize;
    put_header(out, header);
    put_packet_id(ids, header);
    std::ranges::copy(rest, body);
    const Bytes pieces[] = {Bytes(ids, kPacketIdSize), Bytes(out, kHeaderSize), Bytes(body, rest.size())};
    sending.compute(pieces, std::span(tag, sending.tag_size()));
  }

  Unwrapped unwrap(Bytes packet) const noexcept {
    if (packet.size() < overhead()) return {.result = UnwrapResult::too_short};
    const std::size_t tag_size = receiving.tag_size();
    const Bytes head = packet.first(kHeaderSize);
    const Bytes tag = packet.subspan(kHeaderSize, tag_size);
    const Bytes ids = packet.subspan(kHeaderSize + tag_size, kPacketIdSize);
    const Bytes rest = packet.subspan(overhead());
    std::array<std::byte, Hmac::kMaxTagSize> expected;
    const Bytes pieces[] = {ids, head, rest};
    receiving.compute(pieces, expected);
    if (!constant_time_equal(Bytes(expected).first(tag_size), tag)) return {.result = UnwrapResult::bad_tag};

    Unwrapped opened{.result = UnwrapResult::ok, .header = get_header(head), .rest = rest};
    get_packet_id(ids, opened.header);
    return opened;
  }
};

struct TlsCryptKeys {
  struct OneWay {
    Secret<kTlsCryptKeySize> cipher;
    Hmac hmac;

    OneWay(const KeyMaterial& key, KeyHalf half)
        : cipher(cipher_part(key, half).first<kTlsCryptKeySize>()),
          hmac(Digest::sha256(), hmac_part(key, half).first<kTlsCryptKeySize>()) {}
  };
  OneWay sending;
  OneWay receiving;

  static constexpr std::size_t kAuthenticatedHead = kHeaderSize + kPacketIdSize;
  static constexpr std::size_t overhead() noexcept { return kAuthenticatedHead + kTlsCryptTagSize; }

  void wrap(const ControlHeader& header, Bytes rest, std::byte* out) const noexcept {
    put_header(out, header);
    put_packet_id(out + kHeaderSize, header);
    const std::span<std::byte, kTlsCryptTagSize> tag(out + kAuthenticatedHead, kTlsCryptTagSize);
    const Bytes pieces[] = {Bytes(out, kAuthenticatedHead), rest};
    sending.hmac.compute(pieces, tag);
    apply_aes_256_ctr(sending.cipher.expose(), tag.first<kCtrIvSize>(), rest,
                      std::span(out + overhead(), rest.size()));
  }

  Unwrapped unwrap(Bytes packet, std::span<std::byte> scratch) const noexcept {
    if (packet.size() < overhead()) return {.result = UnwrapResult::too_short};
    const Bytes head = packet.first(kAuthenticatedHead);
    const auto tag = packet.subspan<kAuthenticatedHead, kTlsCryptTagSize>();
    const Bytes encrypted = packet.subspan(overhead());
    if (encrypted.size() > scratch.size()) return {.result = UnwrapResult::scratch_too_small};

    const std::span<std::byte> rest = scratch.first(encrypted.size());
    apply_aes_256_ctr(receiving.cipher.expose(), tag.first<kCtrIvSize>(), encrypted, rest);
    std::array<std::byte, kTlsCryptTagSize> expected;
    const Bytes pieces[] = {head, rest};
    receiving.hmac.compute(pieces, expected);
    if (!constant_time_equal(expected, tag)) return {.result = UnwrapResult::bad_tag};

    Unwrapped opened{.result = UnwrapResult::ok, .header = get_header(head), .rest = rest};
    get_packet_id(head.subspan<kHeaderSize>(), opened.header);
    return opened;
  }
};

}  // namespace

struct ControlWrap::Keys {
  std::variant<TlsAuthKeys, TlsCryptKeys> keys;
};

std::optional<ControlWrap> ControlWrap::tls_auth(const StaticKey& key, KeyDirection direction,
                                                 std::string_view digest_name) {
  const std::optional<Digest> digest = Digest::from_name(digest_name);
  if (!digest || digest->size() > kKeyPartSize) return std::nullopt;
  const KeyHalf sending = direction == KeyDirection::inverse ? KeyHalf::second : KeyHalf::first;
  const KeyHalf receiving = direction == KeyDirection::normal ? KeyHalf::second : KeyHalf::first;
  return ControlWrap(std::make_shared<const Keys>(
      Keys{TlsAuthKeys{.sending = Hmac(*digest, key.hmac(sending).first(digest->size())),
                       .receiving = Hmac(*digest, key.hmac(receiving).first(digest->size()))}}));
}

ControlWrap ControlWrap::tls_crypt(const KeyMaterial& key, Role role) {
  const KeyHalf sending = role == Role::server ? KeyHalf::first : KeyHalf::second;
  return ControlWrap(std::make_shared<const Keys>(
      Keys{TlsCryptKeys{.sending = {key, sending}, .receiving = {key, other(sending)}}}));
}

ControlWrap::Kind ControlWrap::kind() const noexcept {
  if (!keys_) return Kind::plain;
  return std::holds_alternative<TlsAuthKeys>(keys_->keys) ? Kind::tls_auth : Kind::tls_crypt;
}

std::size_t ControlWrap::overhead() const noexcept {
  if (!keys_) return kHeaderSize;
  return std::visit([](const auto& keys) { return keys.overhead(); }, keys_->keys);
}

std::size_t ControlWrap::wrap(const ControlHeader& header, Bytes rest,
                              std::span<std::byte> out) const noexcept {
  const std::size_t head = overhead();
  if (out.size() < head || out.size() - head < rest.size()) return 0;
  if (keys_) {
    std::visit([&](const auto& keys) { keys.wrap(header, rest, out.data()); }, keys_->keys);
  } else {
    put_header(out.data(), header);
    std::ranges::copy(rest, out.data() + kHeaderSize);
  }
  return head + rest.size();
}

void ControlWrap::wrap(const ControlHeader& header, Bytes rest, std::vector<std::byte>& out) const {
  out.resize(overhead() + rest.size());
  must_succeed(wrap(header, rest, std::span<std::byte>(out)) == out.size());
}

Unwrapped ControlWrap::unwrap(Bytes packet, std::span<std::byte> scratch) const noexcept {
  switch (kind()) {
    case Kind::tls_auth:
      return std::get_if<TlsAuthKeys>(&keys_->keys)->unwrap(packet);
    case Kind::tls_crypt:
      return std::get_if<TlsCryptKeys>(&keys_->keys)->unwrap(packet, scratch);
    case Kind::plain:
      break;
  }
  if (packet.size() < kHeaderSize) return {.result = UnwrapResult::too_short};
  return {.result = UnwrapResult::ok, .header = get_header(packet), .rest = packet.subspan(kHeaderSize)};
}

}  // namespace vpnd::crypto
