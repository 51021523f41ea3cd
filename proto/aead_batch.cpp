#include "proto/aead_batch.hpp"

namespace vpnd::proto {

namespace {

constinit thread_local SealJobs t_seal_jobs{};
constinit thread_local OpenJobs t_open_jobs{};

}  // namespace

SealJobs& thread_seal_jobs() noexcept {
  return t_seal_jobs;
}

OpenJobs& thread_open_jobs() noexcept {
  return t_open_jobs;
}

}  // namespace vpnd::proto
