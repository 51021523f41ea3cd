#include "crypto/crypto_plan.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace vpnd::crypto {

namespace {

using std::chrono::nanoseconds;

constexpr std::size_t kMeasuredBytes = 65536;
constexpr std::size_t kMeasuredRecord = 1448;

// To wake a sleeping thread costs the one who wakes some 5 us (bench/micro/crypto_pool_bench), and the other
// one begins later still. Less work than this is done sooner alone.
constexpr nanoseconds kWorthAHelper = std::chrono::microseconds{30};
// A cipher this fast is never what a worker waits for: packets come and go at a quarter of its pace.
constexpr nanoseconds kFastCipher = std::chrono::microseconds{8};
// More for one worker find nothing left to do: it has the rest of the data path to itself.
constexpr std::size_t kHelpersPerWorker = 3;

}  // namespace

nanoseconds measure_sealing(AeadAlgorithm algorithm) {
  using Clock = std::chrono::steady_clock;
  const std::array<std::byte, kMaxAeadKeySize> key{};  // of no secret, and nothing that it seals leaves
  const auto sealer = make_sealer(algorithm, std::span(key).first(aead_key_size(algorithm)));
  std::vector<std::byte> text(kMeasuredBytes);
  std::array<std::byte, kAeadTagSize> tag;
  std::vector<SealJob> jobs;
  for (std::size_t at = 0; at < kMeasuredBytes; at += kMeasuredRecord) {
    jobs.push_back({.nonce = {},
                    .additional_data = std::span(key).first(8),
                    .plaintext = &text[at],
                    .ciphertext = &text[at],
                    .size = std::min(kMeasuredRecord, kMeasuredBytes - at),
                    .tag = tag.data()});
  }
  // The first rounds warm caches and clock; the fastest is the one that nothing interrupted.
  nanoseconds best = nanoseconds::max();
  for (int round = 0; round < 8; ++round) {
    const auto begin = Clock::now();
    sealer->seal(jobs);
    best = std::min<nanoseconds>(best, Clock::now() - begin);
  }
  return best;
}

CryptoPool::Settings plan_crypto_pool(std::optional<std::size_t> asked, std::size_t cpus, std::size_t workers,
                                      nanoseconds sealing) {
  CryptoPool::Settings settings{.forks = workers};
  const auto sealing_ns = static_cast<std::size_t>(std::max<nanoseconds::rep>(sealing.count(), 1));
  settings.bytes_per_helper =
      std::max<std::size_t>(1, kMeasuredBytes * static_cast<std::size_t>(kWorthAHelper.count()) / sealing_ns);
  if (asked) {
    settings.helpers = *asked;
  } else if (sealing > kFastCipher && cpus > workers + 1) {  // one CPU for the kernel's half of the work
    settings.helpers = std::min(cpus - workers - 1, kHelpersPerWorker * workers);
  }
  return settings;
}

}  // namespace vpnd::crypto
