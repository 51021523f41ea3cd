// Functions stand in the order of a client's life.
//
//   1 AuthenticationRequest: who is it?
//   2 the verdict of the password script
//   3 admit: settings, cipher, addresses
//   4 Established: keys and the peer go to the worker
//   5 push (server_client_push.cpp)
//   6 rekeys
//   7 leaving

#include "vpnd/control/server_client.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

#include "proto/control_message.hpp"
#include "proto/stock_channel.hpp"
#include "vpnd/control/mtu.hpp"
#include "vpnd/control/point_to_point.hpp"
#include "vpnd/control/push_list.hpp"
#include "vpnd/control/security_setup.hpp"
#include "vpnd/routing/client_config_dir.hpp"

namespace vpnd::control {

namespace {

// So much longer than the verifier may take waits the session for its verdict.
constexpr std::chrono::seconds kVerdictMargin{5};

std::string printable(const std::string& text) {
  return crypto::sanitise_name(text);
}

}  // namespace

ServerClient::ServerClient(const ServerContext& context, ServerClientOwner& owner, dataplane::PeerIndex index,
                           dataplane::Link link, proto::SessionId remote_id,
                           std::unique_ptr<proto::Session> session)
    : context_(context),
      owner_(owner),
      index_(index),
      remote_id_(remote_id),
      token_(context.tokens),
      data_keys_(context.options),
      driver_(context.io, context.data_plane, link, std::move(session), *this) {}

std::string ServerClient::label() const {
  const std::string address = driver_.link().endpoint.format();
  return common_name_.empty() ? address : common_name_ + "/" + address;
}

void ServerClient::settle(dataplane::PeerIndex first, unsigned lanes) noexcept {
  index_ = first;
  lanes_ = lanes;
  if (batch_) batch_->lanes = lanes;
}

proto::TimePoint ServerClient::last_received() const noexcept {
  return std::max(driver_.last_received(), data_keys_.last_received());
}

bool ServerClient::handshaking() const {
  const proto::Session& session = driver_.session();
  return state_ != State::connected || session.newest_key() != session.established_key();
}

void ServerClient::on_session_event(proto::SessionEvent&& event) {
  if (state_ == State::gone) return;
  std::visit([this](auto&& known) { handle(std::forward<decltype(known)>(known)); }, std::move(event));
}

void ServerClient::handle(proto::AuthenticationRequest&& request) {
  if (request.origin == proto::KeyOrigin::handshake) identify(request);
  using enum ClientToken::Verdict;
  if (const auto [verdict, reason] = token_.judge(request.username, request.password.expose(), now());
      verdict != not_judged) {
    spdlog::info("{}: auth-token of \"{}\" {}", label(), username_,
                 verdict == accepted ? "accepted" : "refused");
    const auto answer =
        verdict == accepted ? PasswordVerifier::Verdict::right : PasswordVerifier::Verdict::wrong;
    return decide(request.key, {answer, reason});
  }
  if (context_.verifier == nullptr ||
      (request.username.empty() && context_.options.server.password_optional)) {
    if (context_.notices != nullptr && context_.notices->decide())
      return ask_management(request.key, environment_with_password(request));
    return decide(request.key, {PasswordVerifier::Verdict::right, {}});
  }
  ask_verifier(request);
}

// A client that cannot be told to wait gives up by itself after its hand-window.
std::chrono::seconds ServerClient::patience() const {
  const config::Options& options = context_.options;
  if (!peer_info_.has(proto::ProtoBit::auth_pending_keywords)) return options.tls.handshake_window;
  return std::max<std::chrono::seconds>(options.tls.handshake_window, options.renewal.interval / 2);
}

void ServerClient::ask_verifier(const proto::AuthenticationRequest& request) {
  driver_.session().extend_authentication(request.key, proto::Clock::now() + patience() + kVerdictMargin);
  // Both have to agree, and management clients are asked when the script has.
  const bool ask_on = context_.notices != nullptr && context_.notices->decide();
  auto further = std::make_shared<host::ScriptEnvironment>();
  if (ask_on) *further = environment_with_password(request);

  PasswordVerifier::Answers answers;
  answers.pending = [this](const PasswordVerifier::Pending& pending) { return tell_pending(pending); };
  answers.decided = [client = weak_from_this(), key = request.key, ask_on,
                     further](const PasswordVerifier::Decision& decision) {
    const auto self = client.lock();
    if (!self || self->state_ == State::gone) return;
    ask_on&& decision.verdict == PasswordVerifier::Verdict::right
        ? self->ask_management(key, std::move(*further))
        : self->decide(key, decision);
    self->driver_.pump();
  };
  verification_ = context_.verifier->verify({.username = request.username,
                                             .password = request.password,
                                             .environment = environment(),
                                             .patience = patience()},
                                            std::move(answers));
}

// False when the client cannot do what its user would have to do. On a rekey the client needs no telling: its
// old key carries on.
bool ServerClient::tell_pending(const PasswordVerifier::Pending& pending) {
  if (state_ != State::handshaking) return true;
  const auto methods = peer_info_.out_of_band_auth_methods();
  if (!pending.method.empty() && std::find(methods.begin(), methods.end(), pending.method) == methods.end()) {
    spdlog::warn("{}: the client does not announce the authentication method \"{}\" (IV_SSO)", label(),
                 pending.method);
    return false;
  }
  spdlog::info("{}: authentication is pending for up to {} s", label(), pending.timeout.count());
  if (peer_info_.has(proto::ProtoBit::auth_pending_keywords))
    driver_.session().send_message(fmt::format("AUTH_PENDING,timeout {}", pending.timeout.count()), now());
  if (!pending.extra.empty()) driver_.session().send_message("INFO_PRE," + pending.extra, now());
  driver_.pump();
  return true;
}

void ServerClient::identify(const proto::AuthenticationRequest& request) {
  username_ = printable(request.username);
  peer_info_ = proto::PeerInfo::parse(request.peer_info);
  if (!context_.options.data.key_exporter) peer_info_.forget(proto::ProtoBit::tls_key_export);
  options_text_ = request.remote_options;
  peer_options_ = proto::parse_options_string(options_text_);
  if (!request.certificate_chain.empty()) {
    common_name_ = request.certificate_chain.front().common_name;
  }
  if (context_.options.server.username_as_common_name && !username_.empty()) common_name_ = username_;
  spdlog::debug("{}: peer info: {}", label(), printable(request.peer_info));
}

void ServerClient::decide(proto::KeyId key, const PasswordVerifier::Decision& decision) {
  if (decision.verdict == PasswordVerifier::Verdict::wrong) {
    spdlog::warn("{}: user name or password is wrong (user \"{}\"){}{}", label(), username_,
                 decision.reason.empty() ? "" : ": ", decision.reason);
    driver_.session().reject_peer(key, decision.reason, now());
    return;
  }
  token_.renew(now());
  if (state_ == State::handshaking) {
    const std::string refusal = admit();
    if (!refusal.empty()) {
      spdlog::warn("{}: refused: {}", label(), refusal);
      driver_.session().reject_peer(key, refusal, now());
      return;
    }
    return ask_connect_hook(key);
  }
  driver_.session().accept_peer(key, now());
}

// Empty, or the reason for the client to read.
std::string ServerClient::admit() {
  const config::ClientConfig by_management = std::exchange(config_, {});
  if (std::string refusal = read_client_config(); !refusal.empty()) return refusal;
  config::add(config_, config::ClientConfig(by_management));
  apply_client_config();
  if (config_.disabled) return "client is disabled";
  if (std::string refusal = agree_on_cipher(); !refusal.empty()) return refusal;
  warn_of_inconsistencies();
  owner_.on_authenticated(*this);
  auto [assignment, refusal] = context_.addresses.assign(common_name_, config_, index_);
  if (!assignment) {
    spdlog::error("{}: {}", label(), refusal);
    return "no address available";
  }
  addresses_ = std::move(assignment);
  return {};
}

std::string ServerClient::read_client_config() {
  const config::ServerOptions& server = context_.options.server;
  if (server.client_config_dir.empty()) return {};
  using Verdict = routing::ClientConfigFile::Verdict;
  const auto file = routing::find_client_config(
      server.client_config_dir, common_name_,
      server.ccd_exclusive ? routing::ClientConfigExclusive::yes : routing::ClientConfigExclusive::no);
  switch (file.verdict) {
    case Verdict::none:
      return {};
    case Verdict::refused:
      spdlog::warn("{}: no file in client-config-dir, and ccd-exclusive is set", label());
      return "client is not configured";
    case Verdict::unreadable:
      spdlog::error("{}: {}", label(), file.reason);
      return "client is not configured";
    case Verdict::found:
      break;
  }
  auto parsed = config::parse_client_config(file.text, file.path.string());
  for (const auto& warning : parsed.warnings) spdlog::warn("{}", config::format(warning));
  config_ = std::move(parsed.config);
  apply_client_config();
  return config_.disabled ? "client is disabled" : "";
}

void ServerClient::apply_client_config() {
  if (config_.username) username_ = printable(*config_.username);
  const std::size_t most = config_.max_networks.value_or(context_.options.server.max_routes_per_client);
  if (config_.networks.size() > most) {
    spdlog::warn("{}: {} networks, of which {} are left out (max-routes-per-client)", label(),
                 config_.networks.size(), config_.networks.size() - most);
    config_.networks.resize(most);
  }
}

// Empty, or why there is none. Of two ends: when TLS is through.
std::string ServerClient::choose_cipher() {
  if (context_.options.point_to_point) return {};
  proto::CipherList own = context_.ciphers;
  if (config_.ciphers) {
    own.clear();
    for (const std::string& name : *config_.ciphers) {
      if (const auto algorithm = crypto::aead_from_name(name)) own.push_back(*algorithm);
    }
  }
  cipher_ = proto::choose_cipher(own, fallback_cipher(context_.options.data), peer_info_, peer_options_);
  return cipher_ ? std::string() : std::string(proto::kNoSharedCipher);
}

std::string ServerClient::agree_on_cipher() {
  if (context_.options.point_to_point) return {};
  if (std::string refusal = choose_cipher(); !refusal.empty()) return refusal;
  if (context_.options.data.exporter_required && !peer_info_.has(proto::ProtoBit::tls_key_export))
    return "key material export is required by this server";
  if (const auto offer = proto::find_batch_offer(peer_info_); offer && context_.options.batch.channel)
    batch_ = proto::choose_batch_terms(*offer, driver_.link().stream ? 1 : context_.lanes);
  // Either batches or epochs.
  if (batch_ || !context_.options.data.epoch_format) peer_info_.forget(proto::ProtoBit::data_epoch);
  flags_ = proto::choose_protocol_flags(peer_info_);

  compression_stub_ =
      peer_options_.comp_lzo && context_.options.data.framing == config::CompressionFraming::none;
  if (compression_stub_ && !peer_info_.has_compression_stub_v2())
    return "compression is not supported by this server";
  return {};
}

void ServerClient::warn_of_inconsistencies() const {
  const config::Options& options = context_.options;
  const dataplane::Link& link = driver_.link();
  const auto own = options_string_settings(options, options.link, crypto::Role::server,
                                           link.stream ? config::Transport::tcp : config::Transport::udp,
                                           link.endpoint.address().family());
  const proto::SettledByPush settled{.tun_mtu = pushes_tun_mtu(options, peer_info_),
                                     .compression = compression_stub_};
  for (const std::string& text : proto::options_inconsistencies(own, options_text_, settled))
    spdlog::warn("{}: {}", label(), text);
}

void ServerClient::handle(proto::Established&& established) {
  log_verified(label(), driver_.session().peer_chain());
  if (established.origin == proto::KeyOrigin::handshake) {
    connect(established.key);
  } else {
    install_key(established.key);
    push_token();
    spdlog::info("{}: new data keys (key {}), {}", label(), established.key.value,
                 driver_.session().tls_description());
  }
}

// Point to point: there is no push in which it could be told.
bool ServerClient::agree_with_other_end() {
  const PointToPointTerms agreed =
      agree_point_to_point(context_.options, context_.ciphers, peer_info_, peer_options_, driver_.session());
  if (!agreed.cipher) {
    leave(std::string(proto::kNoSharedCipher));
    return false;
  }
  cipher_ = agreed.cipher;
  agreed_peer_id_ = agreed.peer_id;
  flags_ = agreed.flags;
  if (flags_.dynamic_tls_crypt) driver_.session().enable_dynamic_tls_crypt();
  return true;
}

void ServerClient::connect(proto::KeyId key) {
  state_ = State::connected;
  connected_since_ = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  if (context_.options.point_to_point && !agree_with_other_end()) return;
  limits_.emplace(context_.options.limits, proto::Clock::now());
  driver_.set_peer(index_);
  data_keys_.add_peer(index_, lanes_, driver_.link(), tunio::Endpoint(), peer_settings(),
                      context_.data_plane);
  install_key(key);
  context_.data_plane.post(dataplane::SendWithKey{index_, key});
  owner_.on_connected(*this);
  spdlog::info("{}: Peer Connection Initiated with {}, {}, data channel {}{}, address {}{}{}", label(),
               driver_.link().endpoint.format(), driver_.session().tls_description(), cipher(),
               lanes_ > 1 ? fmt::format(" in {} lanes", lanes_) : "",
               addresses_->ipv4 ? addresses_->ipv4->format() : "",
               addresses_->ipv4 && addresses_->ipv6 ? " and " : "",
               addresses_->ipv6 ? addresses_->ipv6->address.format() : "");
  notify_connection();
  const bool pushes = !context_.options.point_to_point;
  if (pushes && (push_requested_ || peer_info_.has(proto::ProtoBit::request_push))) answer_push_request();
}

// In the header of DATA_V2; none: the client gets DATA_V1.
std::optional<proto::PeerId> ServerClient::own_wire_id() const {
  if (context_.options.point_to_point) return agreed_peer_id_;
  if (!peer_info_.has(proto::ProtoBit::data_v2)) return std::nullopt;
  return proto::PeerId{index_.value};
}

void ServerClient::install_key(proto::KeyId key) {
  const auto wire_id = own_wire_id();
  const DataKeyAgreement agreement{.peer = index_,
                                   .role = crypto::Role::server,
                                   .cipher = *cipher_,
                                   .derivation = flags_.tls_key_export ? proto::KeyDerivation::tls_exporter
                                                                       : proto::KeyDerivation::legacy_prf,
                                   .wire_id = wire_id,
                                   .batch = batch_,
                                   .epoch = flags_.data_epoch};
  if (!data_keys_.install(driver_.session(), key, agreement, context_.data_plane))
    leave("data keys could not be derived");
}

dataplane::PeerSettings ServerClient::peer_settings() const {
  const config::Options& options = context_.options;
  dataplane::PeerSettings settings;
  settings.wire_id = own_wire_id().value_or(proto::kNoPeer);
  settings.framing = compression_stub_ ? proto::CompressionFraming::stub_v2 : framing(options.data.framing);
  const bool stream = driver_.link().stream.has_value();
  const Encapsulation encapsulation{
      .outer_family = driver_.link().endpoint.address().family(),
      .transport = stream ? config::Transport::tcp : config::Transport::udp,
      .record_overhead = packet_overhead(flags_.data_epoch) + proto::framing_size(settings.framing)};
  apply_link_limits(options.link, encapsulation, batch_.has_value(), settings);
  settings.ping_interval = options.keepalive.ping;
  settings.receive_timeout = options.keepalive.timeout;
  return settings;
}

void ServerClient::handle(proto::MessageReceived&& message) {
  switch (proto::classify_control_message(message.text).kind) {
    case proto::ControlMessageKind::push_request:
      push_requested_ = true;
      if (connected() && !context_.options.point_to_point) answer_push_request();
      return;
    case proto::ControlMessageKind::exit:
      return leave("the client has left");
    case proto::ControlMessageKind::challenge_response:
      return take_challenge_response(proto::classify_control_message(message.text).arguments);
    default:
      spdlog::debug("{}: control message ignored: {}", label(), message.text);
  }
}

void ServerClient::handle(proto::SendKeyChanged&& change) {
  spdlog::debug("{}: data packets are sent with key {}", label(), change.key.value);
  context_.data_plane.post(dataplane::SendWithKey{index_, change.key});
}

void ServerClient::handle(proto::KeyRetired&& retired) {
  spdlog::debug("{}: key {} is retired", label(), retired.key.value);
  context_.data_plane.post(dataplane::RetireKey{index_, retired.key});
}

void ServerClient::handle(proto::RekeyFailed&& failed) {
  spdlog::warn("{}: renegotiation failed: {}", label(), printable(failed.reason));
}

void ServerClient::handle(proto::Failed&& failed) {
  leave(printable(failed.reason));
}

// Packets of another session id never reach this session: the server offers them to FirstContact.
void ServerClient::handle(proto::PeerReset&&) {}

void ServerClient::tick(proto::TimePoint now) {
  if (!connected()) return;
  if (data_keys_.are_worn()) driver_.start_rekey();
  if (token_.due(now)) {
    token_.renew(control::now());
    push_token();
    driver_.pump();
  }
  if (!connected() || !limits_) return;
  const TrafficTotals passed = traffic();
  if (const auto limit = limits_->exceeded(passed.tun_bytes_read + passed.tun_bytes_written, now))
    leave(std::string(text_of(*limit)));
}

void ServerClient::move_to(const tunio::Endpoint& endpoint) {
  dataplane::Link link = driver_.link();
  link.endpoint = endpoint;
  driver_.set_link(link);
  context_.data_plane.post(dataplane::MovePeer{index_, endpoint});
}

void ServerClient::send_restart(std::string_view flags) {
  const std::string text = flags.empty() ? "RESTART" : fmt::format("RESTART,{}", flags);
  driver_.session().send_message(text, now());
  driver_.pump();
}

void ServerClient::leave(const std::string& reason) {
  if (state_ == State::gone) return;
  owner_.on_left(*this, reason);
}

void ServerClient::withdraw() {
  call_leaving_hooks();
  const bool was_asked_about = last_kid_ > 0 && context_.notices != nullptr && context_.notices->decide();
  if (was_asked_about) notify_leaving();
  if (state_ == State::connected) context_.data_plane.post(dataplane::RemovePeer{index_});
  if (addresses_) context_.addresses.release(*addresses_, index_);
  verification_.reset();
  connect_question_.reset();
  state_ = State::gone;
}

}  // namespace vpnd::control
