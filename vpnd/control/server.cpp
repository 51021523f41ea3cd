// Functions stand in the order of a server's life: set-up, a stranger's packet, a known session's packet,
// what clients report, the tick, the end. What workers report stands in server_events.cpp.

#include "vpnd/control/server.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <asio/post.hpp>
#include <cstring>
#include <iterator>

#include "proto/stock_channel.hpp"
#include "tunio/tcp_socket.hpp"
#include "tunio/udp_socket.hpp"
#include "vpnd/config/diagnostic.hpp"
#include "vpnd/config/worker_count.hpp"
#include "vpnd/control/crypto_threads.hpp"
#include "vpnd/control/security_setup.hpp"
#include "vpnd/control/socket_setup.hpp"
#include "vpnd/control/worker_setup.hpp"

namespace vpnd::control {

using proto::DropReason;

namespace {

constexpr std::chrono::seconds kTick{1};
constexpr std::chrono::seconds kGoodbye{1};        // how long RESTART may travel before the process ends
constexpr std::size_t kStreamsBesideClients = 64;  // connections that have not become a client yet
constexpr std::size_t kWaitingHandshakePackets = 1024;
constexpr std::size_t kSessionIdAt = 1;  // in every control packet, behind the opcode

proto::FirstContactSettings contact_settings(const config::Options& options, ServerWrap&& wrap) {
  proto::FirstContactSettings settings;
  settings.wrap = std::move(wrap.wrap);
  settings.tls_crypt_v2 = std::move(wrap.tls_crypt_v2);
  settings.old_clients = options.link.control_wrap.cookies == config::CookiePolicy::force_cookie
                             ? proto::OldTlsCryptV2Clients::refuse
                             : proto::OldTlsCryptV2Clients::admit;
  settings.hand_window = options.tls.handshake_window;
  const config::Frequency& initial = options.server.initial_frequency;
  settings.initial_limit = {initial.count, initial.period};
  if (const auto& sessions = options.server.connect_frequency)
    settings.session_limit = {sessions->count, sessions->period};
  return settings;
}

// A unique encoding of an address and port, for the cookie.
std::array<std::byte, 19> encode(const tunio::Endpoint& endpoint) {
  std::array<std::byte, 19> bytes{};
  const auto address = endpoint.address().bytes();
  bytes[0] = static_cast<std::byte>(address.size());
  std::copy(address.begin(), address.end(), bytes.begin() + 1);
  bytes[17] = static_cast<std::byte>(endpoint.port() >> 8);
  bytes[18] = static_cast<std::byte>(endpoint.port() & 0xff);
  return bytes;
}

// up-delay, which a server has no use for: it has many peers.
bool up_waits_for_peer(const config::Options& options) {
  return options.point_to_point && options.scripts.up_delay;
}

std::optional<proto::SessionId> sender_of(std::span<const std::byte> packet) {
  if (packet.size() < kSessionIdAt + proto::kSessionIdSize) return std::nullopt;
  proto::SessionId id;
  std::copy_n(packet.begin() + kSessionIdAt, proto::kSessionIdSize, id.bytes.begin());
  return id;
}

}  // namespace

std::size_t Server::SessionKeyHash::operator()(const SessionKey& key) const noexcept {
  std::uint64_t id = 0;
  std::memcpy(&id, key.client.bytes.data(), sizeof id);
  return std::hash<tunio::Endpoint>()(key.endpoint) ^ std::hash<std::uint64_t>()(id + key.stream);
}

Server::Server(asio::io_context& context, const config::Options& options, management::Interface* management)
    : context_(context),
      options_(options),
      session_factory_(options),
      first_contact_(contact_settings(options, session_factory_.take_wrap())),
      addresses_(options),
      hooks_(context),
      end_hooks_(options, hooks_),
      client_hooks_(context, options, hooks_),
      handshakes_(context, kWaitingHandshakePackets),
      tcp_(context),
      management_(management),
      clients_(options),
      tick_timer_(context),
      goodbye_(context) {
  if (options.server.password_verifier) {
    verifier_.emplace(context, *options.server.password_verifier, options.scripts.temporary,
                      hooks_.scripts());
  }
  if (const auto& token = options.server.auth_token)
    tokens_.emplace(*token, token->renewal.value_or(options.renewal.interval));
  if (options.server.client_key_verifier) key_check_.emplace(options, hooks_.scripts());
  for (const std::string& warning : addresses_.take_warnings()) spdlog::warn("{}", warning);
}

Server::~Server() {
  if (management_ != nullptr) management_->set_target(nullptr);
}

void Server::prepare() {
  if (const auto& verifier = options_.server.password_verifier; verifier && verifier->is_helper) {
    pam_.emplace(context_, verifier->command);
    verifier_->use(*pam_);
  }
  tunnel_.emplace(options_, hooks_);
  tunnel_->prepare(context_);
  listen();
  if (!up_waits_for_peer(options_)) tunnel_->bring_up_now(configured_plan(options_));
  client_hooks_.set_base(tunnel_->variables());
}

void Server::listen() {
  for (const config::Listener& listener : options_.server.listeners) {
    if (listener.protocol.transport == config::Transport::tcp) {
      tcp_.add(options_, listener);
      continue;
    }
    auto group = open_udp_listener(options_, listener, workers_per_listener());
    spdlog::info("UDP link local (bound): {}", tunio::local_endpoint(group.front()).format());
    std::move(group.begin(), group.end(), std::back_inserter(udp_));
  }
}

// Workers 0 to N-1 have the sockets of the first UDP listener, the next N those of the second, …
std::size_t Server::workers_per_listener() const {
  return tunnel_->device().queue_count() / config::worker_groups(options_);
}

void Server::start(InstanceObserver& observer) {
  observer_ = &observer;
  data_plane_ = std::make_unique<DataPlane>(context_, worker_configs(), *this, workers_per_listener());
  if (management_ != nullptr) {
    notices_.emplace(*management_, [this] { return commands_.load_stats().clients; });
    management_->set_target(&commands_);
  }
  client_context_.emplace(ServerContext{.io = context_,
                                        .options = options_,
                                        .data_plane = *data_plane_,
                                        .addresses = addresses_,
                                        .hooks = client_hooks_,
                                        .verifier = verifier_ ? &*verifier_ : nullptr,
                                        .ciphers = session_factory_.ciphers(),
                                        .notices = notices_ ? &*notices_ : nullptr,
                                        .tokens = tokens_ ? &*tokens_ : nullptr,
                                        .lanes = static_cast<unsigned>(data_plane_->group_size())});
  if (!options_.point_to_point) data_plane_->post(dataplane::SetRoutes{addresses_.route_table()});
  spdlog::info("data path: {}", tunnel_->device().describe_data_path(data_plane_->describe()));

  tcp_.start(
      options_.server.port_share, [this] { return has_room_for_stream(); },
      [this](tunio::UniqueFd socket, const tunio::Endpoint& remote) {
        take_connection(std::move(socket), remote);
      });
  tick();
  spdlog::info("Initialization Sequence Completed");
  report(management::State::assign_ip);
  report(management::State::connected, "SUCCESS");
  observer_->on_ready("accepting clients");
}

std::vector<dataplane::WorkerConfig> Server::worker_configs() {
  std::vector<dataplane::WorkerConfig> configs;
  udp_.resize(tunnel_->device().queue_count());  // none when TCP alone is listened to
  for (tunio::UniqueFd& queue : tunnel_->device().take_queues()) {
    tunio::UniqueFd& udp = udp_[configs.size()];
    dataplane::WorkerConfig& config =
        configs.emplace_back(worker_config(options_, tunnel_->device(), std::move(queue), std::move(udp)));
    // In the worker's eyes the one end of two is like a client: all packets are its peer's.
    config.role = options_.point_to_point ? crypto::Role::client : crypto::Role::server;
    if (const auto packets = options_.server.tcp_queue_limit_packets) {
      const std::size_t bytes = std::size_t{*packets} * (options_.link.tun_mtu + proto::kDataV2Overhead);
      config.outbound.stream_backlog_bytes = std::min(config.outbound.stream_backlog_bytes, bytes);
    }
    config.inbound.client_to_client = options_.server.client_to_client;
  }
  share_crypto_pool(configs, options_);
  return configs;
}

bool Server::has_room_for_stream() {
  if (streams_.size() < options_.server.max_clients + kStreamsBesideClients) return true;
  data_plane_->count_drop(DropReason::client_limit);
  return false;
}

void Server::take_connection(tunio::UniqueFd socket, const tunio::Endpoint& remote) {
  if (stopping_) return;
  tunio::tune_tunnel_connection(socket, kUnsentLimit);
  data_plane_->post(dataplane::AddStream{std::move(socket), remote});
}

void Server::on_control_packet(const dataplane::Link& from, std::span<const std::byte> packet) {
  const DropReason drop = from.stream ? take_frame(from, packet) : take_datagram(from, packet);
  if (drop != DropReason::none) data_plane_->count_drop(drop);
}

DropReason Server::take_datagram(const dataplane::Link& from, std::span<const std::byte> packet) {
  const auto sender = sender_of(packet);
  if (!sender) return DropReason::too_short;
  const auto session = sessions_.find({from.endpoint, 0, *sender});
  if (session != sessions_.end()) return deliver(session->second, packet);
  if (stopping_) return DropReason::not_established;
  std::array<std::byte, proto::kMaxResetReplySize> reply;
  return act_on(first_contact_.judge(packet, encode(from.endpoint), reply, now()), from, packet, reply);
}

DropReason Server::take_frame(const dataplane::Link& from, std::span<const std::byte> packet) {
  const auto stream = streams_.find(stream_number(from));
  if (stream == streams_.end()) return DropReason::unknown_peer;
  if (stream->second.client) return deliver(stream->second.client, packet);
  const dataplane::Link link = stream->second.link;
  return act_on(first_contact_.judge_stream(packet, now()), link, packet, {});
}

// The client may leave while it takes the packet, and before its turn in the queue.
DropReason Server::deliver(const std::shared_ptr<ServerClient>& client, std::span<const std::byte> packet) {
  if (!client->key_accepted()) return DropReason::not_established;
  if (!client->handshaking()) return std::shared_ptr(client)->driver().receive(packet);
  const bool taken = handshakes_.add(
      [this, waiting = std::weak_ptr(client), bytes = std::vector(packet.begin(), packet.end())] {
        const auto present = waiting.lock();
        if (!present || clients_.at(present->index()) != present) return;
        const DropReason drop = present->driver().receive(bytes);
        if (drop != DropReason::none) data_plane_->count_drop(drop);
      });
  return taken ? DropReason::none : DropReason::control_queue_full;
}

DropReason Server::act_on(const proto::FirstContactVerdict& verdict, const dataplane::Link& from,
                          std::span<const std::byte> packet, std::span<const std::byte> reply) {
  if (const auto* drop = std::get_if<DropReason>(&verdict)) return *drop;
  if (const auto* reset = std::get_if<proto::ResetReply>(&verdict)) {
    data_plane_->send_control(from, reply.first(reset->size));
    return DropReason::none;
  }
  return begin_session(std::get<proto::NewSession>(verdict), from, packet);
}

DropReason Server::begin_session(const proto::NewSession& contact, const dataplane::Link& from,
                                 std::span<const std::byte> packet) {
  if (const auto oldest = options_.server.client_key_age; oldest && contact.client_key) {
    const std::string refusal = refuse_by_age(contact.metadata, *oldest, now().unix_seconds);
    if (!refusal.empty()) {
      spdlog::warn("{}: {} (tls-crypt-v2-max-age)", from.endpoint.format(), refusal);
      return DropReason::bad_tls_crypt_v2_key;
    }
  }
  const auto index = clients_.reserve();
  if (!index) return DropReason::client_limit;
  auto client = std::make_shared<ServerClient>(*client_context_, *this, *index, from, contact.client,
                                               session_factory_.make(contact, from));
  clients_.insert(client);
  if (from.stream) {
    streams_[stream_number(from)].client = client;
  } else {
    sessions_[key_of(*client)] = client;
  }
  spdlog::info("{}: TLS: Initial packet", client->label());
  if (key_check_ && contact.client_key) {
    ask_about_key(client, contact.metadata, packet);
    return DropReason::none;
  }
  return deliver(client, packet);
}

// Until the program has decided the client's packets are dropped, but for the one that led here; it repeats
// them.
void Server::ask_about_key(const std::shared_ptr<ServerClient>& client,
                           const std::optional<crypto::TlsCryptMetadata>& metadata,
                           std::span<const std::byte> packet) {
  client->set_key_accepted(false);
  key_check_->ask(metadata, [this, waiting = std::weak_ptr(client),
                             bytes = std::vector(packet.begin(), packet.end())](bool accepted) {
    const auto present = waiting.lock();
    if (!present || clients_.at(present->index()) != present) return;
    if (!accepted) return remove(*present, "its key is refused (tls-crypt-v2-verify)");
    present->set_key_accepted(true);
    const DropReason drop = deliver(present, bytes);
    if (drop != DropReason::none) data_plane_->count_drop(drop);
  });
}

// One certificate, one connection, unless duplicate-cn; and a client that connects anew replaces its former
// self. A stock client that gives up on its session begins a new one over the same socket and reads what it
// is pushed, but goes on sending with the first peer id it was given (OpenVPN 2.6.14; its server keeps one id
// per address as well).
void Server::on_authenticated(ServerClient& client) {
  if (options_.point_to_point) return replace_other_end(client);
  std::optional<dataplane::PeerIndex> former;
  for (const auto& other : clients_.all()) {
    if (other.get() == &client || !other->addresses()) continue;
    const bool same_name = !client.common_name().empty() && other->common_name() == client.common_name();
    const bool same_address = !client.driver().link().stream && !other->driver().link().stream &&
                              other->driver().link().endpoint == client.driver().link().endpoint;
    if ((same_name && !options_.server.duplicate_cn) || same_address) {
      remove(*other, "replaced by a new connection of the same client");
      if (same_address && other->common_name() == client.common_name()) former = other->index();
    }
  }
  clients_.settle(client, former);
}

// Whoever has proven to be the other end takes the place of all who were, or tried to be. The data path knows
// one peer.
void Server::replace_other_end(ServerClient& client) {
  constexpr dataplane::PeerIndex kOnly{0};
  for (const auto& other : clients_.all()) {
    if (other.get() != &client) remove(*other, "replaced by a new connection of the other end");
  }
  clients_.settle(client, kOnly);
}

void Server::on_connected(ServerClient& client) {
  publish_routes_soon();
  first_contact_.handshake_completed();
  if (options_.point_to_point) meet_other_end(client);
}

// What one of two ends has hooks for and a server has not.
void Server::meet_other_end(const ServerClient& client) {
  end_hooks_.peer_authenticated(client.driver().link().endpoint, client.driver().session().peer_chain());
  tunnel_->set_peer_variables(end_hooks_.variables());
  if (!up_waits_for_peer(options_)) return;
  tunnel_->bring_up(configured_plan(options_), [this](const std::string& failure) {
    if (!failure.empty()) finish({false, failure});
  });
}

void Server::on_left(ServerClient& client, const std::string& reason) {
  remove(client, reason);
}

Server::SessionKey Server::key_of(const ServerClient& client) const {
  const dataplane::Link& link = client.driver().link();
  return {link.endpoint, stream_number(link), client.remote_id()};
}

// The client may be in the middle of a call, so its object goes once the control thread is back in its loop.
void Server::remove(ServerClient& client, const std::string& reason) {
  const auto kept = clients_.remove(client);
  if (kept == nullptr) return;
  spdlog::info("{}: {}", client.label(), reason);
  client.withdraw();
  if (const dataplane::Link& link = client.driver().link(); link.stream) {
    data_plane_->post(dataplane::CloseStream{link.worker, *link.stream});
    streams_.erase(stream_number(link));
  } else {
    sessions_.erase(key_of(client));
  }
  publish_routes_soon();
  asio::post(context_, [kept] {});
}

// Many clients may come or go in one go: the table is built once afterwards.
void Server::publish_routes_soon() {
  if (std::exchange(routes_pending_, true)) return;
  asio::post(context_, [this] {
    routes_pending_ = false;
    if (data_plane_ && !options_.point_to_point)
      data_plane_->post(dataplane::SetRoutes{addresses_.route_table()});
  });
}

void Server::tick() {
  tick_timer_.expires_after(kTick);
  tick_timer_.async_wait([this](const asio::error_code& error) {
    if (error) return;
    const proto::TimePoint moment = proto::Clock::now();
    for (const auto& client : clients_.all()) client->tick(moment);
    for (const auto& [number, stream] : streams_) {
      if (stream.client || moment - stream.accepted < options_.tls.handshake_window) continue;
      data_plane_->post(dataplane::CloseStream{stream.link.worker, *stream.link.stream});
    }
    std::erase_if(streams_, [&](const auto& entry) {
      return !entry.second.client && moment - entry.second.accepted >= options_.tls.handshake_window;
    });
    save_soon(moment);
    session_factory_.tick();
    tick();
  });
}

void Server::save_soon(proto::TimePoint moment) {
  const auto& status = options_.log.status;
  if (status && moment >= next_status_) {
    next_status_ = moment + status->interval;
    write_status();
  }
  const auto& pool = options_.server.pool_persistence;
  if (pool && pool->interval.count() > 0 && moment >= next_save_) {
    next_save_ = moment + pool->interval;
    addresses_.save();
  }
}

std::size_t Server::push_update(std::optional<dataplane::PeerIndex> client,
                                const std::vector<std::string>& options) {
  std::size_t told = 0;
  for (const auto& known : clients_.all()) {
    if (client && known->index() != *client) continue;
    const std::string problem = known->push_update(options);
    if (problem.empty()) {
      ++told;
    } else {
      spdlog::warn("{}: push update: {}", known->label(), problem);
    }
  }
  publish_routes_soon();
  return told;
}

void Server::restart() {
  spdlog::info("SIGUSR1: clients are told to connect anew");
  report(management::State::reconnecting, "SIGUSR1");
  for (const auto& client : clients_.all()) {
    client->send_restart("");
    remove(*client, "server restart");
  }
}

std::function<void()> Server::prepare_reload(const config::Options& fresh) {
  return session_factory_.prepare_reload(fresh);
}

void Server::stop(std::string_view signal) {
  if (std::exchange(stopping_, true)) return;
  exit_word_ = signal;
  const auto notify = options_.link.explicit_exit_notify;
  bool told = false;
  for (const auto& client : clients_.all()) {
    if (!client->connected() || client->driver().link().stream || !notify || *notify == 0) continue;
    client->send_restart(*notify == 2 ? "[N]" : "");
    told = true;
  }
  goodbye_.expires_after(told ? kGoodbye : std::chrono::seconds::zero());
  goodbye_.async_wait([this](const asio::error_code& error) {
    if (!error) finish({true, "server is shutting down"});
  });
}

void Server::finish(const Outcome& outcome) {
  if (observer_ == nullptr) return;
  if (exit_word_ == "sighup") {
    report(management::State::reconnecting, "SIGHUP");
  } else {
    report(management::State::exiting, outcome.clean ? "SIGTERM" : "init_instance");
  }
  tick_timer_.cancel();
  tcp_.stop();
  for (const auto& client : clients_.all()) remove(*client, "server is shutting down");
  if (options_.log.status) write_status();
  spdlog::info("drops: {}", data_plane_->describe_drops());
  // The hooks that the clients' leaving has led to come first, once they have begun.
  asio::post(context_, [this, observer = std::exchange(observer_, nullptr), outcome] {
    hooks_.when_idle([this, observer, outcome] {
      tunnel_->bring_down(exit_word_,
                          [observer, outcome](const std::string&) { observer->on_ended(outcome); });
    });
  });
}

}  // namespace vpnd::control
