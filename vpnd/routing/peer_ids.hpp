// Which peer ids are free. A session has as many consecutive ones as it has lanes; a stock session has one.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "vpnd/routing/route_table.hpp"

namespace vpnd::routing {

// Used by one thread.
class PeerIds {
 public:
  explicit PeerIds(std::uint32_t capacity) : taken_(capacity) {}

  // The first of `count` consecutive ids, from now on taken; nothing if there are none in a row. Ids go
  // round, so that packets for somebody who just left do not meet a stranger's keys.
  std::optional<PeerIndex> take(std::uint32_t count = 1);
  // Takes this very id. False if somebody has it.
  bool claim(PeerIndex id);
  void give_back(PeerIndex first, std::uint32_t count = 1);

 private:
  bool is_free(std::uint32_t first, std::uint32_t count) const;

  std::vector<bool> taken_;  // by id
  std::uint32_t next_ = 0;   // where looking begins
};

}  // namespace vpnd::routing
