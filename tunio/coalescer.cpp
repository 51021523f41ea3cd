#include "tunio/coalescer.hpp"

#include <algorithm>
#include <bit>
#include <random>

#include "tunio/byte_order.hpp"
#include "tunio/checksum.hpp"

namespace vpnd::tunio {

namespace {

constexpr std::size_t kCapacityMax = 32768;
constexpr std::size_t kProbesMax = 16;

// UDP_MAX_SEGMENTS (linux/udp.h) of kernels before 6.9; later ones take 128. With more, tun refuses the whole
// packet.
constexpr std::size_t kMaxUdpSegments = 64;

constexpr std::uint16_t kTcpChecksumOffset = 16;
constexpr std::uint16_t kUdpChecksumOffset = 6;
constexpr std::byte kFlagPsh{0x08};

std::uint64_t random_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

// How many packets one write may be merged from.
std::size_t most_parts(const PacketTraits& traits) noexcept {
  return traits.is_tcp ? kMaxWriteParts : kMaxUdpSegments;
}

std::uint16_t checksum_offset(bool is_tcp) noexcept {
  return is_tcp ? kTcpChecksumOffset : kUdpChecksumOffset;
}

}  // namespace

VirtioNetHeader partial_header(std::span<const std::byte> packet) noexcept {
  const auto view = IpPacket::parse(packet);
  if (!view || view->is_fragment() || !view->has_transport()) return {};
  const bool is_tcp = view->protocol() == kProtocolTcp;
  if (!is_tcp && view->protocol() != kProtocolUdp) return {};
  VirtioNetHeader header;
  header.csum_start = static_cast<std::uint16_t>(view->transport_offset());
  header.csum_offset = checksum_offset(is_tcp);
  if (view->transport().size() < header.csum_offset + std::size_t{2}) return {};
  header.flags = kVirtioNeedsChecksum;
  return header;
}

Coalescer::Coalescer(UdpMerging udp_merging, std::size_t capacity, TcpMerging tcp_merging)
    : udp_merging_(udp_merging),
      tcp_merging_(tcp_merging),
      capacity_(std::clamp<std::size_t>(capacity, 1, kCapacityMax)),
      hash_seed_(random_seed()),
      slots_(std::bit_ceil(capacity_ * 2)) {
  items_.reserve(capacity_);
  parts_.reserve(capacity_);
  vectors_.reserve(capacity_);
  outputs_.reserve(capacity_);
}

bool Coalescer::add(std::span<std::byte> packet, InnerChecksum checksum) noexcept {
  if (is_full()) return false;
  Classified classified = classify_packet(packet);
  if (classified.packet_class == PacketClass::candidate && merges(classified.traits)) {
    take_candidate(packet, classified.traits, checksum);
    return true;
  }
  end_flow_of(packet, classified);
  Item& item = pass(packet);
  if (checksum == InnerChecksum::partial) item.header = partial_header(packet);
  return true;
}

bool Coalescer::add_whole(const VirtioNetHeader& header, std::span<std::byte> packet) noexcept {
  if (is_full()) return false;
  end_flow_of(packet, classify_packet(packet));
  pass(packet).header = header;
  return true;
}

bool Coalescer::add_pieces(const VirtioNetHeader& header, std::span<const iovec> pieces) noexcept {
  if (pieces.empty() || pieces.size() > kMaxWriteParts || parts_.size() + pieces.size() > capacity_)
    return false;
  forget_flows();
  const auto bytes_of = [](const iovec& piece) {
    return std::span(static_cast<std::byte*>(piece.iov_base), piece.iov_len);
  };
  Item& item = pass(bytes_of(pieces.front()));
  item.header = header;
  for (const iovec& piece : pieces.subspan(1)) {
    const std::uint16_t part = add_part(bytes_of(piece));
    parts_[item.last_part].next = part;
    item.last_part = part;
    ++item.part_count;
  }
  return true;
}

void Coalescer::take_candidate(std::span<std::byte> packet, const PacketTraits& traits,
                               InnerChecksum checksum) noexcept {
  Slot* const slot = find_slot(packet, traits);
  const bool known = slot != nullptr && holds_flow(*slot);
  if (known && merge(items_[slot->item], packet, traits, checksum)) return;
  if (slot != nullptr) *slot = {generation_, static_cast<std::uint32_t>(items_.size())};
  start_item(packet, traits, checksum);
}

bool Coalescer::merge(Item& item, std::span<std::byte> packet, const PacketTraits& traits,
                      InnerChecksum checksum) noexcept {
  const bool behind = fits_behind(item, traits);
  if (!behind && !fits_before(item, traits)) return false;
  const std::span<const std::byte> first(item.packet, item.header_size);
  if (!headers_alike(first, packet, traits)) return false;
  if (!checksums_hold(packet, checksum)) return false;
  // Put off until now: a packet that stays alone is checked by the kernel anyway.
  if (item.checksum != InnerChecksum::verified) {
    if (!checksums_hold({item.packet, item.size}, item.checksum)) {
      item.may_append = item.may_prepend = false;
      return false;
    }
    item.checksum = InnerChecksum::verified;
  }
  behind ? append(item, packet, traits) : prepend(item, packet, traits);
  return true;
}

// A packet goes behind an item if
//   [0] nothing has closed it: a push, a short segment, another packet of the flow in between
//   [1] the headers are equally large
//   [2] its bytes are the next of the stream (TCP)
//   [3] its payload is no larger than that of the others; a smaller one will be the last
//   [4] the result is a legal IP packet, and one write
//   [5] its IPv4 id is the next, or does not matter because the packet cannot be fragmented
bool Coalescer::fits_behind(const Item& item, const PacketTraits& traits) noexcept {
  const bool id_follows =
      traits.dont_fragment || traits.ip_id == static_cast<std::uint16_t>(item.last_id + 1);
  return item.may_append                                               // [0]
         && item.header_size == traits.header_size                     // [1]
         && (!traits.is_tcp || item.next_sequence == traits.sequence)  // [2]
         && traits.payload_size <= item.payload_per_segment            // [3]
         && item.size + traits.payload_size <= kMaxIpPacketSize        // [4]
         && item.part_count < most_parts(traits)                       // [4]
         && id_follows;                                                // [5]
}

// Repairs a reordering of TCP: the same rules as above, and the packet must not be pushed nor be the short
// one. Before a single packet it may be the larger, which makes that one the short last.
bool Coalescer::fits_before(const Item& item, const PacketTraits& traits) noexcept {
  const std::uint32_t end = traits.sequence + traits.payload_size;
  const bool size_fits = traits.payload_size == item.payload_per_segment ||
                         (item.part_count == 1 && traits.payload_size > item.payload_per_segment);
  const bool id_precedes =
      traits.dont_fragment || static_cast<std::uint16_t>(traits.ip_id + 1) == item.first_id;
  return item.may_prepend && traits.is_tcp && item.header_size == traits.header_size &&
         end == item.first_sequence && size_fits && !traits.push &&
         item.size + traits.payload_size <= kMaxIpPacketSize && item.part_count < kMaxWriteParts &&
         id_precedes;
}

void Coalescer::append(Item& item, std::span<std::byte> packet, const PacketTraits& traits) noexcept {
  const std::uint16_t part = add_part(packet.subspan(traits.header_size));
  parts_[item.last_part].next = part;
  item.last_part = part;
  ++item.part_count;
  item.merged = true;
  item.size += traits.payload_size;
  item.next_sequence += traits.payload_size;
  item.last_id = traits.ip_id;
  item.ends_with_push = traits.push;
  item.may_append = !traits.push && traits.payload_size == item.payload_per_segment;
}

void Coalescer::prepend(Item& item, std::span<std::byte> packet, const PacketTraits& traits) noexcept {
  Part& old_first = parts_[item.first_part];
  old_first.bytes += item.header_size;
  old_first.size -= item.header_size;
  const std::uint16_t part = add_part(packet);
  parts_[part].next = item.first_part;
  item.first_part = part;
  ++item.part_count;
  item.merged = true;
  item.packet = packet.data();
  item.size += traits.payload_size;
  item.first_sequence = traits.sequence;
  item.first_id = traits.ip_id;
  if (traits.payload_size > item.payload_per_segment) item.may_append = false;
  item.payload_per_segment = traits.payload_size;
}

std::uint16_t Coalescer::add_part(std::span<std::byte> bytes) noexcept {
  const auto index = static_cast<std::uint16_t>(parts_.size());
  parts_.push_back({bytes.data(), static_cast<std::uint32_t>(bytes.size()), 0});
  return index;
}

Coalescer::Item& Coalescer::pass(std::span<std::byte> packet) noexcept {
  const std::uint16_t part = add_part(packet);
  Item item{};
  item.packet = packet.data();
  item.size = static_cast<std::uint32_t>(packet.size());
  item.first_part = item.last_part = part;
  item.part_count = 1;
  return items_.emplace_back(item);
}

void Coalescer::start_item(std::span<std::byte> packet, const PacketTraits& traits,
                           InnerChecksum checksum) noexcept {
  Item& item = pass(packet);
  item.first_sequence = traits.sequence;
  item.next_sequence = traits.sequence + traits.payload_size;
  item.first_id = item.last_id = traits.ip_id;
  item.ip_header_size = traits.ip_header_size;
  item.header_size = traits.header_size;
  item.payload_per_segment = traits.payload_size;
  item.may_append = !traits.push;
  item.may_prepend = true;
  item.is_tcp = traits.is_tcp;
  item.ends_with_push = traits.push;
  item.checksum = checksum;
  if (checksum == InnerChecksum::partial) item.header = partial_header(packet);
}

// Later packets of the flow must not overtake one that is not merged. Whose flow is unknown may belong to
// any.
void Coalescer::end_flow_of(std::span<const std::byte> packet, const Classified& classified) noexcept {
  if (classified.packet_class == PacketClass::unrelated) return;
  if (classified.packet_class == PacketClass::opaque) return forget_flows();
  const Slot* const slot = find_slot(packet, classified.traits);
  if (slot == nullptr || !holds_flow(*slot)) return;
  items_[slot->item].may_append = items_[slot->item].may_prepend = false;
}

void Coalescer::forget_flows() noexcept {
  if (++generation_ != 0) return;
  std::fill(slots_.begin(), slots_.end(), Slot{});
  generation_ = 1;
}

// The slot of the packet's flow, or an empty one for it. Nothing if the neighbourhood is crowded; as nothing
// is ever removed, the flow then stays out of the table and its packets pass in order.
Coalescer::Slot* Coalescer::find_slot(std::span<const std::byte> packet,
                                      const PacketTraits& traits) noexcept {
  const std::uint64_t hash = flow_hash(packet, traits, hash_seed_);
  for (std::size_t i = 0; i < kProbesMax; ++i) {
    Slot& slot = slots_[(hash + i) & (slots_.size() - 1)];
    if (!holds_flow(slot)) return &slot;
    const Item& item = items_[slot.item];
    if (same_flow({item.packet, item.header_size}, packet, traits)) return &slot;
  }
  return nullptr;
}

std::span<const TunWrite> Coalescer::finish() noexcept {
  for (Item& item : items_) {
    if (item.merged) patch_headers(item);
    const std::size_t first_vector = vectors_.size();
    std::uint16_t index = item.first_part;
    for (std::uint16_t i = 0; i < item.part_count; ++i) {
      const Part& part = parts_[index];
      vectors_.push_back({part.bytes, part.size});
      index = part.next;
    }
    // Stays valid: the vector never grows beyond what was reserved.
    outputs_.push_back({item.header, std::span(vectors_).subspan(first_vector, item.part_count)});
  }
  return outputs_;
}

void Coalescer::patch_headers(Item& item) noexcept {
  std::byte* const packet = item.packet;
  const std::size_t ip_header_size = item.ip_header_size;
  const bool is_v4 = ip_header_size == kIpv4HeaderSize;
  if (is_v4) {
    store_be16(packet + 2, static_cast<std::uint16_t>(item.size));
    store_be16(packet + 10, 0);
    store_be16(packet + 10, InternetSum().add({packet, ip_header_size}).checksum());
  } else {
    store_be16(packet + 4, static_cast<std::uint16_t>(item.size - ip_header_size));
  }

  std::byte* const transport = packet + ip_header_size;
  const auto transport_size = static_cast<std::uint16_t>(item.size - ip_header_size);
  if (!item.is_tcp) store_be16(transport + 4, transport_size);
  if (item.is_tcp && item.ends_with_push) transport[13] |= kFlagPsh;
  InternetSum pseudo_header;
  pseudo_header.add(is_v4 ? std::span<const std::byte>(packet + 12, 8)
                          : std::span<const std::byte>(packet + 8, 32));
  pseudo_header.add_word(item.is_tcp ? kProtocolTcp : kProtocolUdp);
  pseudo_header.add_word(transport_size);
  store_be16(transport + checksum_offset(item.is_tcp), pseudo_header.folded());

  const std::uint8_t tcp_type = is_v4 ? kVirtioGsoTcpV4 : kVirtioGsoTcpV6;
  item.header = {.flags = kVirtioNeedsChecksum,
                 .gso_type = item.is_tcp ? tcp_type : kVirtioGsoUdpL4,
                 .hdr_len = item.header_size,
                 .gso_size = item.payload_per_segment,
                 .csum_start = item.ip_header_size,
                 .csum_offset = checksum_offset(item.is_tcp)};
}

void Coalescer::clear() noexcept {
  items_.clear();
  parts_.clear();
  vectors_.clear();
  outputs_.clear();
  forget_flows();
}

}  // namespace vpnd::tunio
