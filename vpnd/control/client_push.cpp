// From the server's PUSH_REPLY to a tunnel that works: options, cipher, device, routes, keys.

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <system_error>
#include <tuple>

#include "proto/compression_framing.hpp"
#include "proto/stock_channel.hpp"
#include "tunio/udp_socket.hpp"
#include "vpnd/config/push_update.hpp"
#include "vpnd/control/client.hpp"
#include "vpnd/control/mtu.hpp"
#include "vpnd/control/point_to_point.hpp"
#include "vpnd/control/security_setup.hpp"
#include "vpnd/control/socket_setup.hpp"

namespace vpnd::control {

namespace {

constexpr std::chrono::seconds kPushRequestInterval{5};
// A client's ping-restart until something is configured or pushed.
constexpr std::chrono::seconds kDefaultSilence{120};

std::string describe(const std::optional<proto::BatchTerms>& batch) {
  if (!batch) return "";
  return batch->lanes == 1 ? "batches, " : fmt::format("batches in {} lanes, ", batch->lanes);
}

}  // namespace

void Client::request_push_after(std::chrono::seconds wait) {
  push_timer_.expires_after(wait);
  push_timer_.async_wait([this, attempt = attempt_](const asio::error_code& error) {
    if (error || attempt != attempt_ || !session_ || pushed_) return;
    if (proto::Clock::now() > push_deadline_)
      return reconnect(RestartCause::tls_error, "the server did not answer PUSH_REQUEST", Next::next_remote);
    session_->session().send_message("PUSH_REQUEST", now());
    session_->pump();
    request_push_after(kPushRequestInterval);
  });
}

void Client::take_push_reply(std::string_view arguments) {
  switch (push_assembler_.add(arguments)) {
    case proto::PushProgress::incomplete:
      return;
    case proto::PushProgress::refused:
      return reconnect(RestartCause::tls_error, "the server's push list is too long", Next::next_remote);
    case proto::PushProgress::complete:
      break;
  }
  const auto options = push_assembler_.take_options();
  if (pushed_) {  // after a rekey: at most a new token
    config::PushedOptions update = *pushed_;
    for (const std::string& option : options) (void)config::apply_pushed(option, options_, update);
    return take_token(update);
  }
  apply_push(options);
}

// What is changed while the session goes on: the tunnel is set up anew if it has to look different.
void Client::take_push_update(std::string_view arguments) {
  if (!pushed_) return spdlog::debug("PUSH_UPDATE before PUSH_REPLY: ignored");
  switch (update_assembler_.add(arguments)) {
    case proto::PushProgress::incomplete:
      return;
    case proto::PushProgress::refused:
      return reconnect(RestartCause::tls_error, "the server's push update is too long", Next::same_remote);
    case proto::PushProgress::complete:
      break;
  }
  config::PushUpdate update(options_, *pushed_);
  for (const std::string& option : update_assembler_.take_options()) {
    const auto [verdict, text] = update.apply(option);
    if (verdict == config::PushVerdict::fatal)
      return reconnect(RestartCause::tls_error, "PUSH_UPDATE: " + text, Next::same_remote);
    if (text.empty()) continue;
    verdict == config::PushVerdict::refused ? spdlog::warn("PUSH_UPDATE: {}", text)
                                            : spdlog::info("PUSH_UPDATE: {}", text);
  }
  pushed_ = update.take();
  data_plane_->post(dataplane::UpdatePeer{kServer, peer_settings()});
  set_up_tunnel([this](const std::string& failure) {
    if (!failure.empty()) return finish({false, failure});
    spdlog::info("PUSH_UPDATE: the tunnel is as the server wants it now");
  });
}

void Client::apply_push(const std::vector<std::string>& options) {
  config::PushedOptions pushed;
  for (const std::string& option : options) {
    const auto [verdict, text] = config::apply_pushed(option, options_, pushed);
    if (verdict == config::PushVerdict::fatal)
      return reconnect(RestartCause::tls_error, "PUSH_REPLY: " + text, Next::next_remote);
    if (text.empty()) continue;
    verdict == config::PushVerdict::refused ? spdlog::warn("PUSH_REPLY: {}", text)
                                            : spdlog::info("PUSH_REPLY: {}", text);
  }
  use_terms(std::move(pushed));
}

// Nothing is pushed: what was agreed takes its place.
void Client::join_point_to_point(const proto::PeerInfo& other) {
  const PointToPointTerms agreed =
      agree_point_to_point(options_, ciphers_, other, server_options_, session_->session());
  if (!agreed.cipher)
    return reconnect(RestartCause::tls_error, std::string(proto::kNoSharedCipher), Next::next_remote);
  config::PushedOptions terms;
  terms.cipher = std::string(crypto::aead_name(*agreed.cipher));
  if (agreed.peer_id) terms.peer_id = agreed.peer_id->value;
  terms.keys_by_exporter = agreed.flags.tls_key_export;
  terms.dynamic_tls_crypt = agreed.flags.dynamic_tls_crypt;
  terms.exit_by_control_channel = agreed.flags.exit_by_control_channel;
  use_terms(std::move(terms));
}

void Client::use_terms(config::PushedOptions&& terms) {
  pushed_ = std::move(terms);
  if (management_ != nullptr)
    for (const std::string& text : pushed_->echoes) management_->echo(text);
  if (const auto refusal = agree_on_cipher())
    return reconnect(RestartCause::tls_error, *refusal, Next::next_remote);
  if (const auto refusal = agree_on_batches())
    return reconnect(RestartCause::tls_error, *refusal, Next::next_remote);
  warn_of_inconsistencies();
  try {
    set_buffers(transport_);
  } catch (const std::exception& error) {
    return finish({false, error.what()});
  }
  // First of all, so that keys can be renewed and pings answered while hooks take their time.
  set_up_peer();
  if (!session_) return;
  remotes_.connected();
  poll_timer_.cancel();
  set_up_tunnel([this](const std::string& failure) { complete_connection(failure); });
}

void Client::complete_connection(const std::string& failure) {
  if (!failure.empty()) return finish({false, failure});
  limits_.emplace(session_limits(), proto::Clock::now());
  spdlog::info("Data channel: {}cipher {}, peer id {}",
               pushed_->data_epoch && !batch_ ? "epochs, " : describe(batch_), crypto::aead_name(*cipher_),
               pushed_->peer_id ? std::to_string(*pushed_->peer_id) : "none");
  spdlog::info("Initialization Sequence Completed");
  report(management::State::connected, "SUCCESS");
  path_ = tunnel_->way_to(server_endpoint().address());
  observer_->on_ready("connected to " + server_endpoint().format());
}

config::SessionLimits Client::session_limits() const {
  config::SessionLimits limits = options_.limits;
  if (pushed_->idle) std::tie(limits.idle, limits.idle_bytes) = *pushed_->idle;
  if (pushed_->session_length) limits.length = *pushed_->session_length;
  return limits;
}

std::optional<std::string> Client::agree_on_cipher() {
  if (options_.point_to_point) {
    cipher_ = crypto::aead_from_name(pushed_->cipher.value_or(""));
    return std::nullopt;
  }
  const auto [cipher, error] = proto::accept_cipher(
      ciphers_, fallback_cipher(options_.data),
      pushed_->cipher ? std::optional<std::string_view>(*pushed_->cipher) : std::nullopt, server_options_);
  if (!cipher) return error;
  if (options_.data.exporter_required && !pushed_->keys_by_exporter)
    return "the server does not derive data keys by the TLS exporter (force-tls-key-material-export)";
  cipher_ = cipher;
  return std::nullopt;
}

void Client::warn_of_inconsistencies() const {
  const auto own =
      options_string_settings(options_, remote_.link, crypto::Role::client, remote_.protocol.transport,
                              session_->link().endpoint.address().family());
  const proto::SettledByPush settled{.tun_mtu = pushed_->tun_mtu.has_value(),
                                     .compression = pushed_->framing.has_value()};
  for (const std::string& text : proto::options_inconsistencies(own, server_options_text_, settled))
    spdlog::warn("{}", text);
}

std::optional<std::string> Client::agree_on_batches() {
  batch_.reset();
  if (!pushed_->batch) return std::nullopt;
  if (options_.batch.channel && pushed_->peer_id) {
    batch_ = proto::accept_batch_push(pushed_->batch->version, pushed_->batch->lanes,
                                      proto::PeerId{*pushed_->peer_id}, batch_offer());
  }
  if (!batch_) return "the server chose a batch channel that was not offered";
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
  if (routing.route_gateway_ipv6) plan.routing.route_gateway_ipv6 = routing.route_gateway_ipv6;
  if (routing.route_metric) plan.routing.route_metric = routing.route_metric;
  if (routing.redirect_gateway.enabled || routing.redirect_gateway.prepare) {
    plan.routing.redirect_gateway = routing.redirect_gateway;
  }
  plan.routing.block_ipv6 = plan.routing.block_ipv6 || routing.block_ipv6;
  plan.foreign_options.insert(plan.foreign_options.end(), pushed_->foreign_options.begin(),
                              pushed_->foreign_options.end());
  plan.environment = pushed_->environment;
  plan.mtu = pushed_->tun_mtu.value_or(remote_.link.tun_mtu);
  plan.server = server_endpoint().address();
  plan.server_port = server_endpoint().port();
  return plan;
}

void Client::set_buffers(const tunio::UniqueFd& socket) const {
  const auto size = [](const std::optional<std::size_t>& pushed) {
    return static_cast<std::uint32_t>(pushed.value_or(0));
  };
  if (socket) tunio::set_buffers(socket, size(pushed_->receive_buffer), size(pushed_->send_buffer));
}

// Gives each lane but the first, which has the session's, a socket. Returns how many lanes can be used: the
// server sends nothing in a lane that it never hears of.
unsigned Client::open_lanes() {
  if (relay_) return 1;
  const tunio::Endpoint server = session_->link().endpoint;
  for (std::uint32_t lane = 1; lane < batch_->lanes; ++lane) {
    try {
      auto socket = tunio::open_udp_socket(lane_udp_options(options_, remote_, server));
      set_buffers(socket);
      data_plane_->post_to({lane}, dataplane::ReplaceUdp{std::move(socket)});
    } catch (const std::system_error& error) {
      spdlog::warn("no socket for lane {}: {}", lane, error.what());
      return lane;
    }
  }
  return batch_->lanes;
}

// A tunnel that stayed up over the reconnect (persist-tun) is left alone if it is what the server wants
// again.
void Client::set_up_tunnel(Tunnel::Done done) {
  const TunnelPlan plan = tunnel_plan();
  const auto text = [](const auto& address) { return address ? address->format() : std::string("none"); };
  spdlog::info("{}: address {}, IPv6 {}, mtu {}", tunnel_->device().name(), text(plan.addresses.local),
               plan.addresses.local_ipv6 ? plan.addresses.local_ipv6->format() : "none", plan.mtu);
  report(management::State::assign_ip);
  const bool routes = !plan.routing.routes.empty() || !plan.routing.routes_ipv6.empty();
  if (routes || plan.routing.redirect_gateway.enabled) report(management::State::add_routes);
  const auto current = [this, attempt = attempt_] { return attempt == attempt_ && observer_ != nullptr; };
  hook_runner_.when_idle([this, plan, current, done = std::move(done)] {  // ipchange comes before up
    if (!current()) return;
    tunnel_->set_peer_variables(hooks_.variables());
    tunnel_->bring_up(plan, [this, current, done](const std::string& failure) {
      if (failure.empty()) report_tunnel(true);
      if (current()) done(failure);
    });
  });
}

void Client::set_up_peer() {
  session_->set_peer(kServer);
  if (batch_) batch_->lanes = open_lanes();
  const dataplane::Link& link = session_->link();
  data_keys_.add_peer(kServer, batch_ ? batch_->lanes : 1, link, link.endpoint, peer_settings(),
                      *data_plane_);
  install_key(first_key_);
  if (!session_) return;
  data_plane_->post(dataplane::SendWithKey{kServer, first_key_});
  if (pushed_->dynamic_tls_crypt) session_->session().enable_dynamic_tls_crypt();
  take_token(*pushed_);
}

void Client::take_token(const config::PushedOptions& pushed) {
  if (!pushed.auth_token) return;
  credentials_.take_token(crypto::SecretString(std::string_view(pushed.auth_token->expose())),
                          pushed.auth_token_user);
  if (management_ != nullptr) management_->notify(">PASSWORD:Auth-Token:" + pushed.auth_token->expose());
  session_->session().set_credentials(credentials_.token());
}

void Client::install_key(proto::KeyId key) {
  const DataKeyAgreement agreement{
      .peer = kServer,
      .role = crypto::Role::client,
      .cipher = *cipher_,
      .derivation =
          pushed_->keys_by_exporter ? proto::KeyDerivation::tls_exporter : proto::KeyDerivation::legacy_prf,
      .wire_id = pushed_->peer_id ? std::optional(proto::PeerId{*pushed_->peer_id}) : std::nullopt,
      .batch = batch_,
      .epoch = pushed_->data_epoch};
  if (!data_keys_.install(session_->session(), key, agreement, *data_plane_))
    reconnect(RestartCause::tls_error, "data keys could not be derived", Next::next_remote);
}

dataplane::PeerSettings Client::peer_settings() const {
  dataplane::PeerSettings settings;
  settings.wire_id = pushed_->peer_id ? proto::PeerId{*pushed_->peer_id} : proto::kNoPeer;
  settings.framing = framing(pushed_->framing.value_or(options_.data.framing));
  const Encapsulation encapsulation{
      .outer_family = server_endpoint().address().family(),
      .transport = remote_.protocol.transport,
      .record_overhead = packet_overhead(pushed_->data_epoch) + proto::framing_size(settings.framing),
      .proxy_header = relay_ ? relay_->header_size() : 0};
  apply_link_limits(remote_.link, encapsulation, batch_.has_value(), settings);
  settings.block_ipv6 = options_.tunnel.routing.block_ipv6 || pushed_->routing.block_ipv6;
  settings.ping_interval = pushed_->ping.value_or(options_.keepalive.ping);
  const auto silence = options_.keepalive.timeout_given ? options_.keepalive.timeout : kDefaultSilence;
  settings.receive_timeout = pushed_->timeout.value_or(silence);
  return settings;
}

}  // namespace vpnd::control
