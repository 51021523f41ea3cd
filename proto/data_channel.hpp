// What every format of data packets has in common: batches of payloads are sealed, batches of packets are
// opened, each by one key in one direction. Which format a key speaks was negotiated; who uses a key need not
// know.
//
//   proto/stock_channel    OpenVPN's DATA_V1 and DATA_V2
//   proto/batch_channel    records of the batch channel, between two vpnd peers

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "proto/drop_reason.hpp"
#include "proto/ids.hpp"

namespace vpnd::proto {

// One payload and the place of its packet. `wire` has room for overhead() + size bytes. The plaintext either
// is disjoint from that or already stands at wire + payload_offset().
struct PlainRecord {
  const std::byte* plaintext;
  std::size_t size;  // at least 1, but 0 is a keepalive of the batch channel
  std::byte* wire;
};

// The sending direction of one key. One thread: the packet ids, which make the nonces, are counted here.
class DataSealer {
 public:
  DataSealer() = default;
  DataSealer(const DataSealer&) = delete;
  DataSealer& operator=(const DataSealer&) = delete;
  virtual ~DataSealer() = default;

  // What a packet is larger than its payload.
  virtual std::size_t overhead() const noexcept = 0;
  // Where in a packet the payload stands; less than overhead() when the tag comes behind it.
  virtual std::size_t payload_offset() const noexcept = 0;

  // Seals the records in order and returns how many: fewer than given only when the key is used up, and then
  // the rest must wait for a new key.
  virtual std::size_t seal(std::span<const PlainRecord> records) noexcept = 0;

  // The key nears one of its limits: start a rekey.
  virtual bool wants_rekey() const noexcept = 0;

  virtual KeyId key_id() const noexcept = 0;
  virtual std::uint64_t sealed_packets() const noexcept = 0;
};

// One received packet, and what came of it.
struct OpenRecord {
  std::span<std::byte> wire;
  DropReason drop = DropReason::none;   // out
  std::span<std::byte> plaintext = {};  // out: inside wire, opened in place; only if drop is none. Empty only
                                        // when it is a keepalive of the batch channel
};

// The receiving direction of one key. One thread.
class DataOpener {
 public:
  DataOpener() = default;
  DataOpener(const DataOpener&) = delete;
  DataOpener& operator=(const DataOpener&) = delete;
  virtual ~DataOpener() = default;

  // Opens the packets in order. The replay window hears of authentic packets only. Reasons: malformed (not a
  // data packet), too_short, unknown_key (another key id, or a key that met too many forgeries), bad_tag,
  // replayed, replay_too_old.
  virtual void open(std::span<OpenRecord> records) noexcept = 0;

  virtual bool wants_rekey() const noexcept = 0;

  virtual KeyId key_id() const noexcept = 0;
  virtual std::uint64_t failed_tags() const noexcept = 0;
  // Of what was authentic; 0: nothing yet.
  virtual std::uint64_t highest_packet_id() const noexcept = 0;
};

}  // namespace vpnd::proto
