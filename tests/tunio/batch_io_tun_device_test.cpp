// Both engines with a real device of either driver, in a network namespace of its own. Skipped where that is
// not allowed; tun_batch only where its module is loaded (kmod-tun-batch/tests/run does so in a virtual
// machine).

#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>

#include "io_fixture.hpp"
#include "network_namespace.hpp"
#include "tunio/byte_order.hpp"
#include "tunio/tun_device.hpp"
#include "tunio/tun_frames.hpp"

namespace vpnd::tunio::test {
namespace {

constexpr std::size_t kIpAndUdp = 20 + 8;

// The namespace has tun0 = 10.2.0.1/24; what its sockets send to 10.2.0.2 comes out of the device.
class TunDeviceTest : public BothEngines {
 protected:
  void in_tunnel(const std::function<void()>& body) {
    for (const TunDriver driver : {TunDriver::tun, TunDriver::tun_batch}) {
      if (driver == TunDriver::tun_batch && !why_no_tun_batch().empty()) return;
      driver_ = driver;
      next_ = 0;
      SCOPED_TRACE(driver == TunDriver::tun ? "tun" : "tun_batch");
      in_tunnel_of(driver, body);
      if (IsSkipped()) return;
    }
  }

  void in_tunnel_of(TunDriver driver, const std::function<void()>& body) {
    const std::string refused = in_fresh_network([&] {
      const IoCapabilities capabilities = probe_io();
      no_device_ = capabilities.tun.reason;
      no_udp_segmentation_ = capabilities.tun_udp_segmentation.reason;
      if (!capabilities.tun) return;
      TunOptions options;
      options.driver = driver;
      options.name = "tun0";
      options.queue_length = 1000;
      options.mtu = 1400;
      TunDevice device = TunDevice::open(options);
      ASSERT_EQ(device.name(), "tun0");
      ASSERT_EQ(device.driver(), driver);
      ASSERT_EQ(is_tun_batch(device.queues().front().get()), driver == TunDriver::tun_batch);
      set_address("tun0", "10.2.0.1", "255.255.255.0");
      set_up("tun0");
      IoConfig config;
      config.tun = std::move(device.queues().front());
      io_ = make(std::move(config));
      body();
      io_.reset();
    });
    if (!refused.empty()) GTEST_SKIP() << refused;
    if (!no_device_.empty()) GTEST_SKIP() << no_device_;
  }

  /// The next UDP packet to 10.2.0.2, other traffic (router solicitations) left out.
  const TunArrival* next_udp(const Arrivals& arrivals) {
    for (const TunArrival& arrival : arrivals.tun.subspan(std::min(next_, arrivals.tun.size()))) {
      ++next_;
      if (arrival.packet.size() > kIpAndUdp && arrival.packet[0] == std::byte{0x45} &&
          arrival.packet[9] == std::byte{IPPROTO_UDP}) {
        return &arrival;
      }
    }
    next_ = 0;
    return nullptr;
  }

  UniqueFd inner_socket() {
    UdpOptions options;
    options.local = Endpoint::from_text("10.2.0.1", 0);
    options.remote = Endpoint::from_text("10.2.0.2", 4000);
    return open_udp_socket(options);
  }

