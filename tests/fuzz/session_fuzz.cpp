// A server's session behind the plain wrapping, with a real client and a stranger on the wire who knows both
// session ids. The input decides what happens next, one byte each time:
//
//   0   the client's oldest packet arrives
//   1   it arrives damaged: place, mask
//   2   it gets lost
//   3   the server's packets reach the client
//   4   the stranger sends: op/key, flags, message id, size of the payload, payload
//   5   the owner acts: which, key
//   6   time passes: seconds
//   7   the client acts: which
//
// Besides not crashing, the session has to keep to its packet size, to say at most once that it failed, and
// to fall silent after that.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "crypto/tls.hpp"
#include "proto/control_packet.hpp"
#include "proto/session.hpp"
#include "proto/wire.hpp"

namespace {

using namespace vpnd;
using namespace vpnd::proto;
using Packet = std::vector<std::byte>;

constexpr SessionId kServer{{std::byte{1}, std::byte{2}, std::byte{3}}};
constexpr SessionId kClient{{std::byte{4}, std::byte{5}, std::byte{6}}};
constexpr std::size_t kMaxPacketSize = 1250;
constexpr std::size_t kMaxStoredPackets = 64;

// Made for this program alone; it protects nothing.
constexpr std::string_view kCertificate = R"(-----BEGIN CERTIFICATE-----
MIIBdDCCARugAwIBAgIUHLKOeNjyDruttEae7tgCCQAf2gAwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEZnV6ejAgFw0yNjExMjMwOTI0MTJaGA8yMTI2MTAzMDA5MjQx
MlowDzENMAsGA1UEAwwEZnV6ejBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABAB4
hEGalWzyWCMzZ4RwGRyHkz2b1/RLDCFYMXScKTJU0BnDLLLOFbZ/F29tCtLW2rZl
JHl/W3+rKIfbe3avV26jUzBRMB0GA1UdDgQWBBQxbsV2i2k6YOIlTGxFWDNj4+c7
mzAfBgNVHSMEGDAWgBQxbsV2i2k6YOIlTGxFWDNj4+c7mzAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0cAMEQCIGA4YXkK/DaEPZiAHTlDYp9Yu51FPA6xxbMi
7H/zImJCAiAixlLVzlgyi/IHr28H3oPxOHEMyYa2hKkpzxH+3XRlsw==
-----END CERTIFICATE-----)";
constexpr std::string_view kKey = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgikWwx/bRBedUsAe+
UPZRffVyoDgvUTjVczxxGbVFrgChRANCAAQAeIRBmpVs8lgjM2eEcBkch5M9m9f0
SwwhWDF0nCkyVNAZwyyyzhW2fxdvbQrS1tq2ZSR5f1t/qyiH23t2r1du
-----END PRIVATE KEY-----)";

void require(bool promise) {
  if (!promise) std::abort();
}

std::shared_ptr<const crypto::TlsContext> make_tls(crypto::Role role) {
  crypto::TlsSettings settings;
  settings.role = role;
  settings.ca = kCertificate;
  settings.cert = kCertificate;
  settings.key = crypto::SecretString(kKey);
  return std::make_shared<const crypto::TlsContext>(settings);
}

SessionConfig make_config(crypto::Role role) {
  static const auto client_tls = make_tls(crypto::Role::client);
  static const auto server_tls = make_tls(crypto::Role::server);
  SessionConfig config;
  config.role = role;
  config.tls = role == crypto::Role::client ? client_tls : server_tls;
  config.max_packet_size = kMaxPacketSize;
  if (role == crypto::Role::client) config.peer_info = "IV_PROTO=990\n";
  return config;
}

class World {
 public:
  void step(WireReader& input) {
    switch (input.u8() % 8) {
      case 0:
        return arrive({});
      case 1: {
        const std::size_t place = input.u8();
        return arrive({place, input.u8()});
      }
      case 2:
        return lose();
      case 3:
        return answer();
      case 4:
        return forge(input);
      case 5:
        return owner_acts(input.u8(), KeyId{static_cast<std::uint8_t>(input.u8() & 7U)});
      case 6:
        now_.steady += std::chrono::seconds(input.u8());
        server_.tick(now_);
        client_.tick(now_);
        return;
      case 7:
        return client_acts(input.u8());
    }
  }

