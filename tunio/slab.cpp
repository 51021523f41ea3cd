#include "tunio/slab.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <system_error>

namespace vpnd::tunio {

Slab::Slab(std::size_t count) : count_(count) {
  if (count == 0) return;
  void* const memory = ::mmap(nullptr, count * kSlotSize, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    throw std::system_error(errno, std::generic_category(), "allocate packet buffers");
  base_ = static_cast<std::byte*>(memory);
}

Slab::~Slab() {
  if (base_ != nullptr) ::munmap(base_, count_ * kSlotSize);
}

}  // namespace vpnd::tunio
