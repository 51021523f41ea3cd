#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tunio/unique_fd.hpp"

namespace vpnd::tunio {

struct TunOptions {
  std::string node = "/dev/net/tun";  // openvpn's dev-node
  std::string name;                   // "" or "tun": the kernel numbers it; may hold %d
  unsigned queues = 1;                // one per worker; more than one opens with IFF_MULTI_QUEUE
  bool segmentation = true;           // TSO: reads and writes of super-packets
  bool udp_segmentation = true;       // USO, where the kernel has it
  std::uint32_t queue_length = 0;     // txqueuelen; 0: leave
  std::uint32_t mtu = 0;              // 0: leave
};

/// A network device whose packets come to user space: every read and write carries a 10-byte virtio-net
/// header. Setting addresses, routes and link state is not done here.
class TunDevice {
 public:
  /// Opens all queues, non-blocking. Throws std::system_error whose text names the likely cause.
  static TunDevice open(const TunOptions& options);

  const std::string& name() const noexcept { return name_; }
  unsigned index() const;  // ifindex; throws if the device is gone
  /// The queues not taken yet; each worker moves its own out.
  std::vector<UniqueFd>& queues() noexcept { return queues_; }

  bool segmentation() const noexcept { return segmentation_; }
  bool udp_segmentation() const noexcept { return udp_segmentation_; }

 private:
  TunDevice() = default;

  std::string name_;
  std::vector<UniqueFd> queues_;
  bool segmentation_ = false;
  bool udp_segmentation_ = false;
};

/// Each throws std::system_error.
void set_mtu(const std::string& device, std::uint32_t mtu);
void set_queue_length(const std::string& device, std::uint32_t packets);
/// A persistent device outlives the process (openvpn --mktun / --rmtun). `queue` is one of its descriptors.
enum class Persistence : std::uint8_t { persistent, transient };
void set_persistence(const UniqueFd& queue, Persistence persistence);
/// For --mktun --user/--group: who may attach without CAP_NET_ADMIN.
void set_owner(const UniqueFd& queue, unsigned uid);
void set_group(const UniqueFd& queue, unsigned gid);

}  // namespace vpnd::tunio
