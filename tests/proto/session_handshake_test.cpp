// The first handshake, over good and bad links, with every wrapping, TLS version and kind of certificate.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <tuple>

#include "tests/support/rsa_identity.hpp"
#include "tests/support/session_tunnel.hpp"

namespace vpnd::test {
namespace {

using namespace proto;
using crypto::TlsVersion;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr LinkFaults kBadLink{
    .loss = 0.25, .repeat = 0.2, .bit_flip = 0, .delay = milliseconds(20), .jitter = milliseconds(300)};

std::string name_of(WrapKind wrap) {
  switch (wrap) {
    case WrapKind::plain:
      return "Plain";
    case WrapKind::tls_auth:
      return "TlsAuth";
    case WrapKind::tls_crypt:
      return "TlsCrypt";
    case WrapKind::tls_crypt_v2:
      return "TlsCryptV2";
  }
  return "";
}

using Variant = std::tuple<WrapKind, TlsVersion, KeyDerivation>;

class SessionHandshake : public testing::TestWithParam<Variant> {
 protected:
  static TunnelOptions options() {
    const auto [wrap, version, derivation] = GetParam();
    TunnelOptions options;
    options.wrap = wrap;
    options.derivation = derivation;
    options.client_tls = [version = version](crypto::TlsSettings& tls) { tls.version_max = version; };
    return options;
  }
};

TEST_P(SessionHandshake, EndsWithTheSameKeysOnBothSides) {
  Tunnel tunnel(options());
  ASSERT_TRUE(tunnel.connect()) << tunnel.client.failure.value_or("") << tunnel.server.failure.value_or("");
  EXPECT_TRUE(tunnel.same_keys(KeyId{0}));
  EXPECT_EQ(tunnel.client.session->retransmissions() + tunnel.server.session->retransmissions(), 0U);
  EXPECT_EQ(tunnel.client.established[0].remote_options, "V4,dev-type tun,tls-server");
  EXPECT_EQ(tunnel.server.established[0].remote_options, "V4,dev-type tun,tls-client");
  EXPECT_EQ(tunnel.server.session->peer_chain().at(0).common_name, "client");
  EXPECT_EQ(tunnel.client.session->peer_chain().at(0).common_name, "server");
}

TEST_P(SessionHandshake, SurvivesLossRepetitionAndReordering) {
  for (std::uint32_t seed = 1; seed <= 6; ++seed) {
    TunnelOptions bad = options();
    bad.faults = kBadLink;
    bad.seed = seed * 100;
    bad.client_timers.hand_window = bad.server_timers.hand_window = seconds(600);
    Tunnel tunnel(bad);
    ASSERT_TRUE(tunnel.connect(seconds(600))) << "seed " << seed << tunnel.client.failure.value_or("");
    EXPECT_TRUE(tunnel.same_keys(KeyId{0}));
  }
}

std::string variant_name(const testing::TestParamInfo<Variant>& info) {
  const auto& [wrap, version, derivation] = info.param;
  return name_of(wrap) + (version == TlsVersion::v1_2 ? "Tls12" : "Tls13") +
         (derivation == KeyDerivation::legacy_prf ? "Prf" : "Exporter");
}

INSTANTIATE_TEST_SUITE_P(Variants, SessionHandshake,
                         testing::Combine(testing::Values(WrapKind::plain, WrapKind::tls_auth,
                                                          WrapKind::tls_crypt, WrapKind::tls_crypt_v2),
                                          testing::Values(TlsVersion::v1_2, TlsVersion::v1_3),
                                          testing::Values(KeyDerivation::legacy_prf,
                                                          KeyDerivation::tls_exporter)),
                         variant_name);

class Session : public testing::Test {
 protected:
  TunnelOptions options;
};

// Where the wrapping authenticates, a damaged packet is as good as lost. Without it TLS has to notice.
TEST_F(Session, SurvivesBitFlipsBelowEveryAuthenticatedWrapping) {
  options.faults = {.loss = 0.1, .bit_flip = 0.2};
  options.client_timers.hand_window = options.server_timers.hand_window = seconds(600);
  for (const WrapKind wrap : {WrapKind::tls_auth, WrapKind::tls_crypt, WrapKind::tls_crypt_v2}) {
    options.wrap = wrap;
    int damaged = 0;
    for (std::uint32_t seed = 1; seed <= 5; ++seed) {
      options.seed = seed;
      Tunnel tunnel(options);
      ASSERT_TRUE(tunnel.connect(seconds(600))) << name_of(wrap);
      EXPECT_TRUE(tunnel.same_keys(KeyId{0}));
      damaged += tunnel.server.drops[DropReason::bad_wrap] + tunnel.client.drops[DropReason::bad_wrap];
    }
    EXPECT_GT(damaged, 0);
  }
}

TEST_F(Session, NeverAgreesOnDifferentKeysWhenAPlainLinkFlipsBits) {
  int connected = 0;
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    options.seed = seed;
    options.faults = {.bit_flip = 0.05};
    Tunnel tunnel(options);
    if (!tunnel.connect(seconds(70))) continue;
    ++connected;
    EXPECT_TRUE(tunnel.same_keys(KeyId{0})) << "seed " << seed;
  }
  EXPECT_GT(connected, 0);
}

TEST_F(Session, WorksOverAStream) {
  for (const WrapKind wrap : {WrapKind::plain, WrapKind::tls_crypt, WrapKind::tls_crypt_v2}) {
    options.wrap = wrap;
    options.transport = Transport::stream;
    Tunnel tunnel(options);
    ASSERT_TRUE(tunnel.connect()) << name_of(wrap);
    EXPECT_TRUE(tunnel.same_keys(KeyId{0}));
  }
}

TEST_F(Session, OverAStreamTheServerHoldsItsResetUntilTheClientSpeaks) {
  options.transport = Transport::stream;
  Tunnel tunnel(options);
  proto::Session server(tunnel.config(crypto::Role::server), random_session_id(), tunnel.now());
  std::vector<std::byte> packet;
  server.tick(tunnel.now());
  EXPECT_FALSE(server.next_packet(packet, tunnel.now()));
  EXPECT_EQ(server.deadline(), TimePoint::max());
}

TEST_F(Session, WorksWithATlsCryptV2ServerThatDoesNotAskForTheKeyAgain) {
  options.wrap = WrapKind::tls_crypt_v2;
  options.cookie = false;
  options.faults = kBadLink;
  options.client_timers.hand_window = options.server_timers.hand_window = seconds(600);
  Tunnel tunnel(options);
  int wkc_packets = 0;
  tunnel.on_wire = [&](const TunnelEnd&, std::span<const std::byte> packet) {
    wkc_packets += packet[0] == format_first_byte(Opcode::control_wkc_v1, KeyId{0}) ? 1 : 0;
    return true;
  };
  ASSERT_TRUE(tunnel.connect(seconds(600)));
  EXPECT_TRUE(tunnel.same_keys(KeyId{0}));
  EXPECT_EQ(wkc_packets, 0);
}

TEST_F(Session, BringsTheWrappedKeyAgainWithMessageOneWhenAsked) {
  options.wrap = WrapKind::tls_crypt_v2;
  Tunnel tunnel(options);
  std::vector<Opcode> from_client;
  tunnel.on_wire = [&](const TunnelEnd& from, std::span<const std::byte> packet) {
    if (&from == &tunnel.client) from_client.push_back(parse_first_byte(packet[0])->opcode);
    // The first copy gets lost, so that the repetition has to bring the key too.
    return from_client.size() != 2;
  };
  ASSERT_TRUE(tunnel.connect());
  ASSERT_GE(from_client.size(), 3U);
  EXPECT_EQ(from_client[0], Opcode::control_hard_reset_client_v3);
  EXPECT_EQ(from_client[1], Opcode::control_wkc_v1);
  EXPECT_EQ(from_client[2], Opcode::control_wkc_v1);
}

TEST_F(Session, KeepsToTheSizeLimitOfControlPackets) {
  for (const std::size_t limit : {400U, 1250U, 2000U}) {
    options.max_packet_size = limit;
    options.wrap = WrapKind::tls_auth;
    Tunnel tunnel(options);
    ASSERT_TRUE(tunnel.connect()) << limit;
    EXPECT_LE(std::max(tunnel.client.largest_packet, tunnel.server.largest_packet), limit - 48) << limit;
  }
}

TEST_F(Session, ReservesRoomForTheWrappedKey) {
  options.wrap = WrapKind::tls_crypt_v2;
  for (const std::size_t limit : {500U, 600U, 1250U}) {
    options.max_packet_size = limit;
    Tunnel tunnel(options);
    ASSERT_TRUE(tunnel.connect()) << limit;
    EXPECT_LE(tunnel.client.largest_packet, limit) << limit;
  }
}

TEST_F(Session, CarriesACertificateChainOfSeveralWindows) {
  TestCa root("Long root");
  std::string chain;
  TestCa lowest = root.issue_ca("Intermediate 0");
  chain = lowest.cert();
  for (int depth = 1; depth < 12; ++depth) {
    lowest = lowest.issue_ca("Intermediate " + std::to_string(depth));
    chain = lowest.cert() + chain;
  }
  const Identity server = lowest.issue_server();
  options.server_tls = [&](crypto::TlsSettings& tls) {
    tls.cert = server.cert + chain;
    tls.key = crypto::SecretString(server.key);
  };
  options.client_tls = [&](crypto::TlsSettings& tls) { tls.ca = root.cert(); };
  options.max_packet_size = 600;
  options.faults = kBadLink;
  options.client_timers.hand_window = options.server_timers.hand_window = seconds(1200);
  Tunnel tunnel(options);
  ASSERT_TRUE(tunnel.connect(seconds(1200))) << tunnel.client.failure.value_or("");
  EXPECT_GT(tunnel.server.packets_sent, 12);
  EXPECT_TRUE(tunnel.same_keys(KeyId{0}));
}

TEST_F(Session, WorksWithRsaCertificates) {
  const Identity rsa = make_rsa_identity("rsa server");
  options.server_tls = [&](crypto::TlsSettings& tls) {
    tls.cert = rsa.cert;
    tls.key = crypto::SecretString(rsa.key);
  };
  options.client_tls = [&](crypto::TlsSettings& tls) { tls.ca = rsa.cert; };
  for (const TlsVersion version : {TlsVersion::v1_2, TlsVersion::v1_3}) {
    options.server_tls = [&, version](crypto::TlsSettings& tls) {
      tls.cert = rsa.cert;
      tls.key = crypto::SecretString(rsa.key);
      tls.version_max = version;
    };
    Tunnel tunnel(options);
    ASSERT_TRUE(tunnel.connect()) << tunnel.client.failure.value_or("");
    EXPECT_TRUE(tunnel.same_keys(KeyId{0}));
  }
}

TEST_F(Session, FailsOnBothSidesWhenTheClientDoesNotTrustTheServer) {
  TestCa other("Another CA");
  options.client_tls = [&](crypto::TlsSettings& tls) { tls.ca = other.cert(); };
  Tunnel tunnel(options);
  ASSERT_TRUE(tunnel.run_until([&] { return tunnel.client.failure && tunnel.server.failure; }, seconds(5)));
  EXPECT_NE(tunnel.client.failure->find("certificate"), std::string::npos) << *tunnel.client.failure;
  EXPECT_NE(tunnel.server.failure->find("unknown"), std::string::npos) << *tunnel.server.failure;
  EXPECT_TRUE(tunnel.client.session->dead());
  EXPECT_TRUE(tunnel.client.keys.empty());
  EXPECT_TRUE(tunnel.server.requests.empty());
}

TEST_F(Session, FailsOnBothSidesWhenTheServerDoesNotTrustTheClient) {
  TestCa other("Another CA");
  options.server_tls = [&](crypto::TlsSettings& tls) { tls.ca = other.cert(); };
  for (const TlsVersion version : {TlsVersion::v1_2, TlsVersion::v1_3}) {
    options.client_tls = [version](crypto::TlsSettings& tls) { tls.version_max = version; };
    Tunnel tunnel(options);
    ASSERT_TRUE(tunnel.run_until([&] { return tunnel.client.failure && tunnel.server.failure; }, seconds(5)));
    EXPECT_NE(tunnel.server.failure->find("certificate"), std::string::npos) << *tunnel.server.failure;
    EXPECT_NE(tunnel.client.failure->find("unknown"), std::string::npos) << *tunnel.client.failure;
    EXPECT_TRUE(tunnel.client.established.empty());
    EXPECT_TRUE(tunnel.server.requests.empty());
  }
}

TEST_F(Session, GivesUpWhenTheHandWindowEnds) {
  options.faults = {.loss = 1};
  Tunnel tunnel(options);
  ASSERT_TRUE(tunnel.run_until([&] { return tunnel.client.failure.has_value(); }, seconds(61)));
  EXPECT_EQ(*tunnel.client.failure, "no new key within 60 s: no answer from the peer");
  EXPECT_EQ(tunnel.client.session->retransmissions(), 4U);  // after 2, 6, 14 and 30 seconds
  EXPECT_EQ(tunnel.client.session->deadline(), TimePoint::max());
}

TEST_F(Session, GivesUpInTheMiddleOfTls) {
  Tunnel tunnel(options);
  int passed = 0;
  tunnel.on_wire = [&](const TunnelEnd&, std::span<const std::byte>) { return ++passed < 5; };
  ASSERT_TRUE(tunnel.run_until([&] { return tunnel.client.failure && tunnel.server.failure; }, seconds(130)));
  EXPECT_EQ(*tunnel.server.failure, "no new key within 60 s: TLS handshake not finished");
}

TEST_F(Session, DerivesTheDataKeysOfAKeyOnlyOnce) {
  Tunnel tunnel(options);
  EXPECT_FALSE(tunnel.client.session->derive_data_keys(KeyId{0}, KeyDerivation::tls_exporter).has_value());
  ASSERT_TRUE(tunnel.connect());
  EXPECT_EQ(tunnel.client.keys.size(), 1U);
  EXPECT_FALSE(tunnel.client.session->derive_data_keys(KeyId{0}, KeyDerivation::tls_exporter).has_value());
  EXPECT_FALSE(tunnel.client.session->derive_data_keys(KeyId{1}, KeyDerivation::tls_exporter).has_value());
}

TEST_F(Session, RefusesToSendMorePeerInfoThanOneMessageHolds) {
  options.peer_info = "UV_X=" + std::string(3000, 'x') + "\n";
  Tunnel tunnel(options);
  ASSERT_TRUE(tunnel.run_until([&] { return tunnel.client.failure.has_value(); }));
  EXPECT_EQ(*tunnel.client.failure, "options, credentials and peer info are too long for one message");
}

TEST(SessionCertificates, AreAskedAboutOnBothSidesBeforeAnythingIsTold) {
  TunnelOptions options;
  options.on_certificate = OnRequest::defer;
  options.username = "alice";
  Tunnel tunnel(options);
  ASSERT_TRUE(tunnel.run_until(
      [&] { return !tunnel.client.certificates.empty() && !tunnel.server.certificates.empty(); }));
  EXPECT_EQ(tunnel.client.certificates[0].certificate_chain.at(0).common_name, "server");
  EXPECT_EQ(tunnel.server.certificates[0].certificate_chain.at(0).common_name, "client");
  tunnel.run_for(seconds(10));
  EXPECT_TRUE(tunnel.server.requests.empty()) << "the password was told to somebody not accepted";

  tunnel.client.session->accept_certificate(KeyId{0}, tunnel.now());
  tunnel.run_for(seconds(3));
  EXPECT_TRUE(tunnel.server.requests.empty()) << "it was read of somebody not accepted";
  tunnel.server.session->accept_certificate(KeyId{0}, tunnel.now());
  EXPECT_TRUE(tunnel.connect());
  EXPECT_EQ(tunnel.server.certificates.size(), 1U);
}

TEST(SessionCertificates, ThatAreRejectedEndTheSession) {
  TunnelOptions options;
  options.on_certificate = OnRequest::reject;
  Tunnel tunnel(options);
  ASSERT_TRUE(tunnel.run_until([&] { return tunnel.client.failure && tunnel.server.failure; }));
  EXPECT_EQ(*tunnel.client.failure, "not that one");
  EXPECT_TRUE(tunnel.server.requests.empty());
}

TEST(SessionCertificates, AreAskedAboutAgainOnARekeyWhichMayFailAlone) {
  TunnelOptions options;
  options.on_certificate = OnRequest::accept;
  Tunnel tunnel(options);
  ASSERT_TRUE(tunnel.connect());
  tunnel.options.on_certificate = OnRequest::reject;
  ASSERT_TRUE(tunnel.client.session->start_rekey(tunnel.now()));
  ASSERT_TRUE(tunnel.run_until([&] { return !tunnel.server.rekey_failures.empty(); }));
  EXPECT_EQ(tunnel.server.rekey_failures[0], "not that one");
  EXPECT_FALSE(tunnel.server.failure);
}

TEST(SessionCertificates, NobodyAnswersForEndTheSessionWithTheHandWindow) {
  TunnelOptions options;
  options.on_certificate = OnRequest::defer;
  Tunnel tunnel(options);
  EXPECT_TRUE(tunnel.run_until([&] { return tunnel.server.failure.has_value(); }, seconds(120)));
}

}  // namespace
}  // namespace vpnd::test
