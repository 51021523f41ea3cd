// The clients of a server by their peer ids, of which each has as many in a row as its session has lanes.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "vpnd/control/server_client.hpp"
#include "vpnd/routing/peer_ids.hpp"

namespace vpnd::control {

/// Belongs to the control thread.
class ClientTable {
 public:
  using Client = std::shared_ptr<ServerClient>;

  /// Has room for max-clients, even if each has a lane for every worker.
  explicit ClientTable(const config::Options& options);

  /// A peer id for one more client, which insert() is to follow with; nothing if there is no room. How many
  /// lanes it wants is not known yet.
  std::optional<dataplane::PeerIndex> reserve();
  /// Takes in a client whose index was reserved.
  void insert(const Client& client);

  /// Gives a client the lanes it wants, or as many as there are ids in a row; its index changes. One with a
  /// single lane gets the index of its former self, which was removed, and else keeps its own.
  void settle(ServerClient& client, std::optional<dataplane::PeerIndex> former);

  /// The client's ids are free from now on. Nothing if it is not in here.
  Client remove(const ServerClient& client);

  /// The client with this first peer id.
  Client at(dataplane::PeerIndex index) const;
  /// Those of this moment, so that clients may come and go while the caller goes through them.
  std::vector<Client> all() const;

 private:
  struct Row {
    dataplane::PeerIndex first;
    std::uint32_t lanes;
  };
  Row take_row(const ServerClient& client, std::optional<dataplane::PeerIndex> former);

  const std::size_t max_clients_;
  std::size_t count_ = 0;
  std::uint64_t next_number_ = 0;  // CID
  std::vector<Client> clients_;    // by first peer id
  routing::PeerIds peer_ids_;
};

}  // namespace vpnd::control
