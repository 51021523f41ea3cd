// A client's life once it talks to a server: session, push, tunnel, keys; then the ways in which it ends or
// starts over. How it finds the server stands in client_connect.cpp.

#include "vpnd/control/client.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <asio/post.hpp>

#include "vpnd/control/mtu.hpp"
#include "vpnd/control/security_setup.hpp"
#include "vpnd/control/socket_setup.hpp"
#include "vpnd/host/file_io.hpp"
#include "vpnd/host/status_file.hpp"
#include "vpnd/host/user_credentials.hpp"

namespace vpnd::control {

namespace {

constexpr dataplane::PeerIndex kServer{0};
constexpr std::chrono::seconds kTick{1};
constexpr std::chrono::seconds kFirstPushRequest{1};
constexpr std::chrono::seconds kPushRequestInterval{5};
constexpr std::chrono::seconds kDefaultSilence{
    120};  // a client's ping-restart until something is configured or pushed
constexpr std::chrono::milliseconds kGoodbye{300};  // how long the last packets may take on their way out

std::string printable(std::string_view text) {
  return crypto::sanitise_name(text);
}

}  // namespace

Client::Client(asio::io_context& context, const config::Options& options)
    : context_(context),
      options_(options),
      tls_(make_tls_context(options)),
      ciphers_(data_ciphers(options.data)),
      remotes_(options.client),
      remote_(remotes_.current()),
      resolver_(context),
      connect_timer_(context),
      poll_timer_(context),
      push_timer_(context),
      tick_timer_(context),
      goodbye_(context) {
  for (const config::Remote& remote : options.client.remotes)
    make_client_wrap(remote.link, options.data);  // bad keys fail now
  for (const std::string& warning : tls_->warnings()) spdlog::warn("{}", warning);
}

Client::~Client() = default;

void Client::prepare() {
  ask_for_credentials();
  tunnel_ = std::make_unique<TunnelDevice>(options_);
}

void Client::ask_for_credentials() {
  const auto& configured = options_.client.credentials;
  if (!configured) return;
  const auto answer = [&](const std::string& prompt, host::Echo echo) {
    auto result = host::ask(prompt, echo);
    if (!result.result.ok())
      throw config::ConfigError({configured->where, "auth-user-pass", result.result.reason});
    return std::move(*result.password);
  };
  username_ = configured->username ? *configured->username
                                   : std::string(answer("Enter Auth Username:", host::Echo::on).expose());
  password_ = configured->password ? crypto::SecretString(std::string_view(configured->password->expose()))
                                   : answer("Enter Auth Password:", host::Echo::off);
}

proto::Credentials Client::credentials() const {
  return {username_, password_.duplicate()};
}

void Client::start(InstanceObserver& observer) {
  observer_ = &observer;
  dataplane::WorkerConfig config;
  config.role = crypto::Role::client;
  config.io = io_config(options_, tunnel_->take_queue(), {});
  // Without `float` the socket is connected, and the kernel drops what other addresses send.
  config.inbound.sources = dataplane::InboundPolicy::Sources::any_authentic;
  config.inbound.udp_merging =
      tunnel_->udp_segmentation() ? tunio::Coalescer::UdpMerging::on : tunio::Coalescer::UdpMerging::off;
  data_plane_ = std::make_unique<DataPlane>(context_, std::move(config), *this);
  spdlog::info("data path: {}", data_plane_->data_path());
  tick();
  connect_after(std::chrono::seconds::zero());
}

// ---- the session ----

void Client::on_control_packet(const dataplane::Link& from, std::span<const std::byte> packet) {
  if (!session_) return data_plane_->count_drop(proto::DropReason::not_established);
  const dataplane::Link& link = session_->link();
  const bool ours = link.stream ? from.stream == link.stream
                                : from.endpoint == link.endpoint || remote_.link.accept_any_source;
  const proto::DropReason drop = ours ? session_->receive(packet) : proto::DropReason::wrong_address;
  if (drop != proto::DropReason::none) data_plane_->count_drop(drop);
}

void Client::on_session_event(proto::SessionEvent&& event) {
  if (!session_) return;  // an event before this one ended the connection
  std::visit([this](auto&& known) { handle(std::move(known)); }, std::move(event));
}

void Client::handle(proto::AuthenticationRequest&&) {}  // only servers are asked

void Client::handle(proto::Established&& established) {
  if (established.origin == proto::KeyOrigin::rekey) {
    install_key(established.key);
    spdlog::info("New data keys (key {}), {}", established.key.value, session_->session().tls_description());
    return;
  }
  first_key_ = established.key;
  server_options_ = proto::parse_options_string(established.remote_options);
  const auto& chain = session_->session().peer_chain();
  spdlog::info("[{}] Peer Connection Initiated with {}, {}", chain.empty() ? "" : chain.front().common_name,
               session_->link().endpoint.format(), session_->session().tls_description());
  push_deadline_ = proto::Clock::now() + options_.tls.handshake_window;
  if (!pushed_) request_push_after(kFirstPushRequest);
}

void Client::request_push_after(std::chrono::seconds wait) {
  push_timer_.expires_after(wait);
  push_timer_.async_wait([this, attempt = attempt_](const asio::error_code& error) {
    if (error || attempt != attempt_ || !session_ || pushed_) return;
    if (proto::Clock::now() > push_deadline_)
      return reconnect("the server did not answer PUSH_REQUEST", Next::next_remote);
    session_->session().send_message("PUSH_REQUEST", now());
    session_->pump();
    request_push_after(kPushRequestInterval);
  });
}

void Client::handle(proto::MessageReceived&& message) {
  const auto [kind, arguments] = proto::classify_control_message(message.text);
  switch (kind) {
    case proto::ControlMessageKind::push_reply:
      return take_push_reply(arguments);
    case proto::ControlMessageKind::auth_failed:
      return take_auth_failed(arguments);
    case proto::ControlMessageKind::auth_pending: {
      const auto longest = std::max(options_.renewal.interval / 2, options_.tls.handshake_window);
      const auto granted = std::min(proto::parse_auth_pending(arguments).value_or(longest), longest);
      push_deadline_ = proto::Clock::now() + granted;
      poll_timer_.cancel();
      return spdlog::info("AUTH_PENDING: waiting up to {} s for the server's decision", granted.count());
    }
    case proto::ControlMessageKind::restart:
      return take_server_signal(arguments);
    case proto::ControlMessageKind::halt:
      return finish({false, fmt::format("the server sent HALT ({})", arguments)});
    case proto::ControlMessageKind::exit:
      return reconnect("the server has left", Next::same_remote);
    case proto::ControlMessageKind::info:
    case proto::ControlMessageKind::info_pre:
      return spdlog::info("Message of the server: {}", arguments);
    default:
      spdlog::debug("Control message ignored: {}", message.text);
  }
}

void Client::take_push_reply(std::string_view arguments) {
  switch (push_assembler_.add(arguments)) {
    case proto::PushProgress::incomplete:
      return;
    case proto::PushProgress::refused:
      return reconnect("the server's push list is too long", Next::next_remote);
    case proto::PushProgress::complete:
      break;
  }
  const auto options = push_assembler_.take_options();
  if (pushed_) {  // after a rekey: at most a new token
    config::PushedOptions update = *pushed_;
    for (const std::string& option : options) (void)config::apply_pushed(option, options_, update);
    if (update.auth_token)
      session_->session().set_credentials(
          {username_, crypto::SecretString(std::string_view(update.auth_token->expose()))});
    return;
  }
  apply_push(options);
}

void Client::apply_push(const std::vector<std::string>& options) {
  config::PushedOptions pushed;
  for (const std::string& option : options) {
    const auto [verdict, text] = config::apply_pushed(option, options_, pushed);
    if (verdict == config::PushVerdict::fatal) return reconnect("PUSH_REPLY: " + text, Next::next_remote);
    if (text.empty()) continue;
    verdict == config::PushVerdict::refused ? spdlog::warn("PUSH_REPLY: {}", text)
                                            : spdlog::info("PUSH_REPLY: {}", text);
  }
  pushed_ = std::move(pushed);
  if (const auto refusal = agree_on_cipher()) return reconnect(*refusal, Next::next_remote);
  try {
    set_up_tunnel();
  } catch (const std::exception& error) {
    return finish({false, error.what()});
  }
  set_up_peer();
  if (!session_) return;
  remotes_.connected();
  poll_timer_.cancel();
  spdlog::info("Data channel: cipher {}, peer id {}", crypto::aead_name(*cipher_),
               pushed_->peer_id ? std::to_string(*pushed_->peer_id) : "none");
  spdlog::info("Initialization Sequence Completed");
  observer_->on_ready("connected to " + session_->link().endpoint.format());
}

std::optional<std::string> Client::agree_on_cipher() {
  const auto [cipher, error] = proto::accept_cipher(
      ciphers_, fallback_cipher(options_.data),
      pushed_->cipher ? std::optional<std::string_view>(*pushed_->cipher) : std::nullopt, server_options_);
  if (!cipher) return error;
  cipher_ = cipher;
  return std::nullopt;
}

TunnelPlan Client::tunnel_plan() const {
  TunnelPlan plan = configured_plan(options_);
  const config::AddressOptions& addresses = pushed_->addresses;
  if (addresses.local) {
    plan.addresses.local = addresses.local;
    plan.addresses.netmask_or_peer = addresses.netmask_or_peer;
  }
  if (addresses.local_ipv6) {
    plan.addresses.local_ipv6 = addresses.local_ipv6;
    plan.addresses.peer_ipv6 = addresses.peer_ipv6;
  }
  if (addresses.topology) plan.addresses.topology = addresses.topology;

  const config::RoutingOptions& routing = pushed_->routing;
  plan.routing.routes.insert(plan.routing.routes.end(), routing.routes.begin(), routing.routes.end());
  plan.routing.routes_ipv6.insert(plan.routing.routes_ipv6.end(), routing.routes_ipv6.begin(),
                                  routing.routes_ipv6.end());
  if (routing.route_gateway) plan.routing.route_gateway = routing.route_gateway;
  if (routing.route_metric) plan.routing.route_metric = routing.route_metric;
  if (routing.redirect_gateway.enabled || routing.redirect_gateway.prepare) {
    plan.routing.redirect_gateway = routing.redirect_gateway;
  }
  plan.routing.block_ipv6 = plan.routing.block_ipv6 || routing.block_ipv6;
  plan.foreign_options.insert(plan.foreign_options.end(), pushed_->foreign_options.begin(),
                              pushed_->foreign_options.end());
  plan.environment = pushed_->environment;
  plan.mtu = pushed_->tun_mtu.value_or(remote_.link.tun_mtu);
  plan.server = session_->link().endpoint.address();
  plan.server_port = session_->link().endpoint.port();
  return plan;
}

// A tunnel that stayed up over the reconnect (persist-tun) is left alone if it is what the server wants
// again.
void Client::set_up_tunnel() {
  const TunnelPlan plan = tunnel_plan();
  if (tunnel_->is_up() && tunnel_->serves(plan)) {
    spdlog::info("Preserving previous TUN/TAP instance: {}", tunnel_->name());
    return;
  }
  tunnel_->bring_down();
  tunnel_->bring_up(plan);
  const auto text = [](const auto& address) { return address ? address->format() : std::string("none"); };
  spdlog::info("{}: address {}, IPv6 {}, mtu {}", tunnel_->name(), text(plan.addresses.local),
               plan.addresses.local_ipv6 ? plan.addresses.local_ipv6->format() : "none", plan.mtu);
}

void Client::set_up_peer() {
  session_->set_peer(kServer);
  data_plane_->post(dataplane::AddPeer{kServer, session_->link(), peer_settings(), counters_});
  install_key(first_key_);
  if (!session_) return;
  data_plane_->post(dataplane::SendWithKey{kServer, first_key_});
  if (pushed_->dynamic_tls_crypt) session_->session().enable_dynamic_tls_crypt();
  if (pushed_->auth_token) {
    if (pushed_->auth_token_user) username_ = *pushed_->auth_token_user;
    session_->session().set_credentials(
        {username_, crypto::SecretString(std::string_view(pushed_->auth_token->expose()))});
  }
}

void Client::install_key(proto::KeyId key) {
  const auto derivation =
      pushed_->keys_by_exporter ? proto::KeyDerivation::tls_exporter : proto::KeyDerivation::legacy_prf;
  const auto material = session_->session().derive_data_keys(key, derivation);
  if (!material) return reconnect("data keys could not be derived", Next::next_remote);
  const auto wire_id = pushed_->peer_id ? std::optional(proto::PeerId{*pushed_->peer_id}) : std::nullopt;
  data_plane_->post(
      make_data_key(kServer, key, *cipher_, *material, crypto::Role::client, wire_id, options_.data));
  bytes_at_rekey_ = counters_->bytes_received.get() + counters_->bytes_sent.get();
  records_at_rekey_ = counters_->records_received.get() + counters_->records_sent.get();
}

dataplane::PeerSettings Client::peer_settings() const {
  dataplane::PeerSettings settings;
  settings.wire_id = pushed_->peer_id ? proto::PeerId{*pushed_->peer_id} : proto::kNoPeer;
  settings.framing = framing(pushed_->framing.value_or(options_.data.framing));
  const MssLimits limits = mss_limits(
      remote_.link, {.outer_family = session_->link().endpoint.address().family(),
                     .transport = remote_.protocol.transport,
                     .record_overhead = proto::kDataV2Overhead + proto::framing_size(settings.framing)});
  settings.mss_limit_ipv4 = limits.ipv4;
  settings.mss_limit_ipv6 = limits.ipv6;
  settings.block_ipv6 = options_.tunnel.routing.block_ipv6 || pushed_->routing.block_ipv6;
  settings.ping_interval = pushed_->ping.value_or(options_.keepalive.ping);
  const auto silence = options_.keepalive.timeout_given ? options_.keepalive.timeout : kDefaultSilence;
  settings.receive_timeout = pushed_->timeout.value_or(silence);
  return settings;
}

void Client::take_auth_failed(std::string_view arguments) {
  const proto::AuthFailure failure = proto::parse_auth_failure(arguments);
  const std::string reason =
      failure.reason.empty() ? "AUTH_FAILED" : fmt::format("AUTH_FAILED: {}", printable(failure.reason));
  if (failure.kind == proto::AuthFailure::Kind::temporary) {
    return reconnect(reason, failure.advance == proto::AuthFailure::Advance::remote ? Next::next_remote
                                                                                    : Next::same_remote);
  }
  if (failure.kind == proto::AuthFailure::Kind::session_expired && pushed_) {
    return reconnect(reason, Next::same_remote);
  }
  switch (options_.client.auth_retry) {
    case config::AuthRetry::none:
      return finish({false, reason});
    case config::AuthRetry::no_interact:
      return reconnect(reason, Next::same_remote);
    case config::AuthRetry::interact:
      spdlog::warn("{}", reason);
      try {
        ask_for_credentials();
      } catch (const std::exception& error) {
        return finish({false, error.what()});
      }
      return reconnect(reason, Next::same_remote);
  }
}

void Client::take_server_signal(std::string_view arguments) {
  const proto::ServerSignal signal = proto::parse_server_signal(arguments);
  reconnect(fmt::format("the server asks for a reconnect {}", signal.text),
            signal.next_remote ? Next::next_remote : Next::same_remote);
}

void Client::handle(proto::SendKeyChanged&& change) {
  data_plane_->post(dataplane::SendWithKey{kServer, change.key});
}

void Client::handle(proto::KeyRetired&& retired) {
  data_plane_->post(dataplane::RetireKey{kServer, retired.key});
}

void Client::handle(proto::RekeyFailed&& failed) {
  spdlog::warn("Renegotiation failed: {}", printable(failed.reason));
}

void Client::handle(proto::Failed&& failed) {
  reconnect(printable(failed.reason), Next::next_remote);
}

void Client::handle(proto::PeerReset&&) {}  // only servers meet one

// ---- the worker ----

void Client::on_worker_event(dataplane::Event&& event) {
  std::visit([this](const auto& known) { handle(known); }, event);
}

void Client::handle(const dataplane::StreamEnded& ended) {
  if (!stream_ || *stream_ != ended.stream) return;
  stream_.reset();
  reconnect("Connection reset: " + ended.reason.message(), Next::next_remote);
}

// With `float` the server may answer from another address; the worker has authenticated what came from there.
void Client::handle(const dataplane::PeerFloated& floated) {
  if (!session_ || !remote_.link.accept_any_source) return;
  spdlog::info("The server floated to {}", floated.endpoint.format());
  session_->set_link({floated.endpoint, std::nullopt});
  data_plane_->post(dataplane::MovePeer{kServer, floated.endpoint});
}

void Client::handle(const dataplane::PeerSilent&) {
  if (!session_ || !pushed_) return;
  if (proto::Clock::now() - session_->last_received() < peer_settings().receive_timeout) return;
  const auto action = pushed_->timeout ? pushed_->timeout_action : options_.keepalive.action;
  if (action == config::TimeoutAction::exit)
    return finish({false, "Inactivity timeout (--ping-exit), exiting"});
  reconnect("Inactivity timeout (--ping-restart), restarting", Next::next_remote);
}

void Client::handle(const dataplane::PeerExited&) {
  reconnect("the server has left", Next::same_remote);
}

void Client::handle(const dataplane::KeyUsed& used) {
  if (!session_) return;
  session_->session().note_peer_used_key(used.key, now());
  session_->pump();
}

void Client::handle(const dataplane::KeyWearsOut&) {
  if (!session_) return;
  session_->session().start_rekey(now());
  session_->pump();
}

void Client::handle(const dataplane::WorkerFailed& failed) {
  finish({false, failed.reason});
}

// ---- ending and starting over ----

void Client::restart() {
  if (!stopping_) reconnect("SIGUSR1: restarting", Next::same_remote);
}

void Client::reconnect(const std::string& reason, Next next) {
  if (observer_ == nullptr || stopping_) return;
  spdlog::info("{}", reason);
  close_connection();
  if (!options_.tunnel.keep_across_restart) tunnel_->bring_down();
  if (next == Next::next_remote) remotes_.advance();
  if (remotes_.exhausted())
    return finish({false, "All connections have been connect-retry-max times unsuccessful"});
  connect_after(remotes_.wait());
}

// The session may be in the middle of a call, so it goes once the control thread is back in its loop.
void Client::close_connection() {
  ++attempt_;
  resolver_.cancel();
  connecting_.reset();
  addresses_.clear();
  poll_timer_.cancel();
  push_timer_.cancel();
  data_plane_->post(dataplane::RemovePeer{kServer});
  data_plane_->post(dataplane::ReplaceUdp{});
  if (stream_) data_plane_->post(dataplane::CloseStream{*stream_});
  stream_.reset();
  pushed_.reset();
  cipher_.reset();
  asio::post(context_, [old = std::shared_ptr<SessionDriver>(std::move(session_))] {});
}

void Client::stop() {
  if (std::exchange(stopping_, true)) return;
  const bool told = exit_notice_pending();
  if (told) say_goodbye();
  goodbye_.expires_after(told ? kGoodbye : std::chrono::milliseconds::zero());
  goodbye_.async_wait([this](const asio::error_code& error) {
    if (!error) finish({true, "SIGTERM[soft,exit-with-notification] received, process exiting"});
  });
}

bool Client::exit_notice_pending() const {
  if (!session_ || !pushed_ || stream_) return false;
  return pushed_->explicit_exit_notify.value_or(remote_.link.explicit_exit_notify.value_or(0)) > 0;
}

void Client::say_goodbye() {
  if (pushed_->exit_by_control_channel) {
    session_->session().send_message("EXIT", now());
    session_->pump();
    return;
  }
  std::vector<std::byte> exit(proto::kOccMagic.begin(), proto::kOccMagic.end());
  exit.push_back(std::byte{proto::kOccExit});
  data_plane_->post(dataplane::SendPayload{kServer, std::move(exit)});
}

void Client::finish(const Outcome& outcome) {
  if (observer_ == nullptr) return;
  stopping_ = true;
  tick_timer_.cancel();
  connect_timer_.cancel();
  if (options_.log.status) write_status();
  spdlog::info("drops: {}", data_plane_->describe_drops());
  close_connection();
  tunnel_->bring_down();
  std::exchange(observer_, nullptr)->on_ended(outcome);
}

void Client::tick() {
  tick_timer_.expires_after(kTick);
  tick_timer_.async_wait([this](const asio::error_code& error) {
    if (error) return;
    renew_if_worn();
    const proto::TimePoint moment = proto::Clock::now();
    if (options_.log.status && moment >= next_status_) {
      next_status_ = moment + options_.log.status->interval;
      write_status();
    }
    tick();
  });
}

void Client::renew_if_worn() {
  if (!session_ || !pushed_) return;
  const config::RenewalOptions& renewal = options_.renewal;
  const auto bytes = counters_->bytes_received.get() + counters_->bytes_sent.get() - bytes_at_rekey_;
  const auto records = counters_->records_received.get() + counters_->records_sent.get() - records_at_rekey_;
  if ((renewal.bytes > 0 && bytes >= renewal.bytes) || (renewal.packets > 0 && records >= renewal.packets)) {
    session_->session().start_rekey(now());
    session_->pump();
  }
}

void Client::write_status() const {
  host::ClientStatistics statistics;
  statistics.now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  statistics.tun_read_bytes = counters_->tun_bytes_read.get();
  statistics.tun_write_bytes = counters_->tun_bytes_written.get();
  statistics.link_read_bytes = counters_->bytes_received.get();
  statistics.link_write_bytes = counters_->bytes_sent.get();
  statistics.auth_read_bytes = counters_->tun_bytes_written.get();
  const auto written =
      host::write_file_atomically(options_.log.status->path, host::format_client_status(statistics), 0640);
  if (!written.ok()) spdlog::warn("status: {}", written.reason);
}

void Client::log_statistics() {
  spdlog::info("received {} bytes, sent {} bytes on the link", counters_->bytes_received.get(),
               counters_->bytes_sent.get());
  spdlog::info("drops: {}", data_plane_->describe_drops());
  spdlog::info("io: {}", describe(data_plane_->io_counters()));
}

}  // namespace vpnd::control
