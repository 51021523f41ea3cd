// What it costs to seal and open 64 KB as a batch of records of the given size, in place.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "proto/stock_channel.hpp"

namespace vpnd::proto {
namespace {

using crypto::AeadAlgorithm;
using crypto::AeadBackend;
using Bytes = std::vector<std::byte>;

constexpr std::size_t kTotal = 65536;

crypto::KeyMaterial some_keys() {
  crypto::KeyMaterial keys;
  std::ranges::fill(keys.expose(), std::byte{0x5a});
  return keys;
}

struct Batch {
  Batch(std::size_t record_size, std::size_t overhead) {
    const std::size_t count = kTotal / record_size;
    for (std::size_t i = 0; i < count; ++i) wires.emplace_back(overhead + record_size);
    for (Bytes& wire : wires) plain.push_back({wire.data() + overhead, record_size, wire.data()});
  }
  std::vector<Bytes> wires;
  std::vector<PlainRecord> plain;
};

// The first argument: 1 for OpenSSL, 2 for ipsec-mb.
bool choose_backend(benchmark::State& state) {
  const auto backend = static_cast<AeadBackend>(state.range(0));
  if (const auto obstacle = crypto::why_unavailable(backend)) {
    state.SkipWithError(obstacle->c_str());
    return false;
  }
  crypto::choose_aead_backend(backend);
  return true;
}

void seal(benchmark::State& state) {
  if (!choose_backend(state)) return;
  StockSealer sealer(static_cast<AeadAlgorithm>(state.range(1)), some_keys(), crypto::Role::client, KeyId{0},
                     PeerId{1});
  const Batch batch(static_cast<std::size_t>(state.range(2)), sealer.overhead());
  for (auto _ : state) benchmark::DoNotOptimize(sealer.seal(batch.plain));
  state.SetBytesProcessed(static_cast<std::int64_t>(kTotal) * state.iterations());
}

// Opening destroys the ciphertext and needs fresh packet ids, so each round seals as well; the figure of seal
// is to be taken off.
void seal_and_open(benchmark::State& state) {
  if (!choose_backend(state)) return;
  const auto algorithm = static_cast<AeadAlgorithm>(state.range(1));
  StockSealer sealer(algorithm, some_keys(), crypto::Role::client, KeyId{0}, PeerId{1});
  StockOpener opener(algorithm, some_keys(), crypto::Role::server, KeyId{0});
  Batch batch(static_cast<std::size_t>(state.range(2)), sealer.overhead());
  std::vector<OpenRecord> records;
  for (Bytes& wire : batch.wires) records.push_back({.wire = wire});
  for (auto _ : state) {
    benchmark::DoNotOptimize(sealer.seal(batch.plain));
    opener.open(records);
    if (records.back().drop != DropReason::none) state.SkipWithError("a record did not open");
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(kTotal) * state.iterations());
}

void cases(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"backend", "aead", "size"});
  for (const AeadAlgorithm algorithm :
       {AeadAlgorithm::aes_128_gcm, AeadAlgorithm::aes_256_gcm, AeadAlgorithm::chacha20_poly1305}) {
    for (const int size : {64, 1448}) {
      for (const AeadBackend backend : {AeadBackend::openssl, AeadBackend::ipsec_mb}) {
        benchmark->Args({static_cast<int>(backend), static_cast<int>(algorithm), size});
      }
    }
  }
}
BENCHMARK(seal)->Apply(cases);
BENCHMARK(seal_and_open)->Apply(cases);

}  // namespace
}  // namespace vpnd::proto
