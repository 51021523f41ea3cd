#include "proto/data_channel.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "proto/opcode.hpp"
#include "proto/wire.hpp"

namespace vpnd::proto {

namespace {

constexpr std::uint64_t kLastPacketId = 0xFFFFFFFF;
constexpr std::size_t kAesBlockSize = 16;

// Jobs given to the AEAD at once: enough for any multi-buffer back end, and bounded so that nothing is
// allocated. The arrays belong to the thread, since one for each key would be too much memory for an idle
// client.
constexpr std::size_t kChunk = 128;
constinit thread_local std::array<crypto::SealJob, kChunk> t_seal_jobs{};
constinit thread_local std::array<crypto::OpenJob, kChunk> t_open_jobs{};

using Nonce = std::array<std::byte, crypto::kAeadNonceSize>;

// A half of the key material is cipher (64) | hmac (64); the key begins the one and the implicit IV the
// other.
constexpr std::size_t kHalfSize = 128;
constexpr std::size_t kHmacOffset = 64;

std::span<const std::byte> sending_half(const crypto::KeyMaterial& keys, crypto::Role role) {
  return std::span<const std::byte>(keys.expose())
      .subspan(role == crypto::Role::client ? 0 : kHalfSize, kHalfSize);
}

std::array<std::byte, 8> implicit_iv(std::span<const std::byte> half) {
  std::array<std::byte, 8> iv;
  std::copy_n(half.begin() + kHmacOffset, iv.size(), iv.begin());
  return iv;
}

crypto::Role other_side(crypto::Role role) {
  return role == crypto::Role::client ? crypto::Role::server : crypto::Role::client;
}

Nonce make_nonce(const std::byte* packet_id, const std::array<std::byte, 8>& iv) noexcept {
  Nonce nonce;
  std::memcpy(nonce.data(), packet_id, kPacketIdSize);
  std::memcpy(nonce.data() + kPacketIdSize, iv.data(), iv.size());
  return nonce;
}

// What a packet costs of a key's budget: its cipher blocks and one for itself.
std::uint64_t blocks_of(std::size_t size) noexcept {
  return (size + kAesBlockSize - 1) / kAesBlockSize + 1;
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

DataKeyLimits DataKeyLimits::of(crypto::AeadAlgorithm algorithm) noexcept {
  DataKeyLimits limits;
  if (algorithm != crypto::AeadAlgorithm::chacha20_poly1305) limits.max_blocks = std::uint64_t{1} << 36;
  return limits;
}

DataSealer::DataSealer(crypto::AeadAlgorithm algorithm, const crypto::KeyMaterial& keys, crypto::Role own,
                       KeyId key_id, std::optional<PeerId> peer_id)
    : sealer_(
          crypto::make_sealer(algorithm, sending_half(keys, own).first(crypto::aead_key_size(algorithm)))),
      implicit_iv_(implicit_iv(sending_half(keys, own))),
      key_id_(key_id),
      limits_(DataKeyLimits::of(algorithm)) {
  const PeerId peer = peer_id.value_or(kNoPeer);
  header_size_ = peer == kNoPeer ? kDataV1HeaderSize : kDataV2HeaderSize;
  format_data_header({.key_id = key_id, .peer_id = peer, .size = header_size_}, header_.data());
}

std::size_t DataSealer::seal(std::span<const PlainRecord> records) noexcept {
  std::size_t sealed = 0;
  while (sealed < records.size()) {
    const auto chunk = records.subspan(sealed, std::min(kChunk, records.size() - sealed));
    const std::size_t done = seal_chunk(chunk);
    sealed += done;
    if (done < chunk.size()) break;
  }
  return sealed;
}

std::size_t DataSealer::seal_chunk(std::span<const PlainRecord> records) noexcept {
  std::size_t count = 0;
  const std::size_t skipped = authenticated_from(header_size_);
  const std::size_t authenticated_size = header_size_ + kPacketIdSize - skipped;
  for (const PlainRecord& record : records) {
    assert(record.size > 0);
    if (exhausted_by(record.size)) break;
    std::byte* const packet_id = record.wire + header_size_;
    std::memcpy(record.wire, header_.data(), header_size_);
    store_packet_id(packet_id, static_cast<std::uint32_t>(next_packet_id_));
    ++next_packet_id_;
    blocks_ += blocks_of(record.size);
    t_seal_jobs[count] = {.nonce = make_nonce(packet_id, implicit_iv_),
                          .additional_data = {record.wire + skipped, authenticated_size},
                          .plaintext = record.plaintext,
                          .ciphertext = record.wire + overhead(),
                          .size = record.size,
                          .tag = packet_id + kPacketIdSize};
    ++count;
  }
  if (count > 0) sealer_->seal(std::span(t_seal_jobs).first(count));
  return count;
}

bool DataSealer::exhausted_by(std::size_t size) const noexcept {
  const bool too_many_blocks = limits_.max_blocks != 0 && blocks_ + blocks_of(size) > limits_.max_blocks;
  return next_packet_id_ > kLastPacketId || too_many_blocks;
}

bool DataSealer::wants_rekey() const noexcept {
  const bool many_blocks = limits_.max_blocks != 0 && blocks_ >= limits_.rekey_blocks();
  return next_packet_id_ > limits_.rekey_packet_id || many_blocks;
}

void DataSealer::skip_packet_ids_to(std::uint32_t next) noexcept {
  next_packet_id_ = std::max<std::uint64_t>(next_packet_id_, next);
}

DataOpener::DataOpener(crypto::AeadAlgorithm algorithm, const crypto::KeyMaterial& keys, crypto::Role own,
                       KeyId key_id, std::size_t replay_window_size)
    : opener_(crypto::make_opener(
          algorithm, sending_half(keys, other_side(own)).first(crypto::aead_key_size(algorithm)))),
      implicit_iv_(implicit_iv(sending_half(keys, other_side(own)))),
      key_id_(key_id),
      limits_(DataKeyLimits::of(algorithm)),
      replay_window_(replay_window_size) {}

void DataOpener::open(std::span<OpenRecord> records) noexcept {
  while (!records.empty()) {
    const std::size_t size = std::min(kChunk, records.size());
    open_chunk(records.first(size));
    records = records.subspan(size);
  }
}

// In three passes, because the AEAD wants the batch whole: headers, tags, replay window.
void DataOpener::open_chunk(std::span<OpenRecord> records) noexcept {
  std::size_t count = 0;
  for (OpenRecord& record : records) {
    record.plaintext = {};
    record.drop = prepare(record, t_open_jobs[count]);
    if (record.drop == DropReason::none) ++count;
  }
  if (count == 0) return;
  opener_->open(std::span(t_open_jobs).first(count));

  std::size_t next = 0;
  for (OpenRecord& record : records) {
    if (record.drop == DropReason::none) record.drop = judge(record, t_open_jobs[next++]);
  }
}

DropReason DataOpener::prepare(const OpenRecord& record, crypto::OpenJob& job) const noexcept {
  const auto [drop, header] = parse_data_header(record.wire);
  if (drop != DropReason::none) return drop;
  if (header.key_id != key_id_) return DropReason::unknown_key;
  if (failed_tags_ >= limits_.max_failed_tags) return DropReason::unknown_key;
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

DropReason DataOpener::judge(OpenRecord& record, const crypto::OpenJob& job) noexcept {
  if (!job.authentic) {
    ++failed_tags_;
    return DropReason::bad_tag;
  }
  blocks_ += blocks_of(job.size);
  switch (replay_window_.check(load_packet_id(job.nonce.data()))) {
    case ReplayWindow::Verdict::fresh:
      record.plaintext = {job.plaintext, job.size};
      return DropReason::none;
    case ReplayWindow::Verdict::replayed:
      return DropReason::replayed;
    case ReplayWindow::Verdict::too_old:
      return DropReason::replay_too_old;
  }
  return DropReason::replayed;
}

bool DataOpener::wants_rekey() const noexcept {
  const bool many_blocks = limits_.max_blocks != 0 && blocks_ >= limits_.rekey_blocks();
  return many_blocks || failed_tags_ >= limits_.rekey_failed_tags();
}

}  // namespace vpnd::proto
