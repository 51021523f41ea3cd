#include "bench/traffic/generator.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <thread>

#include "bench/traffic/pacer.hpp"
#include "bench/traffic/stamp.hpp"

namespace vpnd::bench {

namespace {

using Clock = Pacer::Clock;

// IP packets of 46, 576 and 1,400 bytes: the usual mix, its largest packet cut to what fits a tunnel with an
// MTU of 1,420.
constexpr std::size_t kSmall = 18;
constexpr std::size_t kMedium = 548;
constexpr std::size_t kLarge = 1372;

}  // namespace

std::vector<std::size_t> parse_sizes(const std::string& text) {
  if (text == "imix") {
    return {kSmall, kMedium, kSmall,  kSmall, kMedium, kSmall,
            kLarge, kSmall,  kMedium, kSmall, kSmall,  kMedium};
  }
  std::size_t size = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, size);
  if (error != std::errc{} || rest != end || size < Stamp::kSize || size > Packets::kLargest) {
    throw std::invalid_argument(text + ": expected imix, or a size from " + std::to_string(Stamp::kSize) +
                                " to " + std::to_string(Packets::kLargest));
  }
  return {size};
}

Generator::Generator(const Endpoint& to, std::vector<std::size_t> sizes, std::uint32_t run)
    : socket_(Socket::connected(to)), sizes_(std::move(sizes)), run_(run) {}

Sent Generator::run(std::chrono::nanoseconds duration, std::optional<double> rate) {
  if (rate) sharpen_timers();
  const auto start = Clock::now();
  auto now = start;
  Pacer pacer(rate.value_or(1), start);
  for (auto tick = start; now - start < duration; now = Clock::now()) {
    if (!rate) {
      send(Packets::kCount);
      continue;
    }
    for (std::uint64_t due = pacer.take(now); due > 0;) {
      const auto batch = std::min<std::uint64_t>(due, Packets::kCount);
      send(batch);
      due -= batch;
    }
    tick = std::max(tick + Pacer::kTick, now);
    std::this_thread::sleep_until(tick);
  }
  sent_.seconds = std::chrono::duration<double>(now - start).count();
  return sent_;
}

void Generator::send(std::uint64_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const Stamp stamp{.run = run_, .sequence = sent_.packets + i};
    stamp.write(packets_.space(i));
    packets_.resize(i, sizes_[stamp.sequence % sizes_.size()]);
  }
  for (std::size_t done = 0; done < count;) {
    const int taken =
        sendmmsg(socket_.fd(), packets_.messages() + done, static_cast<unsigned>(count - done), 0);
    if (taken > 0) {
      done += static_cast<std::size_t>(taken);
    } else if (errno == ENOBUFS) {
      ++sent_.refusals;
    } else if (errno == ECONNREFUSED) {
      throw std::runtime_error("nobody listens there");
    } else if (errno != EINTR) {
      fail("sendmmsg");
    }
  }
  sent_.packets += count;
}

}  // namespace vpnd::bench
