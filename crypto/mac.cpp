// HMAC is built from the digest here rather than taken from EVP_MAC: re-initialising an EVP_MAC copies
// contexts on OpenSSL's heap for each message, and one keyed EVP_MAC cannot be shared by the sessions that
// use the same key.

#include "crypto/mac.hpp"

#include <algorithm>
#include <string>

#include "crypto/openssl_error.hpp"
#include "crypto/openssl_ptr.hpp"
#include "crypto/random.hpp"

namespace vpnd::crypto {
namespace {

// One per thread and reused, so that the steady state allocates nothing.
EVP_MD_CTX* scratch_context() noexcept {
  thread_local const DigestContextPtr context(EVP_MD_CTX_new());
  must_succeed(context != nullptr);
  return context.get();
}

void update(EVP_MD_CTX* context, std::span<const std::byte> bytes) noexcept {
  must_succeed(EVP_DigestUpdate(context, bytes.data(), bytes.size()) == 1);
}

}  // namespace

bool constant_time_equal(std::span<const std::byte> a, std::span<const std::byte> b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::optional<Digest> Digest::from_name(std::string_view name) {
  const std::shared_ptr<EVP_MD> md(EVP_MD_fetch(nullptr, std::string(name).c_str(), nullptr), EVP_MD_free);
  drop_openssl_errors();
  if (!md) return std::nullopt;
  const int size = EVP_MD_get_size(md.get());
  const int block_size = EVP_MD_get_block_size(md.get());
  const bool usable = (EVP_MD_get_flags(md.get()) & EVP_MD_FLAG_XOF) == 0 && size >= 16 &&
                      size <= static_cast<int>(Hmac::kMaxTagSize) && block_size >= size &&
                      block_size <= static_cast<int>(Hmac::kMaxBlockSize);
  if (!usable) return std::nullopt;
  return Digest(md, static_cast<std::size_t>(size), static_cast<std::size_t>(block_size));
}

Digest Digest::sha256() {
  static const Digest kDigest = from_name("SHA256").value();
  return kDigest;
}

Hmac::Hmac(Digest digest, std::span<const std::byte> key) : digest_(std::move(digest)) {
  const std::span<std::byte> inner = inner_.expose();
  if (key.size() > digest_.block_size()) {
    EVP_MD_CTX* const context = scratch_context();
    must_succeed(EVP_DigestInit_ex(context, digest_.native(), nullptr) == 1);
    update(context, key);
    must_succeed(EVP_DigestFinal_ex(context, as_uchar(inner.data()), nullptr) == 1);
  } else {
    std::ranges::copy(key, inner.begin());
  }
  constexpr std::byte kInnerPad{0x36};
  constexpr std::byte kOuterPad{0x5c};
  for (std::size_t i = 0; i < digest_.block_size(); ++i) {
    outer_.expose()[i] = inner[i] ^ kOuterPad;
    inner[i] ^= kInnerPad;
  }
}

void Hmac::compute(Pieces pieces, std::span<std::byte> tag) const noexcept {
  must_succeed(tag.size() >= digest_.size());
  EVP_MD_CTX* const context = scratch_context();
  must_succeed(EVP_DigestInit_ex(context, digest_.native(), nullptr) == 1);
  update(context, inner_.expose().first(digest_.block_size()));
  for (const std::span<const std::byte> piece : pieces) update(context, piece);
  must_succeed(EVP_DigestFinal_ex(context, as_uchar(tag.data()), nullptr) == 1);

  must_succeed(EVP_DigestInit_ex(context, digest_.native(), nullptr) == 1);
  update(context, outer_.expose().first(digest_.block_size()));
  update(context, tag.first(digest_.size()));
  must_succeed(EVP_DigestFinal_ex(context, as_uchar(tag.data()), nullptr) == 1);
}

CookieMac::CookieMac() : hmac_(Digest::sha256(), random_bytes<32>()) {}

CookieMac::Tag CookieMac::compute(Hmac::Pieces pieces) const noexcept {
  std::array<std::byte, Hmac::kMaxTagSize> whole;
  hmac_.compute(pieces, whole);
  Tag tag;
  std::copy_n(whole.begin(), tag.size(), tag.begin());
  return tag;
}

}  // namespace vpnd::crypto
