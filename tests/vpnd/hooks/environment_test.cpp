#include "vpnd/hooks/environment.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include "crypto/certificate_fields.hpp"
#include "tests/support/test_pki.hpp"
#include "tests/vpnd/config/support.hpp"
#include "vpnd/config/base64.hpp"

namespace vpnd::hooks {
namespace {

using config::testing::client_with;
using config::testing::server_with;
using ::testing::Contains;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

std::vector<std::byte> der_of(const std::string& pem) {
  std::string body;
  for (std::size_t at = pem.find('\n') + 1; pem[at] != '-';) {
    const std::size_t end = pem.find('\n', at);
    body += pem.substr(at, end - at);
    at = end + 1;
  }
  const auto bytes = config::decode_base64(body).value();
  const auto* const first = reinterpret_cast<const std::byte*>(bytes.data());
  return {first, first + bytes.size()};
}

// The facts of a client's certificate and its authority's, as TLS gives them.
std::vector<crypto::CertificateFacts> chain_of_alice() {
  test::TestCa ca("Example CA");
  std::vector<crypto::CertificateFacts> chain;
  for (const std::string& pem : {ca.issue_client("alice").cert, ca.cert()}) {
    auto der = der_of(pem);
    chain.push_back(crypto::describe_certificate(der).value());
    chain.back().der = std::move(der);
  }
  return chain;
}

TEST(CertificateVariables, NameEveryCertificateByItsDepth) {
  host::ScriptEnvironment environment;
  const auto chain = chain_of_alice();
  add_certificates(environment, chain, server_with(""));
  EXPECT_THAT(environment.variables(), Contains(Pair("common_name", "alice")));
  EXPECT_THAT(environment.variables(), Contains(Pair("tls_id_0", chain[0].subject)));
  EXPECT_THAT(environment.variables(), Contains(Pair("tls_id_1", chain[1].subject)));
  EXPECT_THAT(environment.variables(), Contains(Pair("tls_serial_0", chain[0].serial_decimal)));
  EXPECT_THAT(environment.variables(), Contains(Pair("tls_serial_hex_1", chain[1].serial_hex)));
  EXPECT_THAT(environment.variables(), Contains(Pair("X509_0_CN", "alice")));
  EXPECT_THAT(environment.variables(), Contains(Pair("X509_0_O", "vpnd test")));
  EXPECT_THAT(environment.variables(), Contains(Pair("X509_1_CN", "Example CA")));
  EXPECT_EQ(environment.variables().at("tls_digest_0").size(), 20 * 3 - 1U);
  EXPECT_EQ(environment.variables().at("tls_digest_sha256_0"), crypto::sha256_digest(chain[0].der));
}

TEST(CertificateVariables, LeaveOutWhatLiesNearerThanTheOneInQuestion) {
  host::ScriptEnvironment environment;
  add_certificates(environment, chain_of_alice(), server_with(""), 1);
  EXPECT_THAT(environment.variables(), Contains(Key("tls_id_1")));
  EXPECT_THAT(environment.variables(), Not(Contains(Key("tls_id_0"))));
  EXPECT_THAT(environment.variables(), Not(Contains(Key("common_name"))));
}

TEST(CertificateVariables, AreThoseThatX509TrackAsksFor) {
  host::ScriptEnvironment environment;
  const auto chain = chain_of_alice();
  add_certificates(environment, chain,
                   server_with("x509-track CN\nx509-track +SHA1\nx509-track extendedKeyUsage\n"));
  EXPECT_THAT(environment.variables(), Contains(Pair("X509_0_CN", "alice")));
  EXPECT_THAT(environment.variables(), Not(Contains(Key("X509_1_CN"))));
  EXPECT_THAT(environment.variables(), Not(Contains(Key("X509_0_O"))));
  EXPECT_THAT(environment.variables(),
              Contains(Pair("X509_0_extendedKeyUsage", "TLS Web Client Authentication")));
  for (const char* name : {"X509_0_SHA1", "X509_1_SHA1"})
    EXPECT_EQ(environment.variables().at(name).size(), 20 * 3 - 1U) << name;
}

TEST(CertificateVariables, OfRubbishAreEmptyAndHarmless) {
  crypto::CertificateFacts facts;
  facts.der = {std::byte{0x30}, std::byte{0x82}};
  host::ScriptEnvironment environment;
  add_certificates(environment, std::vector{facts}, server_with(""));
  EXPECT_THAT(environment.variables(), Not(Contains(Key("X509_0_CN"))));
  EXPECT_TRUE(crypto::certificate_pem(facts.der).empty());
  EXPECT_FALSE(crypto::tracked_field(facts.der, "CN"));
}

TEST(ProcessEnvironment, TellsOfTheDaemonAndWhatTheUserSet) {
  const auto environment = process_environment(server_with("setenv colour blue\nsetenv-safe x y\nverb 4\n"));
  EXPECT_THAT(environment.variables(), Contains(Pair("colour", "blue")));
  EXPECT_THAT(environment.variables(), Contains(Pair("OPENVPN_x", "y")));
  EXPECT_THAT(environment.variables(), Contains(Pair("config", "test.conf")));
  EXPECT_THAT(environment.variables(), Contains(Pair("verb", "4")));
  EXPECT_THAT(environment.variables(), Contains(Pair("daemon", "0")));
  EXPECT_THAT(environment.variables(), Contains(Pair("daemon_log_redirect", "0")));
  EXPECT_THAT(environment.variables(), Contains(Pair("daemon_pid", std::to_string(::getpid()))));
  EXPECT_THAT(environment.variables(), Contains(Key("daemon_start_time")));
}

TEST(ProcessEnvironment, NumbersListenersAndRemotes) {
  const auto server =
      process_environment(server_with("local 192.0.2.1 1195 udp4\nlocal 192.0.2.2 443 tcp6-server\n"));
  EXPECT_THAT(server.variables(), Contains(Pair("proto_1", "udp4")));
  EXPECT_THAT(server.variables(), Contains(Pair("local_1", "192.0.2.1")));
  EXPECT_THAT(server.variables(), Contains(Pair("local_port_1", "1195")));
  EXPECT_THAT(server.variables(), Contains(Pair("proto_2", "tcp6-server")));
  EXPECT_THAT(server.variables(), Contains(Pair("local_port_2", "443")));

  const auto client = process_environment(client_with("nobind\nremote vpn2.example.org 443 tcp-client\n"));
  EXPECT_THAT(client.variables(), Contains(Pair("remote_1", "vpn.example.org")));
  EXPECT_THAT(client.variables(), Contains(Pair("remote_port_1", "1194")));
  EXPECT_THAT(client.variables(), Contains(Pair("proto_1", "udp")));
  EXPECT_THAT(client.variables(), Contains(Pair("remote_2", "vpn2.example.org")));
  EXPECT_THAT(client.variables(), Contains(Pair("proto_2", "tcp-client")));
  EXPECT_THAT(client.variables(), Not(Contains(Key("local_port_1"))));
  const auto bound = process_environment(client_with("lport 5000\n"));
  EXPECT_THAT(bound.variables(), Contains(Pair("local_port_1", "5000")));
}

TEST(EndpointVariables, TellTheFamiliesApart) {
  host::ScriptEnvironment environment;
  add_trusted(environment, *tunio::Endpoint::from_text("192.0.2.7", 40000));
  add_untrusted(environment, *tunio::Endpoint::from_text("2001:db8::7", 40001));
  EXPECT_THAT(environment.variables(), Contains(Pair("trusted_ip", "192.0.2.7")));
  EXPECT_THAT(environment.variables(), Contains(Pair("trusted_port", "40000")));
  EXPECT_THAT(environment.variables(), Contains(Pair("untrusted_ip6", "2001:db8::7")));
  EXPECT_THAT(environment.variables(), Contains(Pair("untrusted_port", "40001")));
}

}  // namespace
}  // namespace vpnd::hooks
