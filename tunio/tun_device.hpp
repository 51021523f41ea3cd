#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tunio/unique_fd.hpp"

namespace vpnd::tunio {

/// `automatic`: tun_batch where its module is loaded and no other node was asked for, else the kernel's tun.
enum class TunDriver : std::uint8_t { automatic, tun, tun_batch };

struct TunOptions {
  TunDriver driver = TunDriver::automatic;
  std::string node = "/dev/net/tun";  // openvpn's dev-node
  std::string name;                   // "" or "tun": the kernel numbers it; may hold %d
  unsigned queues = 1;                // one per worker; more than one opens with IFF_MULTI_QUEUE
  bool segmentation = true;           // TSO: reads and writes of super-packets
  bool udp_segmentation = true;       // USO, where the kernel has it
  std::uint32_t queue_length = 0;     // txqueuelen; 0: leave
  std::uint32_t mtu = 0;              // 0: leave
};

/// A network device whose packets come to user space, each behind a virtio-net header: one per read and write
/// with the kernel's tun, many in frames with tun_batch (tun_frames.hpp). Setting addresses, routes and link
/// state is not done here.
class TunDevice {
 public:
  /// Opens all queues, non-blocking. Throws std::system_error whose text names the likely cause.
  static TunDevice open(const TunOptions& options);

  const std::string& name() const noexcept { return name_; }
  unsigned index() const;  // ifindex; throws if the device is gone
  /// The queues not taken yet; each worker moves its own out.
  std::vector<UniqueFd>& queues() noexcept { return queues_; }

  /// tun or tun_batch; and for the log how that came about: "tun_batch", "tun (tun_batch: not loaded)".
  TunDriver driver() const noexcept { return driver_; }
  const std::string& driver_description() const noexcept { return driver_description_; }
  bool segmentation() const noexcept { return segmentation_; }
  bool udp_segmentation() const noexcept { return udp_segmentation_; }

 private:
  TunDevice() = default;

  void open_tun(const TunOptions& options);
  void open_tun_batch(const TunOptions& options);
  void set_offloads(const TunOptions& options);

  std::string name_;
  std::vector<UniqueFd> queues_;
  TunDriver driver_ = TunDriver::tun;
  std::string driver_description_ = "tun";
  bool segmentation_ = false;
  bool udp_segmentation_ = false;
};

/// Empty when the tun_batch driver is there and we may open it, else why not.
std::string why_no_tun_batch();

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
