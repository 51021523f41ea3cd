// Inbound: network → tun. Datagrams of one peer and key that follow one another are opened as one batch; what
// they hold is merged into super-packets and written to tun once per turn. Belongs to one worker thread;
// nothing here allocates or locks.

#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <vector>

#include "crypto/crypto_fork.hpp"
#include "proto/data_channel.hpp"
#include "proto/opcode.hpp"
#include "tunio/batch_io.hpp"
#include "tunio/coalescer.hpp"
#include "vpnd/dataplane/handover.hpp"
#include "vpnd/dataplane/outbound.hpp"
#include "vpnd/dataplane/peer_table.hpp"
#include "vpnd/dataplane/traffic_counters.hpp"
#include "vpnd/dataplane/unit_assembler.hpp"

namespace vpnd::dataplane {

struct InboundPolicy {
  bool client_to_client = false;  ///< hand packets for another peer straight to it, instead of to tun
  tunio::Coalescer::UdpMerging udp_merging = tunio::Coalescer::UdpMerging::off;
  tunio::Coalescer::TcpMerging tcp_merging = tunio::Coalescer::TcpMerging::on;
};

/// What inbound packets give rise to besides packets. Called on the worker's thread.
class InboundObserver {
 public:
  virtual ~InboundObserver() = default;
  /// A control-channel packet, not authenticated. The bytes are valid during the call.
  virtual void on_control_packet(const Link& from, std::span<const std::byte> packet) = 0;
  virtual void on_event(Event&& event) = 0;
};

class Inbound {
 public:
  Inbound(PeerTable& peers, tunio::BatchIo& io, Outbound& outbound, tunio::BufferPool& buffers,
          HandoverPort& port, DropCounters& drops, InboundObserver& observer, const InboundPolicy& policy,
          crypto::CryptoFork* help = nullptr);

  /// Without routes no inner source address is checked (a client trusts its server's packets).
  void set_routes(const routing::RouteTable* routes) noexcept;

  void receive(std::span<const tunio::UdpArrival> runs, proto::TimePoint now) noexcept;
  void receive(std::span<const tunio::StreamArrival> arrivals, proto::TimePoint now) noexcept;

  /// Takes a datagram that reached another worker. The bytes must stay until clear(), and after the last one
  /// of a turn comes open().
  [[nodiscard]] proto::DropReason receive(const HandedOver& given, proto::TimePoint now) noexcept;
  void open() noexcept { open_pending(); }

  /// Queues everything for tun. The BatchIo must be flushed before clear(), and arrivals stay until then.
  void finish() noexcept;
  /// Copies the slices of super-packets that are not whole yet: their arrivals go away now.
  void clear() noexcept;

  /// When finish() has something to do even if nothing arrives: slices do not wait for long.
  std::optional<proto::TimePoint> deadline() const noexcept;

  /// Forgets what a peer that goes away has sent in slices.
  void abandon(Peer& peer) noexcept;

 private:
  // Data packets of one peer and key that wait to be opened together.
  struct Pending {
    static constexpr std::size_t kCapacity = tunio::kMaxSegmentsPerRun;
    Peer* peer = nullptr;
    KeySlot* key = nullptr;
    tunio::Endpoint source;
    std::array<proto::OpenRecord, kCapacity> records;
    std::size_t count = 0;
    std::size_t bytes = 0;

    [[nodiscard]] bool takes(const KeySlot* of_key, const tunio::Endpoint& from) const noexcept {
      return count < kCapacity && key == of_key && source == from;
    }
    void begin(Peer* of_peer, KeySlot* of_key, const tunio::Endpoint& from) noexcept {
      peer = of_peer;
      key = of_key;
      source = from;
      count = 0;
      bytes = 0;
    }
    [[nodiscard]] bool has_authentic() const noexcept {
      return std::any_of(records.begin(), records.begin() + count, [](const proto::OpenRecord& record) {
        return record.drop == proto::DropReason::none;
      });
    }
    // On any thread: touches nothing but the batch and the key.
    void open() noexcept { key->opener->open(std::span(records).first(count)); }
  };
  // How many wait for each other when other threads may help to open them.
  static constexpr std::size_t kBatchesWithHelp = 32;

  proto::DropReason take_datagram(std::span<std::byte> datagram, const tunio::Endpoint& source) noexcept;
  proto::DropReason hand_over(const proto::DataHeader& header, std::span<std::byte> datagram,
                              const tunio::Endpoint& source) noexcept;
  Peer* peer_of(const proto::DataHeader& header, const tunio::Endpoint& source) noexcept;
  proto::DropReason take_frame(std::span<std::byte> frame, Peer* peer, const Link& link) noexcept;
  proto::DropReason take_data(Peer* peer, std::span<std::byte> packet,
                              const tunio::Endpoint& source) noexcept;
  void open_pending() noexcept;
  void deliver(const Pending& batch) noexcept;
  void follow(Peer& peer, const tunio::Endpoint& source) noexcept;
  void after_opening(const Pending& batch, std::size_t authentic) noexcept;
  proto::DropReason deliver(Peer& peer, std::span<std::byte> plaintext) noexcept;
  proto::DropReason deliver_payload(Peer& peer, std::span<std::byte> plaintext) noexcept;
  proto::DropReason deliver_packet(Peer& peer, std::span<std::byte> bytes,
                                   tunio::InnerChecksum checksum) noexcept;
  bool owns_source(const Peer& peer, const tunio::IpAddress& source) noexcept;
  std::optional<PeerIndex> other_peer_for(const Peer& from, const tunio::IpAddress& destination) noexcept;
  void add_to_tun(std::span<std::byte> packet, tunio::InnerChecksum checksum) noexcept;
  void flush_tun() noexcept;

  // The batch channel (inbound_batch.cpp).
  proto::DropReason deliver_blocks(Peer& peer, std::span<std::byte> body) noexcept;
  void take_probe_ack(Peer& peer, const proto::Probe& ack) noexcept;
  proto::DropReason deliver_slice(Peer& peer, const proto::Slice& slice) noexcept;
  proto::DropReason deliver_assembled(Peer& peer, const AssembledPacket& packet) noexcept;
  proto::DropReason forward_assembled(PeerIndex to, const AssembledPacket& packet) noexcept;
  void release_parts(Peer& peer) noexcept;
  void release_overtaken(Peer& peer) noexcept;

  PeerTable& peers_;
  tunio::BatchIo& io_;
  Outbound& outbound_;
  tunio::BufferPool& buffers_;
  HandoverPort& port_;
  DropCounters& drops_;
  InboundObserver& observer_;
  const InboundPolicy policy_;
  const routing::RouteTable* routes_ = nullptr;
  proto::TimePoint now_{};

  // The last source address that was looked up: packets of one flow follow one another.
  struct KnownSource {
    const Peer* peer = nullptr;
    tunio::IpAddress address;
    bool is_owner = false;
  };

  crypto::CryptoFork* const help_;
  std::vector<Pending> pending_;
  std::size_t laid_out_ = 0;  // of `pending_`, in this turn
  tunio::Coalescer coalescer_;
  KnownSource known_source_;
  AssemblyScratch scratch_;
  std::vector<Peer*> assembling_;  // peers with units that are not whole
};

}  // namespace vpnd::dataplane
