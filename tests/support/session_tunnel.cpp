#include "tests/support/session_tunnel.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

namespace vpnd::test {

using crypto::Role;
using namespace proto;

namespace {

constexpr std::array kClientAddress{std::byte{192}, std::byte{0}, std::byte{2}, std::byte{1}, std::byte{9}};
constexpr std::uint32_t kWallClock = 1'700'000'000;

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

// One authority for all tests: keys take time to make.
TestCa& authority() {
  static TestCa ca;
  return ca;
}

const Identity& identity_of(Role role) {
  static const Identity client = authority().issue_client();
  static const Identity server = authority().issue_server();
  return role == Role::client ? client : server;
}

std::shared_ptr<crypto::TlsContext> tls_context(Role role,
                                                const std::function<void(crypto::TlsSettings&)>& change) {
  crypto::TlsSettings settings;
  settings.role = role;
  settings.ca = authority().cert();
  settings.cert = identity_of(role).cert;
  settings.key = crypto::SecretString(identity_of(role).key);
  if (change) change(settings);
  return std::make_shared<crypto::TlsContext>(settings);
}

}  // namespace

Tunnel::Tunnel(TunnelOptions given)
    : options(std::move(given)),
      static_key_(crypto::StaticKey::generate()),
      client_tls_(tls_context(Role::client, options.client_tls)),
      server_tls_(tls_context(Role::server, options.server_tls)),
      to_server_(options.seed, options.faults),
      to_client_(options.seed + 1, options.faults) {
  FirstContactSettings settings;
  if (options.wrap == WrapKind::tls_crypt_v2) {
    v2_server_key_ = crypto::TlsCryptV2ServerKey::generate();
    v2_client_key_ = crypto::TlsCryptV2ClientKey::generate(*v2_server_key_, std::nullopt);
    settings.tls_crypt_v2 = crypto::TlsCryptV2ServerKey::parse(v2_server_key_->format().expose());
  } else {
    settings.wrap = config(Role::server).wrap;
  }
  first_contact_.emplace(std::move(settings));
  client.session.emplace(config(Role::client), random_session_id(), now());
}

SessionConfig Tunnel::config(Role role) const {
  SessionConfig config;
  config.role = role;
  config.tls = role == Role::client ? client_tls_ : server_tls_;
  config.transport = options.transport;
  config.timers = role == Role::client ? options.client_timers : options.server_timers;
  config.options = role == Role::client ? "V4,dev-type tun,tls-client" : "V4,dev-type tun,tls-server";
  config.max_packet_size = options.max_packet_size;
  config.ask_about_certificates = options.on_certificate.has_value();
  if (role == Role::client) {
    config.peer_info = options.peer_info;
    config.credentials = {options.username, crypto::SecretString(options.password)};
  }
  switch (options.wrap) {
    case WrapKind::plain:
      return config;
    case WrapKind::tls_auth: {
      const auto direction =
          role == Role::client ? crypto::KeyDirection::inverse : crypto::KeyDirection::normal;
      config.wrap = *crypto::ControlWrap::tls_auth(static_key_, direction, "SHA256");
      config.wrap_key = static_key_.material().duplicate();
      return config;
    }
    case WrapKind::tls_crypt:
      config.wrap = crypto::ControlWrap::tls_crypt(static_key_.material(), role);
      config.wrap_key = static_key_.material().duplicate();
      return config;
    case WrapKind::tls_crypt_v2:
      config.wrap = crypto::ControlWrap::tls_crypt(v2_client_key_->key, role);
      config.wrap_key = v2_client_key_->key.duplicate();
      if (role == Role::client) config.wkc = v2_client_key_->wrapped;
      return config;
  }
  return config;
}

void Tunnel::change_client_certificate(const std::string& common_name) {
  const Identity other = authority().issue_client(common_name);
  *client_tls_ = std::move(*tls_context(Role::client, [&](crypto::TlsSettings& settings) {
    settings.cert = other.cert;
    settings.key = crypto::SecretString(other.key);
  }));
}

Now Tunnel::now() const {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now_.time_since_epoch());
  return {now_, kWallClock + static_cast<std::uint32_t>(seconds.count())};
}

void Tunnel::set_faults(const LinkFaults& faults) {
  to_server_.set_faults(faults);
  to_client_.set_faults(faults);
}

DropReason Tunnel::inject(TunnelEnd& end, std::span<const std::byte> packet) {
  const DropReason drop = end.session->receive(packet, now());
  if (drop != DropReason::none) ++end.drops[drop];
  return drop;
}

void Tunnel::drain(TunnelEnd& end) {
  if (!end.session) return;
  while (auto event = end.session->next_event()) handle(end, std::move(*event));
  std::vector<std::byte> packet;
  while (end.session->next_packet(packet, now())) {
    ++end.packets_sent;
    end.largest_packet = std::max(end.largest_packet, packet.size());
    if (on_wire && !on_wire(end, packet)) continue;
    (&end == &client ? to_server_ : to_client_).send(packet, now_);
  }
}

