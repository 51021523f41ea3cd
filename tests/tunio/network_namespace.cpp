#include "network_namespace.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

namespace vpnd::tunio::test {
namespace {

ifreq request_for(const std::string& device) {
  ifreq request{};
  std::memcpy(request.ifr_name, device.c_str(), device.size());
  return request;
}

void configure(unsigned long what, ifreq& request, const char* step) {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM, 0));
  ASSERT_EQ(::ioctl(socket.get(), what, &request), 0) << step << ": " << std::strerror(errno);
}

sockaddr ipv4_address(const char* text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  ::inet_pton(AF_INET, text, &address.sin_addr);
  sockaddr result;
  std::memcpy(&result, &address, sizeof result);
  return result;
}

void change_flags(const std::string& device, int set, int clear) {
  ifreq request = request_for(device);
  configure(SIOCGIFFLAGS, request, "read flags");
  request.ifr_flags = static_cast<short>((request.ifr_flags | set) & ~clear);
  configure(SIOCSIFFLAGS, request, "set flags");
}

}  // namespace

std::string in_fresh_network(const std::function<void()>& body) {
  std::string refused;
  std::thread([&] {
    if (::unshare(CLONE_NEWNET) != 0) {
      refused = std::string("no network namespace: ") + std::strerror(errno);
      return;
    }
    set_up("lo");
    body();
  }).join();
  return refused;
}

void set_address(const std::string& device, const char* ipv4, const char* netmask) {
  ifreq request = request_for(device);
  request.ifr_addr = ipv4_address(ipv4);
  configure(SIOCSIFADDR, request, "set address");
  request.ifr_netmask = ipv4_address(netmask);
  configure(SIOCSIFNETMASK, request, "set netmask");
}

void set_up(const std::string& device) {
  change_flags(device, IFF_UP, 0);
}

void set_down(const std::string& device) {
  change_flags(device, 0, IFF_UP);
}

// The one thing here that only netlink can do (RTM_DELLINK).
void delete_device(const std::string& device) {
  struct {
    nlmsghdr header;
    ifinfomsg link;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_DELLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.link.ifi_index = static_cast<int>(::if_nametoindex(device.c_str()));
  const UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
  ASSERT_EQ(::send(socket.get(), &request, sizeof request, 0), static_cast<ssize_t>(sizeof request));
  struct {
    nlmsghdr header;
    nlmsgerr result;
  } answer{};
  ASSERT_GE(::recv(socket.get(), &answer, sizeof answer, MSG_TRUNC),
            static_cast<ssize_t>(sizeof answer.header));
  ASSERT_EQ(answer.result.error, 0) << std::strerror(-answer.result.error);
}

void set_device_mtu(const std::string& device, int mtu) {
  ifreq request = request_for(device);
  request.ifr_mtu = mtu;
  configure(SIOCSIFMTU, request, "set MTU");
}

UniqueFd open_tap(const std::string& name) {
  UniqueFd fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK));
  ifreq request = request_for(name);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  EXPECT_EQ(::ioctl(fd.get(), TUNSETIFF, &request), 0) << std::strerror(errno);
  return fd;
}

void answer_arp(const UniqueFd& tap, const std::string& device, std::uint32_t asker, std::uint32_t target) {
  ifreq request = request_for(device);
  configure(SIOCGIFHWADDR, request, "read MAC address");
  const std::array<std::uint8_t, ETH_ALEN> neighbour = {2, 0, 0, 0, 0, 9};

  std::array<std::uint8_t, sizeof(ethhdr) + sizeof(ether_arp)> frame{};
  ethhdr ethernet{};
  std::memcpy(ethernet.h_dest, request.ifr_hwaddr.sa_data, ETH_ALEN);
  std::memcpy(ethernet.h_source, neighbour.data(), ETH_ALEN);
  ethernet.h_proto = htons(ETH_P_ARP);
  ether_arp arp{};
  arp.ea_hdr = {htons(ARPHRD_ETHER), htons(ETH_P_IP), ETH_ALEN, 4, htons(ARPOP_REPLY)};
  std::memcpy(arp.arp_sha, neighbour.data(), ETH_ALEN);
  std::memcpy(arp.arp_tha, request.ifr_hwaddr.sa_data, ETH_ALEN);
  const std::uint32_t from = htonl(target);
  const std::uint32_t to = htonl(asker);
  std::memcpy(arp.arp_spa, &from, sizeof from);
  std::memcpy(arp.arp_tpa, &to, sizeof to);
  std::memcpy(frame.data(), &ethernet, sizeof ethernet);
  std::memcpy(frame.data() + sizeof ethernet, &arp, sizeof arp);
  ASSERT_EQ(::write(tap.get(), frame.data(), frame.size()), static_cast<ssize_t>(frame.size()));
}

}  // namespace vpnd::tunio::test
