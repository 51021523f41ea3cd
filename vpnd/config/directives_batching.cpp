// The directives about batching: how much is done at once, and by whom. All of them are vpnd's own.

#include "vpnd/config/directive.hpp"
#include "vpnd/config/draft.hpp"

namespace vpnd::config {

namespace {

constexpr unsigned kMaxThreads = 256;

bool is_on(const Arguments& a) {
  return a.choice<bool>(0, {{"on", true}, {"off", false}});
}

void batch_channel(const Arguments& a, Draft& draft) {
  draft.options.batch.channel = is_on(a);
}
void batch_size(const Arguments& a, Draft& draft) {
  draft.options.batch.size_bytes = a.number<std::size_t>(0, 1500, 65536);
}
void batch_packets(const Arguments& a, Draft& draft) {
  draft.options.batch.packets = a.number<unsigned>(0, 2, 1024);
}
void batch_hold(const Arguments& a, Draft& draft) {
  draft.options.batch.hold = std::chrono::microseconds{a.number<std::int64_t>(0, 0, 100000)};
}
template <bool OffloadOptions::*Member>
void offload(const Arguments& a, Draft& draft) {
  draft.options.batch.offloads.*Member = is_on(a);
}
void crypto_threads(const Arguments& a, Draft& draft) {
  draft.options.batch.crypto_threads.reset();
  if (a[0] != "auto") draft.options.batch.crypto_threads = a.number<unsigned>(0, 0, kMaxThreads);
}

void workers(const Arguments& a, Draft& draft) {
  draft.options.batch.workers.reset();
  if (a[0] != "auto") draft.options.batch.workers = a.number<unsigned>(0, 1, kMaxWorkers);
}

void io(const Arguments& a, Draft& draft) {
  draft.options.batch.io = a.choice<IoBackend>(
      0, {{"auto", IoBackend::automatic}, {"uring", IoBackend::uring}, {"epoll", IoBackend::epoll}});
}

void aead_backend(const Arguments& a, Draft& draft) {
  draft.options.batch.aead = {a.choice<AeadBackend>(0, {{"auto", AeadBackend::automatic},
                                                        {"openssl", AeadBackend::openssl},
                                                        {"ipsec-mb", AeadBackend::ipsec_mb}}),
                              a.where()};
}

constexpr Topic kTopic = Topic::batching;

// clang-format off
constexpr Directive kDirectives[] = {
    {"batch-channel", kTopic, Verdict::works, kAnywhere, {1, 1}, Inline::no, batch_channel,
     "on|off", "batches instead of packets in the data channel with peers that are vpnd too (on)"},
    {"batch-size", kTopic, Verdict::works, kAnywhere, {1, 1}, Inline::no, batch_size,
     "BYTES", "most bytes that leave with one system call, 1500 to 65536 (65536)"},
    {"batch-packets", kTopic, Verdict::works, kAnywhere, {1, 1}, Inline::no, batch_packets,
     "N", "most reads from tun, and from the network, in one turn, 2 to 1024 (64)"},
    {"batch-hold", kTopic, Verdict::works, kAnywhere, {1, 1}, Inline::no, batch_hold,
     "MICROSECONDS", "wait so long for more after the first arrival, to 100000; costs latency (0)"},
    {"udp-gso", kTopic, Verdict::works, kAnywhere, {1, 1}, Inline::no, offload<&OffloadOptions::udp_gso>,
     "on|off", "the kernel cuts what is sent into datagrams (on)"},
    {"udp-gro", kTopic, Verdict::works, kAnywhere, {1, 1}, Inline::no, offload<&OffloadOptions::udp_gro>,
     "on|off", "the kernel merges the datagrams it received (on)"},
    {"tun-tso", kTopic, Verdict::works, kAnywhere, {1, 1}, Inline::no, offload<&OffloadOptions::tun_tso>,
     "on|off", "super-packets of TCP between kernel and vpnd (on)"},
    {"tun-uso", kTopic, Verdict::works, kAnywhere, {1, 1}, Inline::no, offload<&OffloadOptions::tun_uso>,
     "on|off", "super-packets of UDP, if tun-tso is on and the kernel has them (on)"},
    {"crypto-threads", kTopic, Verdict::works, kAnywhere, {1, 1}, Inline::no, crypto_threads,
     "auto|N", "threads that help workers to seal and open (auto: as many as a slow cipher and spare CPUs call for)"},
    {"workers", kTopic, Verdict::works, kAnywhere, {1, 1}, Inline::no, workers,
     "auto|N", "threads that carry packets, 1 to 16 (auto: by processors and role)"},
    {"io", kTopic, Verdict::works, kAnywhere, {1, 1}, Inline::no, io,
     "auto|uring|epoll", "how packets get in and out of the kernel (auto)"},
    {"aead-backend", kTopic, Verdict::works, kAnywhere, {1, 1}, Inline::no, aead_backend,
     "auto|openssl|ipsec-mb", "the library that encrypts data packets (auto: the faster one)"},
};
// clang-format on

}  // namespace

std::span<const Directive> batching_directives() {
  return kDirectives;
}

}  // namespace vpnd::config
