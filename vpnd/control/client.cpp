// A client's life once it talks to a server: session, push, tunnel, keys; then the ways in which it ends or
// starts over. How it finds the server stands in client_connect.cpp.

#include "vpnd/control/client.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <asio/post.hpp>

#include "vpnd/control/crypto_threads.hpp"
#include "vpnd/control/security_setup.hpp"
#include "vpnd/control/socket_setup.hpp"
#include "vpnd/control/worker_setup.hpp"
#include "vpnd/host/file_io.hpp"
#include "vpnd/host/status_file.hpp"

namespace vpnd::control {

namespace {

constexpr std::chrono::seconds kTick{1};
constexpr std::chrono::seconds kFirstPushRequest{1};
constexpr std::chrono::milliseconds kGoodbye{300};  // how long the last packets may take on their way out

std::string printable(std::string_view text) {
  return crypto::sanitise_name(text);
}

}  // namespace

Client::Client(asio::io_context& context, const config::Options& options, management::Interface* management)
    : context_(context),
      options_(options),
      tls_(make_tls_context(options)),
      ciphers_(data_ciphers(options.data)),
      remotes_(options.client),
      remote_(remotes_.current()),
      credentials_(options.client),
      auth_retry_(options.client.auth_retry),
      management_(management),
      gate_(context, options, credentials_, remotes_, management),
      hook_runner_(context),
      hooks_(options, hook_runner_),
      resolver_(context),
      data_keys_(options),
      poll_timer_(context),
      push_timer_(context),
      path_timer_(context),
      tick_timer_(context),
      goodbye_(context) {
  for (const config::Remote& remote : options.client.remotes)
    make_client_wrap(remote.link, options.data);  // bad keys fail now
  if (options.management.external_key && management_ != nullptr) use_external_identity();
  for (const std::string& warning : tls_->warnings()) spdlog::warn("{}", warning);
  expiry_.watch(tls_->lifetimes(), std::chrono::system_clock::now());
}

Client::~Client() {
  if (management_ != nullptr) management_->set_target(nullptr);
}

void Client::prepare() {
  if (!asks_management()) credentials_.obtain();
  tunnel_ = std::make_unique<Tunnel>(options_, hook_runner_);
  tunnel_->prepare(context_);
}

void Client::start(InstanceObserver& observer) {
  observer_ = &observer;
  std::vector<dataplane::WorkerConfig> configs;
  for (tunio::UniqueFd& queue : tunnel_->device().take_queues()) {
    configs.push_back(worker_config(options_, tunnel_->device(), std::move(queue), {}));
    configs.back().role = crypto::Role::client;
  }
  share_crypto_pool(configs, options_);
  const std::size_t workers = configs.size();
  data_plane_ = std::make_unique<DataPlane>(context_, std::move(configs), *this, workers);
  spdlog::info("data path: {}", tunnel_->device().describe_data_path(data_plane_->describe()));
  if (management_ != nullptr) management_->set_target(&commands_);
  watch_path();
  tick();
  connect_after(std::chrono::seconds::zero());
}

// ---- the session ----

void Client::on_control_packet(const dataplane::Link& from, std::span<const std::byte> packet) {
  if (!session_) return data_plane_->count_drop(proto::DropReason::not_established);
  const dataplane::Link& link = session_->link();
  const bool ours = link.stream ? from.stream == link.stream
                                : from.endpoint == link.endpoint || remote_.link.accept_any_source;
  if (ours && !std::exchange(heard_server_, true)) report(management::State::auth);
  const proto::DropReason drop = ours ? session_->receive(packet) : proto::DropReason::wrong_address;
  if (drop != proto::DropReason::none) data_plane_->count_drop(drop);
}

void Client::on_session_event(proto::SessionEvent&& event) {
  if (!session_) return;  // an event before this one ended the connection
  std::visit([this](auto&& known) { handle(std::forward<decltype(known)>(known)); }, std::move(event));
}

void Client::handle(proto::CertificateRequest&& request) {
  hooks_.ask_about(server_endpoint(), std::move(request.certificate_chain), tunnel_->variables(),
                   [this, attempt = attempt_, key = request.key](const std::string& refusal) {
                     if (attempt != attempt_ || !session_) return;
                     if (refusal.empty()) {
                       session_->session().accept_certificate(key, now());
                     } else {
                       session_->session().reject_certificate(key, refusal, now());
                     }
                     session_->pump();
                   });
}

void Client::handle(proto::AuthenticationRequest&&) {}  // only servers are asked

void Client::handle(proto::Established&& established) {
  log_verified("", session_->session().peer_chain());
  if (established.origin == proto::KeyOrigin::rekey) {
    install_key(established.key);
    spdlog::info("New data keys (key {}), {}", established.key.value, session_->session().tls_description());
    return;
  }
  first_key_ = established.key;
  server_options_text_ = std::move(established.remote_options);
  server_options_ = proto::parse_options_string(server_options_text_);
  const auto& chain = session_->session().peer_chain();
  spdlog::info("[{}] Peer Connection Initiated with {}, {}", chain.empty() ? "" : chain.front().common_name,
               server_endpoint().format(), session_->session().tls_description());
  hooks_.peer_authenticated(server_endpoint(), chain);
  if (options_.point_to_point) return join_point_to_point(proto::PeerInfo::parse(established.peer_info));
  report(management::State::get_config);
  push_deadline_ = proto::Clock::now() + options_.tls.handshake_window;
  if (!pushed_) request_push_after(kFirstPushRequest);
}

void Client::handle(proto::MessageReceived&& message) {
  const auto [kind, arguments] = proto::classify_control_message(message.text);
  switch (kind) {
    case proto::ControlMessageKind::push_reply:
      return take_push_reply(arguments);
    case proto::ControlMessageKind::push_update:
      return take_push_update(arguments);
    case proto::ControlMessageKind::auth_failed:
      return take_auth_failed(arguments);
    case proto::ControlMessageKind::auth_pending: {
      const auto longest = std::max(options_.renewal.interval / 2, options_.tls.handshake_window);
      const auto granted = std::min(proto::parse_auth_pending(arguments).value_or(longest), longest);
      push_deadline_ = proto::Clock::now() + granted;
      poll_timer_.cancel();
      report(management::State::auth_pending, fmt::format("timeout {}", granted.count()));
      return spdlog::info("AUTH_PENDING: waiting up to {} s for the server's decision", granted.count());
    }
    case proto::ControlMessageKind::restart:
      return take_server_signal(arguments);
    case proto::ControlMessageKind::halt:
      return finish({false, fmt::format("the server sent HALT ({})", arguments)});
    case proto::ControlMessageKind::exit:
      return reconnect(RestartCause::server_left, "the server has left", Next::same_remote);
    case proto::ControlMessageKind::info:
    case proto::ControlMessageKind::info_pre:
      if (management_ != nullptr) management_->notify(fmt::format(">INFOMSG:{}", arguments));
      return spdlog::info("Message of the server: {}", arguments);
    default:
      spdlog::debug("Control message ignored: {}", message.text);
  }
}

void Client::take_auth_failed(std::string_view arguments) {
  const proto::AuthFailure failure = proto::parse_auth_failure(arguments);
  const std::string reason =
      failure.reason.empty() ? "AUTH_FAILED" : fmt::format("AUTH_FAILED: {}", printable(failure.reason));
  if (failure.kind == proto::AuthFailure::Kind::temporary) {
    const bool next = failure.advance == proto::AuthFailure::Advance::remote;
    return reconnect(RestartCause::auth_failed, reason, next ? Next::next_remote : Next::same_remote,
                     failure.backoff.value_or(std::chrono::seconds::zero()));
  }
  report_failed_authentication(failure.reason);
  // A token may be refused for its age, or because the server was restarted; the password still counts.
  if (credentials_.drop_token())
    return reconnect(RestartCause::auth_failed, reason + " (auth-token)", Next::same_remote);
  switch (auth_retry_) {
    case config::AuthRetry::none:
      return finish({false, reason}, RestartCause::auth_failed);
    case config::AuthRetry::no_interact:
      return reconnect(RestartCause::auth_failed, reason, Next::same_remote);
    case config::AuthRetry::interact:
      spdlog::warn("{}", reason);
      credentials_.forget();
      if (asks_management()) return reconnect(RestartCause::auth_failed, reason, Next::same_remote);
      try {
        const auto challenge = management::parse_dynamic_challenge(failure.reason);
        challenge ? credentials_.answer(*challenge) : credentials_.obtain();
      } catch (const std::exception& error) {
        return finish({false, error.what()});
      }
      return reconnect(RestartCause::auth_failed, reason, Next::same_remote);
  }
}

void Client::take_server_signal(std::string_view arguments) {
  const proto::ServerSignal signal = proto::parse_server_signal(arguments);
  if (!signal.keep_credentials) credentials_.forget();
  reconnect(RestartCause::server_asks, fmt::format("the server asks for a reconnect {}", signal.text),
            signal.next_remote ? Next::next_remote : Next::same_remote);
}

void Client::handle(proto::SendKeyChanged&& change) {
  spdlog::debug("data packets are sent with key {}", change.key.value);
  data_plane_->post(dataplane::SendWithKey{kServer, change.key});
}

void Client::handle(proto::KeyRetired&& retired) {
  spdlog::debug("key {} is retired", retired.key.value);
  data_plane_->post(dataplane::RetireKey{kServer, retired.key});
}

void Client::handle(proto::RekeyFailed&& failed) {
  spdlog::warn("Renegotiation failed: {}", printable(failed.reason));
}

void Client::handle(proto::Failed&& failed) {
  if (options_.client.exit_on_tls_failure)
    return finish({false, fmt::format("{} (tls-exit)", printable(failed.reason))}, RestartCause::tls_error);
  reconnect(RestartCause::tls_error, printable(failed.reason), Next::next_remote);
}

void Client::handle(proto::PeerReset&&) {}  // only servers meet one

// ---- the worker ----

void Client::on_worker_event(dataplane::Event&& event) {
  std::visit([this](const auto& known) { handle(known); }, event);
}

void Client::handle(const dataplane::StreamEnded& ended) {
  if (!stream_ || stream_->worker != ended.worker || stream_->stream != ended.stream) return;
  stream_.reset();
  reconnect(RestartCause::connection_reset, "Connection reset: " + ended.reason.message(), Next::next_remote);
}

// With `float` the server may answer from another address; the worker has authenticated what came from there.
void Client::handle(const dataplane::PeerFloated& floated) {
  if (!session_ || !remote_.link.accept_any_source) return;
  spdlog::info("The server floated to {}", floated.endpoint.format());
  session_->set_link({floated.endpoint, std::nullopt});
  hooks_.peer_moved(floated.endpoint);
  data_plane_->post(dataplane::MovePeer{kServer, floated.endpoint});
}

void Client::handle(const dataplane::LaneFloated& floated) {
  spdlog::info("Lane {} of the server floated to {}", floated.lane.value, floated.endpoint.format());
}

void Client::handle(const dataplane::PeerSilent&) {
  if (!session_ || !pushed_) return;
  const auto last_received = std::max(session_->last_received(), data_keys_.last_received());
  if (proto::Clock::now() - last_received < peer_settings().receive_timeout) return;
  const auto action = pushed_->timeout ? pushed_->timeout_action : options_.keepalive.action;
  if (action == config::TimeoutAction::exit) {
    exit_word_ = "ping-exit";
    return finish({false, "Inactivity timeout (--ping-exit), exiting"}, RestartCause::silence);
  }
  reconnect(RestartCause::silence, "Inactivity timeout (--ping-restart), restarting", Next::next_remote);
}

void Client::handle(const dataplane::PeerExited&) {
  reconnect(RestartCause::server_left, "the server has left", Next::same_remote);
}

void Client::handle(const dataplane::KeyUsed& used) {
  if (session_) session_->note_peer_used_key(used.key);
}

void Client::handle(const dataplane::KeyWearsOut& worn) {
  if (session_) session_->renew_worn_key(worn.key);
}

void Client::handle(const dataplane::WorkerFailed& failed) {
  finish({false, failed.reason});
}

// ---- ending and starting over ----

void Client::restart() {
  if (!stopping_) reconnect(RestartCause::signal, "SIGUSR1: restarting", Next::same_remote);
}

void Client::reconnect(RestartCause cause, const std::string& reason, Next next,
                       std::chrono::seconds at_least) {
  if (observer_ == nullptr || stopping_) return;
  spdlog::info("{}", reason);
  report(management::State::reconnecting, word_of(cause));
  close_connection();
  if (next == Next::next_remote) remotes_.advance();
  if (remotes_.exhausted())
    return finish({false, "All connections have been connect-retry-max times unsuccessful"});
  const auto wait = std::max(remotes_.wait(), at_least);
  if (options_.tunnel.keep_across_restart) {
    tunnel_->keep_over_restart(std::string(hook_word_of(cause)));
    return connect_after(wait);
  }
  if (tunnel_->is_up()) report_tunnel(false);
  tunnel_->bring_down(std::string(hook_word_of(cause)), [this, wait, attempt = attempt_](const std::string&) {
    if (attempt == attempt_ && !stopping_) connect_after(wait);
  });
}

// The session may be in the middle of a call, so it goes once the control thread is back in its loop.
void Client::close_connection() {
  ++attempt_;
  gate_.forget();
  resolver_.cancel();
  proxy_dialogue_.reset();
  relay_.reset();
  association_.reset();
  connecting_.reset();
  addresses_.clear();
  poll_timer_.cancel();
  push_timer_.cancel();
  path_timer_.cancel();
  data_plane_->post(dataplane::RemovePeer{kServer});
  for (std::uint32_t worker = 0; worker < data_plane_->worker_count(); ++worker)
    data_plane_->post_to({worker}, dataplane::ReplaceUdp{});
  if (stream_) data_plane_->post(*stream_);
  stream_.reset();
  transport_.reset();
  pushed_.reset();
  limits_.reset();
  cipher_.reset();
  asio::post(context_, [old = std::shared_ptr<SessionDriver>(std::move(session_))] {});
}

void Client::stop(std::string_view signal) {
  if (std::exchange(stopping_, true)) return;
  const bool told = exit_notice_pending();
  exit_word_ = told && signal != "sighup" ? "exit-with-notification" : signal;
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

// While keys are being agreed messages wait, and there is no time for that.
void Client::say_goodbye() {
  if (pushed_->exit_by_control_channel) {
    session_->session().send_message("EXIT", now());
    const bool rekeying = session_->session().messages_waiting();
    if (rekeying) session_->session().hurry_messages(now());
    session_->pump();
    if (!rekeying || batch_) return;  // batches have no OCC messages, and who knows them is vpnd
  }
  std::vector<std::byte> exit(proto::kOccMagic.begin(), proto::kOccMagic.end());
  exit.push_back(std::byte{proto::kOccExit});
  data_plane_->post(dataplane::SendPayload{kServer, std::move(exit)});
}

void Client::finish(const Outcome& outcome, RestartCause cause) {
  if (observer_ == nullptr) return;
  stopping_ = true;
  tick_timer_.cancel();
  if (options_.log.status) write_status();
  spdlog::info("drops: {}", data_plane_->describe_drops());
  if (exit_word_ == "sighup") {
    report(management::State::reconnecting, "SIGHUP");
  } else {
    report(management::State::exiting, outcome.clean ? "SIGTERM" : word_of(cause));
  }
  if (tunnel_->is_up()) report_tunnel(false);
  close_connection();
  if (exit_word_.empty()) exit_word_ = hook_word_of(cause);
  tunnel_->bring_down(exit_word_, [observer = std::exchange(observer_, nullptr),
                                   outcome](const std::string&) { observer->on_ended(outcome); });
}

void Client::tick() {
  tick_timer_.expires_after(kTick);
  tick_timer_.async_wait([this](const asio::error_code& error) {
    if (error) return;
    renew_if_worn();
    end_if_over();
    const proto::TimePoint moment = proto::Clock::now();
    if (options_.log.status && moment >= next_status_) {
      next_status_ = moment + options_.log.status->interval;
      write_status();
    }
    for (const std::string& line : expiry_.approaching(std::chrono::system_clock::now()))
      spdlog::warn("{}", line);
    tick();
  });
}

void Client::renew_if_worn() {
  if (session_ && pushed_ && data_keys_.are_worn()) session_->start_rekey();
}

// inactive and session-timeout end the client, as in OpenVPN.
void Client::end_if_over() {
  if (!session_ || !limits_ || stopping_) return;
  const TrafficTotals traffic = data_keys_.traffic();
  const auto limit =
      limits_->exceeded(traffic.tun_bytes_read + traffic.tun_bytes_written, proto::Clock::now());
  if (!limit) return;
  spdlog::info("{}, exiting", text_of(*limit));
  stop(word_of(*limit));
}

std::string Client::status_text() const {
  const TrafficTotals traffic = data_keys_.traffic();
  host::ClientStatistics statistics;
  statistics.now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  statistics.tun_read_bytes = traffic.tun_bytes_read;
  statistics.tun_write_bytes = traffic.tun_bytes_written;
  statistics.link_read_bytes = traffic.bytes_received;
  statistics.link_write_bytes = traffic.bytes_sent;
  statistics.auth_read_bytes = traffic.tun_bytes_written;
  return host::format_client_status(statistics);
}

void Client::write_status() const {
  const auto written = host::write_file_atomically(options_.log.status->path, status_text(), 0640);
  if (!written.ok()) spdlog::warn("status: {}", written.reason);
}

void Client::log_statistics() {
  spdlog::info("{}", status_text());
  const TrafficTotals traffic = data_keys_.traffic();
  spdlog::info("received {} bytes, sent {} bytes on the link", traffic.bytes_received, traffic.bytes_sent);
  spdlog::info("drops: {}", data_plane_->describe_drops());
  for (const std::string& line : data_plane_->describe_io()) spdlog::info("{}", line);
}

}  // namespace vpnd::control
