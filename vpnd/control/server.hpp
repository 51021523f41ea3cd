// A server: listens, lets clients in, gives them addresses, and keeps the worker's tables in step.

#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <unordered_map>
#include <vector>

#include "proto/first_contact.hpp"
#include "tunio/tun_device.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/control/address_book.hpp"
#include "vpnd/control/client_key_check.hpp"
#include "vpnd/control/client_table.hpp"
#include "vpnd/control/handshake_queue.hpp"
#include "vpnd/control/instance.hpp"
#include "vpnd/control/password_verifier.hpp"
#include "vpnd/control/peer_hooks.hpp"
#include "vpnd/control/server_client.hpp"
#include "vpnd/control/server_commands.hpp"
#include "vpnd/control/server_hooks.hpp"
#include "vpnd/control/session_factory.hpp"
#include "vpnd/control/tcp_listeners.hpp"
#include "vpnd/control/tunnel.hpp"
#include "vpnd/host/status_file.hpp"

namespace vpnd::control {

class Server final : public Instance, public DataPlaneObserver, public ServerClientOwner {
 public:
  /// Throws config::ConfigError for key material that cannot be used.
  /// Without management nobody commands it while it runs.
  Server(asio::io_context& context, const config::Options& options,
         management::Interface* management = nullptr);
  ~Server() override;

  void prepare() override;
  void start(InstanceObserver& observer) override;
  void stop(std::string_view signal) override;
  void restart() override;
  void log_statistics() override;
  std::function<void()> prepare_reload(const config::Options& fresh) override;
  /// PUSH_UPDATE to one client by its index, or to all. Returns how many were told.
  std::size_t push_update(std::optional<dataplane::PeerIndex> client,
                          const std::vector<std::string>& options);

  // ---- for whoever commands it ----
  std::vector<ClientTable::Client> clients() const { return clients_.all(); }
  /// By its CID; nothing if it is gone.
  ClientTable::Client client(std::uint64_t number) const;
  /// Ends a client's session, with this message to it unless it is empty.
  void dismiss(ServerClient& client, std::string_view message);
  /// As the status file has it; version 0 is the configured one. Nothing for a version that there is not.
  std::optional<std::string> status_text(unsigned version) const;

 private:
  // A session is named by where its packets come from and by the id its client gave it, so that a client that
  // starts anew from the same address runs beside its old session until it has proven itself.
  struct SessionKey {
    tunio::Endpoint endpoint;
    std::uint64_t stream = 0;  // 0: UDP
    proto::SessionId client;
    bool operator==(const SessionKey&) const = default;
  };
  struct SessionKeyHash {
    std::size_t operator()(const SessionKey& key) const noexcept;
  };
  // A TCP connection; `client` is empty until its first packet made a session.
  struct Stream {
    dataplane::Link link;
    std::shared_ptr<ServerClient> client;
    proto::TimePoint accepted;
  };

  void listen();
  std::size_t workers_per_listener() const;
  std::vector<dataplane::WorkerConfig> worker_configs();
  bool has_room_for_stream();
  void take_connection(tunio::UniqueFd socket, const tunio::Endpoint& remote);

  void on_control_packet(const dataplane::Link& from, std::span<const std::byte> packet) override;
  proto::DropReason take_datagram(const dataplane::Link& from, std::span<const std::byte> packet);
  proto::DropReason take_frame(const dataplane::Link& from, std::span<const std::byte> packet);
  proto::DropReason deliver(const std::shared_ptr<ServerClient>& client, std::span<const std::byte> packet);
  proto::DropReason act_on(const proto::FirstContactVerdict& verdict, const dataplane::Link& from,
                           std::span<const std::byte> packet, std::span<const std::byte> reply);
  proto::DropReason begin_session(const proto::NewSession& contact, const dataplane::Link& from,
                                  std::span<const std::byte> packet);
  void ask_about_key(const std::shared_ptr<ServerClient>& client,
                     const std::optional<crypto::TlsCryptMetadata>& metadata,
                     std::span<const std::byte> packet);

  void on_worker_event(dataplane::Event&& event) override;
  void handle(const dataplane::StreamOpened& opened);
  void handle(const dataplane::StreamEnded& ended);
  void handle(const dataplane::PeerFloated& floated);
  void handle(const dataplane::LaneFloated& floated);
  void handle(const dataplane::PeerSilent& silent);
  void handle(const dataplane::PeerExited& exited);
  void handle(const dataplane::KeyUsed& used);
  void handle(const dataplane::KeyWearsOut& worn);
  void handle(const dataplane::WorkerFailed& failed);

  void on_authenticated(ServerClient& client) override;
  void on_connected(ServerClient& client) override;
  void on_left(ServerClient& client, const std::string& reason) override;
  void meet_other_end(const ServerClient& client);

  // Names a stream among those of all workers; never 0.
  static std::uint64_t stream_number(dataplane::WorkerId worker, tunio::StreamId stream) {
    return (std::uint64_t{worker.value} + 1) << 32 | stream.value;
  }
  static std::uint64_t stream_number(const dataplane::Link& link) {
    return link.stream ? stream_number(link.worker, *link.stream) : 0;
  }
  SessionKey key_of(const ServerClient& client) const;
  void remove(ServerClient& client, const std::string& reason);
  void replace_other_end(ServerClient& client);
  void publish_routes_soon();
  void tick();
  void save_soon(proto::TimePoint now);
  host::ServerStatus status() const;
  void write_status() const;
  void report(management::State state, std::string_view detail = {}) const;
  void finish(const Outcome& outcome);

  asio::io_context& context_;
  const config::Options& options_;
  SessionFactory session_factory_;
  proto::FirstContact first_contact_;
  AddressBook addresses_;
  hooks::HookRunner hooks_;
  PeerHooks end_hooks_;  // of one of two ends
  ServerHooks client_hooks_;
  HandshakeQueue handshakes_;
  std::optional<PamService> pam_;
  std::optional<PasswordVerifier> verifier_;
  std::optional<AuthTokenIssuer> tokens_;
  std::optional<ClientKeyCheck> key_check_;

  std::optional<Tunnel> tunnel_;
  std::vector<tunio::UniqueFd> udp_;  // of the workers
  TcpListeners tcp_;
  std::unique_ptr<DataPlane> data_plane_;
  std::optional<ServerContext> client_context_;

  management::Interface* const management_;
  std::optional<ClientNotices> notices_;
  ServerCommands commands_{*this};
  ClientTable clients_;
  std::unordered_map<SessionKey, std::shared_ptr<ServerClient>, SessionKeyHash> sessions_;
  std::unordered_map<std::uint64_t, Stream> streams_;
  bool routes_pending_ = false;

  asio::steady_timer tick_timer_;
  asio::steady_timer goodbye_;
  proto::TimePoint next_status_{};
  proto::TimePoint next_save_{};
  InstanceObserver* observer_ = nullptr;  // until the end was reported
  bool stopping_ = false;
  std::string exit_word_ = "sigterm";  // what hooks are told of why the process ends
};

}  // namespace vpnd::control
