// Keyed message authentication over pieces: the tags of the control channel, and short ones for session
// cookies.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "crypto/secret.hpp"

struct evp_md_st;  // OpenSSL's EVP_MD

namespace vpnd::crypto {

// Compares without telling by its duration where the first difference is. Different sizes are unequal.
[[nodiscard]] bool constant_time_equal(std::span<const std::byte> a, std::span<const std::byte> b) noexcept;

// A digest by OpenVPN's name ("SHA1", "SHA256", "SHA512", "SHA3-256", …; any case). Copies share OpenSSL's
// object.
class Digest {
 public:
  // Names OpenSSL does not know, and digests that are not fixed in size or longer than 64 bytes, are absent.
  [[nodiscard]] static std::optional<Digest> from_name(std::string_view name);
  [[nodiscard]] static Digest sha256();

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t block_size() const noexcept { return block_size_; }
  [[nodiscard]] const evp_md_st* native() const noexcept { return native_.get(); }

 private:
  Digest(std::shared_ptr<const evp_md_st> native, std::size_t size, std::size_t block_size) noexcept
      : native_(std::move(native)), size_(size), block_size_(block_size) {}

  std::shared_ptr<const evp_md_st> native_;
  std::size_t size_;
  std::size_t block_size_;
};

// One HMAC (RFC 2104) key. compute() is const, takes nothing from our heap and may be called from several
// threads.
class Hmac {
 public:
  static constexpr std::size_t kMaxTagSize = 64;
  static constexpr std::size_t kMaxBlockSize = 144;  // SHA3-224's, the largest of the fixed-size digests
  using Pieces = std::span<const std::span<const std::byte>>;

  // A key longer than the digest's block is hashed first, as the RFC says.
  Hmac(Digest digest, std::span<const std::byte> key);

  [[nodiscard]] std::size_t tag_size() const noexcept { return digest_.size(); }
  // Writes tag_size() bytes to the front of `tag`, which must have that much room.
  void compute(Pieces pieces, std::span<std::byte> tag) const noexcept;

 private:
  Digest digest_;
  Secret<kMaxBlockSize> inner_;  // key XOR ipad, block_size() bytes of it
  Secret<kMaxBlockSize> outer_;  // key XOR opad
};

// HMAC-SHA256 under a random key of its own, cut to 64 bits: session ids that prove a peer owns its address.
class CookieMac {
 public:
  using Tag = std::array<std::byte, 8>;

  CookieMac();
  [[nodiscard]] Tag compute(Hmac::Pieces pieces) const noexcept;

 private:
  Hmac hmac_;
};

}  // namespace vpnd::crypto
