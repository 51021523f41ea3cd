// The directives about batching: how much is done at once, and by whom. All of them are vpnd's own.

#include "vpnd/config/directive.hpp"
#include "vpnd/config/draft.hpp"

namespace vpnd::config {

namespace {

constexpr unsigned kMaxThreads = 256;

void batch_channel(const Arguments& a, Draft& draft) {
  draft.options.batch.channel = a.choice<bool>(0, {{"on", true}, {"off", false}});
}
void batch_size(const Arguments& a, Draft& draft) {
  draft.options.batch.size_bytes = a.number<std::size_t>(0, 1500, 65536);
}
void batch_packets(const Arguments& a, Draft& draft) {
  draft.options.batch.packets = a.number<unsigned>(0, 1, 4096);
}
void batch_hold(const Arguments& a, Draft& draft) {
  draft.options.batch.hold = std::chrono::microseconds{a.number<std::int64_t>(0, 0, 1000000)};
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
    {"batch-size", kTopic, Verdict::not_yet_harmless, kAnywhere, {1, 1}, Inline::no, batch_size,
     "BYTES", "without effect yet: the batch channel does not exist"},
    {"batch-packets", kTopic, Verdict::not_yet_harmless, kAnywhere, {1, 1}, Inline::no, batch_packets,
     "N", "without effect yet: a turn takes what its back end returns"},
    {"batch-hold", kTopic, Verdict::not_yet_harmless, kAnywhere, {1, 1}, Inline::no, batch_hold,
     "MICROSECONDS", "without effect yet: a batch is never waited for"},
    {"crypto-threads", kTopic, Verdict::not_yet_harmless, kAnywhere, {1, 1}, Inline::no, crypto_threads,
     "auto|N", "without effect yet: workers seal and open themselves"},
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
