// The body of a record of the batch channel: blocks, told apart by their first half byte (docs/protocol.md
// §19).
//
//   4, 6   a whole IP packet; it ends where its own length says
//   C, E   the same with the top bit set: its TCP or UDP checksum is partial, that is, the folded sum of the
//          pseudo-header
//   0      padding to the end of the body
//   1      a slice of a unit: a super-packet, or an IP packet that is larger than a record
//   2      a word about the path itself: a probe of its MTU, or the answer
//
// A slice; offsets and sizes are those of the unit's payload, which is what follows its headers:
//
//    0               1               2               3
//   +-------+-+-+-+-+---------------+-------------------------------+
//   |   1   |F|L|M|S|  unit         |  offset                       |
//   +-------+-+-+-+-+---------------+-------------------------------+
//   |  S: size of the payload here  |                                   else it runs to the end of the body
//   +-------+-+-+---+---------------+-------------------------------+
//   |C|E|0|0| kind  |  header size  |  segment size                 |   M: the meta; C partial checksum, E
//   ECN
//   +-------+-------+---------------+-------------------------------+
//   |  size of the whole payload    |  the unit's headers …
//   +-------------------------------+-------------------------------+
//   |  payload …
//
// Pure functions over memory of the caller; nothing allocates. A record is authentic, but its peer may still
// be wrong or hostile: every length is checked.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace vpnd::proto {

inline constexpr std::size_t kSliceHeaderSize = 4;
inline constexpr std::size_t kSliceSizeField = 2;
inline constexpr std::size_t kUnitMetaSize = 6;
inline constexpr std::size_t kMaxUnitHeaderSize = 255;
inline constexpr std::size_t kProbeSize = 3;
inline constexpr std::size_t kProbeAckSize = 5;

// Into what a unit may be segmented.
enum class UnitKind : std::uint8_t {
  plain = 0,   // it is one IP packet
  tcp_v4 = 1,  // TCP segments over IPv4
  tcp_v6 = 2,  // TCP segments over IPv6
  udp = 3,     // UDP datagrams over either (USO)
};

// What a unit is as a whole. Its first slice carries this, and its last one does again where datagrams are
// lost, so that losing either does not lose the unit.
struct UnitMeta {
  UnitKind kind = UnitKind::plain;
  bool checksum_partial = false;  // always, if it can be segmented
  bool ecn = false;               // of TCP: CWR is for the first segment alone (VIRTIO_NET_HDR_GSO_ECN)
  // From the IP header on. Of a unit that can be segmented, IP and transport header and nothing else; of a
  // plain one, at least an IP header without options.
  std::span<const std::byte> headers = {};
  std::uint16_t segment_size = 0;  // bytes of payload in each segment but the last; 0 for plain
  std::uint16_t payload_size = 0;  // of the whole unit, at least 1
};

// ---- reading ----

struct Slice {
  std::uint8_t unit = 0;  // counts up with each unit of a lane, and wraps
  std::uint16_t offset = 0;
  bool first = false;  // exactly when the offset is 0
  bool last = false;
  std::span<std::byte> payload = {};  // at least 1 byte
  std::optional<UnitMeta> meta = {};  // always of the first
};

struct Probe {
  std::uint16_t id = 0;
  std::uint16_t received_size = 0;  // in an answer: of the datagram that carried the probe
};

enum class BlockKind : std::uint8_t {
  end,
  malformed,       // the rest of the body is lost with it
  packet,          // as it was
  partial_packet,  // TCP or UDP, unfragmented, without IPv6 extension headers; its checksum is partial
  slice,
  probe,
  probe_ack,
};

struct Block {
  BlockKind kind = BlockKind::end;
  std::span<std::byte> packet = {};  // with its IP version in front, whatever the block had there
  Slice slice = {};
  Probe probe = {};  // also of a probe_ack
};

// Walks over the body of one opened record. What it returns lies in the body and is valid as long as that.
class BlockReader {
 public:
  explicit BlockReader(std::span<std::byte> body) noexcept : rest_(body) {}

  // `end` at the end, and behind what was malformed.
  Block next() noexcept;

 private:
  Block packet() noexcept;
  Block slice() noexcept;
  Block control() noexcept;
  Block malformed() noexcept;
  std::span<std::byte> take(std::size_t size) noexcept;

  std::span<std::byte> rest_;
};

// ---- writing ----

// Whether this packet, whole or from its start to behind its transport header, can be sent with a partial
// checksum.
bool can_be_partial(std::span<const std::byte> packet) noexcept;

// Turns a packet, laid into the body, into a block that says its checksum is partial.
inline void mark_checksum_partial(std::byte* packet) noexcept {
  *packet |= std::byte{0x80};
}

// What stands before the payload of a slice.
struct SliceHeader {
  bool first = false;
  bool last = false;
  std::uint8_t unit = 0;
  std::uint16_t offset = 0;
  std::optional<std::uint16_t> size = {};  // absent if nothing follows the slice in its record
  std::optional<UnitMeta> meta = {};
};

constexpr std::size_t slice_header_size(const SliceHeader& header) noexcept {
  return kSliceHeaderSize + (header.size ? kSliceSizeField : 0) +
         (header.meta ? kUnitMetaSize + header.meta->headers.size() : 0);
}

// Writes slice_header_size() bytes and returns where the payload goes.
std::byte* write_slice_header(const SliceHeader& header, std::byte* out) noexcept;

// Write kProbeSize and kProbeAckSize bytes. Behind a probe comes write_padding() up to the size to be probed.
void write_probe(std::uint16_t id, std::byte* out) noexcept;
void write_probe_ack(const Probe& probe, std::byte* out) noexcept;

// Fills the rest of a body.
void write_padding(std::span<std::byte> rest) noexcept;

}  // namespace vpnd::proto
