// One client of a server, from its first authenticated packet to its leaving.

#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "proto/batch_negotiation.hpp"
#include "proto/cipher_negotiation.hpp"
#include "proto/peer_info.hpp"
#include "vpnd/config/client_config.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/control/address_book.hpp"
#include "vpnd/control/auth_token.hpp"
#include "vpnd/control/client_notices.hpp"
#include "vpnd/control/connect_hook.hpp"
#include "vpnd/control/data_keys.hpp"
#include "vpnd/control/data_plane.hpp"
#include "vpnd/control/password_verifier.hpp"
#include "vpnd/control/session_driver.hpp"
#include "vpnd/control/session_limits.hpp"

namespace vpnd::control {

class ServerClient;
class ServerHooks;

/// What all clients of a server share. Everything referred to outlives them.
struct ServerContext {
  asio::io_context& io;
  const config::Options& options;
  DataPlane& data_plane;
  AddressBook& addresses;
  ServerHooks& hooks;
  PasswordVerifier* verifier;  ///< none: certificates decide alone
  const proto::CipherList& ciphers;
  ClientNotices* notices = nullptr;         ///< none: there is no management interface
  const AuthTokenIssuer* tokens = nullptr;  ///< none: auth-gen-token is not set
  unsigned lanes = 1;                       ///< the most that a session over UDP gets: one per worker
};

/// Hears of a client's decisive moments.
class ServerClientOwner {
 public:
  virtual ~ServerClientOwner() = default;
  /// The client has proven who it is and is about to get its addresses: an older connection of it has to go,
  /// and it is to be given its peer ids for good.
  virtual void on_authenticated(ServerClient& client) = 0;
  /// Keys and addresses are in place.
  virtual void on_connected(ServerClient& client) = 0;
  /// It is over. The client is not to be destroyed before this call has returned.
  virtual void on_left(ServerClient& client, const std::string& reason) = 0;
};

class ServerClient final : public SessionOwner, public std::enable_shared_from_this<ServerClient> {
 public:
  ServerClient(const ServerContext& context, ServerClientOwner& owner, dataplane::PeerIndex index,
               dataplane::Link link, proto::SessionId remote_id, std::unique_ptr<proto::Session> session);

  SessionDriver& driver() noexcept { return driver_; }
  const SessionDriver& driver() const noexcept { return driver_; }
  /// The peer id of the first lane, and how many of them, from that one on, are the client's.
  dataplane::PeerIndex index() const noexcept { return index_; }
  unsigned lanes() const noexcept { return lanes_; }
  /// How many lanes the client could use of those that we would give.
  unsigned wanted_lanes() const noexcept { return batch_ ? batch_->lanes : 1; }
  /// Has these peer ids from now on. Only until on_authenticated() has returned.
  void settle(dataplane::PeerIndex first, unsigned lanes) noexcept;
  proto::SessionId remote_id() const noexcept { return remote_id_; }
  /// How management clients know it (CID): never used again.
  std::uint64_t number() const noexcept { return number_; }
  void set_number(std::uint64_t number) noexcept { number_ = number; }

  /// Keys are agreed and the client has its addresses.
  bool connected() const noexcept { return state_ == State::connected; }
  /// Its tls-crypt-v2 key is one that the server takes: false while that is being asked.
  bool key_accepted() const noexcept { return key_accepted_; }
  void set_key_accepted(bool accepted) noexcept { key_accepted_ = accepted; }
  /// Whether its packets may cost a step of a TLS handshake.
  bool handshaking() const;
  const std::string& common_name() const noexcept { return common_name_; }
  const std::string& username() const noexcept { return username_; }
  const std::optional<Assignment>& addresses() const noexcept { return addresses_; }
  TrafficTotals traffic() const noexcept { return data_keys_.traffic(); }
  /// When something authenticated last came, by whichever lane or the control channel.
  proto::TimePoint last_received() const noexcept;
  std::int64_t connected_since() const noexcept { return connected_since_; }
  std::string_view cipher() const noexcept {
    return cipher_ ? crypto::aead_name(*cipher_) : std::string_view();
  }

  /// "name/192.0.2.1:1194", as log lines begin.
  std::string label() const;

  /// Every second: starts a rekey when reneg-bytes or reneg-pkts asks for it, and leaves when inactive or
  /// session-timeout does.
  void tick(proto::TimePoint now);
  /// The client is at another address from now on.
  void move_to(const tunio::Endpoint& endpoint);
  /// Tells the client to connect anew (the server is going); `flags` such as "[N]".
  void send_restart(std::string_view flags);
  /// Tells a connected client of changes to what it was pushed (PUSH_UPDATE), and follows a new `ifconfig`.
  /// Returns why it was not told, or nothing.
  std::string push_update(const std::vector<std::string>& options);
  // ---- verdicts of management clients on a key (KID); false: there is no such question ----
  /// `settings` are lines as of a client-config file; none of them needs to be there.
  bool admit_by_management(std::uint32_t kid, std::string_view settings);
  bool deny_by_management(std::uint32_t kid, std::string_view reason, std::string_view client_reason);
  /// AUTH_PENDING and INFO_PRE; also false when that cannot be sent.
  bool put_off_by_management(std::uint32_t kid, std::string_view extra, std::chrono::seconds timeout);

