#include "vpnd/control/session_driver.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "tests/support/test_pki.hpp"
#include "tests/vpnd/control/script_fixture.hpp"
#include "tests/vpnd/dataplane/guided_io.hpp"

namespace vpnd::control {
namespace {

class SessionDriverTest : public test::ScriptFixture, public DataPlaneObserver, public SessionOwner {
 protected:
  SessionDriverTest() {
    std::vector<dataplane::WorkerConfig> workers(1);
    data_plane.emplace(io, std::move(workers), *this, 1,
                       [this](tunio::IoConfig, std::string&) { return stage.make_io(); });
  }
  void start(const proto::SessionTimers& timers = {}) {
    static vpnd::test::TestCa ca;
    crypto::TlsSettings tls;
    tls.role = crypto::Role::client;
    tls.ca = ca.cert();
    proto::SessionConfig config;
    config.role = crypto::Role::client;
    config.tls = std::make_shared<crypto::TlsContext>(tls);
    config.timers = timers;
    driver.emplace(io, *data_plane, kServer,
                   std::make_unique<proto::Session>(std::move(config), proto::random_session_id(), now()),
                   *this);
  }
  std::vector<tunio::MemoryIo::SentRun> sent() {
    return stage.when_idle([](tunio::MemoryIo& memory) { return memory.take_sent(); });
  }

  void on_control_packet(const dataplane::Link&, std::span<const std::byte>) override {}
  void on_worker_event(dataplane::Event&&) override {}
  void on_session_event(proto::SessionEvent&& event) override {
    events.push_back(std::move(event));
    if (on_event) on_event();
  }

  const dataplane::Link kServer = test::link_to(tunio::Endpoint::from_text("192.0.2.1", 1194).value());
  dataplane::test::Stage stage;  // outlives the worker
  std::optional<DataPlane> data_plane;
  std::optional<SessionDriver> driver;
  std::vector<proto::SessionEvent> events;
  std::function<void()> on_event;
};

TEST_F(SessionDriverTest, SendsWhatTheSessionHasToSay) {
  start();
  EXPECT_TRUE(sent().empty());
  driver->pump();
  const auto runs = sent();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].to, kServer.endpoint);
  EXPECT_EQ(runs[0].bytes[0], std::byte{7 << 3});  // hard reset
  driver->pump();
  EXPECT_TRUE(sent().empty());
}

TEST_F(SessionDriverTest, SendsWhereTheLinkLeadsNow) {
  start();
  const auto elsewhere = tunio::Endpoint::from_text("203.0.113.9", 999).value();
  driver->set_link(test::link_to(elsewhere));
  driver->pump();
  EXPECT_EQ(sent().at(0).to, elsewhere);
}

TEST_F(SessionDriverTest, RepeatsByItsTimerWhatIsNotAnswered) {
  proto::SessionTimers timers;
  timers.tls_timeout = std::chrono::seconds(1);
  start(timers);
  driver->pump();
  const auto first = sent();
  ASSERT_EQ(first.size(), 1U);
  std::vector<tunio::MemoryIo::SentRun> again;
  ASSERT_TRUE(wait_for([&] { return !(again = sent()).empty(); }));
  EXPECT_EQ(again[0].bytes, first[0].bytes);
}

TEST_F(SessionDriverTest, ReportsAnEndThatTheTimerBrings) {
  proto::SessionTimers timers;
  timers.hand_window = std::chrono::seconds(0);
  start(timers);
  driver->pump();
  EXPECT_TRUE(wait_for([&] { return !events.empty(); }));
  EXPECT_TRUE(std::holds_alternative<proto::Failed>(events[0]));
}

TEST_F(SessionDriverTest, LetsAHandlerPumpInTheMiddleOfIt) {
  proto::SessionTimers timers;
  timers.hand_window = std::chrono::seconds(0);
  start(timers);
  on_event = [this] { driver->pump(); };
  driver->session().tick(now());
  driver->pump();
  EXPECT_EQ(events.size(), 1U);
}

TEST_F(SessionDriverTest, PassesOnWhyAPacketWasDropped) {
  start();
  const auto before = driver->last_received();
  const std::byte fragment[] = {std::byte{4 << 3}};
  EXPECT_EQ(driver->receive(fragment), proto::DropReason::too_short);
  EXPECT_EQ(driver->last_received(), before);
}

TEST_F(SessionDriverTest, MayGoWhileItsTimerHasAlreadyExpired) {
  proto::SessionTimers timers;
  timers.hand_window = std::chrono::seconds(0);
  start(timers);
  driver->pump();
  driver.reset();
  io.run_for(std::chrono::milliseconds(20));
  EXPECT_TRUE(events.empty());
}

}  // namespace
}  // namespace vpnd::control
