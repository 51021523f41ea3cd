// The wrapping of one control packet. docs/protocol.md §1, §2
//
//   plain      op(1) sid(8) REST
//   tls-auth   op(1) sid(8) HMAC(n) pid(4) time(4) REST
//   tls-crypt  op(1) sid(8) pid(4) time(4) TAG(32) CTR(REST)
//
// The HMAC is over pid | time | op | sid | REST; TAG is over op | sid | pid | time | REST, and its first 16
// bytes are the IV.
//
// Wrapping and unwrapping keep no state: replay protection is proto's, which also must not look at a packet
// before it came through here unharmed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "crypto/role.hpp"
#include "crypto/static_key.hpp"

namespace vpnd::crypto {

// `key-direction`: normal is 0, inverse is 1, both_ways is none given. Not tied to the role: providers use
// any.
enum class KeyDirection : std::uint8_t { both_ways, normal, inverse };

struct ControlHeader {
  std::byte opcode_and_key_id{};
  std::array<std::byte, 8> session_id{};
  std::uint32_t packet_id = 0;  // 0 where the wrapping has none
  std::uint32_t unix_seconds = 0;

  bool operator==(const ControlHeader&) const = default;
};

enum class UnwrapResult : std::uint8_t {
  ok,
  too_short,          // not even room for the header
  bad_tag,            // forged, damaged, or made with another key
  scratch_too_small,  // the caller's limit for a control packet
};

struct [[nodiscard]] Unwrapped {
  UnwrapResult result = UnwrapResult::too_short;
  ControlHeader header{};             // meaningful only if ok
  std::span<const std::byte> rest{};  // inside the packet (plain, tls-auth) or inside scratch (tls-crypt)
};

// How one peer's control packets are wrapped. Cheap to copy: copies share the immutable keys, and may be used
// in different threads.
class ControlWrap {
 public:
  ControlWrap() noexcept = default;  // plain
  // `digest` is the `auth` algorithm. Absent if OpenSSL does not know it or the key is too short for it.
  [[nodiscard]] static std::optional<ControlWrap> tls_auth(const StaticKey& key, KeyDirection direction,
                                                           std::string_view digest);
  [[nodiscard]] static ControlWrap tls_crypt(const KeyMaterial& key, Role role);

  enum class Kind : std::uint8_t { plain, tls_auth, tls_crypt };
  [[nodiscard]] Kind kind() const noexcept;
  [[nodiscard]] bool has_packet_id() const noexcept { return kind() != Kind::plain; }
  // Wrapped size minus size of REST.
  [[nodiscard]] std::size_t overhead() const noexcept;

  // Writes overhead() + rest.size() bytes to the front of `out` and returns that number, or 0 if `out` is too
  // small. `rest` must not overlap `out`.
  [[nodiscard]] std::size_t wrap(const ControlHeader& header, std::span<const std::byte> rest,
                                 std::span<std::byte> out) const noexcept;
  // The same into a vector, which is replaced.
  void wrap(const ControlHeader& header, std::span<const std::byte> rest, std::vector<std::byte>& out) const;

  // `scratch` must not overlap `packet`; tls-crypt needs packet.size() - overhead() bytes of it. No
  // allocation.
  [[nodiscard]] Unwrapped unwrap(std::span<const std::byte> packet,
                                 std::span<std::byte> scratch) const noexcept;

 private:
  struct Keys;
  explicit ControlWrap(std::shared_ptr<const Keys> keys) noexcept : keys_(std::move(keys)) {}

  std::shared_ptr<const Keys> keys_;
};

}  // namespace vpnd::crypto
