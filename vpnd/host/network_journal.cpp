#include "vpnd/host/network_journal.hpp"

#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "vpnd/host/network_view.hpp"

namespace vpnd::host {
namespace {

std::string_view hint(const std::error_code& error) {
  switch (error.value()) {
    case EPERM:
    case EACCES:
      return "needs CAP_NET_ADMIN";
    case ENETUNREACH:
    case EHOSTUNREACH:
      return "the gateway is on none of the links";
    case ENETDOWN:
      return "the device is down";
    default:
      return {};
  }
}

// A device that went away took its routes and addresses with it.
bool is_gone(const std::error_code& error) {
  return error.value() == ESRCH || error.value() == ENODEV || error.value() == ENOENT ||
         error.value() == EADDRNOTAVAIL;
}

class Undo {
 public:
  explicit Undo(NetlinkSocket& socket) : socket_(socket) {}

  ChangeResult operator()(const AddedRoute& added) const {
    const int device_index = added.route.device.empty() ? 0 : device_index_of(added.route.device);
    if (device_index == 0 && !added.route.device.empty()) return {};
    return request(route_message(RTM_DELROUTE, NLM_F_REQUEST | NLM_F_ACK, added.route, device_index),
                   fmt::format("remove route {}", text(added.route)));
  }

  ChangeResult operator()(const RemovedRoute& removed) const {
    NetlinkMessage message(RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
    message.append(removed.payload);
    const NetlinkVerdict verdict = socket_.request(message);
    if (verdict.error.value() == EEXIST) return {};  // somebody was faster, such as a DHCP client
    return result_of(verdict, fmt::format("put back route {}", removed.words));
  }

  ChangeResult operator()(const AddedAddress& added) const {
    return request(address_message(RTM_DELADDR, NLM_F_REQUEST | NLM_F_ACK, added.address),
                   fmt::format("remove address {}", added.address.local.format()));
  }

  ChangeResult operator()(const ChangedLink& link) const {
    return request(link_message(link.device_index, link.before), "restore the settings of a device");
  }

 private:
  ChangeResult request(const NetlinkMessage& message, std::string_view what) const {
    const NetlinkVerdict verdict = socket_.request(message);
    return is_gone(verdict.error) ? ChangeResult{} : result_of(verdict, what);
  }

  NetlinkSocket& socket_;
};

}  // namespace

ChangeResult result_of(const NetlinkVerdict& verdict, std::string_view what) {
  if (!verdict.error) return {};
  std::string reason = fmt::format("{}: {}", what, verdict.error.message());
  const std::string_view cause = verdict.kernel_text.empty() ? hint(verdict.error) : verdict.kernel_text;
  if (!cause.empty()) reason += fmt::format(" ({})", cause);
  return {verdict.error, std::move(reason)};
}

ChangeResult no_such_device(const std::string& device, std::string_view what) {
  return {make_error_code(std::errc::no_such_device), fmt::format("{}: there is no device {}", what, device)};
}

NetlinkMessage link_message(int device_index, const LinkSettings& settings) {
  ifinfomsg header{};
  header.ifi_index = device_index;
  if (settings.up) {
    header.ifi_change = IFF_UP;
    header.ifi_flags = *settings.up ? static_cast<unsigned>(IFF_UP) : 0U;
  }
  NetlinkMessage message(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK);
  message.header(header);
  if (settings.mtu) message.put(IFLA_MTU, *settings.mtu);
  if (settings.transmit_queue_length) message.put(IFLA_TXQLEN, *settings.transmit_queue_length);
  return message;
}

std::vector<Change>::const_iterator NetworkJournal::find(const Route& route) const {
  return std::find_if(changes_.begin(), changes_.end(), [&](const Change& change) {
    const auto* const added = std::get_if<AddedRoute>(&change);
    return added != nullptr && added->route == route;
  });
}

bool NetworkJournal::has_added(const Route& route) const {
  return find(route) != changes_.end();
}

ChangeResult NetworkJournal::undo_route(const Route& route) {
  const auto found = find(route);
  if (found == changes_.end()) return {};
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): the original is erased before.
  const Change change = *found;
  changes_.erase(found);
  return std::visit(Undo(*socket_), change);
}

std::vector<std::string> NetworkJournal::undo_down_to(std::size_t size) {
  std::vector<std::string> problems;
  while (changes_.size() > size) {
    const Change change = std::move(changes_.back());
    changes_.pop_back();
    ChangeResult result = std::visit(Undo(*socket_), change);
    if (!result.ok()) problems.push_back(std::move(result.reason));
  }
  return problems;
}

}  // namespace vpnd::host
