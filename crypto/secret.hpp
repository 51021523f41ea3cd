// Keys and passwords: wiped when they go, never copied by accident, never printed. Every use reads through
// expose(), so that all of them can be searched.
#pragma once

#include <openssl/crypto.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vpnd::crypto {

inline void wipe(std::span<std::byte> bytes) noexcept {
  OPENSSL_cleanse(bytes.data(), bytes.size());
}
inline void wipe(std::string& text) noexcept {
  OPENSSL_cleanse(text.data(), text.size());
}

// N secret bytes, all zero at first. Move-only; the source of a move is wiped. No threads of its own.
template <std::size_t N>
class Secret {
 public:
  static constexpr std::size_t kSize = N;

  Secret() noexcept = default;
  explicit Secret(std::span<const std::byte, N> bytes) noexcept { assign(bytes); }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret(Secret&& other) noexcept { take(other); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) take(other);
    return *this;
  }
  ~Secret() { wipe(bytes_); }

  // The one way to get a second one, said aloud.
  [[nodiscard]] Secret duplicate() const noexcept { return Secret(expose()); }

  [[nodiscard]] std::span<std::byte, N> expose() noexcept { return bytes_; }
  [[nodiscard]] std::span<const std::byte, N> expose() const noexcept { return bytes_; }

 private:
  void assign(std::span<const std::byte, N> bytes) noexcept {
    for (std::size_t i = 0; i < N; ++i) bytes_[i] = bytes[i];
  }
  void take(Secret& other) noexcept {
    bytes_ = other.bytes_;
    wipe(other.bytes_);
  }

  std::array<std::byte, N> bytes_{};
};

// A password or a PEM private key. Lives on the heap, so that moving it leaves no copy behind.
class SecretString {
 public:
  SecretString() noexcept = default;
  explicit SecretString(std::string_view text) : text_(text.begin(), text.end()) {}
  explicit SecretString(std::string&& text) : SecretString(std::string_view(text)) { wipe(text); }
  SecretString(const SecretString&) = delete;
  SecretString& operator=(const SecretString&) = delete;
  SecretString(SecretString&& other) noexcept : text_(std::exchange(other.text_, {})) {}
  SecretString& operator=(SecretString&& other) noexcept {
    if (this != &other) {
      clear();
      text_ = std::exchange(other.text_, {});
    }
    return *this;
  }
  ~SecretString() { clear(); }

  [[nodiscard]] SecretString duplicate() const { return SecretString(expose()); }
  [[nodiscard]] std::string_view expose() const noexcept { return {text_.data(), text_.size()}; }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  void clear() noexcept {
    OPENSSL_cleanse(text_.data(), text_.size());
    text_.clear();
  }

 private:
  std::vector<char> text_;
};

}  // namespace vpnd::crypto
