// tls-crypt-v2: each client has its own tls-crypt key Kc, and brings it along wrapped for the server.
// docs/protocol.md §2
//
//   WKc = TAG(32) | AES-256-CTR(Ke, TAG[0..15], Kc(256) | metadata) | u16 size of the whole WKc
//   TAG = HMAC-SHA256(Ka, size | Kc | metadata)
//
// Server key file: PEM "OpenVPN tls-crypt-v2 server key", 128 bytes (Ke = 0..31, Ka = 64..95).
// Client key file: PEM "OpenVPN tls-crypt-v2 client key", Kc | WKc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/secret.hpp"
#include "crypto/static_key.hpp"

namespace vpnd::crypto {

inline constexpr std::size_t kMinWrappedKeySize = 290;
inline constexpr std::size_t kMaxWrappedKeySize = 1024;
inline constexpr std::size_t kMaxMetadataSize = 733;  // without its type byte

// What the maker of a client key wrote into it; it is authentic, but it is for the server's policy to judge.
struct TlsCryptMetadata {
  static constexpr std::uint8_t kUserData = 0;
  static constexpr std::uint8_t kTimestamp = 1;

  std::uint8_t type = kUserData;
  std::vector<std::byte> bytes;

  [[nodiscard]] static TlsCryptMetadata timestamp(std::int64_t unix_seconds);
  // Unix seconds, if this is a well-formed timestamp.
  [[nodiscard]] std::optional<std::int64_t> as_timestamp() const noexcept;
};

struct UnwrappedClientKey {
  KeyMaterial key;  // Kc: give it to ControlWrap::tls_crypt
  std::optional<TlsCryptMetadata> metadata;
};

class TlsCryptV2ServerKey {
 public:
  static constexpr std::size_t kSize = 128;

  [[nodiscard]] static std::optional<TlsCryptV2ServerKey> parse(std::string_view text);
  [[nodiscard]] static TlsCryptV2ServerKey generate();
  explicit TlsCryptV2ServerKey(Secret<kSize>&& key) noexcept : key_(std::move(key)) {}

  [[nodiscard]] SecretString format() const;

  // Empty if the metadata is longer than kMaxMetadataSize.
  [[nodiscard]] std::vector<std::byte> wrap(const KeyMaterial& client_key,
                                            const std::optional<TlsCryptMetadata>& metadata) const;
  // `wrapped` is exactly one WKc. Absent if its size or its tag is wrong; allocates only after the tag was
  // checked.
  [[nodiscard]] std::optional<UnwrappedClientKey> unwrap(std::span<const std::byte> wrapped) const;

 private:
  Secret<kSize> key_;
};

struct TlsCryptV2ClientKey {
  KeyMaterial key;
  std::vector<std::byte> wrapped;  // WKc, to be appended to the first packet as it is

  [[nodiscard]] static std::optional<TlsCryptV2ClientKey> parse(std::string_view text);
  [[nodiscard]] static std::optional<TlsCryptV2ClientKey> generate(
      const TlsCryptV2ServerKey& server_key, const std::optional<TlsCryptMetadata>& metadata);
  [[nodiscard]] SecretString format() const;
};

// A HARD_RESET_CLIENT_V3 or CONTROL_WKC_V1 packet cut in two. Both parts lie inside the packet.
struct WrappedKeySplit {
  std::span<const std::byte> packet;   // a tls-crypt packet with REST of at least 5 bytes
  std::span<const std::byte> wrapped;  // WKc
};

// Finds the cut by the last two bytes. Absent if they lie; nothing is authenticated yet.
[[nodiscard]] std::optional<WrappedKeySplit> split_wrapped_key(std::span<const std::byte> packet) noexcept;

}  // namespace vpnd::crypto
