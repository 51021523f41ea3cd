#include "crypto/crypto_pool.hpp"

#include <pthread.h>

#include <cassert>
#include <string>

#include "crypto/spin.hpp"

namespace vpnd::crypto {

namespace {

// Under load the next batch is not far, and a helper that is awake costs its caller nothing.
constexpr std::chrono::microseconds kHelperSpin{20};

}  // namespace

CryptoPool::CryptoPool(const Settings& settings) : helper_count_(settings.helpers) {
  assert(settings.bytes_per_helper > 0);
  for (std::size_t i = 0; i < settings.forks; ++i) {
    forks_.push_back(std::unique_ptr<CryptoFork>(new CryptoFork(*this, settings.bytes_per_helper)));
  }
  try {
    for (std::size_t i = 0; i < helper_count_; ++i) helpers_.emplace_back([this, i] { run_helper(i); });
  } catch (...) {
    stop();
    throw;
  }
}

CryptoPool::~CryptoPool() {
  stop();
}

void CryptoPool::stop() noexcept {
  stopping_.store(true, std::memory_order_relaxed);
  calls_.fetch_add(1, std::memory_order_release);
  calls_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

// Both kinds of notification look first whether anybody sleeps.
void CryptoPool::call(std::size_t helpers) noexcept {
  calls_.fetch_add(1, std::memory_order_release);
  if (helpers >= helper_count_) {
    calls_.notify_all();
  } else {
    for (std::size_t i = 0; i < helpers; ++i) calls_.notify_one();
  }
}

// The calls are read before the forks are looked at: a batch published in between changes them, and then
// wait() returns at once.
void CryptoPool::run_helper(std::size_t number) noexcept {
  pthread_setname_np(pthread_self(), ("vpnd-crypto/" + std::to_string(number)).c_str());
  while (true) {
    const std::uint32_t seen = calls_.load(std::memory_order_acquire);
    if (stopping_.load(std::memory_order_relaxed)) return;
    if (help_anybody(number)) continue;
    if (spin_until(kHelperSpin, [&] { return calls_.load(std::memory_order_acquire) != seen; })) continue;
    calls_.wait(seen, std::memory_order_acquire);
  }
}

// Helpers begin at different forks, so that they do not all fall upon one.
bool CryptoPool::help_anybody(std::size_t first) noexcept {
  bool helped = false;
  for (std::size_t i = 0; i < forks_.size(); ++i) {
    while (forks_[(first + i) % forks_.size()]->help()) helped = true;
  }
  return helped;
}

}  // namespace vpnd::crypto
