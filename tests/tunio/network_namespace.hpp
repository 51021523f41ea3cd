#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tunio/unique_fd.hpp"

namespace vpnd::tunio::test {

/// Runs `body` on a thread of its own in a network namespace of its own, with lo up. Empty when it ran, else
/// why the kernel did not allow it (not root): the caller skips its test.
[[nodiscard]] std::string in_fresh_network(const std::function<void()>& body);

/// Configuration of a device in the namespace of the calling thread; each aborts the test on failure.
void set_address(const std::string& device, const char* ipv4, const char* netmask);
void set_up(const std::string& device);
void set_down(const std::string& device);
void delete_device(const std::string& device);
void set_device_mtu(const std::string& device, int mtu);

/// A tap device: what the kernel sends out of it can be read, and ARP is left unanswered.
UniqueFd open_tap(const std::string& name);
/// Answers the ARP question for `target` (host order) on behalf of a neighbour, by writing to the tap.
void answer_arp(const UniqueFd& tap, const std::string& device, std::uint32_t asker, std::uint32_t target);

}  // namespace vpnd::tunio::test
