#include "proto/stock_channel.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "proto/aead_batch.hpp"
#include "proto/opcode.hpp"
#include "proto/wire.hpp"

namespace vpnd::proto {

namespace {

constexpr std::uint64_t kLastPacketId = 0xFFFFFFFF;

using Nonce = std::array<std::byte, crypto::kAeadNonceSize>;

// The key begins the cipher part of a half of the key material, and the implicit IV its HMAC part.
std::span<const std::byte> aead_key(crypto::AeadAlgorithm algorithm, const crypto::KeyMaterial& keys,
                                    crypto::KeyHalf half) {
  return crypto::cipher_part(keys, half).first(crypto::aead_key_size(algorithm));
}

std::array<std::byte, 8> implicit_iv(const crypto::KeyMaterial& keys, crypto::KeyHalf half) {
  std::array<std::byte, 8> iv;
  std::ranges::copy(crypto::hmac_part(keys, half).first<8>(), iv.begin());
  return iv;
}

Nonce make_nonce(const std::byte* packet_id, const std::array<std::byte, 8>& iv) noexcept {
  Nonce nonce;
  std::memcpy(nonce.data(), packet_id, kPacketIdSize);
  std::memcpy(nonce.data() + kPacketIdSize, iv.data(), iv.size());
  return nonce;
}

void store_packet_id(std::byte* to, std::uint32_t id) noexcept {
  WireWriter({to, kPacketIdSize}).u32(id);
}

std::uint32_t load_packet_id(const std::byte* from) noexcept {
  return WireReader({from, kPacketIdSize}).u32();
}

// DATA_V1 does not authenticate its first byte.
std::size_t authenticated_from(std::size_t header_size) noexcept {
  return header_size == kDataV2HeaderSize ? 0 : kDataV1HeaderSize;
}

}  // namespace

StockSealer::StockSealer(crypto::AeadAlgorithm algorithm, const crypto::KeyMaterial& keys, crypto::Role own,
                         KeyId key_id, std::optional<PeerId> peer_id)
    : sealer_(crypto::make_sealer(algorithm, aead_key(algorithm, keys, crypto::data_sending_half(own)))),
      implicit_iv_(implicit_iv(keys, crypto::data_sending_half(own))),
      key_id_(key_id),
      usage_(DataKeyLimits::of(algorithm)) {
  const PeerId peer = peer_id.value_or(kNoPeer);
  header_size_ = peer == kNoPeer ? kDataV1HeaderSize : kDataV2HeaderSize;
  format_data_header({.key_id = key_id, .peer_id = peer, .size = header_size_}, header_.data());
}

std::size_t StockSealer::seal(std::span<const PlainRecord> records) noexcept {
  return seal_batch(*sealer_, records, [this](const PlainRecord& record, crypto::SealJob& job) noexcept {
    return prepare(record, job);
  });
}

bool StockSealer::prepare(const PlainRecord& record, crypto::SealJob& job) noexcept {
  assert(record.size > 0);
  if (next_packet_id_ > kLastPacketId || !usage_.allows(record.size)) return false;
  usage_.add_packet(record.size);
  std::byte* const packet_id = record.wire + header_size_;
  std::memcpy(record.wire, header_.data(), header_size_);
  store_packet_id(packet_id, static_cast<std::uint32_t>(next_packet_id_));
  ++next_packet_id_;

  const std::size_t skipped = authenticated_from(header_size_);
  job = {.nonce = make_nonce(packet_id, implicit_iv_),
         .additional_data = {record.wire + skipped, header_size_ + kPacketIdSize - skipped},
         .plaintext = record.plaintext,
         .ciphertext = packet_id + kPacketIdSize + crypto::kAeadTagSize,
         .size = record.size,
         .tag = packet_id + kPacketIdSize};
  return true;
}

bool StockSealer::wants_rekey() const noexcept {
  return next_packet_id_ > kRekeyPacketId || usage_.wants_rekey();
}

void StockSealer::skip_packet_ids_to(std::uint32_t next) noexcept {
  next_packet_id_ = std::max<std::uint64_t>(next_packet_id_, next);
}

StockOpener::StockOpener(crypto::AeadAlgorithm algorithm, const crypto::KeyMaterial& keys, crypto::Role own,
                         KeyId key_id, std::size_t replay_window_size)
    : opener_(
          crypto::make_opener(algorithm, aead_key(algorithm, keys, other(crypto::data_sending_half(own))))),
      implicit_iv_(implicit_iv(keys, other(crypto::data_sending_half(own)))),
      key_id_(key_id),
      usage_(DataKeyLimits::of(algorithm)),
      replay_window_(replay_window_size) {}

void StockOpener::open(std::span<OpenRecord> records) noexcept {
  open_batch(
      *opener_, records,
      [this](const OpenRecord& record, crypto::OpenJob& job) noexcept { return prepare(record, job); },
      [this](const crypto::OpenJob& job) noexcept { return judge(job); });
}

DropReason StockOpener::prepare(const OpenRecord& record, crypto::OpenJob& job) const noexcept {
  const auto [drop, header] = parse_data_header(record.wire);
  if (drop != DropReason::none) return drop;
  if (header.key_id != key_id_ || usage_.too_many_failed_tags()) return DropReason::unknown_key;
  const std::size_t overhead = header.size + kPacketIdSize + crypto::kAeadTagSize;
  if (record.wire.size() <= overhead) return DropReason::too_short;  // at least one byte was sealed

  std::byte* const packet_id = record.wire.data() + header.size;
  const std::size_t skipped = authenticated_from(header.size);
  job = {.nonce = make_nonce(packet_id, implicit_iv_),
         .additional_data = record.wire.subspan(skipped, header.size + kPacketIdSize - skipped),
         .ciphertext = record.wire.data() + overhead,
         .plaintext = record.wire.data() + overhead,
         .size = record.wire.size() - overhead,
         .tag = packet_id + kPacketIdSize,
         .authentic = false};
  return DropReason::none;
}

DropReason StockOpener::judge(const crypto::OpenJob& job) noexcept {
  if (!job.authentic) {
    usage_.add_failed_tag();
    return DropReason::bad_tag;
  }
  usage_.add_packet(job.size);
  return drop_reason(replay_window_.check(load_packet_id(job.nonce.data())));
}

}  // namespace vpnd::proto
