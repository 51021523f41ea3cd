// Fork and join of one thread's sealing and opening. The thread lays out its jobs, run() has them done, by
// itself and by whatever helpers of the pool come along, and hands their results back in the order in which
// they were laid out, each as soon as it and all before it are done. So packets leave in the order in which
// they came, whoever sealed them.
//
// Nothing here allocates, locks or waits for a helper that has not begun: what nobody has claimed the thread
// does itself.

#pragma once

#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace vpnd::crypto {

class CryptoPool;

// The records of one batch of one key. `work` seals or opens them, on any thread, and puts its result where
// `context` points; both live until the job is committed.
struct CryptoJob {
  void (*work)(void* context) noexcept;
  void* context;
  // Sealers and openers count packets and belong to one thread at a time. Jobs of one key are done one after
  // the other, in order; null: this job shares nothing with others.
  const void* key;
  std::size_t bytes;  // about as many as are sealed or opened, for judging whether help is worth its cost
};

// Used by one thread. Reused: after run() it is empty again.
class CryptoFork {
 public:
  static constexpr std::size_t kCapacity = 128;

  CryptoFork() noexcept = default;  // without a pool: run() does everything itself
  CryptoFork(const CryptoFork&) = delete;
  CryptoFork& operator=(const CryptoFork&) = delete;

  bool full() const noexcept { return count_ == kCapacity; }
  bool empty() const noexcept { return count_ == 0; }

  // Not when full().
  void add(const CryptoJob& job) noexcept;

  // Calls commit(k), noexcept, for k = 0, 1, … in order, on this thread. It may not add jobs.
  template <typename Commit>
  void run(Commit&& commit) noexcept {
    if (is_worth_help()) {
      publish();
      for (std::size_t k = 0; k < count_;) {
        if (is_done(k)) {
          commit(k++);
        } else if (!help()) {
          await(k);
        }
      }
    } else {
      for (std::size_t k = 0; k < count_; ++k) {
        entries_[k].job.work(entries_[k].job.context);
        commit(k);
      }
    }
    clear();
  }

 private:
  friend class CryptoPool;

  using Index = std::uint16_t;
  static constexpr Index kNone = 0xFFFF;

  struct Entry {
    CryptoJob job;
    Index next;  // of the same chain, or kNone
  };
  // The jobs of one key: what is claimed as a whole.
  struct Chain {
    const void* key;
    Index first;
    Index last;
  };

  CryptoFork(CryptoPool& pool, std::size_t bytes_per_helper) noexcept
      : pool_(&pool), bytes_per_helper_(bytes_per_helper) {}

  Chain* chain_of(const void* key) noexcept;
  std::size_t worthy_helpers() const noexcept;
  bool is_worth_help() const noexcept { return worthy_helpers() > 0; }
  void publish() noexcept;
  bool is_done(std::size_t job) const noexcept { return done_[job].load(std::memory_order_acquire); }
  // Does one chain that nobody has claimed yet, on any thread. False if there is none.
  bool help() noexcept;
  std::optional<std::size_t> claim() noexcept;
  void do_chain(const Chain& chain) noexcept;
  void await(std::size_t job) const noexcept;
  void clear() noexcept;

  CryptoPool* pool_ = nullptr;
  std::size_t bytes_per_helper_ = 0;

  // Written by the owner while nothing is published, read by whoever has claimed a chain.
  std::array<Entry, kCapacity> entries_;
  std::array<Chain, kCapacity> chains_;
  std::size_t count_ = 0;
  std::size_t chain_count_ = 0;
  std::size_t bytes_ = 0;

  // generation (32) | chains (16) | the next unclaimed (16). In one word, so that a helper who was delayed
  // between reading and claiming cannot claim from a later batch.
  alignas(64) std::atomic<std::uint64_t> ticket_{0};
  alignas(64) std::array<std::atomic<bool>, kCapacity> done_{};
  std::atomic<std::uint32_t> finished_{0};  // grows with every job done; the owner sleeps on it
};

}  // namespace vpnd::crypto
