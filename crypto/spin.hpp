// Waiting for what comes within microseconds without giving up the CPU.
#pragma once

#include <chrono>

namespace vpnd::crypto {

inline void relax_cpu() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// True as soon as the condition holds; false if it does not within this time.
template <typename Condition>
bool spin_until(std::chrono::nanoseconds longest, Condition&& condition) noexcept {
  constexpr int kLooksPerClock = 16;
  const auto end = std::chrono::steady_clock::now() + longest;
  do {
    for (int i = 0; i < kLooksPerClock; ++i) {
      if (condition()) return true;
      relax_cpu();
    }
  } while (std::chrono::steady_clock::now() < end);
  return condition();
}

}  // namespace vpnd::crypto
