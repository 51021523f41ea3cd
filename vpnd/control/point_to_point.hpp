// What the two ends of point-to-point mode agree on without a push: both tell what they can do in the key
// exchange, and come to the same result (docs/protocol.md §11).

#pragma once

#include <optional>
#include <string>

#include "proto/cipher_negotiation.hpp"
#include "proto/options_string.hpp"
#include "proto/peer_info.hpp"
#include "proto/session.hpp"
#include "vpnd/config/options.hpp"

namespace vpnd::control {

/// The lines of peer info that an end sends.
std::string point_to_point_peer_info(const config::Options& options, const proto::CipherList& ciphers);

struct PointToPointTerms {
  std::optional<crypto::AeadAlgorithm> cipher;  ///< none: there is no shared one
  std::optional<proto::PeerId> peer_id;         ///< of DATA_V2; none: DATA_V1
  proto::ProtocolFlags flags;
};

/// By what the other end sent, once the session's first key is established.
PointToPointTerms agree_point_to_point(const config::Options& options, const proto::CipherList& own,
                                       const proto::PeerInfo& other,
                                       const proto::PeerOptionsString& other_options,
                                       proto::Session& session);

}  // namespace vpnd::control
