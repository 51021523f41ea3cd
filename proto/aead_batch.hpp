// How the formats hand batches to the AEAD: in chunks, with the jobs in arrays of the thread, since nothing
// may be allocated here and arrays for each key would be too much memory for an idle client. For the
// implementations of DataSealer and DataOpener only.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "crypto/aead.hpp"
#include "proto/data_channel.hpp"
#include "proto/replay_window.hpp"

namespace vpnd::proto {

// Jobs given to the AEAD at once: enough for any multi-buffer back end.
inline constexpr std::size_t kAeadChunk = 128;
using SealJobs = std::array<crypto::SealJob, kAeadChunk>;
using OpenJobs = std::array<crypto::OpenJob, kAeadChunk>;

// This thread's, valid until its next call of seal_batch() or open_batch().
SealJobs& thread_seal_jobs() noexcept;
OpenJobs& thread_open_jobs() noexcept;

// Seals records in order until `prepare(record, job)` says false, and returns how many were sealed. `prepare`
// writes the header and fills the job.
template <typename Prepare>
std::size_t seal_batch(crypto::AeadSealer& sealer, std::span<const PlainRecord> records,
                       const Prepare& prepare) noexcept {
  SealJobs& jobs = thread_seal_jobs();
  std::size_t sealed = 0;
  while (sealed < records.size()) {
    const auto chunk = records.subspan(sealed, std::min(kAeadChunk, records.size() - sealed));
    std::size_t count = 0;
    while (count < chunk.size() && prepare(chunk[count], jobs[count])) ++count;
    if (count > 0) sealer.seal(std::span(jobs).first(count));
    sealed += count;
    if (count < chunk.size()) break;
  }
  return sealed;
}

// Opens records in order, in three passes because the AEAD wants the chunk whole: `prepare(record, job)`
// reads the header, the AEAD compares tags, `judge(job)` has the say about replays. Both return a DropReason.
template <typename Prepare, typename Judge>
void open_batch(crypto::AeadOpener& opener, std::span<OpenRecord> records, const Prepare& prepare,
                const Judge& judge) noexcept {
  OpenJobs& jobs = thread_open_jobs();
  while (!records.empty()) {
    const auto chunk = records.first(std::min(kAeadChunk, records.size()));
    records = records.subspan(chunk.size());

    std::size_t count = 0;
    for (OpenRecord& record : chunk) {
      record.plaintext = {};
      record.drop = prepare(record, jobs[count]);
      if (record.drop == DropReason::none) ++count;
    }
    if (count > 0) opener.open(std::span(jobs).first(count));

    std::size_t next = 0;
    for (OpenRecord& record : chunk) {
      if (record.drop != DropReason::none) continue;
      const crypto::OpenJob& job = jobs[next++];
      record.drop = judge(job);
      if (record.drop == DropReason::none) record.plaintext = {job.plaintext, job.size};
    }
  }
}

constexpr DropReason drop_reason(ReplayWindow::Verdict verdict) noexcept {
  switch (verdict) {
    case ReplayWindow::Verdict::fresh:
      return DropReason::none;
    case ReplayWindow::Verdict::replayed:
      return DropReason::replayed;
    case ReplayWindow::Verdict::too_old:
      return DropReason::replay_too_old;
  }
  return DropReason::replayed;
}

}  // namespace vpnd::proto
