// Threads beside the workers that help them seal and open. Each worker has a CryptoFork of the pool; helpers
// go round the forks and take what is to be had. They sleep while there is nothing, and are woken only by a
// batch large enough to be worth a system call.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "crypto/crypto_fork.hpp"

namespace vpnd::crypto {

// Made and destroyed by one thread, while no fork of it is running.
class CryptoPool {
 public:
  struct Settings {
    std::size_t helpers = 0;  // threads; with none every fork does its work itself
    std::size_t forks = 1;    // one for each thread that uses the pool
    std::size_t bytes_per_helper = std::size_t{256} * 1024;  // a batch wakes one helper for so many; not 0
  };

  // Throws std::system_error if a thread cannot be started.
  explicit CryptoPool(const Settings& settings);
  ~CryptoPool();
  CryptoPool(const CryptoPool&) = delete;
  CryptoPool& operator=(const CryptoPool&) = delete;

  // Each for one thread; valid as long as the pool. `index` < Settings::forks.
  CryptoFork& fork(std::size_t index) noexcept { return *forks_[index]; }
  std::size_t helpers() const noexcept { return helper_count_; }

 private:
  friend class CryptoFork;

  void call(std::size_t helpers) noexcept;
  void run_helper(std::size_t number) noexcept;
  bool help_anybody(std::size_t first) noexcept;
  void stop() noexcept;

  std::size_t helper_count_;
  std::vector<std::unique_ptr<CryptoFork>> forks_;
  // Grows with every call for help; helpers sleep on it.
  alignas(64) std::atomic<std::uint32_t> calls_{0};
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> helpers_;
};

}  // namespace vpnd::crypto
