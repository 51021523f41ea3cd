// The text messages of the control channel, after the key exchange (docs/protocol.md §7): one TLS record
// holds one or more messages, each ended by a NUL.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vpnd::proto {

// Goes through one decrypted record. A message with a byte that is not printable ASCII is left out as a whole
// and counted: it must reach neither log nor script. CR and LF at the end of a message are stripped.
class ControlMessageReader {
 public:
  explicit ControlMessageReader(std::span<const std::byte> record) noexcept : rest_(record) {}

  // The next message, inside the record given; empty at the end. Empty messages are passed over.
  std::optional<std::string_view> next() noexcept;

  std::size_t refused() const noexcept { return refused_; }

 private:
  std::span<const std::byte> rest_;
  std::size_t refused_ = 0;
};

enum class ControlMessageKind : std::uint8_t {
  push_request,
  push_reply,
  push_update,
  auth_failed,
  auth_pending,
  restart,
  halt,
  exit,
  info_pre,
  info,
  challenge_response,  // CR_RESPONSE
  unknown,
};

struct ControlMessage {
  ControlMessageKind kind;
  std::string_view arguments;  // what follows the word and its comma; for unknown the whole message
};

// The views point into `message`.
ControlMessage classify_control_message(std::string_view message) noexcept;

// AUTH_FAILED[,reason], taken apart.
struct AuthFailure {
  enum class Kind : std::uint8_t {
    rejected,           // wrong credentials or not allowed
    session_expired,    // SESSION: the token is no longer valid, real credentials are
    temporary,          // TEMP: try again after a while
    dynamic_challenge,  // CRV1: the reason holds the whole challenge
  };
  enum class Advance : std::uint8_t { unspecified, no, address, remote };

  Kind kind = Kind::rejected;
  std::string_view reason;  // text for people; hostile until authenticated, always printable
  std::optional<std::chrono::seconds> backoff;  // temporary only
  Advance advance = Advance::unspecified;       // temporary only
};

AuthFailure parse_auth_failure(std::string_view arguments) noexcept;
std::string format_auth_failure(const AuthFailure& failure);  // the whole message, from AUTH_FAILED on

// AUTH_PENDING[,timeout N]: empty when no (valid) timeout is given.
std::optional<std::chrono::seconds> parse_auth_pending(std::string_view arguments) noexcept;

// RESTART[,[flags]text] and HALT[,text].
struct ServerSignal {
  bool next_remote = false;       // flag N
  bool keep_credentials = false;  // flag P
  std::string_view text;
};
ServerSignal parse_server_signal(std::string_view arguments) noexcept;

// Whether every byte is printable ASCII, as every message must be.
bool is_printable(std::string_view text) noexcept;

}  // namespace vpnd::proto
