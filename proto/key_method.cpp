#include "proto/key_method.hpp"

#include <algorithm>

#include "crypto/random.hpp"
#include "proto/wire.hpp"

namespace vpnd::proto {
namespace {

constexpr std::uint8_t kKeyMethod2 = 2;
constexpr std::uint8_t kKeyMethodMask = 0x0F;

// Views into the record, up to the first NUL. An absent text, also one behind the end of an old peer's
// message, is empty.
std::string_view read_text(WireReader& reader) {
  if (reader.rest().empty()) return {};
  const auto bytes = reader.bytes(reader.u16());
  const auto end = std::find(bytes.begin(), bytes.end(), std::byte{0});
  return {reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(end - bytes.begin())};
}

void write_text(WireWriter& writer, std::string_view text) {
  if (text.empty()) {
    writer.u16(0);
    return;
  }
  writer.u16(static_cast<std::uint16_t>(text.size() + 1));
  writer.bytes(std::as_bytes(std::span(text)));
  writer.u8(0);
}

bool fits(std::string_view text, std::size_t limit) {
  return text.size() < limit;
}

}  // namespace

KeySources KeySources::generate(crypto::Role role) noexcept {
  KeySources sources;
  if (role == crypto::Role::client) crypto::fill_random(sources.pre_master.expose());
  crypto::fill_random(sources.random1.expose());
  crypto::fill_random(sources.random2.expose());
  return sources;
}

std::string_view text(KeyMethodError error) noexcept {
  switch (error) {
    case KeyMethodError::none:
      return "no error";
    case KeyMethodError::truncated:
      return "key exchange message is truncated";
    case KeyMethodError::unsupported_method:
      return "peer does not use key method 2";
    case KeyMethodError::text_too_long:
      return "options or peer info are too long";
    case KeyMethodError::credentials_too_long:
      return "user name or password is too long";
  }
  return "unknown error";
}

ParsedKeyMethod parse_key_method(crypto::Role sender, std::span<const std::byte> record) {
  WireReader reader(record);
  const std::uint32_t zero = reader.u32();
  const std::uint8_t method = reader.u8();
  if (!reader.ok()) return {KeyMethodError::truncated, {}};
  if (zero != 0 || (method & kKeyMethodMask) != kKeyMethod2) return {KeyMethodError::unsupported_method, {}};

  ParsedKeyMethod parsed{KeyMethodError::none, {}};
  KeyMethodMessage& message = parsed.message;
  if (sender == crypto::Role::client) reader.copy_to(message.sources.pre_master.expose());
  reader.copy_to(message.sources.random1.expose());
  reader.copy_to(message.sources.random2.expose());
  const std::string_view options = read_text(reader);
  const std::string_view username = read_text(reader);
  const std::string_view password = read_text(reader);
  const std::string_view peer_info = read_text(reader);
  if (!reader.ok()) return {KeyMethodError::truncated, {}};
  if (!fits(options, KeyMethodMessage::kMaxOptionsSize) ||
      !fits(peer_info, KeyMethodMessage::kMaxPeerInfoSize)) {
    return {KeyMethodError::text_too_long, {}};
  }

  message.options = options;
  message.peer_info = peer_info;
  if (!fits(username, KeyMethodMessage::kMaxCredentialSize) ||
      !fits(password, KeyMethodMessage::kMaxCredentialSize)) {
    parsed.error = KeyMethodError::credentials_too_long;
    return parsed;
  }
  message.username = username;
  message.password = crypto::SecretString(password);
  return parsed;
}

std::size_t format_key_method(crypto::Role sender, const KeyMethodMessage& message,
                              std::span<std::byte> out) {
  const std::string_view password = message.password.expose();
  if (!fits(message.options, KeyMethodMessage::kMaxOptionsSize) ||
      !fits(message.username, KeyMethodMessage::kMaxCredentialSize) ||
      !fits(password, KeyMethodMessage::kMaxCredentialSize) ||
      !fits(message.peer_info, KeyMethodMessage::kMaxPeerInfoSize)) {
    return 0;
  }
  WireWriter writer(out);
  writer.u32(0);
  writer.u8(kKeyMethod2);
  if (sender == crypto::Role::client) writer.bytes(message.sources.pre_master.expose());
  writer.bytes(message.sources.random1.expose());
  writer.bytes(message.sources.random2.expose());
  write_text(writer, message.options);
  write_text(writer, message.username);
  write_text(writer, password);
  write_text(writer, message.peer_info);
  return writer.ok() ? writer.size() : 0;
}

}  // namespace vpnd::proto
