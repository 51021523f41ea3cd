// Inbound, between the opened records of one turn and the tun device: packets of the same flow that follow
// one another are handed to the kernel as one super-packet, so that its stack runs once instead of once per
// packet.
//
// Payloads are not copied. A super-packet is the first packet with its headers patched in place, followed by
// pointers to the payloads of the others, which stay where they were opened.

#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tunio/batch_io.hpp"
#include "tunio/coalesce_rules.hpp"
#include "tunio/virtio_net.hpp"

namespace vpnd::tunio {

// What tells tun to finish the checksum of a single TCP or UDP packet that holds only the pseudo-header's
// sum; zero if the packet has no checksum that could be finished.
VirtioNetHeader partial_header(std::span<const std::byte> packet) noexcept;

// Merges the packets of one turn. Packets of a flow keep their order, and so do flows by their first packet.
// Allocates at construction only. One thread.
class Coalescer {
 public:
  // Whether tun takes UDP super-packets (USO4 and USO6).
  enum class UdpMerging : std::uint8_t { off, on };
  // Whether super-packets of TCP are wanted; every kernel takes them.
  enum class TcpMerging : std::uint8_t { off, on };

  static constexpr std::size_t kDefaultCapacity = 1024;

  // `capacity` is the number of packets that fit between two calls of clear(), at most 32,768.
  explicit Coalescer(UdpMerging udp_merging, std::size_t capacity = kDefaultCapacity,
                     TcpMerging tcp_merging = TcpMerging::on);

  // Takes one packet (exactly its bytes, no trailer). They are borrowed, and their headers may be changed,
  // until clear(). What is not a mergeable packet, malformed ones included, passes through unchanged. Returns
  // false, and takes nothing, when the capacity is used up: finish(), write, clear(), and add again.
  [[nodiscard]] bool add(std::span<std::byte> packet, InnerChecksum checksum) noexcept;

  // Takes a packet that already has a header of its own, such as a super-packet from a batched peer. It
  // passes through as it is, in its place in the order. Same return value.
  [[nodiscard]] bool add_whole(const VirtioNetHeader& header, std::span<std::byte> packet) noexcept;

  // The same for a packet that lies in several pieces, of which the first holds its headers. The pieces'
  // bytes are borrowed until clear(), the vectors only during the call. Takes no more than kMaxWriteParts
  // pieces. No packet behind it is merged with one before it.
  [[nodiscard]] bool add_pieces(const VirtioNetHeader& header, std::span<const iovec> pieces) noexcept;

  // Patches the headers and returns what is to be written, in order; valid until clear(), which must come
  // next.
  std::span<const TunWrite> finish() noexcept;
  void clear() noexcept;

  bool empty() const noexcept { return items_.empty(); }
  // How many packets or pieces it takes before clear() must come.
  std::size_t room() const noexcept { return capacity_ - parts_.size(); }

 private:
  struct Part {
    std::byte* bytes;
    std::uint32_t size;
    std::uint16_t next;  // index of the following part of the same item
  };

  // One output in the making: a chain of parts, the first of which begins with the headers.
  struct Item {
    VirtioNetHeader header;            // of an item that was not merged
    std::byte* packet;                 // its headers
    std::uint32_t size;                // as one IP packet
    std::uint32_t first_sequence = 0;  // this and the next: TCP
    std::uint32_t next_sequence = 0;
    std::uint16_t first_id = 0;  // this and the next: IPv4
    std::uint16_t last_id = 0;
    std::uint16_t ip_header_size = 0;
    std::uint16_t header_size = 0;
    std::uint16_t payload_per_segment = 0;
    std::uint16_t first_part;
    std::uint16_t last_part;
    std::uint16_t part_count = 1;
    bool merged = false;  // its headers are to be patched
    bool may_append = false;
    bool may_prepend = false;
    bool is_tcp = false;
    bool ends_with_push = false;
    InnerChecksum checksum = InnerChecksum::unverified;
  };

  // A place of the flow table: the last item of a flow. Empty if of another generation.
  struct Slot {
    std::uint32_t generation;
    std::uint32_t item;
  };

  bool is_full() const noexcept { return parts_.size() == capacity_; }
  Item& pass(std::span<std::byte> packet) noexcept;
  void start_item(std::span<std::byte> packet, const PacketTraits& traits, InnerChecksum checksum) noexcept;
  void take_candidate(std::span<std::byte> packet, const PacketTraits& traits,
                      InnerChecksum checksum) noexcept;
  bool merge(Item& item, std::span<std::byte> packet, const PacketTraits& traits,
             InnerChecksum checksum) noexcept;
  void append(Item& item, std::span<std::byte> packet, const PacketTraits& traits) noexcept;
  void prepend(Item& item, std::span<std::byte> packet, const PacketTraits& traits) noexcept;
  std::uint16_t add_part(std::span<std::byte> bytes) noexcept;
  void end_flow_of(std::span<const std::byte> packet, const Classified& classified) noexcept;
  void forget_flows() noexcept;
  Slot* find_slot(std::span<const std::byte> packet, const PacketTraits& traits) noexcept;
  bool holds_flow(const Slot& slot) const noexcept { return slot.generation == generation_; }
  static bool fits_behind(const Item& item, const PacketTraits& traits) noexcept;
  static bool fits_before(const Item& item, const PacketTraits& traits) noexcept;
  static void patch_headers(Item& item) noexcept;

  bool merges(const PacketTraits& traits) const noexcept {
    return traits.is_tcp ? tcp_merging_ == TcpMerging::on : udp_merging_ == UdpMerging::on;
  }

  const UdpMerging udp_merging_;
  const TcpMerging tcp_merging_;
  const std::size_t capacity_;
  const std::uint64_t hash_seed_;
  std::uint32_t generation_ = 1;
  std::vector<Item> items_;
  std::vector<Part> parts_;  // one for each packet taken
  std::vector<Slot> slots_;  // open addressing; a power of two
  std::vector<iovec> vectors_;
  std::vector<TunWrite> outputs_;
};

}  // namespace vpnd::tunio
