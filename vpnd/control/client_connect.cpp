// How a client finds a server: wait, resolve, open a socket or connection, begin the session. Each attempt
// has a number, and what belongs to a former one is ignored.

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "crypto/random.hpp"
#include "tunio/tcp_socket.hpp"
#include "tunio/udp_socket.hpp"
#include "vpnd/config/diagnostic.hpp"
#include "vpnd/control/client.hpp"
#include "vpnd/control/point_to_point.hpp"
#include "vpnd/control/security_setup.hpp"
#include "vpnd/control/socket_setup.hpp"
#include "vpnd/host/file_io.hpp"

namespace vpnd::control {

namespace {

bool fits(const tunio::Endpoint& endpoint, config::AddressFamily wanted) {
  return wanted == config::AddressFamily::any ||
         endpoint.address().is_v4() == (wanted == config::AddressFamily::ipv4);
}

}  // namespace

void Client::connect_after(std::chrono::seconds wait) {
  const auto attempt = ++attempt_;
  gate_.pass(wait, [this, attempt](const config::Remote& remote) {
    if (attempt == attempt_ && !stopping_) connect(remote);
  });
}

void Client::connect(const config::Remote& remote) {
  remote_ = remote;
  heard_server_ = false;
  addresses_.clear();
  const auto attempt = attempt_;
  poll_timer_.expires_after(remote_.link.connect_timeout);
  poll_timer_.async_wait([this, attempt](const asio::error_code& error) {
    if (error || attempt != attempt_ || pushed_) return;
    reconnect(RestartCause::no_answer,
              fmt::format("no answer from {}:{} (server-poll-timeout)", remote_.host, remote_.port),
              Next::next_remote);
  });
  // With a proxy it is the proxy that is connected to; the server's name is the proxy's affair.
  const auto& proxy = remote_.link.proxy;
  if (!tunio::IpAddress::parse(proxy ? proxy->host : remote_.host)) report(management::State::resolve);
  resolver_.async_resolve(proxy ? proxy->host : host_name_to_try(),
                          std::to_string(proxy ? proxy->port : remote_.port),
                          [this, attempt](const asio::error_code& error, const auto& results) {
                            if (attempt == attempt_) resolved(error, results);
                          });
}

// remote-random-hostname: a label that no cache has seen. Addresses stay as they are.
std::string Client::host_name_to_try() const {
  if (!options_.client.random_hostname || tunio::IpAddress::parse(remote_.host)) return remote_.host;
  std::array<std::byte, 6> random{};
  crypto::fill_random(random);
  std::string label;
  for (const std::byte byte : random) label += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  return label + "." + remote_.host;
}

void Client::resolved(const asio::error_code& error, const asio::ip::udp::resolver::results_type& results) {
  if (error) {
    const auto& limit = options_.client.resolve_retry;
    if (limit && limit->count() == 0) {
      return finish({false, fmt::format("cannot resolve {}: {}", remote_.host, error.message())});
    }
    return reconnect(RestartCause::initialisation,
                     fmt::format("cannot resolve {}: {}", remote_.host, error.message()), Next::next_remote);
  }
  for (const auto& result : results) {
    const auto endpoint = result.endpoint();
    const auto address =
        tunio::Endpoint::from_sockaddr(endpoint.data(), static_cast<socklen_t>(endpoint.size()));
    if (address && fits(*address, remote_.protocol.family)) addresses_.push_back(*address);
  }
  try_next_address();
}

void Client::try_next_address() {
  if (addresses_.empty()) {
    return reconnect(RestartCause::initialisation,
                     fmt::format("{} has no (further) address that fits proto", remote_.host),
                     Next::next_remote);
  }
  const tunio::Endpoint server = addresses_.front();
  addresses_.pop_front();
  tunnel_->keep_server_reachable(server.address());
  try {
    const bool datagrams = remote_.protocol.transport == config::Transport::udp && !remote_.link.proxy;
    datagrams ? open_udp(server) : open_tcp(server);
  } catch (const std::system_error& error) {
    spdlog::warn("{}: {}", server.format(), error.what());
    try_next_address();
  }
}

void Client::open_udp(const tunio::Endpoint& server) {
  auto socket = tunio::open_udp_socket(udp_options(options_, remote_, server));
  spdlog::info("UDP link local: {}", tunio::local_endpoint(socket).format());
  spdlog::info("UDP link remote: {}", server.format());
  transport_.reset(::dup(socket.get()));
  // Without `float` the socket is connected, and the kernel drops what other addresses send.
  data_plane_->post_to(kSessionWorker, dataplane::ReplaceUdp{std::move(socket)});
  begin_session({server, std::nullopt});
}

void Client::open_tcp(const tunio::Endpoint& server) {
  spdlog::info("Attempting to establish TCP connection with {}", server.format());
  report(management::State::tcp_connect);
  auto started = tunio::start_connect(server, tcp_options(options_, remote_, server));
  if (started.error) throw std::system_error(started.error, "connect");
  connecting_to_ = server;
  await_connection(std::move(started.socket));
}

void Client::await_connection(tunio::UniqueFd socket) {
  connecting_.emplace(context_, socket.release());
  connecting_->async_wait(asio::posix::stream_descriptor::wait_write,
                          [this, attempt = attempt_](const asio::error_code& error) {
                            if (!error && attempt == attempt_) tcp_connected();
                          });
}

void Client::tcp_connected() {
  tunio::UniqueFd socket(connecting_->release());
  connecting_.reset();
  const auto error = tunio::finish_connect(socket);
  if (error == std::errc::operation_in_progress) return await_connection(std::move(socket));
  if (error) {
    spdlog::warn("{}: {}", connecting_to_.format(), error.message());
    return try_next_address();
  }
  remote_.link.proxy ? begin_proxy_dialogue(std::move(socket)) : hand_over_connection(std::move(socket));
}

void Client::hand_over_connection(tunio::UniqueFd socket) {
  tunio::tune_tunnel_connection(socket, kUnsentLimit);
  transport_.reset(::dup(socket.get()));
  data_plane_->post_to(kSessionWorker, dataplane::AddStream{std::move(socket), connecting_to_});
}

void Client::begin_proxy_dialogue(tunio::UniqueFd socket) {
  spdlog::info("Asking the proxy {} for a way to {}:{}", connecting_to_.format(), remote_.host, remote_.port);
  const bool datagrams = remote_.protocol.transport == config::Transport::udp;
  proxy_dialogue_.emplace(*remote_.link.proxy, host_name_to_try(), remote_.port,
                          datagrams ? ProxyDialogue::Wanted::datagrams : ProxyDialogue::Wanted::connection);
  connecting_.emplace(context_, socket.release());
  if (!send_to_proxy()) return proxy_failed("the connection was closed");
  await_proxy();
}

// A few hundred bytes to a connection that is idle go out whole.
bool Client::send_to_proxy() {
  const crypto::SecretString output = proxy_dialogue_->take_output();
  const std::string_view bytes = output.expose();
  if (bytes.empty()) return true;
  const auto sent = ::send(connecting_->native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(bytes.size());
}

void Client::await_proxy() {
  connecting_->async_wait(asio::posix::stream_descriptor::wait_read,
                          [this, attempt = attempt_](const asio::error_code& error) {
                            if (!error && attempt == attempt_) hear_proxy();
                          });
}

void Client::hear_proxy() {
  std::array<char, 2048> bytes{};
  const auto size = ::recv(connecting_->native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return await_proxy();
  if (size <= 0) return proxy_failed("the connection was closed");
  proxy_dialogue_->receive({bytes.data(), static_cast<std::size_t>(size)});
  switch (proxy_dialogue_->state()) {
    case ProxyDialogue::State::refused:
      return proxy_failed(proxy_dialogue_->reason());
    case ProxyDialogue::State::talking:
      if (!send_to_proxy()) return proxy_failed("the connection was closed");
      return await_proxy();
    case ProxyDialogue::State::open:
      break;
  }
  const tunio::Endpoint relay = proxy_dialogue_->relay();
  proxy_dialogue_.reset();
  tunio::UniqueFd socket(connecting_->release());
  connecting_.reset();
  const bool datagrams = remote_.protocol.transport == config::Transport::udp;
  datagrams ? begin_over_relay(std::move(socket), relay) : hand_over_connection(std::move(socket));
}

// The worker sends to a relay on loopback as if that were the server.
void Client::begin_over_relay(tunio::UniqueFd association, tunio::Endpoint proxy) {
  if (proxy.address().is_unspecified()) proxy = tunio::Endpoint(connecting_to_.address(), proxy.port());
  tunnel_->keep_server_reachable(proxy.address());
  try {
    relay_ = std::make_unique<SocksRelay>(socks_datagram_header(host_name_to_try(), remote_.port),
                                          relay_udp_options(options_, remote_, proxy));
    auto socket = tunio::open_udp_socket(loopback_udp_options(options_, relay_->endpoint()));
    relay_->serve(tunio::local_endpoint(socket));
    transport_.reset(::dup(socket.get()));
    data_plane_->post_to(kSessionWorker, dataplane::ReplaceUdp{std::move(socket)});
  } catch (const std::system_error& error) {
    relay_.reset();
    return proxy_failed(error.what());
  }
  spdlog::info("UDP link remote: {}:{} by the proxy at {}", remote_.host, remote_.port, proxy.format());
  association_.emplace(context_, association.release());
  await_end_of_association();
  begin_session({relay_->endpoint(), std::nullopt});
}

// The proxy says nothing there any more; the way for datagrams ends with the connection (RFC 1928 §7).
void Client::await_end_of_association() {
  association_->async_wait(
      asio::posix::stream_descriptor::wait_read, [this, attempt = attempt_](const asio::error_code& error) {
        if (error || attempt != attempt_) return;
        std::array<char, 256> ignored{};
        const auto size = ::recv(association_->native_handle(), ignored.data(), ignored.size(), MSG_DONTWAIT);
        const bool goes_on = size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
        if (goes_on) return await_end_of_association();
        reconnect(RestartCause::connection_reset, "the proxy has ended the association", Next::next_remote);
      });
}

// As others are told of it: a proxy instead of the server, and never our own relay.
tunio::Endpoint Client::server_endpoint() const {
  return relay_ ? relay_->proxy() : session_->link().endpoint;
}

void Client::proxy_failed(const std::string& reason) {
  spdlog::warn("proxy {}: {}", connecting_to_.format(), reason);
  proxy_dialogue_.reset();
  connecting_.reset();
  try_next_address();
}

void Client::handle(const dataplane::StreamOpened& opened) {
  if (opened.remote != connecting_to_ || session_ || stopping_) {
    return data_plane_->post(dataplane::CloseStream{opened.worker, opened.stream});
  }
  stream_ = {opened.worker, opened.stream};
  spdlog::info("TCP connection established with {}", opened.remote.format());
  begin_session({opened.remote, opened.stream, opened.worker});
}

void Client::begin_session(const dataplane::Link& link) {
  push_assembler_ = {};
  update_assembler_ = {};
  std::unique_ptr<proto::Session> session;
  try {
    session = std::make_unique<proto::Session>(session_config(link), proto::random_session_id(), now());
  } catch (const config::ConfigError& error) {  // nobody is there to ask for the password
    return finish({false, error.what()});
  }
  session_ = std::make_unique<SessionDriver>(context_, *data_plane_, link, std::move(session), *this);
  report(management::State::wait);
  session_->pump();
}

proto::SessionConfig Client::session_config(const dataplane::Link& link) {
  ClientWrap wrap = make_client_wrap(remote_.link, options_.data);
  proto::SessionConfig config;
  config.role = crypto::Role::client;
  config.tls = tls_;
  config.wrap = std::move(wrap.wrap);
  config.wrap_key = std::move(wrap.key);
  config.wkc = std::move(wrap.wkc);
  config.transport = link.stream ? proto::Transport::stream : proto::Transport::datagrams;
  config.timers = session_timers(options_, crypto::Role::client);
  config.options = proto::format_options_string(
      options_string_settings(options_, remote_.link, crypto::Role::client, remote_.protocol.transport,
                              link.endpoint.address().family()));
  config.peer_info = peer_info();
  config.credentials = credentials_.for_session();
  config.max_packet_size = remote_.link.max_packet_size;
  config.ask_about_certificates = options_.scripts.tls_verify.has_value();
  return config;
}

// What is told only with push-peer-info: the kernel, the hardware address of the interface towards the
// internet, and the user's own variables.
void Client::add_details(proto::PeerInfoSettings& settings) const {
  utsname system{};
  if (::uname(&system) == 0) settings.variables.emplace_back("IV_PLAT_VER", system.release);
  if (const auto path = tunnel_->device().default_path()) {
    const auto address = host::read_text_file("/sys/class/net/" + path->device + "/address", 64);
    if (address.result.ok())
      settings.variables.emplace_back("IV_HWADDR", address.text.substr(0, address.text.find('\n')));
  }
  for (const auto& [name, value] : options_.scripts.environment) {
    if (name.starts_with("UV_")) settings.variables.emplace_back(name, value);
  }
}

namespace {

// A client that would not hear the answer, or the peer id that lanes are named by, does not ask.
bool offers_batches(const config::Options& options) {
  return options.batch.channel && config::passes_pull_filters("vpnd-batch 1 1", options) &&
         config::passes_pull_filters("peer-id 0", options);
}

}  // namespace

// A lane for each worker, but a connection has one.
proto::BatchTerms Client::batch_offer() const {
  if (remote_.protocol.transport == config::Transport::tcp) return {.lanes = 1};
  return {.lanes = static_cast<unsigned>(std::min(data_plane_->worker_count(), proto::kMaxLanes))};
}

std::string Client::peer_info() const {
  if (options_.point_to_point) return point_to_point_peer_info(options_, ciphers_);
  proto::PeerInfoSettings settings;
  settings.version = "vpnd-" VPND_VERSION;
  if (!options_.data.key_exporter) settings.proto_bits &= ~proto::proto_mask(proto::ProtoBit::tls_key_export);
  // The epoch format has the peer id on the wire, which a pull-filter may take away.
  if (!options_.data.epoch_format || !config::passes_pull_filters("peer-id 0", options_))
    settings.proto_bits &= ~proto::proto_mask(proto::ProtoBit::data_epoch);
  settings.ciphers = proto::format_cipher_list(ciphers_);
  settings.max_tun_mtu = config::largest_pushed_mtu(options_);
  if (offers_batches(options_))
    settings.variables.emplace_back(proto::kBatchPeerInfoName, proto::format_batch_offer(batch_offer()));
  if (options_.client.push_peer_info) add_details(settings);
  return proto::format_peer_info(settings);
}

}  // namespace vpnd::control
