#include "tunio/io_probe.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <system_error>

#include "tunio/uring_ring.hpp"

namespace vpnd::tunio {
namespace {

Capability yes() {
  return {true, {}};
}
Capability no(std::string reason) {
  return {false, std::move(reason)};
}
std::string error_text(int error) {
  return std::generic_category().message(error);
}

// Arms one multishot operation on a socket, sends a byte through it, and looks whether it stays armed.
template <typename Prepare>
Capability try_multishot(UringRing& ring, const char* needs, Prepare prepare) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return no("socketpair: " + error_text(errno));
  }
  const UniqueFd near(ends[0]);
  const UniqueFd far(ends[1]);
  prepare(ring.next(0), near.get());
  const char byte = 1;
  if (::send(far.get(), &byte, sizeof byte, 0) != 1) return no("send: " + error_text(errno));
  ring.submit_and_wait(std::chrono::seconds(1));
  int result = -ETIME;
  bool armed = false;
  ring.for_each_completion([&](const io_uring_cqe& cqe) {
    result = cqe.res;
    armed = (cqe.flags & IORING_CQE_F_MORE) != 0;
  });
  if (result < 0) return no(fmt::format("{} ({})", error_text(-result), needs));
  return armed ? yes() : no("ends after one completion");
}

Capability try_udp_option(int option, const char* needs) {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return no("socket: " + error_text(errno));
  const int on = 1;
  if (::setsockopt(socket.get(), IPPROTO_UDP, option, &on, sizeof on) == 0) return yes();
  return no(fmt::format("{} ({})", error_text(errno), needs));
}

void probe_tun(TunDriver driver, IoCapabilities& result) {
  const std::string refusal = why_no_tun_batch();
  result.tun_batch = refusal.empty() ? yes() : no(refusal);
  try {
    TunOptions options;
    options.driver = driver;
    const TunDevice device = TunDevice::open(options);
    result.tun = yes();
    result.tun_driver = device.driver_description();
    result.tun_segmentation = device.segmentation() ? yes() : no("the kernel refuses TUN_F_TSO4");
    result.tun_udp_segmentation =
        device.udp_segmentation() ? yes() : no("the kernel refuses TUN_F_USO4 (Linux before 6.2)");
  } catch (const std::system_error& error) {
    result.tun = no(error.what());
    result.tun_segmentation = result.tun_udp_segmentation = no("no tun device");
  }
}

}  // namespace

IoCapabilities probe_uring() {
  IoCapabilities result;
  result.buffer_rings = result.multishot_recvmsg = result.multishot_read = no("no io_uring");
  try {
    ProvidedBuffers buffers(0, 2);
    UringRing ring(8, 16);
    result.io_uring = yes();
    result.multishot_recvmsg = result.multishot_read = no("no buffer rings");
    try {
      buffers.register_with(ring);
    } catch (const std::system_error& error) {
      result.buffer_rings = no(error.what());
      return result;
    }
    result.buffer_rings = yes();
    ring.start();
    const auto select_buffer = [](io_uring_sqe* sqe) {
      sqe->flags |= IOSQE_BUFFER_SELECT;
      sqe->buf_group = 0;
    };
    msghdr layout{};
    result.multishot_recvmsg = try_multishot(ring, "Linux before 6.0", [&](io_uring_sqe* sqe, int fd) {
      io_uring_prep_recvmsg_multishot(sqe, fd, &layout, 0);
      select_buffer(sqe);
    });
    result.multishot_read = try_multishot(ring, "Linux before 6.7", [&](io_uring_sqe* sqe, int fd) {
      io_uring_prep_read(sqe, fd, nullptr, 0, 0);
      sqe->opcode = kOpReadMultishot;
      select_buffer(sqe);
    });
  } catch (const std::system_error& error) {
    result.io_uring = no(error.what());
  }
  return result;
}

IoCapabilities probe_udp() {
  IoCapabilities result;
  result.udp_segment = try_udp_option(UDP_SEGMENT, "Linux before 4.18");
  result.udp_gro = try_udp_option(UDP_GRO, "Linux before 5.0");
  return result;
}

IoCapabilities probe_io(TunDriver driver) {
  IoCapabilities result = probe_uring();
  const IoCapabilities udp = probe_udp();
  result.udp_segment = udp.udp_segment;
  result.udp_gro = udp.udp_gro;
  probe_tun(driver, result);
  return result;
}

const Capability* IoCapabilities::missing_for_uring() const noexcept {
  for (const Capability* const needed : {&io_uring, &buffer_rings, &multishot_recvmsg, &multishot_read}) {
    if (!needed->available) return needed;
  }
  return nullptr;
}

std::string describe(const IoCapabilities& capabilities) {
  std::string text;
  const auto line = [&](const char* name, const Capability& capability) {
    text +=
        capability ? fmt::format("{}: yes\n", name) : fmt::format("{}: no ({})\n", name, capability.reason);
  };
  line("io_uring", capabilities.io_uring);
  line("io_uring buffer rings", capabilities.buffer_rings);
  line("io_uring multishot recvmsg", capabilities.multishot_recvmsg);
  line("io_uring multishot read", capabilities.multishot_read);
  line("UDP segmentation", capabilities.udp_segment);
  line("UDP receive coalescing", capabilities.udp_gro);
  line("tun", capabilities.tun);
  line("tun_batch", capabilities.tun_batch);
  line("tun TCP segmentation", capabilities.tun_segmentation);
  line("tun UDP segmentation", capabilities.tun_udp_segmentation);
  return text;
}

}  // namespace vpnd::tunio
