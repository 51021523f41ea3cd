#include "tunio/udp_group.hpp"

#include <fmt/format.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include <array>

#include "tunio/socket_setup.hpp"

namespace vpnd::tunio {
namespace {

// The filter sees a datagram from its payload on (net/core/sock_reuseport.c, run_bpf_filter); a load beyond
// its end ends the program with 0. What it returns is a socket's number in the order of binding.
void steer(const UniqueFd& socket, const Steering& steering, unsigned sockets) {
  std::array<sock_filter, 8> program = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, steering.mask),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, steering.match, 1, 0),  // equal: over the next one
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, steering.key),
      BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, sockets),
      BPF_STMT(BPF_RET | BPF_A, 0),
  }};
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &filter, sizeof filter) != 0) {
    throw std::system_error(errno, std::generic_category(), "set SO_ATTACH_REUSEPORT_CBPF");
  }
}

}  // namespace

// The first socket is bound alone, so that an address which somebody has is refused as ever, and opens its
// port to others of this user afterwards. The kernel makes it the first of the group (udp_reuseport_add_sock
// in net/ipv4/udp.c).
std::vector<UniqueFd> open_udp_group(const UdpOptions& options, unsigned count, const Steering& steering) {
  std::vector<UniqueFd> group;
  group.push_back(open_udp_socket(options));
  if (count <= 1) return group;
  set_option(group.front(), SOL_SOCKET, SO_REUSEPORT, 1, "set SO_REUSEPORT");
  UdpOptions more = options;
  more.reuse_port = true;
  more.local = local_endpoint(group.front());
  while (group.size() < count) group.push_back(open_udp_socket(more));
  steer(group.front(), steering, count);
  return group;
}

}  // namespace vpnd::tunio
