// A server's side in memory, as far as it needs no privileges: options from a text, a data plane whose worker
// runs on a MemoryIo, a ServerClient; and the session of a client that talks to it. The test carries the
// packets:
//
//   client Session ──► ServerClient ──► DataPlane ──► worker ──► MemoryIo ──► client Session

#pragma once

#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proto/session.hpp"
#include "tests/support/test_pki.hpp"
#include "tests/vpnd/control/script_fixture.hpp"
#include "tests/vpnd/dataplane/guided_io.hpp"
#include "vpnd/control/client_table.hpp"
#include "vpnd/control/server_hooks.hpp"

namespace vpnd::control::test {

// What the client of a test is and says.
struct ClientSetup {
  std::string common_name = "alice";
  std::string username = {};
  std::string password = {};
  std::string peer_info = "IV_VER=2.6.0\nIV_PROTO=990\nIV_CIPHERS=AES-256-GCM:AES-128-GCM\nIV_MTU=1600\n";
  std::string options = "V4,dev-type tun,tun-mtu 1500,cipher AES-256-GCM,key-method 2,tls-client";
};

class ServerInMemory : public ScriptFixture, public DataPlaneObserver, public ServerClientOwner {
 protected:
  ServerInMemory();
  ~ServerInMemory() override;

  // ---- what happens ----
  // The lines stand behind those of a plain server.
  void start_server(const std::string& lines = "");
  // Also ends the client before it.
  void start_client(const ClientSetup& setup = {});
  // Carries packets to and fro and lets timers run until the condition holds.
  template <typename Condition>
  bool talk_until(Condition condition) {
    return wait_for([&] {
      carry();
      return condition();
    });
  }
  bool connect(const ClientSetup& setup = {});
  void client_sends(std::string_view message);

  // ---- what came of it ----
  bool connected() const { return connected_ > 0; }
  // Whether the client heard a message that begins so.
  bool heard(std::string_view beginning) const;
  ServerClient& alice() { return *server_client; }
  std::string log() const;  // warnings and worse, since the beginning

  // ---- DataPlaneObserver and ServerClientOwner ----
  void on_control_packet(const dataplane::Link&, std::span<const std::byte>) override {}
  void on_worker_event(dataplane::Event&&) override {}
  void on_authenticated(ServerClient& client) override;
  void on_connected(ServerClient& client) override;
  void on_left(ServerClient& client, const std::string& reason) override;

  const dataplane::Link kLink = link_to(tunio::Endpoint::from_text("198.51.100.1", 4001).value());
  config::Options options;
  dataplane::test::Stage stage;  // outlives the worker
  std::unique_ptr<DataPlane> data_plane;
  std::optional<AddressBook> addresses;
  hooks::HookRunner hook_runner{io};
  std::optional<ServerHooks> server_hooks;
  std::optional<PasswordVerifier> verifier;
  std::optional<AuthTokenIssuer> tokens;
  proto::CipherList ciphers;
  std::optional<ServerContext> context;
  std::optional<ClientTable> clients;
  std::optional<dataplane::PeerIndex> former;  // that the next client had before
  std::shared_ptr<ServerClient> server_client;

  std::optional<proto::Session> client;
  std::vector<std::string> messages;      // that the client heard
  std::vector<proto::KeyId> client_keys;  // that it established
  std::optional<std::string> client_failure;
  std::optional<std::string> left;  // why the server let it go

 private:
  void end_client();
  void carry();
  void serve_packet(std::span<const std::byte> packet);

  struct Log;
  std::unique_ptr<Log> log_;
  int connected_ = 0;
};

}  // namespace vpnd::control::test
