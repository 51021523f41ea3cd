// The data keys of one peer, on either side: from the session to the worker, and how much they have carried.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "crypto/aead.hpp"
#include "crypto/role.hpp"
#include "proto/batch_negotiation.hpp"
#include "proto/session.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/control/data_plane.hpp"

namespace vpnd::control {

/// What both sides have agreed on for every key of a session.
struct DataKeyAgreement {
  dataplane::PeerIndex peer;
  crypto::Role role = crypto::Role::client;  ///< our own
  crypto::AeadAlgorithm cipher = crypto::AeadAlgorithm::aes_256_gcm;
  proto::KeyDerivation derivation = proto::KeyDerivation::legacy_prf;
  std::optional<proto::PeerId> wire_id;                   ///< absent: packets are DATA_V1
  std::optional<proto::BatchTerms> batch = std::nullopt;  ///< present: records of the batch channel
};

/// Belongs to the control thread. The traffic counters are shared with the worker and live on over sessions.
class DataKeys {
 public:
  /// Borrows the options.
  explicit DataKeys(const config::Options& options) : options_(options) {}

  /// Derives a key that the session has established and gives it to the worker. False if that is not
  /// possible.
  [[nodiscard]] bool install(proto::Session& session, proto::KeyId key, const DataKeyAgreement& agreement,
                             DataPlane& data_plane);

  /// Whether so much went through the newest key that reneg-bytes or reneg-pkts asks for another.
  [[nodiscard]] bool are_worn() const noexcept;

  const std::shared_ptr<dataplane::TrafficCounters>& counters() const noexcept { return counters_; }

 private:
  struct Traffic {
    std::uint64_t bytes = 0;
    std::uint64_t records = 0;
  };
  Traffic traffic() const noexcept;

  const config::Options& options_;
  std::shared_ptr<dataplane::TrafficCounters> counters_ = std::make_shared<dataplane::TrafficCounters>();
  Traffic before_;  // what had gone through when the newest key was installed
};

}  // namespace vpnd::control
