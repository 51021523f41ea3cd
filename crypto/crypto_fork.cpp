#include "crypto/crypto_fork.hpp"

#include <algorithm>

#include "crypto/crypto_pool.hpp"
#include "crypto/spin.hpp"

namespace vpnd::crypto {

namespace {

constexpr std::uint64_t kGeneration = std::uint64_t{1} << 32;

constexpr std::size_t chains_of(std::uint64_t ticket) noexcept {
  return static_cast<std::size_t>((ticket >> 16) & 0xFFFF);
}
constexpr std::size_t next_of(std::uint64_t ticket) noexcept {
  return static_cast<std::size_t>(ticket & 0xFFFF);
}

// A job that a helper has begun ends within microseconds, unless the helper lost its CPU.
constexpr std::chrono::microseconds kAwaitSpin{20};

}  // namespace

void CryptoFork::add(const CryptoJob& job) noexcept {
  assert(!full());
  const auto index = static_cast<Index>(count_++);
  entries_[index] = {job, kNone};
  bytes_ += job.bytes;
  if (Chain* const chain = chain_of(job.key)) {
    entries_[chain->last].next = index;
    chain->last = index;
  } else {
    chains_[chain_count_++] = {job.key, index, index};
  }
}

CryptoFork::Chain* CryptoFork::chain_of(const void* key) noexcept {
  if (key == nullptr) return nullptr;
  // From the back: the runs of a busy peer come one after the other.
  for (std::size_t i = chain_count_; i > 0; --i) {
    if (chains_[i - 1].key == key) return &chains_[i - 1];
  }
  return nullptr;
}

std::size_t CryptoFork::worthy_helpers() const noexcept {
  if (pool_ == nullptr || chain_count_ < 2) return 0;
  return std::min({pool_->helpers(), chain_count_ - 1, bytes_ / bytes_per_helper_});
}

void CryptoFork::publish() noexcept {
  for (std::size_t k = 0; k < count_; ++k) done_[k].store(false, std::memory_order_relaxed);
  const std::uint64_t generation = (ticket_.load(std::memory_order_relaxed) / kGeneration + 1) * kGeneration;
  ticket_.store(generation | static_cast<std::uint64_t>(chain_count_) << 16, std::memory_order_release);
  pool_->call(worthy_helpers());
}

bool CryptoFork::help() noexcept {
  const auto chain = claim();
  if (!chain) return false;
  do_chain(chains_[*chain]);
  return true;
}

std::optional<std::size_t> CryptoFork::claim() noexcept {
  std::uint64_t ticket = ticket_.load(std::memory_order_acquire);
  while (next_of(ticket) < chains_of(ticket)) {
    if (ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
      return next_of(ticket);
    }
  }
  return std::nullopt;
}

// Once its last job is done a chain may be gone: the owner lays out the next batch over it. So what comes
// next is read before a job is called done.
void CryptoFork::do_chain(const Chain& chain) noexcept {
  for (Index index = chain.first; index != kNone;) {
    const Entry entry = entries_[index];
    entry.job.work(entry.job.context);
    done_[index].store(true, std::memory_order_release);
    finished_.fetch_add(1, std::memory_order_release);
    finished_.notify_one();  // a system call only if the owner sleeps
    index = entry.next;
  }
}

void CryptoFork::await(std::size_t job) const noexcept {
  if (spin_until(kAwaitSpin, [&] { return is_done(job); })) return;
  while (true) {
    const std::uint32_t seen = finished_.load(std::memory_order_acquire);
    if (is_done(job)) return;
    finished_.wait(seen, std::memory_order_acquire);
  }
}

void CryptoFork::clear() noexcept {
  count_ = 0;
  chain_count_ = 0;
  bytes_ = 0;
}

}  // namespace vpnd::crypto
