#include "bench/traffic/packets.hpp"

namespace vpnd::bench {

Packets::Packets() {
  for (std::size_t i = 0; i < kCount; ++i) {
    parts_[i] = {.iov_base = bytes_[i].data(), .iov_len = 0};
    messages_[i].msg_hdr.msg_iov = &parts_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
  }
}

void Packets::offer_all() {
  for (std::size_t i = 0; i < kCount; ++i) {
    parts_[i].iov_len = kLargest;
    messages_[i].msg_hdr.msg_control = control_[i].data();
    messages_[i].msg_hdr.msg_controllen = control_[i].size();
  }
}

}  // namespace vpnd::bench
