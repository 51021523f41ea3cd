#include "tests/vpnd/control/server_in_memory.hpp"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <utility>

#include "tests/vpnd/config/support.hpp"
#include "vpnd/control/security_setup.hpp"

namespace vpnd::control::test {

namespace {

// One authority for all tests: keys take time to make.
vpnd::test::TestCa& authority() {
  static vpnd::test::TestCa ca;
  return ca;
}

std::shared_ptr<crypto::TlsContext> client_tls(const std::string& common_name) {
  const vpnd::test::Identity identity = authority().issue_client(common_name);
  crypto::TlsSettings settings;
  settings.role = crypto::Role::client;
  settings.ca = authority().cert();
  settings.cert = identity.cert;
  settings.key = crypto::SecretString(std::string_view(identity.key));
  return std::make_shared<crypto::TlsContext>(settings);
}

}  // namespace

// Stands in for the daemon's log while the test runs.
struct ServerInMemory::Log {
  Log() : former(spdlog::default_logger()) {
    auto logger =
        std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text));
    logger->set_pattern("%v");
    logger->set_level(spdlog::level::warn);
    spdlog::set_default_logger(std::move(logger));
  }
  ~Log() { spdlog::set_default_logger(former); }

  std::ostringstream text;
  std::shared_ptr<spdlog::logger> former;
};

ServerInMemory::ServerInMemory() : log_(std::make_unique<Log>()) {}

ServerInMemory::~ServerInMemory() {
  end_client();
}

void ServerInMemory::end_client() {
  if (!server_client) return;
  server_client->withdraw();
  (void)clients->remove(*server_client);
}

std::string ServerInMemory::log() const {
  return log_->text.str();
}

void ServerInMemory::start_server(const std::string& lines) {
  static const vpnd::test::Identity identity = authority().issue_server();
  config::testing::Files files;
  files.with("ca.crt", authority().cert()).with("my.crt", identity.cert).with("my.key", identity.key);
  options = config::testing::load_text(config::testing::kServer + lines, files).options;

  std::vector<dataplane::WorkerConfig> workers(1);
  workers[0].role = crypto::Role::server;
  data_plane = std::make_unique<DataPlane>(io, std::move(workers), *this, 1,
                                           [this](tunio::IoConfig, std::string&) { return stage.make_io(); });
  addresses.emplace(options);
  ciphers = data_ciphers(options.data);
  if (const auto& script = options.server.password_verifier) {
    verifier.emplace(
        io, *script, folder_, hook_runner.scripts(),
        PasswordVerifier::Timing{.slow = std::chrono::minutes(1), .poll = std::chrono::milliseconds(10)});
  }
  options.scripts.temporary = folder_;
  server_hooks.emplace(io, options, hook_runner);
  if (const auto& token = options.server.auth_token)
    tokens.emplace(*token, token->renewal.value_or(options.renewal.interval));
  context.emplace(ServerContext{.io = io,
                                .options = options,
                                .data_plane = *data_plane,
                                .addresses = *addresses,
                                .hooks = *server_hooks,
                                .verifier = verifier ? &*verifier : nullptr,
                                .ciphers = ciphers,
                                .tokens = tokens ? &*tokens : nullptr,
                                .lanes = options.batch.workers.value_or(1)});
  clients.emplace(options);
}

void ServerInMemory::start_client(const ClientSetup& setup) {
  end_client();
  connected_ = 0;
  messages.clear();
  client_keys.clear();
  client_failure.reset();
  left.reset();

  proto::SessionConfig own;
  own.role = crypto::Role::client;
  own.tls = client_tls(setup.common_name);
  own.peer_info = setup.peer_info;
  own.options = setup.options;
  own.credentials = {setup.username, crypto::SecretString(std::string_view(setup.password))};
  const proto::SessionId client_id = proto::random_session_id();
  client.emplace(std::move(own), client_id, now());

  proto::SessionConfig theirs;
  theirs.role = crypto::Role::server;
  theirs.tls = make_tls_context(options);
  theirs.timers = session_timers(options, crypto::Role::server);
  theirs.ask_about_certificates = options.scripts.tls_verify.has_value();
  theirs.options = "V4,dev-type tun,tun-mtu 1500,key-method 2,tls-server";
  server_client = std::make_shared<ServerClient>(
      *context, *this, clients->reserve().value(), kLink, client_id,
      std::make_unique<proto::Session>(std::move(theirs), proto::random_session_id(), now()));
  clients->insert(server_client);
}

bool ServerInMemory::connect(const ClientSetup& setup) {
  start_client(setup);
  return talk_until([this] { return connected() && heard("PUSH_REPLY"); });
}

void ServerInMemory::client_sends(std::string_view message) {
  EXPECT_TRUE(client->send_message(message, now()));
}

bool ServerInMemory::heard(std::string_view beginning) const {
  return std::any_of(messages.begin(), messages.end(),
                     [&](const std::string& message) { return message.starts_with(beginning); });
}

void ServerInMemory::carry() {
  client->tick(now());
  for (const auto& run : stage.when_idle([](tunio::MemoryIo& memory) { return memory.take_sent(); })) {
    if (run.to == kLink.endpoint) (void)client->receive(run.bytes, now());
  }
  std::vector<std::byte> packet;
  do {
    while (auto event = client->next_event()) {
      if (auto* message = std::get_if<proto::MessageReceived>(&*event)) {
        messages.push_back(message->text);
        if (message->text.find("dyn-tls-crypt") != std::string::npos)
          (void)client->enable_dynamic_tls_crypt();
      }
      if (auto* key = std::get_if<proto::Established>(&*event)) {
        client_keys.push_back(key->key);
        (void)client->derive_data_keys(key->key, proto::KeyDerivation::tls_exporter);
      }
      if (auto* failed = std::get_if<proto::Failed>(&*event)) client_failure = failed->reason;
    }
    while (client->next_packet(packet, now())) serve_packet(packet);
  } while (client->deadline() <= now().steady && !client->dead());
}

void ServerInMemory::serve_packet(std::span<const std::byte> packet) {
  const auto kept = server_client;
  if (!left) (void)kept->driver().receive(packet);
}

void ServerInMemory::on_authenticated(ServerClient& authenticated) {
  clients->settle(authenticated, former);
}

void ServerInMemory::on_connected(ServerClient&) {
  ++connected_;
  data_plane->post(dataplane::SetRoutes{addresses->route_table()});
}

void ServerInMemory::on_left(ServerClient& gone, const std::string& reason) {
  left = reason;
  gone.withdraw();
}

}  // namespace vpnd::control::test
