#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "crypto/key_material.hpp"
#include "crypto/tls.hpp"
#include "tests/crypto/bytes.hpp"
#include "tests/support/test_pki.hpp"

namespace vpnd::crypto {
namespace {

using test::Bytes;
using test::Identity;
using test::Usage;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

using Status = TlsSession::Status;

// Moves everything that waits in one session to the other, `cut` bytes at a time.
bool carry(TlsSession& from, TlsSession& to, std::size_t cut) {
  bool moved = false;
  Bytes buffer(cut);
  while (const std::size_t size = from.take_ciphertext(buffer)) {
    (void)to.feed(std::span(buffer).first(size));
    moved = true;
  }
  return moved;
}

class TlsSessionTest : public testing::Test {
 protected:
  TlsSessionTest() {
    server_settings_.role = Role::server;
    client_settings_.role = Role::client;
    server_settings_.ca = client_settings_.ca = ca_.cert();
    identify(server_settings_, ca_.issue_server());
    identify(client_settings_, ca_.issue_client());
  }

  static void identify(TlsSettings& settings, const Identity& identity) {
    settings.cert = identity.cert;
    settings.key = SecretString(std::string_view(identity.key));
  }

  struct Ends {
    TlsSession client;
    TlsSession server;

    void exchange(std::size_t cut = 1200) {
      bool moving = true;
      while (moving) {
        moving = carry(client, server, cut);
        moving = carry(server, client, cut) || moving;
      }
      // A TLS 1.3 server may refuse the client after the client thinks it is done; the alert is seen when
      // reading.
      Bytes none(1);
      (void)client.read_record(none);
    }
    bool established() const { return client.established() && server.established(); }
  };

  Ends connect(std::size_t cut = 1200) {
    Ends ends{TlsSession(TlsContext(client_settings_)), TlsSession(TlsContext(server_settings_))};
    EXPECT_EQ(ends.client.advance(), Status::handshaking);
    ends.exchange(cut);
    return ends;
  }
  std::string server_refusal() {
    const Ends ends = connect();
    EXPECT_FALSE(ends.server.established());
    EXPECT_EQ(ends.server.status(), Status::failed);
    EXPECT_EQ(ends.client.status(), Status::failed) << "the alert must reach the client";
    EXPECT_THAT(ends.client.failure(), HasSubstr("alert"));
    return ends.server.failure();
  }
  std::string client_refusal() {
    const Ends ends = connect();
    EXPECT_FALSE(ends.client.established());
    EXPECT_EQ(ends.client.status(), Status::failed);
    return ends.client.failure();
  }
  void limit_both(TlsVersion version) {
    client_settings_.version_max = server_settings_.version_max = version;
  }

