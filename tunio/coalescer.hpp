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
#include "tunio/ip_packet.hpp"
#include "tunio/virtio_net.hpp"

namespace vpnd::tunio {

// What the caller knows about a packet's transport checksum.
enum class InnerChecksum : std::uint8_t {
  unverified,  // complete, from somebody we do not believe: verified here before the packet is merged
  verified,    // complete, and known to be right
  partial,     // the bare pseudo-header sum: handed on to tun as NEEDS_CSUM
};

// Merges the packets of one turn. Packets of a flow keep their order, and so do flows by their first packet.
// Allocates at construction only. One thread.
class Coalescer {
 public:
  // Whether tun takes UDP super-packets (USO4 and USO6).
  enum class UdpMerging : std::uint8_t { off, on };

  static constexpr std::size_t kDefaultCapacity = 1024;
  static constexpr std::size_t kMaxParts =
      512;  // of one output; writev takes 1024, the virtio header being one

  // `capacity` is the number of packets that fit between two calls of clear(), at most 32,768.
  explicit Coalescer(UdpMerging udp_merging, std::size_t capacity = kDefaultCapacity);

  // Takes one packet (exactly its bytes, no trailer). They are borrowed, and their headers may be changed,
  // until clear(). What is not a mergeable packet, malformed ones included, passes through unchanged. Returns
  // false, and takes nothing, when the capacity is used up: finish(), write, clear(), and add again.
  [[nodiscard]] bool add(std::span<std::byte> packet, InnerChecksum checksum) noexcept;

  // Takes a packet that already has a header of its own, such as a super-packet from a batched peer. It
  // passes through as it is, in its place in the order. Same return value.
  [[nodiscard]] bool add_whole(const VirtioNetHeader& header, std::span<std::byte> packet) noexcept;

  // Patches the headers and returns what is to be written, in order; valid until clear(), which must come
  // next.
  std::span<const TunWrite> finish() noexcept;
  void clear() noexcept;

  bool empty() const noexcept { return items_.empty(); }

 private:
  struct Part {
    std::byte* bytes;
    std::uint16_t size;
    std::uint16_t next;  // index of the following part of the same item
  };
  // What a packet must be to be merged at all, read from its headers once.
  struct Candidate;
  // One output in the making.
  struct Item;

  struct Slot {
    std::uint32_t generation;
    std::uint32_t item;
  };

  std::vector<Item> items_;
  std::vector<Part> parts_;
  std::vector<Slot> slots_;
  std::vector<iovec> vectors_;
  std::vector<TunWrite> outputs_;
};

}  // namespace vpnd::tunio
