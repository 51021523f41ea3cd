// Space for many datagrams at once, as sendmmsg and recvmmsg take them.

#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <span>

namespace vpnd::bench {

class Packets {
 public:
  static constexpr std::size_t kCount = 64;
  static constexpr std::size_t kLargest = 9000;

  Packets();
  Packets(const Packets&) = delete;
  Packets& operator=(const Packets&) = delete;

  std::span<std::byte> space(std::size_t index) { return bytes_[index]; }
  void resize(std::size_t index, std::size_t size) { parts_[index].iov_len = size; }
  // What recvmmsg left there.
  std::span<const std::byte> received(std::size_t index) const {
    return std::span(bytes_[index]).first(messages_[index].msg_len);
  }

  // Makes all of the space ready for recvmmsg.
  void offer_all();
  mmsghdr* messages() { return messages_.data(); }

 private:
  std::array<std::array<std::byte, kLargest>, kCount> bytes_{};
  std::array<std::array<std::byte, CMSG_SPACE(sizeof(unsigned))>, kCount> control_{};
  std::array<iovec, kCount> parts_{};
  std::array<mmsghdr, kCount> messages_{};
};

}  // namespace vpnd::bench
