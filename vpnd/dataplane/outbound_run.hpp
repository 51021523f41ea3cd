// The records of one peer that leave with one system call: datagrams of one size for UDP_SEGMENT, or frames
// of a TCP stream. They lie back to back in one buffer, each with room for its header and tag; payloads
// either are written into their place (then sealing is in place) or stay where tun put them (then sealing
// copies).
//
// The payload of a stock record is one packet. The body of a batch record grows block by block: it is open
// until close_record().

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "proto/data_channel.hpp"
#include "tunio/batch_io.hpp"
#include "tunio/buffer_pool.hpp"

namespace vpnd::dataplane {

/// A run being filled. Reused: start() begins the next one.
class OutboundRun {
 public:
  enum class Kind : std::uint8_t { datagrams, frames };

  static constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1) / 2;

  /// `byte_limit` (batch-size) bounds the bytes of several records; one packet that is larger goes alone.
  explicit OutboundRun(std::size_t byte_limit = kNoLimit) noexcept : byte_limit_(byte_limit) {}

  /// `overhead` and `payload_offset` as the key's sealer has them.
  void start(tunio::Buffer&& buffer, Kind kind, std::size_t overhead, std::size_t payload_offset) noexcept;

  /// Whether a payload of this size can join: all datagrams of a run are equal but the last, which may be
  /// shorter.
  [[nodiscard]] bool takes(std::size_t payload_size) const noexcept;

  /// Where the payload of the next record stands when it is sealed in place. Only after takes() said yes.
  [[nodiscard]] std::byte* payload_place() const noexcept { return end() + prefix_size() + payload_offset_; }

  /// Adds a record whose payload was written to payload_place().
  void add_in_place(std::size_t payload_size) noexcept { add(payload_place(), payload_size); }
  /// Adds a record whose payload stays where it is until the run is sealed.
  void add(const std::byte* payload, std::size_t payload_size) noexcept;

  /// The largest body that the next record can have; 0: the run is full. Never more than `wanted`, nor than
  /// what the datagrams of the run are large, for which there must be room.
  [[nodiscard]] std::size_t body_limit(std::size_t wanted) const noexcept;
  /// Of the open record: its size, and where it goes on.
  [[nodiscard]] std::size_t open_size() const noexcept { return open_size_; }
  [[nodiscard]] std::byte* open_place() const noexcept { return payload_place() + open_size_; }
  void extend(std::size_t size) noexcept { open_size_ += size; }
  /// Adds the open record, if there is one.
  void close_record() noexcept;

  [[nodiscard]] std::span<const proto::PlainRecord> records() const noexcept {
    return std::span(records_).first(count_);
  }
  /// How many of the records were sealed.
  void set_sealed(std::size_t count) noexcept { sealed_ = count; }
  [[nodiscard]] std::size_t sealed() const noexcept { return sealed_; }
  /// Bytes of the run so far.
  [[nodiscard]] std::size_t size() const noexcept { return used_ + open_size_; }
  /// Bytes of the first `count` records on the wire, frame lengths included.
  [[nodiscard]] std::size_t wire_size(std::size_t count) const noexcept;
  [[nodiscard]] std::size_t datagram_size() const noexcept { return datagram_size_; }
  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  /// Of the IP headers of its datagrams (tunio::DatagramHeader).
  void set_traffic_class(std::uint8_t octet) noexcept { traffic_class_ = octet; }
  [[nodiscard]] std::uint8_t traffic_class() const noexcept { return traffic_class_; }
  [[nodiscard]] tunio::Buffer take_buffer() noexcept { return std::move(buffer_); }
  /// Gives the buffer back, if it was not taken.
  void discard() noexcept { buffer_.reset(); }

 private:
  [[nodiscard]] std::byte* end() const noexcept { return buffer_.data() + used_; }
  [[nodiscard]] std::size_t prefix_size() const noexcept { return kind_ == Kind::frames ? 2 : 0; }
  // What one system call, or one frame, can hold.
  [[nodiscard]] std::size_t hard_limit() const noexcept {
    return kind_ == Kind::frames ? 2 + tunio::kMaxFrameSize : tunio::kMaxRunBytes;
  }
  [[nodiscard]] std::size_t size_limit() const noexcept {
    return std::min(hard_limit(), byte_limit_ + prefix_size());
  }

  const std::size_t byte_limit_;
  tunio::Buffer buffer_;
  Kind kind_ = Kind::datagrams;
  std::uint8_t traffic_class_ = 0;
  std::size_t overhead_ = 0;
  std::size_t payload_offset_ = 0;
  std::size_t used_ = 0;
  std::size_t open_size_ = 0;
  std::size_t datagram_size_ = 0;  // of all but the last; 0 while the run is empty
  bool closed_ = false;            // a shorter datagram ended the run
  std::size_t count_ = 0;
  std::size_t sealed_ = 0;
  std::array<proto::PlainRecord, tunio::kMaxSegmentsPerRun> records_;
};

}  // namespace vpnd::dataplane
