// An Interface without sockets, with a log, a clock and a daemon of the test's own.

#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "vpnd/management/session.hpp"

namespace vpnd::management::test {

class FakeLog final : public LogControl {
 public:
  unsigned verbosity() const override { return verbosity_; }
  void set_verbosity(unsigned verbosity) override { verbosity_ = verbosity; }
  unsigned mute() const override { return mute_; }
  void set_mute(unsigned lines) override { mute_ = lines; }

 private:
  unsigned verbosity_ = 3;
  unsigned mute_ = 0;
};

// Writes down what it was asked for.
class FakeServer final : public Target {
 public:
  void forget_passwords() override { calls.emplace_back("forget"); }
  std::optional<std::string> status(unsigned version) override {
    if (version > 3) return std::nullopt;
    return "status " + std::to_string(version) + "\nEND\n";
  }
  LoadStats load_stats() override { return {2, 300, 400}; }
  std::vector<ByteCount> byte_counts() override { return {{7, 10, 20}, {9, 30, 40}}; }
  bool serves_clients() const override { return true; }
  std::size_t kill_by_name(std::string_view name) override { return name == "alice" ? 2 : 0; }
  std::size_t kill_by_address(std::string_view address, std::uint16_t port) override {
    calls.push_back(std::string(address) + " " + std::to_string(port));
    return address == "192.0.2.1" || address == "2001:db8::1" ? 1 : 0;
  }
  Outcome kill_client(std::uint64_t client, std::string_view message) override {
    calls.push_back(std::to_string(client) + " " + std::string(message));
    return client == 7 ? Outcome::succeeded : Outcome::failed;
  }
  Outcome admit_client(ClientKey key, std::string_view settings) override {
    calls.push_back("admit " + std::to_string(key.client) + " " + std::to_string(key.key) + " " +
                    std::string(settings));
    return key.client == 7 ? Outcome::succeeded : Outcome::failed;
  }
  Outcome deny_client(ClientKey key, std::string_view reason, std::string_view told) override {
    calls.push_back("deny " + std::to_string(key.client) + " " + std::string(reason) + "|" +
                    std::string(told));
    return Outcome::succeeded;
  }
  Outcome put_off_client(ClientKey, std::string_view extra, unsigned seconds) override {
    calls.push_back("put off " + std::string(extra) + " " + std::to_string(seconds));
    return extra.size() < 100 ? Outcome::succeeded : Outcome::failed;
  }
  std::size_t push_update(std::optional<std::uint64_t> client,
                          const std::vector<std::string>& options) override {
    std::string call = client ? "update " + std::to_string(*client) : "update all";
    for (const std::string& option : options) call += "|" + option;
    calls.push_back(call);
    return client == 8 ? 0 : 1;
  }

  std::vector<std::string> calls;
};

class FakeClient final : public Target {
 public:
  std::optional<std::string> status(unsigned) override { return "OpenVPN STATISTICS\nEND\n"; }
  LoadStats load_stats() override { return {0, 5, 6}; }
  std::vector<ByteCount> byte_counts() override { return {{std::nullopt, 5, 6}}; }
  Outcome send_challenge_response(std::string_view) override { return Outcome::succeeded; }
  std::optional<std::vector<std::string>> remotes() const override {
    return std::vector<std::string>{"vpn.example.org,1194,udp,enabled", "192.0.2.1,443,tcp-client,enabled"};
  }
  std::string auth_retry() const override { return retry; }
  bool set_auth_retry(std::string_view wanted) override {
    retry = wanted;
    return true;
  }

  std::string retry = "none";
};

class InterfaceFixture : public testing::Test {
 protected:
  InterfaceFixture() { options.where = {"test.conf", 1}; }

  // A client of the interface; the first one makes the interface.
  Session& connect() {
    if (!shared) shared.emplace(options, "vpnd test", log, [this] { return now; });
    sessions.push_back(std::make_unique<Session>(*shared, [] {}));
    return *sessions.back();
  }
  // Without the greeting.
  Session& greeted() {
    Session& session = connect();
    (void)session.take_output();
    return session;
  }
  static std::string say(Session& session, const std::string& line) {
    session.receive(line + "\r\n");
    return session.take_output();
  }

  config::ManagementOptions options;
  FakeLog log;
  std::int64_t now = 1'700'000'000;
  FakeServer server;
  FakeClient client;
  std::optional<Interface> shared;
  std::vector<std::unique_ptr<Session>> sessions;
};

}  // namespace vpnd::management::test
