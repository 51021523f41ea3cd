// Agreement on the batch channel (docs/protocol.md, "The batch channel"): the client announces it in a line
// of its peer info, the server answers with an option in PUSH_REPLY. Who does not know it, never hears of it.
//
//   client   IV_VPND=<version>:<lanes>
//   server   vpnd-batch <version> <lanes>

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/ids.hpp"
#include "proto/peer_info.hpp"

namespace vpnd::proto {

inline constexpr unsigned kBatchVersion = 1;
inline constexpr std::string_view kBatchPeerInfoName = "IV_VPND";
inline constexpr std::string_view kBatchPushOption = "vpnd-batch";

// How many lanes a session has, or could have: 1 … kMaxLanes.
struct BatchTerms {
  unsigned lanes = 1;
  bool operator==(const BatchTerms&) const = default;
};

// The value of the client's line.
std::string format_batch_offer(const BatchTerms& offer);

// What the client has announced; nothing if it did not, or announces a version that is not ours, or nonsense.
std::optional<BatchTerms> find_batch_offer(const PeerInfo& client);

// The server's choice for a client that offers this.
BatchTerms choose_batch_terms(const BatchTerms& offer, unsigned own_lanes);

// The option to push.
std::string format_batch_push(const BatchTerms& terms);

// The client's reading of the pushed option's two arguments, with the pushed peer id; nothing unless it is
// what it could have agreed on, and each lane has a peer id.
std::optional<BatchTerms> accept_batch_push(unsigned version, unsigned lanes, PeerId first,
                                            const BatchTerms& offer);

}  // namespace vpnd::proto
