// Counters that one worker writes and other threads read. Each is written by one thread only, so an increment
// is a plain load and store: no locked instruction on the data path.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "proto/drop_reason.hpp"
#include "proto/time.hpp"

namespace vpnd::dataplane {

/// A number with a single writer and any number of readers.
class Counter {
 public:
  void add(std::uint64_t amount) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A moment with a single writer and any number of readers.
class Moment {
 public:
  void set(proto::TimePoint moment) noexcept {
    value_.store(moment.time_since_epoch().count(), std::memory_order_relaxed);
  }
  [[nodiscard]] proto::TimePoint get() const noexcept {
    return proto::TimePoint(proto::TimePoint::duration(value_.load(std::memory_order_relaxed)));
  }

 private:
  std::atomic<proto::TimePoint::rep> value_{0};
};

/// What one peer, or one lane of it, sent and received. Bytes are those on the link, with all overhead, as
/// OpenVPN's status file counts them.
struct TrafficCounters {
  Counter bytes_received;
  Counter bytes_sent;
  Counter records_received;
  Counter records_sent;
  Counter tun_bytes_read;
  Counter tun_bytes_written;
  Moment last_received;  ///< of something authenticated
};

/// Dropped packets by reason.
class DropCounters {
 public:
  void count(proto::DropReason reason, std::uint64_t packets = 1) noexcept {
    counts_[static_cast<std::size_t>(reason)].add(packets);
  }
  [[nodiscard]] std::uint64_t get(proto::DropReason reason) const noexcept {
    return counts_[static_cast<std::size_t>(reason)].get();
  }

 private:
  std::array<Counter, static_cast<std::size_t>(proto::DropReason::count)> counts_;
};

}  // namespace vpnd::dataplane
