#include "tunio/uring_ring.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <system_error>

namespace vpnd::tunio {
namespace {

constexpr std::uint64_t kCancelTag = ~std::uint64_t{0};

[[noreturn]] void fail(int error, const char* step) {
  throw std::system_error(error, std::generic_category(), step);
}

}  // namespace

UringRing::UringRing(unsigned submissions, unsigned completions) {
  io_uring_params parameters{};
  // Disabled at first: the ring may be made by another thread than the one that will use it.
  parameters.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                     IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
  parameters.cq_entries = completions;
  const int error = -io_uring_queue_init_params(submissions, &ring_, &parameters);
  if (error == EPERM) fail(error, "io_uring_setup (a sandbox, or kernel.io_uring_disabled)");
  if (error == ENOMEM) fail(error, "io_uring_setup (RLIMIT_MEMLOCK?)");
  if (error == EINVAL) fail(error, "io_uring_setup (Linux before 6.1)");
  if (error != 0) fail(error, "io_uring_setup");
}

UringRing::~UringRing() {
  if (started_) cancel_everything();
  io_uring_queue_exit(&ring_);
}

void UringRing::start() noexcept {
  if (started_) return;
  // liburing 2.3 declares io_uring_enable_rings() and does not export it.
  ::syscall(SYS_io_uring_register, ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  started_ = true;
}

io_uring_sqe* UringRing::next(std::uint64_t user_data) noexcept {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  while (sqe == nullptr) {
    submit_and_look();
    sqe = io_uring_get_sqe(&ring_);
  }
  io_uring_sqe_set_data64(sqe, user_data);
  return sqe;
}

void UringRing::submit_and_look() noexcept {
  ++enters_;
  io_uring_submit_and_get_events(&ring_);
}

void UringRing::submit_and_wait(std::chrono::nanoseconds timeout) noexcept {
  ++enters_;
  if (timeout == std::chrono::nanoseconds::max()) {
    io_uring_submit_and_wait(&ring_, 1);
    return;
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  __kernel_timespec limit{.tv_sec = seconds.count(), .tv_nsec = (timeout - seconds).count()};
  io_uring_cqe* cqe = nullptr;
  io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &limit, nullptr);
}

// A multishot operation holds its file and writes to its buffers until it is cancelled; closing the ring does
// that too, but later, when the buffers may be gone.
void UringRing::cancel_everything() noexcept {
  io_uring_sqe* const sqe = next(kCancelTag);
  io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
  io_uring_sqe_set_data64(sqe, kCancelTag);
  for (int rounds = 0, done = 0; rounds < 100 && done == 0; ++rounds) {
    submit_and_wait(std::chrono::milliseconds(10));
    for_each_completion([&](const io_uring_cqe& cqe) { done += cqe.user_data == kCancelTag ? 1 : 0; });
  }
}

ProvidedBuffers::ProvidedBuffers(std::uint16_t group, std::size_t count)
    : group_(group),
      slab_(std::bit_ceil(count)),
      going_round_(slab_.count()),
      ring_bytes_(slab_.count() * sizeof(io_uring_buf)) {
  resting_.reserve(slab_.count());
  void* const memory =
      ::mmap(nullptr, ring_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail(errno, "allocate a buffer ring");
  ring_ = static_cast<io_uring_buf_ring*>(memory);
}

ProvidedBuffers::~ProvidedBuffers() {
  ::munmap(ring_, ring_bytes_);
}

void ProvidedBuffers::register_with(UringRing& ring) {
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(ring_);
  registration.ring_entries = static_cast<std::uint32_t>(slab_.count());
  registration.bgid = group_;
  const int error = -io_uring_register_buf_ring(&ring.raw(), &registration, 0);
  if (error != 0) fail(error, "register a buffer ring (Linux before 5.19?)");
  io_uring_buf_ring_init(ring_);
  const int mask = io_uring_buf_ring_mask(registration.ring_entries);
  const auto count = static_cast<std::uint16_t>(slab_.count());  // the kernel has refused more than 32768
  for (std::uint16_t id = 0; id < count; ++id) {
    io_uring_buf_ring_add(ring_, slab_.slot(id).data(), kSlotSize, id, mask, id);
  }
  io_uring_buf_ring_advance(ring_, count);
}

void ProvidedBuffers::give_back(std::span<const std::uint16_t> slots, std::size_t offered) noexcept {
  const int mask = io_uring_buf_ring_mask(static_cast<std::uint32_t>(slab_.count()));
  int added = 0;
  const auto add = [&](std::uint16_t id) {
    io_uring_buf_ring_add(ring_, slab_.slot(id).data(), kSlotSize, id, mask, added++);
  };
  for (const std::uint16_t id : slots) {
    if (going_round_ > offered) {
      resting_.push_back(id);
      --going_round_;
    } else {
      add(id);
    }
  }
  for (; going_round_ < offered && !resting_.empty(); ++going_round_) {
    add(resting_.back());
    resting_.pop_back();
  }
  if (added > 0) io_uring_buf_ring_advance(ring_, added);
}

}  // namespace vpnd::tunio
