#include "vpnd/host/service_manager.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "tests/vpnd/host/temporary_folder.hpp"
#include "tunio/unique_fd.hpp"

namespace vpnd::host {
namespace {

using ::testing::MatchesRegex;

// Plays systemd: hears what the daemon says.
class ServiceManagerTest : public TemporaryFolder {
 protected:
  ServiceManagerTest() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const std::string text = path("notify");
    std::copy(text.begin(), text.end(), name.sun_path);
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
      throw std::runtime_error("no notification socket");
    }
    ::setenv("NOTIFY_SOCKET", text.c_str(), 1);
  }
  ~ServiceManagerTest() override {
    for (const char* const name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }

  std::string heard() const {
    std::array<char, 1024> buffer{};
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    return got > 0 ? std::string(buffer.data(), static_cast<std::size_t>(got)) : "";
  }

  tunio::UniqueFd socket_;
  ServiceManager manager_;
};

TEST_F(ServiceManagerTest, SpeaksTheNotificationProtocol) {
  EXPECT_TRUE(manager_.supervised());
  manager_.ready("3 clients");
  EXPECT_EQ(heard(), "READY=1\nSTATUS=3 clients");
  manager_.status("4 clients");
  EXPECT_EQ(heard(), "STATUS=4 clients");
  manager_.reloading();
  EXPECT_THAT(heard(), MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+\nSTATUS=reloading"));
  manager_.watchdog();
  EXPECT_EQ(heard(), "WATCHDOG=1");
  manager_.failed(13, "cannot open /dev/net/tun");
  EXPECT_EQ(heard(), "ERRNO=13\nSTATUS=cannot open /dev/net/tun");
  manager_.stopping("SIGTERM received");
  EXPECT_EQ(heard(), "STOPPING=1\nSTATUS=SIGTERM received");
}

TEST_F(ServiceManagerTest, LetsNoTextBecomeAVariable) {
  manager_.status("anna\nMAINPID=1");
  EXPECT_EQ(heard(), "STATUS=anna MAINPID=1");
}

TEST_F(ServiceManagerTest, KnowsTheWatchdogOnlyIfItIsMeantForUs) {
  EXPECT_EQ(manager_.watchdog_interval(), std::nullopt);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(manager_.watchdog_interval(), std::chrono::seconds(30));
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(manager_.watchdog_interval(), std::nullopt);
}

TEST_F(ServiceManagerTest, SaysNothingWhenNobodyListens) {
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_FALSE(manager_.supervised());
  manager_.ready("ready");
  EXPECT_EQ(heard(), "");
}

}  // namespace
}  // namespace vpnd::host
