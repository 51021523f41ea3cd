// PUSH_REPLY: the options that a server hands to a client (docs/protocol.md §8), from the list to the
// messages on the wire and back. What arrives is hostile text: bounded here, judged by whoever applies the
// options.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vpnd::proto {

inline constexpr std::size_t kMaxPushMessageSize = 1024 - 84;  // stock: a bundle less its reserve
inline constexpr std::size_t kMaxPushOptionSize = 255;         // what stock receivers take

struct PushMessages {
  std::string error;  // not empty: which option cannot be pushed, and why
  std::vector<std::string>
      messages;  // at least one; each fits one control message (the NUL is not part of it)
};

// Splits at the stock size limits; more than one message are linked by `push-continuation`.
PushMessages format_push_reply(std::span<const std::string> options);

// The same for PUSH_UPDATE, where an option may have a `-`, `?` or `-?` in front.
PushMessages format_push_update(std::span<const std::string> options);

// Empty, or the reason why this text cannot be one pushed option.
std::string_view push_option_problem(std::string_view option) noexcept;

enum class PushProgress : std::uint8_t { incomplete, complete, refused };

// Collects the messages of one PUSH_REPLY. It is complete when the first message without `push-continuation
// 2` arrives.
class PushAssembler {
 public:
  static constexpr std::size_t kMaxMessages = 256;
  static constexpr std::size_t kMaxBytes = std::size_t{256} * 1024;
  static constexpr std::size_t kMaxOptions = 4096;

  // `arguments` is what follows "PUSH_REPLY" and its comma. After `refused` (a limit is passed) or `complete`
  // the next call begins a new reply.
  PushProgress add(std::string_view arguments);

  // The options of a complete reply, without push-continuation; leaves the assembler empty.
  std::vector<std::string> take_options();

 private:
  std::vector<std::string> options_;
  std::size_t messages_ = 0;
  std::size_t bytes_ = 0;
  bool complete_ = false;
};

}  // namespace vpnd::proto
