// Which worker a command reaches: two workers in memory, and a session with a lane for each.

#include "vpnd/control/data_plane.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>

#include "proto/batch_channel.hpp"
#include "tests/tunio/packet_builder.hpp"
#include "tests/vpnd/control/script_fixture.hpp"
#include "tests/vpnd/dataplane/guided_io.hpp"
#include "vpnd/control/data_keys.hpp"
#include "vpnd/control/security_setup.hpp"

namespace vpnd::control {
namespace {

using namespace std::chrono_literals;
using dataplane::PeerIndex;
using tunio::MemoryIo;

constexpr std::uint32_t kWorkers = 2;
constexpr proto::KeyId kKey{0};
constexpr proto::PeerId kPeerId{6};
constexpr PeerIndex kSession{0};

class DataPlaneTest : public test::ScriptFixture, public DataPlaneObserver {
 protected:
  DataPlaneTest() {
    std::vector<dataplane::WorkerConfig> configs(kWorkers);
    std::uint32_t made = 0;
    data_plane = std::make_unique<DataPlane>(
        io, std::move(configs), *this, kWorkers,
        [this, &made](tunio::IoConfig, std::string&) { return stages[made++].make_io(); });
  }

  void on_control_packet(const dataplane::Link&, std::span<const std::byte>) override {}
  void on_worker_event(dataplane::Event&& event) override { events.push_back(std::move(event)); }

  // A client's session with a lane for each worker, which is about to send.
  void connect() {
    dataplane::PeerSettings settings;
    settings.wire_id = kPeerId;
    settings.batch = dataplane::BatchSettings{.body_size = 1400, .ip_overhead = 28};
    data_keys.add_peer(kSession, kWorkers, kServer, kServer.endpoint, settings, *data_plane);
    add_keys(kKey);
    data_plane->post(dataplane::SendWithKey{kSession, kKey});
  }
  void add_keys(proto::KeyId key) {
    const DataKeyTerms terms{.algorithm = crypto::AeadAlgorithm::aes_128_gcm,
                             .own = crypto::Role::client,
                             .wire_id = kPeerId,
                             .batch = proto::BatchTerms{kWorkers}};
    for (std::uint8_t lane = 0; lane < kWorkers; ++lane)
      data_plane->post(make_data_key(kSession, key, crypto::KeyMaterial(), terms, {lane}, options.data));
  }

  std::vector<MemoryIo::SentRun> sent_by(std::uint32_t worker) {
    return stages[worker].when_idle([](MemoryIo& memory) { return memory.take_sent(); });
  }
  // The key ids and peer ids of what the worker has sent.
  std::set<std::pair<unsigned, unsigned>> headers_of(std::uint32_t worker) {
    std::set<std::pair<unsigned, unsigned>> headers;
    for (const auto& run : sent_by(worker)) {
      headers.emplace(std::to_integer<unsigned>(run.bytes[0]) & 7, std::to_integer<unsigned>(run.bytes[3]));
      EXPECT_EQ(run.to, kServer.endpoint);
    }
    return headers;
  }
  void tun_gives(std::uint32_t worker) {
    stages[worker].turn([](MemoryIo& memory) { memory.tun_gives(tunio::test::Udp{}.packet()); });
  }

  using Headers = std::set<std::pair<unsigned, unsigned>>;
  const dataplane::Link kServer = test::link_to(tunio::Endpoint::from_text("192.0.2.1", 1194).value());
  const config::Options options;
  DataKeys data_keys{options};
  std::array<dataplane::test::Stage, kWorkers> stages;  // outlive the workers
  std::unique_ptr<DataPlane> data_plane;
  std::vector<dataplane::Event> events;
};

TEST_F(DataPlaneTest, GivesEachLaneToItsWorker) {
  connect();
  EXPECT_EQ(headers_of(0), (Headers{{0, 6}})) << "the probe by which the server hears of the lane";
  EXPECT_EQ(headers_of(1), (Headers{{0, 7}}));
}

TEST_F(DataPlaneTest, SendsAndRetiresKeysInAllLanes) {
  connect();
  for (std::uint32_t worker = 0; worker < kWorkers; ++worker) (void)sent_by(worker);
  add_keys(proto::KeyId{1});
  data_plane->post(dataplane::SendWithKey{kSession, proto::KeyId{1}});
  data_plane->post(dataplane::RetireKey{kSession, kKey});
  tun_gives(0);
  EXPECT_EQ(headers_of(0), (Headers{{1, 6}}));
  tun_gives(1);  // the server has not answered in lane 1
  EXPECT_EQ(headers_of(0), (Headers{{1, 6}}));
  data_plane->post(dataplane::RetireKey{kSession, proto::KeyId{1}});
  tun_gives(0);
  EXPECT_EQ(data_plane->drops(proto::DropReason::not_established), 1U);
}

TEST_F(DataPlaneTest, RemovesAllLanesOfASession) {
  connect();
  data_plane->post(dataplane::RemovePeer{kSession});
  for (std::uint32_t worker = 0; worker < kWorkers; ++worker) {
    (void)sent_by(worker);
    tun_gives(worker);
    EXPECT_TRUE(sent_by(worker).empty()) << worker;
  }
  EXPECT_EQ(data_plane->drops(proto::DropReason::no_route), 2U);
}

// Worker 1 has the second lane of a session, and all of another one, whose silence shows that it has looked.
TEST_F(DataPlaneTest, HearsNothingOfTheSilenceOfAnotherLaneThanTheFirst) {
  dataplane::PeerSettings settings;
  settings.receive_timeout = 1s;
  const auto counters = std::make_shared<dataplane::TrafficCounters>();
  data_plane->post(dataplane::AddPeer{PeerIndex{1}, kServer, settings, counters, kSession});
  data_plane->post(dataplane::AddPeer{PeerIndex{3}, kServer, settings, counters});
  const auto silences = [this](PeerIndex of) {
    return std::count_if(events.begin(), events.end(), [&](const dataplane::Event& event) {
      const auto* silent = std::get_if<dataplane::PeerSilent>(&event);
      return silent != nullptr && silent->index == of;
    });
  };
  EXPECT_TRUE(wait_for([&] {
    stages[1].turn([](MemoryIo&) {});
    return silences(PeerIndex{3}) > 0;
  }));
  EXPECT_EQ(silences(kSession), 0);
}

TEST_F(DataPlaneTest, AddsUpWhatTheLanesCarried) {
  connect();
  std::size_t bytes = 0;
  for (std::uint32_t worker = 0; worker < kWorkers; ++worker) {
    for (const auto& run : sent_by(worker)) bytes += run.bytes.size();
  }
  EXPECT_GT(bytes, 0U);
  EXPECT_EQ(data_keys.traffic().bytes_sent, bytes);
  EXPECT_EQ(data_keys.traffic().records_sent, 2U);
  EXPECT_EQ(data_keys.last_received(), proto::TimePoint{});
}

}  // namespace
}  // namespace vpnd::control
