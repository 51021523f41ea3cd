#include "tunio/buffer_pool.hpp"

#include <cassert>

namespace vpnd::tunio {

BufferPool::BufferPool(std::size_t count) : slab_(count) {
  free_.reserve(count);
  for (std::size_t i = count; i > 0; --i) free_.push_back(slab_.slot(i - 1).data());
}

BufferPool::~BufferPool() {
  assert(free_.size() == slab_.count() && "a Buffer outlived its pool");
}

}  // namespace vpnd::tunio