  test::TestCa ca_;
  TlsSettings server_settings_;
  TlsSettings client_settings_;
};

class TlsVersions : public TlsSessionTest, public testing::WithParamInterface<TlsVersion> {
 protected:
  TlsVersions() { limit_both(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Both, TlsVersions, testing::Values(TlsVersion::v1_2, TlsVersion::v1_3));

TEST_P(TlsVersions, ShakeHandsWhateverTheCutOfTheCiphertext) {
  for (const std::size_t cut : {1UL, 100UL, 1200UL, 100000UL}) {
    const Ends ends = connect(cut);
    ASSERT_TRUE(ends.established()) << cut << ends.client.failure() << ends.server.failure();
    EXPECT_EQ(ends.server.peer_certificate()->common_name, "client");
    EXPECT_EQ(ends.client.peer_certificate()->common_name, "server");
    EXPECT_EQ(ends.client.peer_chain().size(), 2U);
    EXPECT_THAT(
        ends.client.protocol_description(),
        AllOf(StartsWith(GetParam() == TlsVersion::v1_3 ? "TLSv1.3, cipher TLS_" : "TLSv1.2, cipher ECDHE-"),
              HasSubstr(", peer certificate: 256 bits EC")));
  }
}

TEST_P(TlsVersions, ExportTheSameKeysAtBothEnds) {
  Ends ends = connect();
  KeyMaterial client_keys, server_keys, other_label;
  ASSERT_TRUE(ends.client.export_key_material(kDataKeysLabel, client_keys.expose()));
  ASSERT_TRUE(ends.server.export_key_material(kDataKeysLabel, server_keys.expose()));
  ASSERT_TRUE(ends.server.export_key_material(kDynamicTlsCryptLabel, other_label.expose()));
  EXPECT_EQ(test::to_hex(client_keys.expose()), test::to_hex(server_keys.expose()));
  EXPECT_NE(test::to_hex(client_keys.expose()), test::to_hex(other_label.expose()));
  EXPECT_TRUE(usable_for_data(client_keys));

  Ends again = connect();
  ASSERT_TRUE(again.client.export_key_material(kDataKeysLabel, server_keys.expose()));
  EXPECT_NE(test::to_hex(client_keys.expose()), test::to_hex(server_keys.expose()))
      << "each handshake is a new one";
}

TEST_P(TlsVersions, CarryRecordsOneByOne) {
  Ends ends = connect();
  for (const std::size_t size : {1UL, 17UL, 2048UL})
    ASSERT_TRUE(ends.client.write_record(test::counting(size)));
  ends.exchange();
  Bytes buffer(2048);
  for (const std::size_t size : {1UL, 17UL, 2048UL}) {
    EXPECT_EQ(ends.server.read_record(buffer), size);
    EXPECT_EQ(Bytes(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size)),
              test::counting(size));
  }
  EXPECT_EQ(ends.server.read_record(buffer), std::nullopt);
  EXPECT_EQ(ends.server.status(), Status::established);
}

TEST_P(TlsVersions, RefuseRecordsAboveTheReadersLimit) {
  Ends ends = connect();
  ASSERT_TRUE(ends.client.write_record(test::counting(2049)));
  ends.exchange();
  Bytes buffer(2048);
  EXPECT_EQ(ends.server.read_record(buffer), std::nullopt);
  EXPECT_EQ(ends.server.status(), Status::failed);
  EXPECT_THAT(ends.server.failure(), HasSubstr("more than 2048 bytes"));
}

TEST_P(TlsVersions, WriteOnlyWhatMakesOneRecord) {
  Ends ends = connect();
  EXPECT_TRUE(ends.client.write_record(test::counting(16384)));
  EXPECT_FALSE(ends.client.write_record(test::counting(16385)));
  EXPECT_EQ(ends.client.status(), Status::failed);
}

TEST_P(TlsVersions, SayGoodBye) {
  Ends ends = connect();
  ends.server.close();
  EXPECT_EQ(ends.server.status(), Status::closed);
  ends.exchange();
  EXPECT_EQ(ends.client.status(), Status::closed);
}

TEST_P(TlsVersions, FailOnDamagedCiphertext) {
  Ends ends = connect();
  ASSERT_TRUE(ends.client.write_record(test::counting(100)));
  Bytes ciphertext(2000);
  ciphertext.resize(ends.client.take_ciphertext(ciphertext));
  ciphertext.back() ^= std::byte{1};
  (void)ends.server.feed(ciphertext);
  Bytes buffer(2048);
  EXPECT_EQ(ends.server.read_record(buffer), std::nullopt);
  EXPECT_EQ(ends.server.status(), Status::failed);
  EXPECT_FALSE(ends.server.failure().empty());
}

TEST_P(TlsVersions, RefuseARevokedClient) {
  ca_.revoke(client_settings_.cert);
  server_settings_.crl = ca_.crl();
  EXPECT_EQ(server_refusal(),
            "certificate verification failed at depth 0 (O=vpnd test, CN=client): certificate revoked");
}

TEST_P(TlsVersions, RefuseAnExpiredClient) {
  identify(client_settings_, ca_.issue({.common_name = "old",
                                        .valid_from = std::chrono::hours{-48},
                                        .valid_until = std::chrono::hours{-24}}));
  EXPECT_THAT(server_refusal(), AllOf(HasSubstr("CN=old"), HasSubstr("certificate has expired")));
}

TEST_P(TlsVersions, RefuseAClientWithoutACertificate) {
  client_settings_.cert.clear();
  client_settings_.key.clear();
  EXPECT_THAT(server_refusal(), HasSubstr("peer did not return a certificate"));
  server_settings_.verify_client_cert = VerifyClientCert::optional;
  const Ends ends = connect();
  EXPECT_TRUE(ends.established());
  EXPECT_EQ(ends.server.peer_certificate(), nullptr);
}

TEST_F(TlsSessionTest, DoesNotAskForACertificateItWillNotVerify) {
  server_settings_.verify_client_cert = VerifyClientCert::none;
  const Ends ends = connect();
  EXPECT_TRUE(ends.established());
  EXPECT_EQ(ends.server.peer_certificate(), nullptr);
}

TEST_F(TlsSessionTest, RefusesAForeignCa) {
  test::TestCa other("Other CA");
  identify(client_settings_, other.issue_client());
  EXPECT_THAT(server_refusal(), HasSubstr("unable to get local issuer certificate"));
}

TEST_F(TlsSessionTest, VerifiesThroughAnIntermediateAndChecksItsRevocation) {
  test::TestCa intermediate = ca_.issue_ca("Intermediate");
  identify(client_settings_, intermediate.issue_client("branch"));
  client_settings_.cert += intermediate.cert();
  server_settings_.crl = ca_.crl();
  const Ends ends = connect();
  ASSERT_TRUE(ends.established()) << ends.server.failure() << " (the intermediate need not have a list)";
  EXPECT_EQ(ends.server.peer_chain().size(), 3U);
  EXPECT_EQ(ends.server.peer_chain()[1].common_name, "Intermediate");

  ca_.revoke(intermediate.cert());
  server_settings_.crl = ca_.crl();
  EXPECT_THAT(server_refusal(), AllOf(HasSubstr("depth 1"), HasSubstr("certificate revoked")));
}

TEST_F(TlsSessionTest, RefusesEverybodyWhenTheRevocationListHasExpired) {
  server_settings_.crl = ca_.crl(std::chrono::hours{-1});
  EXPECT_THAT(server_refusal(), AllOf(HasSubstr("CRL has expired"), HasSubstr("make a new revocation list")));
}

TEST_F(TlsSessionTest, UsesReloadedRevocationLists) {
  TlsContext context(server_settings_);
  ca_.revoke(client_settings_.cert);
  context.reload_crl(ca_.crl());
  Ends ends{TlsSession(TlsContext(client_settings_)), TlsSession(context)};
  (void)ends.client.advance();
  ends.exchange();
  EXPECT_THAT(ends.server.failure(), HasSubstr("certificate revoked"));
}

TEST_F(TlsSessionTest, RefusesAServerThatShowsAClientCertificate) {
  identify(server_settings_, ca_.issue_client("impostor"));
  EXPECT_THAT(client_refusal(), AllOf(HasSubstr("CN=impostor"), HasSubstr("purpose")));
}

TEST_F(TlsSessionTest, ChecksKeyUsageOnlyIfAsked) {
  identify(server_settings_, ca_.issue({.common_name = "bare", .usage = Usage::unspecified}));
  EXPECT_TRUE(connect().established());
  client_settings_.remote_cert_tls = RemoteCertTls::server;
  EXPECT_THAT(client_refusal(), HasSubstr("it has no key usage extension"));
  identify(server_settings_, ca_.issue_server());
  EXPECT_TRUE(connect().established());
}

TEST_F(TlsSessionTest, ChecksTheExtendedKeyUsageOfTheWantedEnd) {
  server_settings_.remote_cert_tls = RemoteCertTls::client;
  EXPECT_TRUE(connect().established());
  server_settings_.remote_cert_tls = RemoteCertTls::server;
  EXPECT_THAT(server_refusal(), HasSubstr("does not include TLS Web Server Authentication"));
}

TEST_F(TlsSessionTest, ChecksTheNameWanted) {
  identify(server_settings_, ca_.issue_server("vpn-7.example.org"));
  using Type = VerifyX509Name::Type;
  const struct {
    Type type;
    const char* value;
    bool accepted;
  } wanted[] = {
      {Type::name, "vpn-7.example.org", true},
      {Type::name, "vpn-7.example.or", false},
      {Type::name, "VPN-7.example.org", false},
      {Type::name_prefix, "vpn-", true},
      {Type::name_prefix, "vpn-7.example.org.", false},
      {Type::subject, "O=vpnd test, CN=vpn-7.example.org", true},
      {Type::subject, "CN=vpn-7.example.org", false},
  };
  for (const auto& [type, value, accepted] : wanted) {
    client_settings_.verify_x509_name = VerifyX509Name{type, value};
    const Ends ends = connect();
    EXPECT_EQ(ends.established(), accepted) << value;
    if (!accepted) {
      EXPECT_THAT(ends.client.failure(), HasSubstr(value));
    }
  }
}

TEST_F(TlsSessionTest, RefusesACertificateWithoutACommonName) {
  identify(client_settings_, ca_.issue({.common_name = ""}));
  EXPECT_THAT(server_refusal(), HasSubstr("no common name"));
}

TEST_F(TlsSessionTest, TrustsAFingerprintInsteadOfACa) {
  const Identity server = test::make_self_signed("server", Usage::server);
  const Identity client = test::make_self_signed("client", Usage::client);
  identify(server_settings_, server);
  identify(client_settings_, client);
  server_settings_.ca = client_settings_.ca = "";
  server_settings_.peer_fingerprints = {Fingerprint{}, *parse_fingerprint(test::fingerprint_of(client.cert))};
  client_settings_.peer_fingerprints = {*parse_fingerprint(test::fingerprint_of(server.cert))};
  const Ends ends = connect();
  ASSERT_TRUE(ends.established()) << ends.server.failure() << ends.client.failure();
  EXPECT_EQ(ends.server.peer_chain().size(), 1U);

  server_settings_.peer_fingerprints.pop_back();
  EXPECT_THAT(server_refusal(),
              HasSubstr("its fingerprint " + test::fingerprint_of(client.cert) + " is not listed"));
}

TEST_F(TlsSessionTest, RequiresTheFingerprintOnTopOfTheCa) {
  server_settings_.peer_fingerprints = {Fingerprint{}};
  EXPECT_THAT(server_refusal(), HasSubstr("is not listed"));
  server_settings_.peer_fingerprints = {*parse_fingerprint(test::fingerprint_of(client_settings_.cert))};
  EXPECT_TRUE(connect().established());
}

TEST_F(TlsSessionTest, SpeaksOnlyTheVersionsConfigured) {
  client_settings_.version_max = TlsVersion::v1_2;
  server_settings_.version_min = TlsVersion::v1_3;
  EXPECT_THAT(server_refusal(), HasSubstr("unsupported protocol"));
}

TEST_F(TlsSessionTest, SpeaksOnlyTheCiphersConfigured) {
  limit_both(TlsVersion::v1_2);
  client_settings_.cipher = "TLS-ECDHE-ECDSA-WITH-CHACHA20-POLY1305-SHA256";
  EXPECT_THAT(connect().client.protocol_description(), HasSubstr("cipher ECDHE-ECDSA-CHACHA20-POLY1305"));
  server_settings_.cipher = "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256";
  EXPECT_THAT(server_refusal(), HasSubstr("no shared cipher"));
}

TEST_F(TlsSessionTest, ChecksTheKeyUsages) {
  client_settings_.key_usages = std::vector<unsigned>{0x40, 0x80};  // the second is digitalSignature
  EXPECT_TRUE(connect().established());
  client_settings_.key_usages = std::vector<unsigned>{0xa0};
  EXPECT_THAT(client_refusal(), HasSubstr("its key usage 80 is none of those in remote-cert-ku"));
  client_settings_.key_usages = std::vector<unsigned>{};
  EXPECT_TRUE(connect().established());
  identify(server_settings_, ca_.issue({.common_name = "server", .usage = Usage::unspecified}));
  EXPECT_THAT(client_refusal(), HasSubstr("no key usage extension"));
}

TEST_F(TlsSessionTest, ChecksAnExtendedKeyUsageByNumberAndByName) {
  for (const char* usage : {"1.3.6.1.5.5.7.3.1", "serverAuth", "TLS Web Server Authentication"}) {
    client_settings_.extended_key_usage = usage;
    EXPECT_TRUE(connect().established()) << usage;
  }
  client_settings_.extended_key_usage = "codeSigning";
  EXPECT_THAT(client_refusal(), HasSubstr("does not include codeSigning"));
}

TEST_F(TlsSessionTest, ChecksTheCertificateThatSignedThePeers) {
  const auto digest = parse_fingerprint(test::fingerprint_of(ca_.cert())).value();
  client_settings_.issuer_hashes = {IssuerHash(20), IssuerHash(digest.begin(), digest.end())};
  EXPECT_TRUE(connect().established());
  client_settings_.issuer_hashes.pop_back();
  EXPECT_THAT(client_refusal(), HasSubstr("none of those in verify-hash"));
}

TEST_F(TlsSessionTest, MakesTheNameOfTheFieldsThatAreAskedFor) {
  server_settings_.name_fields = {"O", "CN"};
  EXPECT_EQ(connect().server.peer_certificate()->common_name, "vpnd test_client");
  server_settings_.name_fields = {"serialNumber"};
  EXPECT_THAT(connect().server.peer_certificate()->common_name, StartsWith("0x"));
  server_settings_.name_fields = {"ext:subjectAltName"};
  EXPECT_THAT(server_refusal(), HasSubstr("lacks what x509-username-field asks for"));
}

TEST_F(TlsSessionTest, RefusesSerialNumbersThatAFolderNames) {
  const auto folder = std::filesystem::temp_directory_path() / ("vpnd-serials-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  server_settings_.revoked_serials_directory = folder.string();
  const Ends ends = connect();
  ASSERT_TRUE(ends.established());
  std::ofstream(folder / ends.server.peer_certificate()->serial_decimal) << "";
  EXPECT_THAT(server_refusal(), HasSubstr("is revoked"));
  std::filesystem::remove_all(folder);
}

// A certificate under the name that `openssl rehash` would give it.
TEST_F(TlsSessionTest, FindsAuthoritiesInAFolder) {
  const auto folder = std::filesystem::temp_directory_path() / ("vpnd-capath-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  client_settings_.ca.clear();
  client_settings_.ca_directory = folder.string();
  EXPECT_THAT(client_refusal(), HasSubstr("self-signed certificate"));
  std::ofstream(folder / (test::subject_hash_of(ca_.cert()) + ".0")) << ca_.cert();
  EXPECT_TRUE(connect().established());
  std::filesystem::remove_all(folder);
}

TEST_F(TlsSessionTest, FailsOnBytesThatAreNotTls) {
  TlsSession server{TlsContext(server_settings_)};
  EXPECT_EQ(server.feed(test::counting(100, 'A')), Status::failed);
  EXPECT_THAT(server.failure(), StartsWith("TLS handshake failed: "));
  EXPECT_EQ(server.feed(test::counting(100)), Status::failed) << "and stays failed";
}

TEST_F(TlsSessionTest, DoesNothingBeforeTheHandshake) {
  TlsSession client{TlsContext(client_settings_)};
  Bytes buffer(100);
  EXPECT_FALSE(client.export_key_material(kDataKeysLabel, buffer));
  EXPECT_FALSE(client.write_record(buffer));
  EXPECT_EQ(client.read_record(buffer), std::nullopt);
  EXPECT_EQ(client.protocol_description(), "");
  EXPECT_EQ(client.peer_certificate(), nullptr);
  EXPECT_EQ(client.pending_ciphertext(), 0U);
  EXPECT_EQ(client.status(), Status::handshaking);
}

}  // namespace
}  // namespace vpnd::crypto
