// How a client finds a server: wait, resolve, open a socket or connection, begin the session. Each attempt
// has a number, and what belongs to a former one is ignored.

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>

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
                            if (error == asio::error::operation_aborted) return;
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
  // Not connected: that would tie it to the address that we have now (follow_path()).
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
