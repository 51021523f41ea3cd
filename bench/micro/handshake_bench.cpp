// What a TLS handshake of a client costs the control thread of a server, and its longest single step: for so
// long the control thread can do nothing else. Both sides have certificates of the same kind; only the
// server's CPU time counts.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <optional>
#include <stdexcept>
#include <vector>

#include "crypto/certificate.hpp"
#include "proto/session.hpp"
#include "tests/support/rsa_identity.hpp"
#include "tests/support/test_pki.hpp"

namespace vpnd::proto {
namespace {

// Of this thread, so that other load on the machine does not count.
double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// 0 bits: an elliptic curve, P-256.
const test::Identity& identity(crypto::Role role, unsigned bits) {
  static std::map<std::pair<crypto::Role, unsigned>, test::Identity> made;
  auto& found = made[{role, bits}];
  if (found.cert.empty()) {
    const bool client = role == crypto::Role::client;
    found = bits > 0 ? test::make_rsa_identity(client ? "client" : "server", bits)
                     : test::make_self_signed(client ? "client" : "server",
                                              client ? test::Usage::client : test::Usage::server);
  }
  return found;
}

std::shared_ptr<crypto::TlsContext> tls(crypto::Role role, unsigned bits) {
  const auto other = role == crypto::Role::client ? crypto::Role::server : crypto::Role::client;
  crypto::TlsSettings settings;
  settings.role = role;
  settings.cert = identity(role, bits).cert;
  settings.key = crypto::SecretString(std::string_view(identity(role, bits).key));
  settings.peer_fingerprints = {
      crypto::parse_fingerprint(test::fingerprint_of(identity(other, bits).cert)).value()};
  return std::make_shared<crypto::TlsContext>(settings);
}

// One handshake, from the client's reset until the server's data keys are derived.
class Handshake {
 public:
  Handshake(const std::shared_ptr<crypto::TlsContext>& client,
            const std::shared_ptr<crypto::TlsContext>& server)
      : client_(config(crypto::Role::client, client), random_session_id(), kNow),
        server_(config(crypto::Role::server, server), random_session_id(), kNow) {}

  void run() {
    std::vector<std::byte> packet;
    while (!done_) {
      bool moved = false;
      while (client_.next_packet(packet, kNow)) {
        step([&] { (void)server_.receive(packet, kNow); });
        moved = true;
      }
      step([&] { act(); });
      while (server_.next_packet(packet, kNow)) {
        (void)client_.receive(packet, kNow);
        while (client_.next_event()) {
        }
        moved = true;
      }
      if (!moved && !done_) throw std::runtime_error("the handshake came to nothing");
    }
  }

  double total() const { return total_; }      // seconds
  double longest() const { return longest_; }  // seconds

 private:
  static constexpr Now kNow{TimePoint(std::chrono::hours(1)), 1'700'000'000};

  static SessionConfig config(crypto::Role role, const std::shared_ptr<crypto::TlsContext>& tls) {
    SessionConfig config;
    config.role = role;
    config.tls = tls;
    config.options = "V4,dev-type tun";
    if (role == crypto::Role::client) config.peer_info = "IV_VER=2.6.0\nIV_PROTO=990\n";
    return config;
  }

  void act() {
    while (auto event = server_.next_event()) {
      if (auto* request = std::get_if<AuthenticationRequest>(&*event))
        server_.accept_peer(request->key, kNow);
      if (auto* established = std::get_if<Established>(&*event)) {
        benchmark::DoNotOptimize(server_.derive_data_keys(established->key, KeyDerivation::tls_exporter));
        done_ = true;
      }
    }
  }

  template <typename Work>
  void step(Work work) {
    const double begin = cpu_seconds();
    work();
    const double took = cpu_seconds() - begin;
    total_ += took;
    longest_ = std::max(longest_, took);
  }

  Session client_;
  Session server_;
  bool done_ = false;
  double total_ = 0;
  double longest_ = 0;
};

void handshake(benchmark::State& state) {
  const auto bits = static_cast<unsigned>(state.range(0));
  const auto client = tls(crypto::Role::client, bits);
  const auto server = tls(crypto::Role::server, bits);
  std::vector<double> longest;
  for (auto _ : state) {
    Handshake handshake(client, server);
    handshake.run();
    state.SetIterationTime(handshake.total());
    longest.push_back(handshake.longest());
  }
  std::ranges::sort(longest);
  state.counters["longest_step_us"] = longest[longest.size() / 2] * 1e6;
  state.SetLabel(bits > 0 ? "RSA " + std::to_string(bits) : "P-256");
}
BENCHMARK(handshake)->Arg(0)->Arg(2048)->Arg(3072)->Arg(4096)->UseManualTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace vpnd::proto
