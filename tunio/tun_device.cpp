#include "tunio/tun_device.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "kmod-tun-batch/include/uapi/linux/tun_batch.h"
#include "tunio/tun_offload.hpp"
#include "tunio/virtio_net.hpp"

namespace vpnd::tunio {
namespace {

[[noreturn]] void fail(const std::string& step) {
  throw std::system_error(errno, std::generic_category(), step);
}

UniqueFd open_node(const std::string& node) {
  UniqueFd fd(::open(node.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd) fail(fmt::format("open {} (is the tun module loaded? may we? CAP_NET_ADMIN?)", node));
  return fd;
}

// A node of one's own counts for tun_batch, too.
std::string batch_node(const TunOptions& options) {
  return options.node == TunOptions{}.node ? TUN_BATCH_NODE : options.node;
}

UniqueFd open_batch_node(const std::string& node) {
  UniqueFd fd(::open(node.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd) fail(fmt::format("open {} (is the tun_batch module loaded? see kmod-tun-batch/README.md)", node));
  return fd;
}

void set_queue_count(const UniqueFd& fd, unsigned queues) {
  tun_batch_config config{};
  config.queues = queues;
  if (::ioctl(fd.get(), TUN_BATCH_SET_CONFIG, &config) != 0) fail("set the number of queues of tun_batch");
}

ifreq request_for(const std::string& name) {
  ifreq request{};
  if (name.size() >= sizeof request.ifr_name) {
    errno = ENAMETOOLONG;
    fail(fmt::format("device name \"{}\"", name));
  }
  std::memcpy(request.ifr_name, name.data(), name.size());
  return request;
}

// Joins the device `name` (made if it is not there) as one more queue. Returns the name the kernel gave.
std::string attach(const UniqueFd& fd, const std::string& name, unsigned queues) {
  ifreq request = request_for(name);
  const int flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
  request.ifr_flags = static_cast<short>(queues > 1 ? flags | IFF_MULTI_QUEUE : flags);
  if (::ioctl(fd.get(), TUNSETIFF, &request) == 0) return request.ifr_name;
  if (errno == EINVAL && queues == 1) {
    // A persistent device made for several queues wants that flag from everybody.
    request.ifr_flags = static_cast<short>(flags | IFF_MULTI_QUEUE);
    if (::ioctl(fd.get(), TUNSETIFF, &request) == 0) return request.ifr_name;
  }
  const char* const cause =
      errno == EBUSY    ? "already in use by another process"
      : errno == EPERM  ? "not permitted: CAP_NET_ADMIN, or the device's owner"
      : errno == EINVAL ? "the name is taken by something else, or made for a single queue, which one "
                          "worker serves"
                        : "TUNSETIFF";
  fail(fmt::format("attach to tun device {} ({})", name.empty() ? "tun" : name, cause));
}

void set_header_format(const UniqueFd& fd) {
  const int size = static_cast<int>(kVirtioNetHeaderSize);
  const int little_endian = 1;
  if (::ioctl(fd.get(), TUNSETVNETHDRSZ, &size) != 0 ||
      ::ioctl(fd.get(), TUNSETVNETLE, &little_endian) != 0) {
    fail("set the virtio-net header format of the tun device");
  }
}

// Configuration of a device that is not bound to a descriptor of ours goes through any socket.
void device_ioctl(unsigned long what, ifreq& request, const std::string& step) {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket || ::ioctl(socket.get(), what, &request) != 0) fail(step);
}

}  // namespace

bool set_tun_offload(int fd, unsigned offload) noexcept {
  return ::ioctl(fd, TUNSETOFFLOAD, static_cast<unsigned long>(offload)) == 0;
}

std::string why_no_tun_batch() {
  if (UniqueFd(::open(TUN_BATCH_NODE, O_RDWR | O_CLOEXEC))) return {};
  return errno == ENOENT ? "not loaded" : std::generic_category().message(errno);
}

TunDevice TunDevice::open(const TunOptions& options) {
  TunDevice device;
  const bool asked = options.driver == TunDriver::tun_batch;
  const bool possible = options.driver == TunDriver::automatic && options.node == TunOptions{}.node;
  std::string refusal = asked || possible ? why_no_tun_batch() : std::string{};
  if (asked || (possible && refusal.empty())) {
    try {
      device.open_tun_batch(options);
    } catch (const std::system_error& error) {
      // Such as a persistent device of the kernel's own driver. What is busy is ours, and stays so.
      if (asked || error.code() == std::errc::device_or_resource_busy) throw;
      refusal = error.what();
      device.queues_.clear();
    }
  }
  if (device.queues_.empty()) {
    device.open_tun(options);
    if (!refusal.empty()) device.driver_description_ = fmt::format("tun (tun_batch: {})", refusal);
  }
  device.set_offloads(options);
  if (options.queue_length != 0) set_queue_length(device.name_, options.queue_length);
  if (options.mtu != 0) set_mtu(device.name_, options.mtu);
  return device;
}

void TunDevice::open_tun(const TunOptions& options) {
  name_ = options.name == "tun" ? std::string{} : options.name;
  const unsigned queues = std::max(1u, options.queues);
  for (unsigned i = 0; i < queues; ++i) {
    UniqueFd fd = open_node(options.node);
    name_ = attach(fd, name_, queues);
    set_header_format(fd);
    queues_.push_back(std::move(fd));
  }
}

// Numbered like the kernel's own, so that scripts and rules find the names they know.
void TunDevice::open_tun_batch(const TunOptions& options) {
  name_ = options.name.empty() || options.name == "tun" ? "tun%d" : options.name;
  const unsigned queues = std::max(1u, options.queues);
  for (unsigned i = 0; i < queues; ++i) {
    UniqueFd fd = open_batch_node(batch_node(options));
    if (i == 0) set_queue_count(fd, queues);
    name_ = attach(fd, name_, queues);
    queues_.push_back(std::move(fd));
  }
  driver_ = TunDriver::tun_batch;
  driver_description_ = "tun_batch";
}

// Offloads belong to the device, not to a queue. Asking for nothing also clears what a persistent device
// kept.
void TunDevice::set_offloads(const TunOptions& options) {
  const int fd = queues_.front().get();
  segmentation_ = options.segmentation && set_tun_offload(fd, kTunTcpOffloads);
  if (!segmentation_ && !set_tun_offload(fd, 0)) fail("switch off the offloads of the tun device");
  udp_segmentation_ =
      segmentation_ && options.udp_segmentation && set_tun_offload(fd, kTunTcpOffloads | kTunUdpOffloads);
}

unsigned TunDevice::index() const {
  const unsigned index = ::if_nametoindex(name_.c_str());
  if (index == 0) fail(fmt::format("find device {}", name_));
  return index;
}

void set_mtu(const std::string& device, std::uint32_t mtu) {
  ifreq request = request_for(device);
  request.ifr_mtu = static_cast<int>(mtu);
  device_ioctl(SIOCSIFMTU, request, fmt::format("set the MTU of {} to {}", device, mtu));
}

void set_queue_length(const std::string& device, std::uint32_t packets) {
  ifreq request = request_for(device);
  request.ifr_qlen = static_cast<int>(packets);
  device_ioctl(SIOCSIFTXQLEN, request, fmt::format("set the queue length of {} to {}", device, packets));
}

void set_persistence(const UniqueFd& queue, Persistence persistence) {
  if (::ioctl(queue.get(), TUNSETPERSIST, persistence == Persistence::persistent ? 1 : 0) != 0) {
    fail("set the persistence of the tun device");
  }
}

void set_owner(const UniqueFd& queue, unsigned uid) {
  if (::ioctl(queue.get(), TUNSETOWNER, static_cast<unsigned long>(uid)) != 0)
    fail("set the owner of the tun device");
}

void set_group(const UniqueFd& queue, unsigned gid) {
  if (::ioctl(queue.get(), TUNSETGROUP, static_cast<unsigned long>(gid)) != 0)
    fail("set the group of the tun device");
}

}  // namespace vpnd::tunio