  /// Takes back what the client was given. Called by its owner, once.
  void withdraw();

  void on_session_event(proto::SessionEvent&& event) override;

 private:
  enum class State : std::uint8_t { handshaking, admitted, connected, gone };

  void handle(proto::CertificateRequest&& request);
  void handle(proto::AuthenticationRequest&& request);
  void handle(proto::Established&& established);
  void handle(proto::MessageReceived&& message);
  void handle(proto::SendKeyChanged&& change);
  void handle(proto::KeyRetired&& retired);
  void handle(proto::RekeyFailed&& failed);
  void handle(proto::Failed&& failed);
  void handle(proto::PeerReset&& reset);

  void identify(const proto::AuthenticationRequest& request);
  void ask_verifier(const proto::AuthenticationRequest& request);
  void ask_management(proto::KeyId key, host::ScriptEnvironment&& environment);
  host::ScriptEnvironment environment_with_password(const proto::AuthenticationRequest& request) const;
  std::chrono::seconds patience() const;
  void notify_connection();
  void notify_leaving();
  bool tell_pending(const PasswordVerifier::Pending& pending);
  void decide(proto::KeyId key, const PasswordVerifier::Decision& decision);
  std::string admit();
  std::string read_client_config();
  void apply_client_config();
  std::string agree_on_cipher();
  std::string choose_cipher();
  void warn_of_inconsistencies() const;
  bool agree_with_other_end();
  void connect(proto::KeyId key);
  std::optional<proto::PeerId> own_wire_id() const;
  void install_key(proto::KeyId key);
  dataplane::PeerSettings peer_settings() const;
  void answer_push_request();
  void push_token();
  std::string follow_addresses(const std::vector<std::string>& options);
  void leave(const std::string& reason);

  // ---- hooks (server_client_hooks.cpp) ----
  void ask_connect_hook(proto::KeyId key);
  void take_connect_answer(proto::KeyId key, ConnectHook::Answer&& answer);
  std::string use_given(config::ClientConfig&& given);
  void learn_addresses(proto::KeyId key);
  void lose_address(const tunio::Prefix& prefix);
  void finish_admission(proto::KeyId key);
  void take_challenge_response(std::string_view arguments);
  void call_move_hooks(const tunio::IpAddress& from, const tunio::IpAddress& to);
  void call_leaving_hooks();
  host::ScriptEnvironment environment() const;
  host::ScriptEnvironment environment_at_leaving() const;

  const ServerContext& context_;
  ServerClientOwner& owner_;
  dataplane::PeerIndex index_;
  unsigned lanes_ = 1;
  const proto::SessionId remote_id_;
  std::uint64_t number_ = 0;
  State state_ = State::handshaking;
  bool key_accepted_ = true;

  std::string common_name_;
  std::string username_;
  proto::PeerInfo peer_info_;
  std::string options_text_;  // what the client sent, and what of it counts
  proto::PeerOptionsString peer_options_;
  config::ClientConfig config_;
  std::optional<Assignment> addresses_;
  std::optional<crypto::AeadAlgorithm> cipher_;
  std::optional<proto::BatchTerms> batch_;
  proto::ProtocolFlags flags_;
  std::optional<proto::PeerId> agreed_peer_id_;  // point to point
  bool compression_stub_ = false;

  std::shared_ptr<PasswordVerifier::Verification> verification_;  // under way, or the last one
  std::shared_ptr<ConnectHook::Question> connect_question_;       // likewise
  std::int64_t admitted_at_ = 0;                                  // for hooks; 0: not yet
  bool welcomed_ = false;                                         // by client-connect
  std::vector<tunio::Prefix> learnt_;                             // that learn-address was told of
  std::size_t unlearnt_ = 0;                                      // that it has not answered for yet
  std::map<std::uint32_t, proto::KeyId> open_keys_;  // by KID: management clients are asked about them
  std::uint32_t last_kid_ = 0;
  ClientToken token_;
  bool push_requested_ = false;
  std::optional<proto::TimePoint> pushed_at_;
  std::int64_t connected_since_ = 0;
  std::optional<SessionLimits> limits_;  // since it is connected
  DataKeys data_keys_;
  SessionDriver driver_;
};

}  // namespace vpnd::control
