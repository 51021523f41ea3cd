// What was changed on the host, and how each change is undone.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "vpnd/host/change_result.hpp"
#include "vpnd/host/netlink_socket.hpp"
#include "vpnd/host/network_configurator.hpp"
#include "vpnd/host/route_messages.hpp"

namespace vpnd::host {

struct AddedRoute {
  Route route;
};
struct RemovedRoute {
  std::string words;
  std::vector<std::byte> payload;  // the route as the kernel described it
};
struct AddedAddress {
  LinkAddress address;
};
struct ChangedLink {
  int device_index;
  LinkSettings before;
};
using Change = std::variant<AddedRoute, RemovedRoute, AddedAddress, ChangedLink>;

// `what` was tried; the kernel's verdict in words.
ChangeResult result_of(const NetlinkVerdict& verdict, std::string_view what);
ChangeResult no_such_device(const std::string& device, std::string_view what);

NetlinkMessage link_message(int device_index, const LinkSettings& settings);

// A list of changes, undone in reverse. Borrows the socket. Does not undo by itself.
class NetworkJournal {
 public:
  explicit NetworkJournal(NetlinkSocket& socket) : socket_(&socket) {}

  void record(Change change) { changes_.push_back(std::move(change)); }
  bool has_added(const Route& route) const;
  std::size_t size() const { return changes_.size(); }

  // Undoes that route alone; nothing happens if it is not in the journal.
  ChangeResult undo_route(const Route& route);
  // Undoes all but the first `size` changes and returns the reasons of what could not be undone.
  std::vector<std::string> undo_down_to(std::size_t size);

 private:
  std::vector<Change>::const_iterator find(const Route& route) const;

  NetlinkSocket* socket_;
  std::vector<Change> changes_;
};

}  // namespace vpnd::host
