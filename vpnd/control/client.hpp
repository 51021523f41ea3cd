// A client: finds a server, keeps one session with it, sets the tunnel up as the server says, and starts over
// when the session ends.

#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "proto/batch_negotiation.hpp"
#include "proto/cipher_negotiation.hpp"
#include "proto/control_message.hpp"
#include "proto/options_string.hpp"
#include "proto/peer_info.hpp"
#include "proto/push.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/config/pushed_options.hpp"
#include "vpnd/control/client_commands.hpp"
#include "vpnd/control/client_credentials.hpp"
#include "vpnd/control/connect_gate.hpp"
#include "vpnd/control/data_keys.hpp"
#include "vpnd/control/expiry_watch.hpp"
#include "vpnd/control/external_identity.hpp"
#include "vpnd/control/instance.hpp"
#include "vpnd/control/path_watch.hpp"
#include "vpnd/control/peer_hooks.hpp"
#include "vpnd/control/proxy_dialogue.hpp"
#include "vpnd/control/remote_list.hpp"
#include "vpnd/control/restart_cause.hpp"
#include "vpnd/control/session_driver.hpp"
#include "vpnd/control/session_limits.hpp"
#include "vpnd/control/socks_relay.hpp"
#include "vpnd/control/tunnel.hpp"

namespace vpnd::control {

/// Has the session's socket or connection, and its first lane. The others have a lane and a socket of their
/// own each, as far as the server gave as many; without one they hand over what they read from their tun
/// queues.
inline constexpr dataplane::WorkerId kSessionWorker{0};

class Client final : public Instance, public DataPlaneObserver, public SessionOwner {
 public:
  /// Throws config::ConfigError for key material that cannot be used.
  /// Without management nobody commands it while it runs.
  Client(asio::io_context& context, const config::Options& options,
         management::Interface* management = nullptr);
  ~Client() override;

  void prepare() override;
  void start(InstanceObserver& observer) override;
  void stop(std::string_view signal) override;
  void restart() override;
  void log_statistics() override;
  /// A client begins anew with another configuration.
  std::function<void()> prepare_reload(const config::Options&) override { return {}; }

  // ---- for whoever commands it ----
  TrafficTotals traffic() const { return data_keys_.traffic(); }
  /// As the status file has it.
  std::string status_text() const;
  void forget_passwords() {
    credentials_.forget();
    (void)credentials_.drop_token();
  }
  /// CR_RESPONSE to the server. False if there is no session, or it cannot be sent.
  bool send_challenge_response(std::string_view response);
  const std::vector<config::Remote>& remotes() const { return remotes_.all(); }
  config::AuthRetry auth_retry() const { return auth_retry_; }
  void set_auth_retry(config::AuthRetry retry) { auth_retry_ = retry; }

 private:
  enum class Next : std::uint8_t { same_remote, next_remote };
  static constexpr dataplane::PeerIndex kServer{0};

  // ---- finding a server (client_connect.cpp) ----
  void connect_after(std::chrono::seconds wait);
  void connect(const config::Remote& remote);
  std::string host_name_to_try() const;
  void resolved(const asio::error_code& error, const asio::ip::udp::resolver::results_type& results);
  void try_next_address();
  void open_udp(const tunio::Endpoint& server);
  void open_tcp(const tunio::Endpoint& server);
  void await_connection(tunio::UniqueFd socket);
  void tcp_connected();
  void hand_over_connection(tunio::UniqueFd socket);
  void begin_session(const dataplane::Link& link);
  proto::SessionConfig session_config(const dataplane::Link& link);
  std::string peer_info() const;
  proto::BatchTerms batch_offer() const;
  void add_details(proto::PeerInfoSettings& settings) const;

  // ---- through a proxy (client_proxy.cpp) ----
  void begin_proxy_dialogue(tunio::UniqueFd socket);
  bool send_to_proxy();
  void await_proxy();
  void hear_proxy();
  void proxy_failed(const std::string& reason);
  void begin_over_relay(tunio::UniqueFd association, tunio::Endpoint proxy);
  void await_end_of_association();
  tunio::Endpoint server_endpoint() const;

  // ---- the session ----
  void on_control_packet(const dataplane::Link& from, std::span<const std::byte> packet) override;
  void on_session_event(proto::SessionEvent&& event) override;
  void handle(proto::CertificateRequest&& request);
  void handle(proto::AuthenticationRequest&& request);
  void handle(proto::Established&& established);
  void handle(proto::MessageReceived&& message);
  void handle(proto::SendKeyChanged&& change);
  void handle(proto::KeyRetired&& retired);
  void handle(proto::RekeyFailed&& failed);
  void handle(proto::Failed&& failed);
  void handle(proto::PeerReset&& reset);