void Tunnel::handle(TunnelEnd& end, SessionEvent event) {
  const auto derive = [&](const Established& established) {
    if (auto keys = end.session->derive_data_keys(established.key, options.derivation)) {
      end.keys.insert_or_assign(established.key.value, std::move(*keys));
    }
    end.established.push_back(established);
  };
  std::visit(Overloaded{
                 [&](CertificateRequest& request) {
                   const KeyId key = request.key;
                   end.certificates.push_back(std::move(request));
                   if (options.on_certificate == OnRequest::accept)
                     end.session->accept_certificate(key, now());
                   if (options.on_certificate == OnRequest::reject)
                     end.session->reject_certificate(key, "not that one", now());
                 },
                 [&](AuthenticationRequest& request) {
                   const KeyId key = request.key;
                   end.requests.push_back(std::move(request));
                   if (options.on_request == OnRequest::accept) end.session->accept_peer(key, now());
                   if (options.on_request == OnRequest::reject)
                     end.session->reject_peer(key, "go away", now());
                 },
                 derive,
                 [&](MessageReceived& message) { end.messages.push_back(std::move(message.text)); },
                 [&](const SendKeyChanged& change) { end.sending = change.key; },
                 [&](const KeyRetired& retired) { end.retired.push_back(retired.key); },
                 [&](RekeyFailed& failed) { end.rekey_failures.push_back(std::move(failed.reason)); },
                 [&](Failed& failed) { end.failure = std::move(failed.reason); },
                 [&](const PeerReset&) { ++end.peer_resets; },
             },
             event);
}

void Tunnel::deliver_to_server(const LossyLink::Datagram& packet) {
  if (!server.session) {
    std::array<std::byte, kMaxResetReplySize> reply;
    auto verdict = options.cookie && options.transport == Transport::datagrams
                       ? first_contact_->judge(packet, kClientAddress, reply, now())
                       : first_contact_->judge_stream(packet, now());
    if (const auto* drop = std::get_if<DropReason>(&verdict)) {
      ++server.drops[*drop];
      return;
    }
    if (const auto* answer = std::get_if<ResetReply>(&verdict)) {
      const auto bytes = std::span(reply).first(answer->size);
      to_client_.send({bytes.begin(), bytes.end()}, now_);
      return;
    }
    const auto& accepted = std::get<NewSession>(verdict);
    SessionConfig server_config = config(Role::server);
    server_config.wrap = accepted.wrap;
    if (accepted.start == NewSession::Start::after_cookie) {
      server.session.emplace(std::move(server_config), AcceptedContact{accepted.local, accepted.client},
                             now());
    } else {
      server.session.emplace(std::move(server_config), accepted.local, now());
    }
  }
  static_cast<void>(inject(server, packet));
}

void Tunnel::deliver() {
  while (const auto packet = to_server_.receive(now_)) {
    deliver_to_server(*packet);
    drain(server);
  }
  while (const auto packet = to_client_.receive(now_)) {
    static_cast<void>(inject(client, *packet));
    drain(client);
  }
}

TimePoint Tunnel::next_moment() const {
  TimePoint next = std::min(to_server_.next_arrival(), to_client_.next_arrival());
  for (const TunnelEnd* end : {&client, &server}) {
    if (end->session) next = std::min(next, end->session->deadline());
  }
  return next;
}

bool Tunnel::run_until(const std::function<bool()>& condition, std::chrono::seconds limit) {
  const TimePoint end = now_ + limit;
  while (true) {
    for (TunnelEnd* side : {&client, &server}) {
      if (side->session && side->session->deadline() <= now_) side->session->tick(now());
      drain(*side);
    }
    deliver();
    if (condition()) return true;
    if (now_ >= end) return false;
    // A millisecond at least, so that a deadline that never moves shows as a test that ends, not one that
    // hangs.
    now_ = std::min(end, std::max(now_ + std::chrono::milliseconds(1), next_moment()));
  }
}

void Tunnel::run_for(std::chrono::seconds duration) {
  static_cast<void>(run_until([] { return false; }, duration));
}

bool Tunnel::connect(std::chrono::seconds limit) {
  return run_until([this] { return !client.established.empty() && !server.established.empty(); }, limit);
}

bool Tunnel::rekeyed_to(KeyId key, std::chrono::seconds limit) {
  const auto reached = [key](const TunnelEnd& end) {
    return end.session && end.session->newest_key() == key && end.session->established_key() == key;
  };
  return run_until([&] { return reached(client) && reached(server); }, limit) && same_keys(key);
}

bool Tunnel::same_keys(KeyId key) const {
  const auto ours = client.keys.find(key.value);
  const auto theirs = server.keys.find(key.value);
  if (ours == client.keys.end() || theirs == server.keys.end()) return false;
  return std::ranges::equal(ours->second.expose(), theirs->second.expose());
}

}  // namespace vpnd::test
