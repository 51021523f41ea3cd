#include "crypto/static_key.hpp"

#include <string>

#include "crypto/random.hpp"

namespace vpnd::crypto {
namespace {

constexpr std::string_view kBegin = "-----BEGIN OpenVPN Static key V1-----";
constexpr std::string_view kEnd = "-----END OpenVPN Static key V1-----";
constexpr std::size_t kBytesPerLine = 16;

std::optional<std::string_view> between_marks(std::string_view text) {
  const std::size_t begin = text.find(kBegin);
  if (begin == std::string_view::npos) return std::nullopt;
  text.remove_prefix(begin + kBegin.size());
  const std::size_t end = text.find(kEnd);
  if (end == std::string_view::npos) return std::nullopt;
  return text.substr(0, end);
}

std::optional<unsigned> hex_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

}  // namespace

std::span<const std::byte, kKeyPartSize> cipher_part(const KeyMaterial& key, KeyHalf half) noexcept {
  const std::size_t offset = half == KeyHalf::first ? 0 : kKeyHalfSize;
  return std::span<const std::byte, kKeyPartSize>(key.expose().subspan(offset, kKeyPartSize));
}

std::span<const std::byte, kKeyPartSize> hmac_part(const KeyMaterial& key, KeyHalf half) noexcept {
  const std::size_t offset = (half == KeyHalf::first ? 0 : kKeyHalfSize) + kKeyPartSize;
  return std::span<const std::byte, kKeyPartSize>(key.expose().subspan(offset, kKeyPartSize));
}

std::optional<StaticKey> StaticKey::parse(std::string_view text) {
  const std::optional<std::string_view> body = between_marks(text);
  if (!body) return std::nullopt;

  KeyMaterial material;
  std::size_t digits = 0;
  for (const char c : *body) {
    if (is_space(c)) continue;
    const std::optional<unsigned> value = hex_value(c);
    if (!value || digits == 2 * KeyMaterial::kSize) return std::nullopt;
    std::byte& byte = material.expose()[digits / 2];
    byte = (byte << 4) | static_cast<std::byte>(*value);
    ++digits;
  }
  if (digits != 2 * KeyMaterial::kSize) return std::nullopt;
  return StaticKey(std::move(material));
}

StaticKey StaticKey::generate() {
  KeyMaterial material;
  fill_random(material.expose());
  return StaticKey(std::move(material));
}

SecretString StaticKey::format() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(1024);  // never grows, so that no copy of the key stays behind on the heap
  text.append("#\n# 2048 bit OpenVPN static key\n#\n").append(kBegin).append("\n");
  for (std::size_t i = 0; i < KeyMaterial::kSize; ++i) {
    const auto value = std::to_integer<unsigned>(material_.expose()[i]);
    text.push_back(kDigits[value >> 4]);
    text.push_back(kDigits[value & 15]);
    if ((i + 1) % kBytesPerLine == 0) text.push_back('\n');
  }
  text.append(kEnd).append("\n");
  return SecretString(std::move(text));
}

}  // namespace vpnd::crypto