  std::unique_ptr<BatchIo> io_;
  TunDriver driver_ = TunDriver::tun;
  std::string no_device_;
  std::string no_udp_segmentation_;
  std::size_t next_ = 0;
};

TEST_P(TunDeviceTest, ReadsWhatTheKernelSendsManyPacketsInATurn) {
  in_tunnel([&] {
    const UniqueFd inner = inner_socket();
    io_->wait(std::chrono::milliseconds(1));  // armed before the packets come, as in daily life
    constexpr unsigned kCount = 200;
    for (unsigned i = 0; i < kCount; ++i) {
      const Bytes payload = pattern(18, i);
      ASSERT_EQ(::send(inner.get(), payload.data(), payload.size(), 0), 18);
    }
    const auto waits_before = io_->counters().waits;
    unsigned seen = 0;
    while (seen < kCount) {
      const Arrivals& arrivals = io_->wait(kPatience);
      ASSERT_FALSE(arrivals.empty());
      while (const TunArrival* packet = next_udp(arrivals)) {
        EXPECT_EQ(to_bytes(packet->packet.subspan(kIpAndUdp)), pattern(18, seen));
        ++seen;
      }
    }
    const auto turns = io_->counters().waits - waits_before;
    EXPECT_LT(turns, kCount / 4) << "a turn is to gather several packets";
    RecordProperty("packets_per_turn", static_cast<int>(kCount / turns));
  });
}

TEST_P(TunDeviceTest, ReadsASuperPacketOfDatagrams) {
  in_tunnel([&] {
    if (!no_udp_segmentation_.empty()) return;
    const UniqueFd inner = inner_socket();
    const int segment = 1000;
    ASSERT_EQ(::setsockopt(inner.get(), IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment), 0);
    const Bytes payload = pattern(20'500);
    ASSERT_EQ(::send(inner.get(), payload.data(), payload.size(), 0), 20'500);
    while (true) {
      const Arrivals& arrivals = io_->wait(kPatience);
      ASSERT_FALSE(arrivals.empty());
      const TunArrival* const packet = next_udp(arrivals);
      if (packet == nullptr) continue;
      EXPECT_EQ(packet->header.gso_type, kVirtioGsoUdpL4);
      EXPECT_EQ(packet->header.gso_size, 1000);
      EXPECT_EQ(packet->header.flags & kVirtioNeedsChecksum, kVirtioNeedsChecksum);
      EXPECT_EQ(to_bytes(packet->packet.subspan(kIpAndUdp)), payload);
      return;
    }
  });
  if (!no_udp_segmentation_.empty()) GTEST_SKIP() << no_udp_segmentation_;
}

// Turns a packet round: what was sent to 10.2.0.2:4000 comes back from there.
void turn_round(std::span<std::byte> packet) {
  std::swap_ranges(packet.begin() + 12, packet.begin() + 16, packet.begin() + 16);
  std::swap_ranges(packet.begin() + 20, packet.begin() + 22, packet.begin() + 22);
}

TEST_P(TunDeviceTest, WritesPacketsThatReachASocket) {
  in_tunnel([&] {
    const UniqueFd inner = inner_socket();
    const Bytes payload = pattern(900);
    ASSERT_EQ(::send(inner.get(), payload.data(), payload.size(), 0), 900);
    const TunArrival* packet = nullptr;
    while (packet == nullptr) {
      const Arrivals& arrivals = io_->wait(kPatience);
      ASSERT_FALSE(arrivals.empty());
      packet = next_udp(arrivals);
    }
    turn_round(packet->packet);
    // In pieces, its checksum still partial, as it came.
    const iovec parts[] = {{packet->packet.data(), kIpAndUdp},
                           {packet->packet.data() + kIpAndUdp, packet->packet.size() - kIpAndUdp}};
    const TunWrite write{packet->header, parts};
    io_->write_tun({&write, 1});
    io_->flush();
    Bytes received(2000);
    ASSERT_EQ(::recv(inner.get(), received.data(), received.size(), 0), 900);
    received.resize(900);
    EXPECT_EQ(received, payload);
    EXPECT_EQ(io_->counters().tun_writes, 1u);
  });
}

// More than one write takes, some of them bad: the others all arrive.
TEST_P(TunDeviceTest, WritesManyPacketsAroundBadOnes) {
  in_tunnel([&] {
    const UniqueFd inner = inner_socket();
    const int room = 8 << 20;
    ASSERT_EQ(::setsockopt(inner.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room), 0);
    const Bytes payload = pattern(100);
    ASSERT_EQ(::send(inner.get(), payload.data(), payload.size(), 0), 100);
    const TunArrival* packet = nullptr;
    while (packet == nullptr) {
      const Arrivals& arrivals = io_->wait(kPatience);
      ASSERT_FALSE(arrivals.empty());
      packet = next_udp(arrivals);
    }
    turn_round(packet->packet);
    Bytes nonsense(100, std::byte{0xff});
    const iovec good{packet->packet.data(), packet->packet.size()};
    const iovec bad{nonsense.data(), nonsense.size()};
    constexpr unsigned kCount = 900;
    for (unsigned i = 0; i < kCount; ++i) {
      const TunWrite write{i % 300 == 7 ? VirtioNetHeader{} : packet->header,
                           {i % 300 == 7 ? &bad : &good, 1}};
      io_->write_tun({&write, 1});
    }
    io_->flush();
    EXPECT_EQ(io_->counters().tun_write_errors, 3u);
    EXPECT_EQ(io_->counters().tun_writes, kCount - 3);
    Bytes received(2000);
    for (unsigned i = 0; i < kCount - 3; ++i)
      ASSERT_EQ(::recv(inner.get(), received.data(), received.size(), MSG_DONTWAIT), 100) << i;
  });
}

TEST_P(TunDeviceTest, CountsAPacketThatTheDeviceRefuses) {
  in_tunnel([&] {
    Bytes nonsense(100, std::byte{0xff});  // no IP version
    const iovec part{nonsense.data(), nonsense.size()};
    const TunWrite no_version{{}, {&part, 1}};
    const VirtioNetHeader outside = {.flags = kVirtioNeedsChecksum, .csum_start = 5000, .csum_offset = 6};
    const TunWrite bad_header{outside, {&part, 1}};
    io_->write_tun({&no_version, 1});
    io_->write_tun({&bad_header, 1});
    io_->flush();
    EXPECT_EQ(io_->counters().tun_write_errors, 2u);
    set_down("tun0");
    io_->write_tun({&no_version, 1});
    io_->flush();
    EXPECT_EQ(io_->counters().tun_write_errors, 3u);
    EXPECT_FALSE(io_->wait(std::chrono::milliseconds(1)).tun_failure)
        << "a device that is down may come up again";
  });
}

TEST_P(TunDeviceTest, ReportsADeviceThatWasDeleted) {
  in_tunnel([&] {
    io_->wait(std::chrono::milliseconds(1));
    delete_device("tun0");
    std::error_code failure;
    while (!failure) {
      const Arrivals& arrivals = io_->wait(kPatience);
      ASSERT_FALSE(arrivals.empty());
      failure = arrivals.tun_failure;
    }
    EXPECT_EQ(failure.value(), driver_ == TunDriver::tun ? EBADFD : ENODEV) << failure.message();
  });
}

TEST_P(TunDeviceTest, LetsGoOfTheDeviceWhenItEnds) {
  in_tunnel([&] {
    io_->wait(std::chrono::milliseconds(1));
    io_.reset();
    EXPECT_EQ(if_nametoindex("tun0"), 0u) << "it is not persistent";
  });
}

INSTANTIATE_TEST_SUITE_P(, TunDeviceTest, ::testing::Values(Engine::io_uring, Engine::epoll), engine_name);

class TunOptionsTest : public ::testing::Test {
 protected:
  void in_namespace(const std::function<void()>& body) {
    std::string no_device;
    const std::string refused = in_fresh_network([&] {
      no_device = probe_io().tun.reason;
      if (no_device.empty()) body();
    });
    if (!refused.empty() || !no_device.empty()) GTEST_SKIP() << refused << no_device;
  }
  static int device_value(unsigned long what, const char* device) {
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM, 0));
    ifreq request{};
    std::strcpy(request.ifr_name, device);
    EXPECT_EQ(::ioctl(socket.get(), what, &request), 0);
    return what == SIOCGIFMTU ? request.ifr_mtu : request.ifr_qlen;
  }
};

TEST_F(TunOptionsTest, SetMtuAndQueueLength) {
  in_namespace([] {
    TunOptions options;
    options.name = "vpn7";
    options.mtu = 9000;
    options.queue_length = 4321;
    const TunDevice device = TunDevice::open(options);
    EXPECT_EQ(device.name(), "vpn7");
    EXPECT_EQ(device.index(), if_nametoindex("vpn7"));
    EXPECT_EQ(device_value(SIOCGIFMTU, "vpn7"), 9000);
    EXPECT_EQ(device_value(SIOCGIFTXQLEN, "vpn7"), 4321);
    EXPECT_TRUE(device.segmentation());
  });
}

TEST_F(TunOptionsTest, LetTheKernelNumberTheDevice) {
  in_namespace([] {
    const TunDevice first = TunDevice::open({});
    TunOptions options;
    options.name = "tun";
    const TunDevice second = TunDevice::open(options);
    EXPECT_EQ(first.name(), "tun0");
    EXPECT_EQ(second.name(), "tun1");
  });
}

TEST_F(TunOptionsTest, OpenOneQueuePerWorker) {
  in_namespace([] {
    TunOptions options;
    options.queues = 4;
    TunDevice device = TunDevice::open(options);
    EXPECT_EQ(device.queues().size(), 4u);
  });
}

TEST_F(TunOptionsTest, JoinAPersistentDeviceWhateverItsKind) {
  in_namespace([] {
    for (const unsigned queues : {1u, 2u}) {
      TunOptions options;
      options.driver = TunDriver::tun;
      options.name = "keep" + std::to_string(queues);
      options.queues = queues;
      {
        TunDevice device = TunDevice::open(options);
        set_persistence(device.queues().front(), Persistence::persistent);
        set_owner(device.queues().front(), 1);
        set_group(device.queues().front(), 1);
      }
      EXPECT_NE(if_nametoindex(options.name.c_str()), 0u);
      options.queues = 1;
      {
        TunDevice device = TunDevice::open(options);
        EXPECT_EQ(device.name(), options.name);
        set_persistence(device.queues().front(), Persistence::transient);
      }
      EXPECT_EQ(if_nametoindex(options.name.c_str()), 0u);
    }
  });
}

TEST_F(TunOptionsTest, NameTheCauseOfARefusal) {
  in_namespace([] {
    const auto failure = [](const TunOptions& options) -> std::string {
      try {
        TunDevice::open(options);
      } catch (const std::system_error& error) {
        return error.what();
      }
      return "opened";
    };
    TunOptions options;
    options.name = "taken";
    const TunDevice first = TunDevice::open(options);
    EXPECT_NE(failure(options).find("already in use"), std::string::npos) << failure(options);
    options.name = "a-name-that-is-too-long";
    EXPECT_NE(failure(options).find("a-name-that-is-too-long"), std::string::npos);
    options.node = "/nonexistent/tun";
    EXPECT_NE(failure(options).find("/nonexistent/tun"), std::string::npos);
    options = {};
    options.name = "lo";
    EXPECT_NE(failure(options).find("taken by something else"), std::string::npos) << failure(options);
  });
}

TEST_F(TunOptionsTest, ChooseTheDriver) {
  in_namespace([] {
    const std::string refusal = why_no_tun_batch();
    const TunDevice automatic = TunDevice::open({});
    EXPECT_EQ(automatic.driver(), refusal.empty() ? TunDriver::tun_batch : TunDriver::tun);
    EXPECT_EQ(automatic.driver_description(),
              refusal.empty() ? "tun_batch" : "tun (tun_batch: " + refusal + ")");
    TunOptions options;
    options.driver = TunDriver::tun;
    EXPECT_EQ(TunDevice::open(options).driver_description(), "tun");
    options.driver = TunDriver::tun_batch;
    if (!refusal.empty()) {
      EXPECT_THROW(TunDevice::open(options), std::system_error);
    }
    // A node of one's own is that of the kernel's driver.
    options.driver = TunDriver::automatic;
    options.node = "/dev/../dev/net/tun";
    EXPECT_EQ(TunDevice::open(options).driver_description(), "tun");
  });
}

TEST_F(TunOptionsTest, SwitchSegmentationOff) {
  in_namespace([] {
    TunOptions options;
    options.segmentation = false;
    const TunDevice device = TunDevice::open(options);
    EXPECT_FALSE(device.segmentation());
    EXPECT_FALSE(device.udp_segmentation());
  });
}

}  // namespace
}  // namespace vpnd::tunio::test
