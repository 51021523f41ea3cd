// A client's and a server's Session with a lossy link between them, in fake time. The server side begins with
// FirstContact, as the daemon's does.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/static_key.hpp"
#include "crypto/tls.hpp"
#include "proto/first_contact.hpp"
#include "proto/session.hpp"
#include "tests/support/lossy_link.hpp"
#include "tests/support/test_pki.hpp"

namespace vpnd::test {

enum class WrapKind { plain, tls_auth, tls_crypt, tls_crypt_v2 };
enum class OnRequest { accept, reject, defer };

struct TunnelOptions {
  WrapKind wrap = WrapKind::plain;
  proto::Transport transport = proto::Transport::datagrams;
  bool cookie = true;  // false: the server makes its session on the client's reset, as over TCP
  proto::KeyDerivation derivation = proto::KeyDerivation::tls_exporter;
  LinkFaults faults;
  std::uint32_t seed = 1;
  proto::SessionTimers client_timers;
  proto::SessionTimers server_timers;
  OnRequest on_request = OnRequest::accept;
  std::optional<OnRequest> on_certificate;  // none: the ends do not ask about certificates
  std::string username;
  std::string password;
  std::string peer_info = "IV_VER=2.6.0\nIV_PROTO=990\n";
  std::size_t max_packet_size = 1250;

  // Changes to what TLS is set up with. By default both ends have a P-256 certificate of the same authority.
  std::function<void(crypto::TlsSettings&)> client_tls;
  std::function<void(crypto::TlsSettings&)> server_tls;
};

// One end, and what its session has reported so far.
struct TunnelEnd {
  std::optional<proto::Session> session;
  std::vector<proto::CertificateRequest> certificates;
  std::vector<proto::AuthenticationRequest> requests;
  std::vector<proto::Established> established;
  std::vector<std::string> messages;
  std::vector<proto::KeyId> retired;
  std::vector<std::string> rekey_failures;
  std::optional<std::string> failure;
  std::map<std::uint8_t, crypto::KeyMaterial> keys;  // derived, by key id; of the latest of that id
  proto::KeyId sending{0};
  int peer_resets = 0;
  std::map<proto::DropReason, int> drops;
  int packets_sent = 0;
  std::size_t largest_packet = 0;
};

class Tunnel {
 public:
  explicit Tunnel(TunnelOptions options);

  // Runs time on until the condition holds; whether it did within `limit` of it.
  bool run_until(const std::function<bool()>& condition,
                 std::chrono::seconds limit = std::chrono::seconds(60));
  void run_for(std::chrono::seconds duration);

  // Until both ends are established with key 0.
  bool connect(std::chrono::seconds limit = std::chrono::seconds(60));
  // Until both ends have derived the same data keys for a rekey to `key`.
  bool rekeyed_to(proto::KeyId key, std::chrono::seconds limit = std::chrono::seconds(60));
  // Whether both derived the same for this key.
  bool same_keys(proto::KeyId key) const;

  // From its next TLS handshake on the client shows another certificate of the same authority.
  void change_client_certificate(const std::string& common_name);

  proto::Now now() const;
  void set_faults(const LinkFaults& faults);
  // Gives a packet to a session, as if it had come from the network.
  proto::DropReason inject(TunnelEnd& end, std::span<const std::byte> packet);
  void drain(TunnelEnd& end);  // events and packets
  // Lets a test see and swallow packets: true = goes on.
  std::function<bool(const TunnelEnd& from, std::span<const std::byte> packet)> on_wire;

  proto::SessionConfig config(crypto::Role role) const;
  TunnelOptions options;
  TunnelEnd client;
  TunnelEnd server;

 private:
  void deliver();
  void deliver_to_server(const LossyLink::Datagram& packet);
  void handle(TunnelEnd& end, proto::SessionEvent event);
  proto::TimePoint next_moment() const;

  crypto::StaticKey static_key_;
  std::optional<crypto::TlsCryptV2ServerKey> v2_server_key_;
  std::optional<crypto::TlsCryptV2ClientKey> v2_client_key_;
  std::shared_ptr<crypto::TlsContext> client_tls_;
  std::shared_ptr<crypto::TlsContext> server_tls_;
  std::optional<proto::FirstContact> first_contact_;
  LossyLink to_server_;
  LossyLink to_client_;
  proto::TimePoint now_{std::chrono::hours(1)};
};

}  // namespace vpnd::test
