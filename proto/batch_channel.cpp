#include "proto/batch_channel.hpp"

#include <endian.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "proto/aead_batch.hpp"
#include "proto/batch_keys.hpp"
#include "proto/opcode.hpp"
#include "proto/record_number.hpp"
#include "proto/wire.hpp"

namespace vpnd::proto {

namespace {

using Nonce = std::array<std::byte, crypto::kAeadNonceSize>;

std::span<const std::byte> aead_key(crypto::AeadAlgorithm algorithm, const BatchKey& derived) {
  return std::span<const std::byte>(derived.key.expose()).first(crypto::aead_key_size(algorithm));
}

// The implicit IV XOR the number, which stands big-endian at the right, as in TLS 1.3 (RFC 8446 §5.3).
Nonce make_nonce(const Nonce& implicit_iv, std::uint64_t number) noexcept {
  constexpr std::size_t kOffset = crypto::kAeadNonceSize - sizeof(number);
  Nonce nonce = implicit_iv;
  std::uint64_t tail;
  std::memcpy(&tail, nonce.data() + kOffset, sizeof(tail));
  tail ^= htobe64(number);
  std::memcpy(nonce.data() + kOffset, &tail, sizeof(tail));
  return nonce;
}

// The way back, since a job keeps no number beside the nonce that was made of it.
std::uint64_t number_in(const Nonce& nonce, const Nonce& implicit_iv) noexcept {
  constexpr std::size_t kOffset = crypto::kAeadNonceSize - sizeof(std::uint64_t);
  std::uint64_t tail, iv_tail;
  std::memcpy(&tail, nonce.data() + kOffset, sizeof(tail));
  std::memcpy(&iv_tail, implicit_iv.data() + kOffset, sizeof(iv_tail));
  return be64toh(tail ^ iv_tail);
}

}  // namespace

BatchSealer::BatchSealer(crypto::AeadAlgorithm algorithm, const crypto::KeyMaterial& keys, crypto::Role own,
                         KeyId key_id, PeerId peer_id, LaneNumber lane)
    : key_id_(key_id), usage_(DataKeyLimits::of(algorithm)) {
  const BatchKey derived = derive_batch_key(keys, crypto::data_sending_half(own), lane);
  sealer_ = crypto::make_sealer(algorithm, aead_key(algorithm, derived));
  implicit_iv_ = derived.implicit_iv;
  format_data_header({.key_id = key_id, .peer_id = peer_id, .size = kDataV2HeaderSize}, header_.data());
}

std::size_t BatchSealer::seal(std::span<const PlainRecord> records) noexcept {
  return seal_batch(*sealer_, records, [this](const PlainRecord& record, crypto::SealJob& job) noexcept {
    return prepare(record, job);
  });
}

bool BatchSealer::prepare(const PlainRecord& record, crypto::SealJob& job) noexcept {
  assert(record.size <= kMaxRecordSize - kRecordOverhead);
  const bool numbers_used_up = next_number_ == 0;  // it wrapped, in some thousand years
  if (numbers_used_up || !usage_.allows(record.size)) return false;
  usage_.add_packet(record.size);
  const std::uint64_t number = next_number_++;
  std::memcpy(record.wire, header_.data(), header_.size());
  WireWriter({record.wire + header_.size(), 4}).u32(static_cast<std::uint32_t>(number));

  std::byte* const body = record.wire + kRecordHeaderSize;
  job = {.nonce = make_nonce(implicit_iv_, number),
         .additional_data = {record.wire, kRecordHeaderSize},
         .plaintext = record.plaintext,
         .ciphertext = body,
         .size = record.size,
         .tag = body + record.size};
  return true;
}

void BatchSealer::skip_record_numbers_to(std::uint64_t next) noexcept {
  next_number_ = std::max(next_number_, next);
}

BatchOpener::BatchOpener(crypto::AeadAlgorithm algorithm, const crypto::KeyMaterial& keys, crypto::Role own,
                         KeyId key_id, LaneNumber lane, std::size_t replay_window_size)
    : key_id_(key_id),
      usage_(DataKeyLimits::of(algorithm)),
      replay_window_(std::max(replay_window_size, kMinBatchReplayWindow)) {
  const BatchKey derived = derive_batch_key(keys, other(crypto::data_sending_half(own)), lane);
  opener_ = crypto::make_opener(algorithm, aead_key(algorithm, derived));
  implicit_iv_ = derived.implicit_iv;
}

void BatchOpener::open(std::span<OpenRecord> records) noexcept {
  open_batch(
      *opener_, records,
      [this](const OpenRecord& record, crypto::OpenJob& job) noexcept { return prepare(record, job); },
      [this](const crypto::OpenJob& job) noexcept { return judge(job); });
}

// Numbers are inferred from what was authentic before this chunk, not before this record, which makes no
// difference: a chunk is far shorter than the replay window.
DropReason BatchOpener::prepare(const OpenRecord& record, crypto::OpenJob& job) const noexcept {
  const auto [drop, header] = parse_data_header(record.wire);
  if (drop != DropReason::none) return drop;
  if (header.size != kDataV2HeaderSize) return DropReason::malformed;
  if (header.key_id != key_id_ || usage_.too_many_failed_tags()) return DropReason::unknown_key;
  if (record.wire.size() < kRecordOverhead) return DropReason::too_short;

  const std::uint32_t low = WireReader(record.wire.subspan(header.size)).u32();
  const std::uint64_t number = infer_record_number(low, replay_window_.highest(), replay_window_.size());
  std::byte* const body = record.wire.data() + kRecordHeaderSize;
  const std::size_t size = record.wire.size() - kRecordOverhead;
  job = {.nonce = make_nonce(implicit_iv_, number),
         .additional_data = record.wire.first(kRecordHeaderSize),
         .ciphertext = body,
         .plaintext = body,
         .size = size,
         .tag = body + size,
         .authentic = false};
  return DropReason::none;
}

DropReason BatchOpener::judge(const crypto::OpenJob& job) noexcept {
  if (!job.authentic) {
    usage_.add_failed_tag();
    return DropReason::bad_tag;
  }
  usage_.add_packet(job.size);
  return drop_reason(replay_window_.check(number_in(job.nonce, implicit_iv_)));
}

}  // namespace vpnd::proto
