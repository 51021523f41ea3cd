// What one record costs in each back end, by its size: sealed in place, in batches of 32. `backend` is 1 for
// OpenSSL and 2 for ipsec-mb.

#include <benchmark/benchmark.h>

#include <array>
#include <vector>

#include "crypto/aead.hpp"

namespace vpnd::crypto {
namespace {

constexpr std::size_t kBatch = 32;

struct Records {
  explicit Records(std::size_t size) : text(size * kBatch), tags(kAeadTagSize * kBatch) {}
  std::vector<std::byte> text;
  std::vector<std::byte> tags;
  std::array<std::byte, 8> additional_data{};
};

std::vector<std::byte> key_of(AeadAlgorithm algorithm) {
  return std::vector<std::byte>(aead_key_size(algorithm), std::byte{0x5a});
}

bool choose(benchmark::State& state) {
  const auto backend = static_cast<AeadBackend>(state.range(0));
  if (const auto obstacle = why_unavailable(backend)) {
    state.SkipWithError(obstacle->c_str());
    return false;
  }
  choose_aead_backend(backend);
  return true;
}

void report(benchmark::State& state, std::size_t size) {
  const auto records = state.iterations() * static_cast<std::int64_t>(kBatch);
  state.SetBytesProcessed(records * static_cast<std::int64_t>(size));
  state.SetItemsProcessed(records);
}

void seal_records(benchmark::State& state) {
  if (!choose(state)) return;
  const auto algorithm = static_cast<AeadAlgorithm>(state.range(1));
  const auto size = static_cast<std::size_t>(state.range(2));
  Records records(size);
  std::vector<SealJob> jobs;
  for (std::size_t i = 0; i < kBatch; ++i) {
    std::byte* const text = records.text.data() + i * size;
    jobs.push_back({{}, records.additional_data, text, text, size, &records.tags[i * kAeadTagSize]});
  }
  const auto sealer = make_sealer(algorithm, key_of(algorithm));
  for (auto _ : state) {
    sealer->seal(jobs);
    benchmark::ClobberMemory();
  }
  report(state, size);
}

// Out of place, so that what is opened stays there for the next round.
void open_records(benchmark::State& state) {
  if (!choose(state)) return;
  const auto algorithm = static_cast<AeadAlgorithm>(state.range(1));
  const auto size = static_cast<std::size_t>(state.range(2));
  Records records(size);
  std::vector<std::byte> opened(records.text.size());
  std::vector<OpenJob> jobs;
  const auto sealer = make_sealer(algorithm, key_of(algorithm));
  for (std::size_t i = 0; i < kBatch; ++i) {
    std::byte* const text = records.text.data() + i * size;
    std::byte* const tag = &records.tags[i * kAeadTagSize];
    const SealJob job{{}, records.additional_data, text, text, size, tag};
    sealer->seal({&job, 1});
    jobs.push_back({{}, records.additional_data, text, opened.data() + i * size, size, tag, false});
  }
  const auto opener = make_opener(algorithm, key_of(algorithm));
  for (auto _ : state) {
    opener->open(jobs);
    benchmark::ClobberMemory();
  }
  if (!jobs.back().authentic) state.SkipWithError("a record did not open");
  report(state, size);
}

void cases(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"backend", "aead", "size"});
  for (const AeadAlgorithm algorithm : {AeadAlgorithm::aes_128_gcm, AeadAlgorithm::aes_192_gcm,
                                        AeadAlgorithm::aes_256_gcm, AeadAlgorithm::chacha20_poly1305}) {
    for (const int size : {16, 64, 256, 1400, 1448, 16384, 65536}) {
      for (const AeadBackend backend : {AeadBackend::openssl, AeadBackend::ipsec_mb}) {
        benchmark->Args({static_cast<int>(backend), static_cast<int>(algorithm), size});
      }
    }
  }
}
BENCHMARK(seal_records)->Apply(cases);
BENCHMARK(open_records)->Apply(cases);

}  // namespace
}  // namespace vpnd::crypto
