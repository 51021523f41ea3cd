#include "tunio/fragment_rule.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

namespace vpnd::tunio {
namespace {

int read_option(int fd, int level, int name) noexcept {
  int value = IP_PMTUDISC_WANT;
  socklen_t size = sizeof value;
  if (::getsockopt(fd, level, name, &value, &size) != 0) return IP_PMTUDISC_WANT;
  return value;
}

}  // namespace

void FragmentRule::set_socket(int fd, int family) noexcept {
  fd_ = fd;
  options_ = {{{IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT, Fragments::as_configured},
               {IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_WANT, Fragments::as_configured}}};
  if (fd < 0) return;
  options_[0].configured = read_option(fd, IPPROTO_IP, IP_MTU_DISCOVER);
  if (family == AF_INET6) options_[1].configured = read_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER);
}

// Tried again with the next run if the kernel refuses, which it has no reason to.
void FragmentRule::apply(Fragments fragments, int destination_family) noexcept {
  static_assert(IP_PMTUDISC_PROBE == IPV6_PMTUDISC_PROBE);
  Option& option = options_[destination_family == AF_INET6 ? 1 : 0];
  if (option.now == fragments) return;
  const int value = fragments == Fragments::forbidden ? IP_PMTUDISC_PROBE : option.configured;
  if (::setsockopt(fd_, option.level, option.name, &value, sizeof value) == 0) option.now = fragments;
}

}  // namespace vpnd::tunio
