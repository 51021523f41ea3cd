// How large a datagram of the batch channel may be: packetization-layer path MTU discovery (RFC 8899,
// docs/protocol.md §19) without I/O. Sizes are bytes of UDP payload.
//
//              ack of base            nothing larger passes, or all was tried
//   ┌────────► base ───────► searching ───────► complete ──┐ raise timer: search again
//   │           │  3 lost        ▲   ▲               │  ▲──┘
//   │           ▼                │   └───────────────┤
//   │         error ─────────────┘                   │ 3 lost that should have passed: a black hole (§4.3)
//   │          the smallest size, until it passes    │
//   └────────────────────────────────────────────────┘
//
// A probe is a record padded to the size in question, which the peer acknowledges (proto/batch_blocks). No
// ICMP message is needed or believed; EMSGSIZE of the own socket is. A probe that was lost says nothing of
// congestion, and costs no data.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "proto/time.hpp"

namespace vpnd::proto {

// The state of one direction of one path. One thread. Bytes sent and received are told to it once per batch.
class PathMtu {
 public:
  struct Settings {
    std::size_t max_size;          // what link-mtu and the own interface allow
    std::size_t base_size = 1200;  // BASE_PLPMTU, RFC 8899 §5.1.2
    std::size_t min_size =
        548;  // what every IPv4 host takes (RFC 1122 §3.3.2: 576) without IP and UDP header
    std::size_t ip_overhead = 28;  // of IP and UDP header: 28, or 48 over IPv6
    // While datagrams from this size on are sent, the path is confirmed from time to time; 0: those larger
    // than the base size.
    std::size_t confirmed_from = 0;
  };
  struct Probe {
    std::uint16_t id;
    std::size_t size;  // of the whole datagram
  };
  enum class State : std::uint8_t { base, searching, complete, error };

  static constexpr int kMaxProbes = 3;                                 // §5.1.2
  static constexpr auto kProbeTimer = std::chrono::seconds(1);         // §5.1.1: not smaller
  static constexpr auto kRaiseTimer = std::chrono::seconds(600);       // §5.1.1
  static constexpr auto kConfirmationTimer = std::chrono::seconds(5);  // §5.1.1; our choice
  static constexpr auto kSilence = std::chrono::seconds(1);  // large records out, nothing in: confirm
  static constexpr auto kErrorInterval = std::chrono::seconds(5);

  PathMtu(const Settings& settings, TimePoint now) noexcept;

  // The largest datagram to send now.
  std::size_t size() const noexcept { return size_; }
  State state() const noexcept { return state_; }
  // Whether the peer has answered since the path began, or was last lost.
  bool is_confirmed() const noexcept { return state_ == State::searching || state_ == State::complete; }

  // When poll() has something to do; TimePoint::max() if only traffic can change that.
  TimePoint deadline() const noexcept;
  // Runs what is due, and returns a probe that is to be sent now. Call it at the deadline and until it
  // returns nothing.
  std::optional<Probe> poll(TimePoint now) noexcept;

  // Records were sent, the largest of them in a datagram of this size. Probes do not count. 0: there is
  // something to send, though not by this path while it is in error.
  void sent(std::size_t largest, TimePoint now) noexcept;
  // Authentic records came.
  void received() noexcept;
  void acknowledged(std::uint16_t id, std::size_t received_size, TimePoint now) noexcept;
  // The own socket refused a datagram of this size (EMSGSIZE), a probe or not.
  void too_big(std::size_t size, TimePoint now) noexcept;
  // The peer is somewhere else, or we are: what was learned is void.
  void path_changed(TimePoint now) noexcept;

 private:
  struct Attempt {
    std::size_t size;
    std::uint16_t first_id;  // its probes have consecutive ids
    int sent = 0;
    TimePoint due;  // to be sent again, or to be given up
  };

  void begin_base(TimePoint now) noexcept;
  void begin_search(TimePoint now) noexcept;
  void search_on(TimePoint now) noexcept;
  void enter_error(TimePoint now) noexcept;
  void black_hole(TimePoint now) noexcept;
  void attempt(std::size_t size, TimePoint now) noexcept;
  void attempt_failed(TimePoint now) noexcept;
  void attempt_succeeded(TimePoint now) noexcept;
  std::optional<std::size_t> next_candidate() noexcept;
  TimePoint confirmation_due() const noexcept;

  const Settings settings_;
  State state_ = State::base;
  std::size_t size_;
  std::size_t ceiling_;     // known or held to be too large
  bool top_tried_ = false;  // this search has begun with the size just below the ceiling
  std::optional<Attempt> attempt_;
  std::uint16_t next_id_ = 0;

  TimePoint raise_due_{};
  TimePoint error_due_{};
  bool active_ = false;                        // in error: traffic since the last attempt
  TimePoint confirmed_{};                      // when a datagram of the present size was last known to pass
  bool unconfirmed_ = false;                   // large records were sent since
  std::optional<TimePoint> unanswered_since_;  // large records were sent, and nothing has come back
};

}  // namespace vpnd::proto
