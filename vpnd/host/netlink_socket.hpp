// One conversation with the kernel's routing tables: a message out, its answers and its verdict back.

#pragma once

#include <linux/rtnetlink.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <system_error>

struct nl_msg;
struct nl_sock;

namespace vpnd::host {

// A request under construction: a fixed header and then attributes. Running out of memory throws
// std::bad_alloc.
class NetlinkMessage {
 public:
  NetlinkMessage(int type, int flags);

  // The family's own header (rtmsg, ifaddrmsg, ifinfomsg), before any attribute.
  template <typename Header>
  NetlinkMessage& header(const Header& header) {
    return append(std::as_bytes(std::span(&header, 1)));
  }
  // Header and attributes of an earlier message, as they were.
  NetlinkMessage& append(std::span<const std::byte> payload);
  NetlinkMessage& put(int attribute, std::uint32_t value);
  NetlinkMessage& put(int attribute, std::span<const std::byte> value);

  nl_msg* get() const { return message_.get(); }

 private:
  struct Free {
    void operator()(nl_msg* message) const;
  };
  std::unique_ptr<nl_msg, Free> message_;
};

// `kernel_text` is what the kernel says beyond the error number, mostly nothing.
struct [[nodiscard]] NetlinkVerdict {
  std::error_code error;
  std::string kernel_text;
};

class NetlinkSocket {
 public:
  // Throws std::system_error.
  NetlinkSocket();

  // Sends, and waits for the acknowledgement. `answer` sees every message that comes before it; the message
  // is valid during the call only.
  using Answer = std::function<void(const nlmsghdr&)>;
  NetlinkVerdict request(const NetlinkMessage& message, const Answer& answer = {});

 private:
  struct Free {
    void operator()(nl_sock* socket) const;
  };
  std::unique_ptr<nl_sock, Free> socket_;
};

}  // namespace vpnd::host