  void request_push_after(std::chrono::seconds wait);
  void take_push_reply(std::string_view arguments);
  void take_push_update(std::string_view arguments);
  void apply_push(const std::vector<std::string>& options);
  void use_terms(config::PushedOptions&& terms);
  void join_point_to_point(const proto::PeerInfo& other);
  std::optional<std::string> agree_on_cipher();
  config::SessionLimits session_limits() const;
  void warn_of_inconsistencies() const;
  std::optional<std::string> agree_on_batches();
  TunnelPlan tunnel_plan() const;
  void set_buffers(const tunio::UniqueFd& socket) const;
  unsigned open_lanes();
  void set_up_tunnel(Tunnel::Done done);
  void set_up_peer();
  void complete_connection(const std::string& failure);
  void watch_path();
  void follow_path();
  void await_acknowledgement();
  void leave_former_network();
  void take_token(const config::PushedOptions& pushed);
  void install_key(proto::KeyId key);
  dataplane::PeerSettings peer_settings() const;
  void take_auth_failed(std::string_view arguments);
  void take_server_signal(std::string_view arguments);

  // ---- the worker ----
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

  // ---- ending and starting over ----
  void reconnect(RestartCause cause, const std::string& reason, Next next,
                 std::chrono::seconds at_least = std::chrono::seconds::zero());
  void close_connection();
  void say_goodbye();
  /// `cause` counts for an end that is not clean.
  void finish(const Outcome& outcome, RestartCause cause = RestartCause::initialisation);
  void tick();
  void renew_if_worn();
  void end_if_over();
  void write_status() const;
  void report(management::State state, std::string_view detail = {}) const;
  void report_failed_authentication(std::string_view reason) const;
  void report_tunnel(bool up) const;
  bool asks_management() const;
  void use_external_identity();
  bool exit_notice_pending() const;

  asio::io_context& context_;
  const config::Options& options_;
  std::shared_ptr<crypto::TlsContext> tls_;
  std::unique_ptr<ExternalIdentity> external_identity_;  // none: the configuration has all of it
  ExpiryWatch expiry_;
  proto::CipherList ciphers_;
  RemoteList remotes_;
  config::Remote remote_;  // the one being tried or in use
  ClientCredentials credentials_;
  config::AuthRetry auth_retry_;
  management::Interface* const management_;
  ClientCommands commands_{*this};
  ConnectGate gate_;
  bool heard_server_ = false;  // in this attempt

  hooks::HookRunner hook_runner_;
  PeerHooks hooks_;
  std::string exit_word_;  // what hooks are told of why the process ends; empty: what the last cause says
  std::unique_ptr<Tunnel> tunnel_;
  std::unique_ptr<DataPlane> data_plane_;

  asio::ip::udp::resolver resolver_;
  std::deque<tunio::Endpoint> addresses_;  // of the remote, not yet tried
  std::optional<asio::posix::stream_descriptor> connecting_;
  tunio::Endpoint connecting_to_;
  std::optional<ProxyDialogue> proxy_dialogue_;
  std::unique_ptr<SocksRelay> relay_;                          // of datagrams through a SOCKS proxy …
  std::optional<asio::posix::stream_descriptor> association_;  // … and the connection on which that hangs
  std::optional<dataplane::CloseStream> stream_;               // what ends the connection in use
  std::optional<PathWatch> path_watch_;
  std::optional<host::Path> path_;  // to the server, when it was looked at last
  tunio::UniqueFd
      transport_;  // a second descriptor of the socket in use, for what the server pushes about it
  std::uint64_t attempt_ = 0;  // callbacks of former attempts find that theirs is over

  std::unique_ptr<SessionDriver> session_;
  proto::PushAssembler push_assembler_;
  proto::PushAssembler update_assembler_;
  std::optional<config::PushedOptions> pushed_;  // of this connection
  std::optional<SessionLimits> limits_;          // since its tunnel works
  std::string server_options_text_;              // what the server sent, and what of it counts
  proto::PeerOptionsString server_options_;
  proto::KeyId first_key_;
  std::optional<crypto::AeadAlgorithm> cipher_;
  DataKeys data_keys_;
  std::optional<proto::BatchTerms> batch_;

  asio::steady_timer poll_timer_;  // server-poll-timeout
  asio::steady_timer push_timer_;
  asio::steady_timer path_timer_;  // of a connection whose host has moved
  asio::steady_timer tick_timer_;
  asio::steady_timer goodbye_;
  proto::TimePoint push_deadline_{};
  proto::TimePoint next_status_{};
  InstanceObserver* observer_ = nullptr;  // until the end was reported
  bool stopping_ = false;
};

}  // namespace vpnd::control
