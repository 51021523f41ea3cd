#include "vpnd/control/crypto_threads.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <thread>

#include "crypto/crypto_plan.hpp"
#include "vpnd/control/security_setup.hpp"

namespace vpnd::control {

namespace {

// The cipher that most sessions will have.
crypto::AeadAlgorithm usual_cipher(const config::Options& options) {
  const proto::CipherList ciphers = data_ciphers(options.data);
  return ciphers.empty() ? crypto::AeadAlgorithm::aes_256_gcm : ciphers.front();
}

// A client has one key, or one for each worker, and the packets of one key are sealed one after the other.
std::optional<std::size_t> wanted_helpers(const config::Options& options) {
  if (options.batch.crypto_threads) return *options.batch.crypto_threads;
  if (options.mode == config::Mode::client) return 0;
  return std::nullopt;
}

}  // namespace

void share_crypto_pool(std::span<dataplane::WorkerConfig> workers, const config::Options& options) {
  const std::size_t cpus = std::max(1U, std::thread::hardware_concurrency());
  const crypto::AeadAlgorithm cipher = usual_cipher(options);
  const auto sealing = crypto::measure_sealing(cipher);
  const auto settings = crypto::plan_crypto_pool(wanted_helpers(options), cpus, workers.size(), sealing);
  if (settings.helpers > 0) {
    const auto pool = std::make_shared<crypto::CryptoPool>(settings);
    for (std::size_t i = 0; i < workers.size(); ++i) workers[i].crypto_fork = {pool, &pool->fork(i)};
  }
  spdlog::info("crypto threads: {} beside workers: {} on CPUs: {} ({} seals 64 KiB in {:.1f} us)",
               settings.helpers, workers.size(), cpus, crypto::aead_name(cipher),
               std::chrono::duration<double, std::micro>(sealing).count());
}

}  // namespace vpnd::control
