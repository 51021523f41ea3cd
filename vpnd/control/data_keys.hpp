// A session's data channel, on either side: its peer, or its lanes, with their keys come to the workers, and
// how much they have carried comes back.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "crypto/aead.hpp"
#include "crypto/role.hpp"
#include "proto/batch_negotiation.hpp"
#include "proto/session.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/control/data_plane.hpp"

namespace vpnd::control {

/// What both sides have agreed on for every key of a session.
struct DataKeyAgreement {
  dataplane::PeerIndex peer;                 ///< its lanes have this index and the following ones
  crypto::Role role = crypto::Role::client;  ///< our own
  crypto::AeadAlgorithm cipher = crypto::AeadAlgorithm::aes_256_gcm;
  proto::KeyDerivation derivation = proto::KeyDerivation::legacy_prf;
  std::optional<proto::PeerId> wire_id;                   ///< of the first lane; absent: packets are DATA_V1
  std::optional<proto::BatchTerms> batch = std::nullopt;  ///< present: records of the batch channel
  bool epoch = false;                                     ///< packets of the epoch format
};

/// What all lanes sent and received together (dataplane::TrafficCounters).
struct TrafficTotals {
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t records_received = 0;
  std::uint64_t records_sent = 0;
  std::uint64_t tun_bytes_read = 0;
  std::uint64_t tun_bytes_written = 0;

  std::uint64_t bytes() const noexcept { return bytes_received + bytes_sent; }
  std::uint64_t records() const noexcept { return records_received + records_sent; }
};

/// Belongs to the control thread. The traffic counters are shared with the workers and live on over sessions.
class DataKeys {
 public:
  /// Borrows the options.
  explicit DataKeys(const config::Options& options) : options_(options) {}

  /// Gives the peer to its worker, and if it has several lanes, each to its own. `others_at`: where lanes
  /// other than the first are reached; Endpoint() if only time will tell.
  void add_peer(dataplane::PeerIndex first, unsigned lanes, const dataplane::Link& link,
                const tunio::Endpoint& others_at, const dataplane::PeerSettings& settings,
                DataPlane& data_plane);

  /// Derives a key that the session has established, for each lane, and gives it to the workers. False if
  /// that is not possible.
  [[nodiscard]] bool install(proto::Session& session, proto::KeyId key, const DataKeyAgreement& agreement,
                             DataPlane& data_plane);

  /// Whether so much went through the newest key that reneg-bytes or reneg-pkts asks for another.
  [[nodiscard]] bool are_worn() const noexcept;

  TrafficTotals traffic() const noexcept;
  /// When something authenticated last came by any lane; the epoch if nothing has.
  proto::TimePoint last_received() const noexcept;

 private:
  const std::shared_ptr<dataplane::TrafficCounters>& counters(std::size_t lane);

  const config::Options& options_;
  std::vector<std::shared_ptr<dataplane::TrafficCounters>> counters_;  // by lane, as many as there ever were
  TrafficTotals before_;  // what had gone through when the newest key was installed
};

}  // namespace vpnd::control