  void settle() {
    while (auto event = server_.next_event()) see(*event);
    while (auto event = client_.next_event()) {
      if (const auto* established = std::get_if<Established>(&*event)) {
        static_cast<void>(client_.derive_data_keys(established->key, KeyDerivation::tls_exporter));
      }
    }
    Packet packet;
    while (client_.next_packet(packet, now_)) keep(to_server_, packet);
    int sent = 0;
    while (server_.next_packet(packet, now_)) {
      require(packet.size() <= kMaxPacketSize && ++sent <= 32);
      keep(to_client_, packet);
    }
    static_cast<void>(server_.deadline());
  }

 private:
  struct Damage {
    std::size_t place = 0;
    std::uint8_t mask = 0;
  };

  static void keep(std::deque<Packet>& queue, const Packet& packet) {
    if (queue.size() < kMaxStoredPackets) queue.push_back(packet);
  }

  void arrive(Damage damage) {
    if (to_server_.empty()) return;
    Packet& packet = to_server_.front();
    packet[damage.place % packet.size()] ^= static_cast<std::byte>(damage.mask);
    static_cast<void>(server_.receive(packet, now_));
    to_server_.pop_front();
  }

  void lose() {
    if (!to_server_.empty()) to_server_.pop_front();
  }

  void answer() {
    for (const Packet& packet : to_client_) static_cast<void>(client_.receive(packet, now_));
    to_client_.clear();
  }

  void forge(WireReader& input) {
    const auto first = parse_first_byte(static_cast<std::byte>(input.u8()));
    const std::uint8_t flags = input.u8();
    ControlBody body{};
    body.message_id = MessageId{input.u8()};
    body.payload = input.bytes(std::min<std::size_t>(input.u8(), input.rest().size()));
    if (!first) return;
    if (first->opcode == Opcode::ack_v1) {
      body.message_id.reset();
      body.payload = {};
    }
    for (unsigned i = 0; i < (flags & 7U); ++i) body.acks.push(MessageId{i + (flags >> 3U)});
    body.receiver = kServer;
    std::array<std::byte, 512> packet;
    const auto whole = std::span(packet);
    format_control_header({first->opcode, first->key_id, kClient}, whole.first<kControlHeaderSize>());
    const std::size_t size = format_control_body(body, whole.subspan(kControlHeaderSize));
    static_cast<void>(server_.receive(whole.first(kControlHeaderSize + size), now_));
  }

  void owner_acts(std::uint8_t which, KeyId key) {
    switch (which % 8) {
      case 0:
        return server_.accept_peer(key, now_);
      case 1:
        return server_.reject_peer(key, "no", now_);
      case 2:
        static_cast<void>(server_.send_message("PUSH_REPLY,route-gateway 10.8.0.1", now_));
        return;
      case 3:
        static_cast<void>(server_.start_rekey(now_));
        return;
      case 4:
        static_cast<void>(server_.derive_data_keys(key, KeyDerivation::tls_exporter));
        return;
      case 5:
        static_cast<void>(server_.enable_dynamic_tls_crypt() && client_.enable_dynamic_tls_crypt());
        return;
      case 6:
        return server_.note_peer_used_key(key, now_);
      case 7:
        return server_.extend_authentication(key, now_.steady + std::chrono::seconds(100));
    }
  }

  void client_acts(std::uint8_t which) {
    if (which % 2 == 0) {
      static_cast<void>(client_.start_rekey(now_));
    } else {
      static_cast<void>(client_.send_message("PUSH_REQUEST", now_));
    }
  }

  void see(const SessionEvent& event) {
    require(!failed_);
    if (std::holds_alternative<Failed>(event)) failed_ = true;
    require(!failed_ || server_.dead());
  }

  Now now_{TimePoint(std::chrono::hours(1)), 1'700'000'000};
  Session client_{make_config(crypto::Role::client), kClient, now_};
  Session server_{make_config(crypto::Role::server), kServer, now_};
  std::deque<Packet> to_server_;
  std::deque<Packet> to_client_;
  bool failed_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  WireReader input(std::as_bytes(std::span(data, size)));
  World world;
  world.settle();
  while (!input.rest().empty()) {
    world.step(input);
    world.settle();
  }
  return 0;
}
