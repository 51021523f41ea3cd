// What a server tells one client in PUSH_REPLY, in stock's order: the common options, then the client's own.

#pragma once

#include <string>
#include <vector>

#include "crypto/aead.hpp"
#include "proto/batch_negotiation.hpp"
#include "proto/ids.hpp"
#include "proto/peer_info.hpp"
#include "vpnd/config/client_config.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/control/address_book.hpp"

namespace vpnd::control {

struct PushRecipient {
  const config::ClientConfig& config;  ///< from client-config-dir
  const Assignment& addresses;
  const proto::PeerInfo& peer_info;
  proto::PeerId peer_id;
  crypto::AeadAlgorithm cipher;
  std::optional<proto::BatchTerms> batch;  ///< the data channel is the batch channel
  bool compression_stub = false;           ///< tell the client to stop compressing (docs/protocol.md §9)
};

/// Whether the client is told our tun-mtu: it must have announced that it can do as much.
bool pushes_tun_mtu(const config::Options& options, const proto::PeerInfo& peer_info);

std::vector<std::string> push_list(const config::Options& options, const PushRecipient& recipient);

}  // namespace vpnd::control
