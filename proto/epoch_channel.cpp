#include "proto/epoch_channel.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "proto/aead_batch.hpp"
#include "proto/opcode.hpp"
#include "proto/wire.hpp"

namespace vpnd::proto {

namespace {

constexpr unsigned kCounterBits = 48;
constexpr std::uint64_t kLastCounter = (std::uint64_t{1} << kCounterBits) - 1;

using Nonce = std::array<std::byte, crypto::kAeadNonceSize>;

// The packet id, which is epoch and counter, stands at the left.
Nonce make_nonce(const Nonce& implicit_iv, const std::byte* packet_id) noexcept {
  Nonce nonce = implicit_iv;
  for (std::size_t i = 0; i < kEpochPacketIdSize; ++i) nonce[i] ^= packet_id[i];
  return nonce;
}

std::uint64_t counter_in(const Nonce& nonce, const Nonce& implicit_iv) noexcept {
  std::uint64_t counter = 0;
  for (std::size_t i = 2; i < kEpochPacketIdSize; ++i)
    counter = counter << 8 | std::to_integer<std::uint64_t>(nonce[i] ^ implicit_iv[i]);
  return counter;
}

void store_packet_id(std::byte* to, std::uint16_t epoch, std::uint64_t counter) noexcept {
  WireWriter writer({to, kEpochPacketIdSize});
  writer.u16(epoch);
  writer.u16(static_cast<std::uint16_t>(counter >> 32));
  writer.u32(static_cast<std::uint32_t>(counter));
}

// Of a packet that is long enough to have one; 0 is never valid.
std::uint16_t epoch_of(std::span<const std::byte> packet) noexcept {
  if (packet.size() < kEpochHeaderSize) return 0;
  return WireReader(packet.subspan(4)).u16();
}

std::span<const std::byte> key_of(crypto::AeadAlgorithm algorithm, const EpochKey& epoch) {
  return std::span<const std::byte>(epoch.key.expose()).first(crypto::aead_key_size(algorithm));
}

}  // namespace

EpochSealer::EpochSealer(crypto::AeadAlgorithm algorithm, const crypto::KeyMaterial& keys, crypto::Role own,
                         KeyId key_id, PeerId peer_id, PeerEpoch peer_epoch)
    : algorithm_(algorithm),
      chain_(algorithm, keys, crypto::data_sending_half(own)),
      current_(chain_.next()),
      sealer_(crypto::make_sealer(algorithm, key_of(algorithm, current_))),
      key_id_(key_id),
      peer_epoch_(std::move(peer_epoch)),
      limits_(DataKeyLimits::of(algorithm)),
      usage_(limits_) {
  assert(peer_id != kNoPeer);
  format_data_header({.key_id = key_id, .peer_id = peer_id, .size = kDataV2HeaderSize}, header_.data());
}

std::size_t EpochSealer::seal(std::span<const PlainRecord> records) noexcept {
  // Whoever receives in a later epoch is meant to send in it: the peer asks for fresh keys that way.
  while (current_.epoch < peer_epoch_->load(std::memory_order_relaxed) && advance()) {
  }
  std::size_t sealed = 0;
  while (sealed < records.size()) {
    sealed += seal_batch(
        *sealer_, records.subspan(sealed),
        [this](const PlainRecord& record, crypto::SealJob& job) noexcept { return prepare(record, job); });
    if (sealed < records.size() && !advance()) break;
  }
  sealed_ += sealed;
  return sealed;
}

// False when there is no epoch left.
bool EpochSealer::advance() noexcept {
  if (chain_.ended()) return false;
  current_ = chain_.next();
  sealer_ = crypto::make_sealer(algorithm_, key_of(algorithm_, current_));
  usage_ = KeyUsage(limits_);
  next_counter_ = 1;
  return true;
}

bool EpochSealer::prepare(const PlainRecord& record, crypto::SealJob& job) noexcept {
  assert(record.size > 0);
  if (next_counter_ > kLastCounter || !usage_.allows(record.size)) return false;
  usage_.add_packet(record.size);
  std::byte* const packet_id = record.wire + header_.size();
  std::memcpy(record.wire, header_.data(), header_.size());
  store_packet_id(packet_id, current_.epoch, next_counter_++);
  std::byte* const ciphertext = record.wire + kEpochHeaderSize;
  job = {.nonce = make_nonce(current_.implicit_iv, packet_id),
         .additional_data = {record.wire, kEpochHeaderSize},
         .plaintext = record.plaintext,
         .ciphertext = ciphertext,
         .size = record.size,
         .tag = ciphertext + record.size};
  return true;
}

void EpochSealer::set_limits(const DataKeyLimits& limits) noexcept {
  limits_ = limits;
  usage_ = KeyUsage(limits);
}

void EpochSealer::skip_counters_to(std::uint64_t next) noexcept {
  next_counter_ = std::max(next_counter_, next);
}

EpochOpener::EpochOpener(crypto::AeadAlgorithm algorithm, const crypto::KeyMaterial& keys, crypto::Role own,
                         KeyId key_id, PeerEpoch peer_epoch, std::size_t replay_window_size)
    : algorithm_(algorithm),
      chain_(algorithm, keys, other(crypto::data_sending_half(own))),
      key_id_(key_id),
      peer_epoch_(std::move(peer_epoch)),
      usage_(DataKeyLimits::of(algorithm)),
      window_size_(replay_window_size) {
  current_ = make_epoch();
  current_->window.emplace(window_size_);
  fill_future();
}

EpochOpener::Epoch EpochOpener::make_epoch() {
  const EpochKey key = chain_.next();
  return {key.epoch, key.implicit_iv, crypto::make_opener(algorithm_, key_of(algorithm_, key)), std::nullopt};
}

void EpochOpener::fill_future() {
  while (future_.size() < kFutureEpochs && !chain_.ended()) future_.push_back(make_epoch());
}

EpochOpener::Epoch* EpochOpener::find(std::uint16_t epoch) noexcept {
  if (epoch == current_->epoch) return &*current_;
  if (previous_ && epoch == previous_->epoch) return &*previous_;
  const std::size_t ahead = static_cast<std::size_t>(epoch) - current_->epoch - 1;  // huge for older ones
  return ahead < future_.size() ? &future_[ahead] : nullptr;
}

// Neighbours of one epoch are opened together.
void EpochOpener::open(std::span<OpenRecord> records) noexcept {
  while (!records.empty()) {
    const std::uint16_t wanted = epoch_of(records.front().wire);
    const auto end = std::find_if(records.begin(), records.end(), [wanted](const OpenRecord& record) {
      return epoch_of(record.wire) != wanted;
    });
    const auto run = records.first(static_cast<std::size_t>(end - records.begin()));
    records = records.subspan(run.size());
    // Malformed ones have a reason of their own, which any key finds.
    Epoch* const known = wanted == 0 ? &*current_ : find(wanted);
    if (known != nullptr) {
      open_run(*known, run);
      continue;
    }
    for (OpenRecord& record : run) {
      record.plaintext = {};
      record.drop = DropReason::unknown_key;
    }
  }
}

void EpochOpener::open_run(Epoch& epoch, std::span<OpenRecord> records) noexcept {
  open_batch(
      *epoch.opener, records,
      [this, &epoch](const OpenRecord& record, crypto::OpenJob& job) noexcept {
        return prepare(epoch, record, job);
      },
      [this, &epoch](const crypto::OpenJob& job) noexcept { return judge(epoch, job); });
  const bool authentic = epoch.window && epoch.window->highest() > 0;
  if (authentic && epoch.epoch > current_->epoch) move_on_to(epoch.epoch);
}

DropReason EpochOpener::prepare(const Epoch& epoch, const OpenRecord& record,
                                crypto::OpenJob& job) const noexcept {
  const auto [drop, header] = parse_data_header(record.wire);
  if (drop != DropReason::none) return drop;
  if (header.size != kDataV2HeaderSize) return DropReason::malformed;
  if (header.key_id != key_id_ || usage_.too_many_failed_tags()) return DropReason::unknown_key;
  if (record.wire.size() <= kEpochOverhead) return DropReason::too_short;
  if (epoch_of(record.wire) != epoch.epoch) return DropReason::unknown_key;  // epoch 0

  const std::size_t size = record.wire.size() - kEpochOverhead;
  std::byte* const ciphertext = record.wire.data() + kEpochHeaderSize;
  job = {.nonce = make_nonce(epoch.implicit_iv, record.wire.data() + header.size),
         .additional_data = record.wire.first(kEpochHeaderSize),
         .ciphertext = ciphertext,
         .plaintext = ciphertext,
         .size = size,
         .tag = ciphertext + size,
         .authentic = false};
  return DropReason::none;
}

DropReason EpochOpener::judge(Epoch& epoch, const crypto::OpenJob& job) noexcept {
  if (!job.authentic) {
    usage_.add_failed_tag();
    return DropReason::bad_tag;
  }
  if (!epoch.window) epoch.window.emplace(window_size_);
  return drop_reason(epoch.window->check(counter_in(job.nonce, epoch.implicit_iv)));
}

// Rare, and only an authenticated packet gets here: allocating is all right.
void EpochOpener::move_on_to(std::uint16_t epoch) noexcept {
  previous_ = std::exchange(current_, std::nullopt);
  while (!current_ || current_->epoch < epoch) {
    current_ = std::move(future_.front());
    future_.pop_front();
  }
  fill_future();
  peer_epoch_->store(epoch, std::memory_order_relaxed);
}

std::uint64_t EpochOpener::highest_packet_id() const noexcept {
  const std::uint64_t counter = current_->window->highest();
  return counter == 0 && current_->epoch == 1 ? 0 : std::uint64_t{current_->epoch} << kCounterBits | counter;
}

}  // namespace vpnd::proto
