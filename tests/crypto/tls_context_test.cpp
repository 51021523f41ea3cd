#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/tls.hpp"
#include "tests/support/test_pki.hpp"

namespace vpnd::crypto {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

class TlsContextTest : public testing::Test {
 protected:
  TlsSettings server() {
    TlsSettings settings;
    settings.role = Role::server;
    settings.ca = ca_.cert();
    const test::Identity identity = ca_.issue_server();
    settings.cert = identity.cert;
    settings.key = SecretString(std::string_view(identity.key));
    return settings;
  }

  // The setting a TlsError names, or what else happened.
  static std::string complaint(const TlsSettings& settings) {
    try {
      const TlsContext context(settings);
    } catch (const TlsError& error) {
      EXPECT_THAT(error.what(), HasSubstr(error.setting() + ": "));
      return error.setting();
    }
    return "none";
  }

  static std::string warning_of(const TlsContext& context) {
    return context.warnings().empty() ? "none" : context.warnings().front();
  }

  test::TestCa ca_;
};

TEST_F(TlsContextTest, AcceptsGoodSettingsWithoutAWarning) {
  const TlsContext context(server());
  EXPECT_EQ(warning_of(context), "none");
  ASSERT_EQ(context.lifetimes().size(), 2U);
  EXPECT_EQ(context.lifetimes()[0].days_left(std::chrono::system_clock::now()), 364);
  EXPECT_EQ(context.lifetimes()[0].subject, "O=vpnd test, CN=server");
}

TEST_F(TlsContextTest, NamesTheSettingThatIsBad) {
  const auto with = [this](auto&& spoil) {
    TlsSettings settings = server();
    spoil(settings);
    return complaint(settings);
  };
  EXPECT_EQ(with([](auto& s) { s.ca = "no certificate"; }), "ca");
  EXPECT_EQ(with([](auto& s) { s.ca = ""; }), "ca");
  EXPECT_EQ(with([](auto& s) { s.ca += "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"; }),
            "ca");
  EXPECT_EQ(with([](auto& s) { s.cert = ""; }), "cert");
  EXPECT_EQ(with([](auto& s) { s.cert = "x"; }), "cert");
  EXPECT_EQ(with([](auto& s) { s.key.clear(); }), "key");
  EXPECT_EQ(with([](auto& s) { s.key = SecretString(std::string_view("x")); }), "key");
  EXPECT_EQ(with([this](auto& s) { s.cert = ca_.issue_server().cert; }), "key");
  EXPECT_EQ(with([](auto& s) { s.extra_certs = "x"; }), "extra-certs");
  EXPECT_EQ(with([](auto& s) { s.crl = "x"; }), "crl-verify");
  EXPECT_EQ(with([](auto& s) { s.dh = "x"; }), "dh");
  EXPECT_EQ(with([](auto& s) { s.cipher = "TLS-NO-SUCH-CIPHER"; }), "tls-cipher");
  EXPECT_EQ(with([](auto& s) { s.cipher = "nonsense"; }), "tls-cipher");
  EXPECT_EQ(with([](auto& s) { s.ciphersuites = "TLS_NO_SUCH_SUITE"; }), "tls-ciphersuites");
  EXPECT_EQ(with([](auto& s) { s.groups = "no-such-group"; }), "tls-groups");
  EXPECT_EQ(with([](auto& s) { s.version_max = TlsVersion::v1_1; }), "tls-version-max");
  EXPECT_EQ(with([](auto& s) {
              s.ca = "";
              s.peer_fingerprints.emplace_back();
              s.crl = "x";
            }),
            "crl-verify");
}

TEST_F(TlsContextTest, RefusesNamesThatWouldMatchNothing) {
  TlsSettings settings = server();
  settings.name_fields = {"CN", "NoSuchField"};
  EXPECT_EQ(complaint(settings), "x509-username-field");
  settings.name_fields = {"ext:basicConstraints"};
  EXPECT_EQ(complaint(settings), "x509-username-field");
  settings = server();
  settings.extended_key_usage = "no such usage";
  EXPECT_EQ(complaint(settings), "remote-cert-eku");
}

TEST_F(TlsContextTest, NeedsNoCaToServeAnonymousClients) {
  TlsSettings settings = server();
  settings.ca = "";
  settings.verify_client_cert = VerifyClientCert::none;
  EXPECT_EQ(complaint(settings), "none");
}

TEST_F(TlsContextTest, SkipsNamesItDoesNotKnowAndSaysSo) {
  TlsSettings settings = server();
  settings.cipher = "TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384:TLS-FROM-THE-FUTURE:!aNULL";
  settings.ciphersuites = "TLS_AES_256_GCM_SHA384:TLS_OLD_ONE";
  settings.groups = "X25519:curve9999:secp256r1";
  const TlsContext context(settings);
  EXPECT_EQ(context.warnings().size(), 3U);
  for (const char* name : {"TLS-FROM-THE-FUTURE", "TLS_OLD_ONE", "curve9999"}) {
    EXPECT_THAT(context.warnings(), Contains(HasSubstr(name)));
  }
}

TEST_F(TlsContextTest, TakesOpenSslsOwnCipherLanguage) {
  for (const char* cipher :
       {"DEFAULT:@SECLEVEL=0", "ECDHE-ECDSA-AES128-GCM-SHA256", "HIGH:!aNULL",
        "TLS-DHE-RSA-WITH-AES-256-CBC-SHA:TLS-ECDHE-RSA-WITH-CHACHA20-POLY1305-SHA256"}) {
    TlsSettings settings = server();
    settings.cipher = cipher;
    EXPECT_EQ(warning_of(TlsContext(settings)), "none") << cipher;
  }
}

TEST_F(TlsContextTest, WarnsOfWhatWillEndSoon) {
  TlsSettings settings = server();
  const test::Identity identity = ca_.issue(
      {.common_name = "short", .usage = test::Usage::server, .valid_until = std::chrono::hours{24 * 7 + 1}});
  settings.cert = identity.cert;
  settings.key = SecretString(std::string_view(identity.key));
  EXPECT_EQ(warning_of(TlsContext(settings)), "cert: O=vpnd test, CN=short expires in 7 days");
}

TEST_F(TlsContextTest, WarnsOfExpiredAndMissingRevocationLists) {
  TlsSettings settings = server();
  settings.crl = ca_.crl(std::chrono::hours{-24});
  EXPECT_THAT(warning_of(TlsContext(settings)), AllOf(HasSubstr("crl-verify"), HasSubstr("expired")));
  test::TestCa other("Other CA");
  settings.crl = other.crl();
  EXPECT_THAT(warning_of(TlsContext(settings)), HasSubstr("no revocation list of O=vpnd test, CN=Test CA"));
}

TEST_F(TlsContextTest, KeepsTheOldListsWhenTheNewOnesAreBad) {
  TlsSettings settings = server();
  settings.crl = ca_.crl(std::chrono::hours{24 * 7});
  TlsContext context(settings);
  EXPECT_EQ(context.warnings().size(), 1U) << "the list ends within a month";
  EXPECT_THROW(context.reload_crl("x"), TlsError);
  EXPECT_EQ(context.warnings().size(), 1U);
  context.reload_crl(ca_.crl(std::chrono::hours{24 * 100}));
  EXPECT_THAT(context.warnings(), IsEmpty());
}

TEST_F(TlsContextTest, AsksForThePasswordOfAnEncryptedKey) {
  TlsSettings settings = server();
  const test::Identity plain = ca_.issue_server();
  const std::string encrypted = test::encrypt_key(plain.key, "open sesame");
  settings.cert = plain.cert;
  settings.key = SecretString(std::string_view(encrypted));
  EXPECT_TRUE(needs_password(settings.key));
  EXPECT_FALSE(needs_password(SecretString(std::string_view(plain.key))));
  EXPECT_FALSE(needs_password(SecretString(std::string_view("not a key"))));
  const auto outcome = [&settings](std::string_view password) -> std::string {
    settings.key_password = SecretString(password);
    try {
      const TlsContext context(settings);
    } catch (const TlsError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(outcome(""), HasSubstr("key: a password is needed"));
  EXPECT_THAT(outcome("open barley"), HasSubstr("key: wrong password"));
  EXPECT_EQ(outcome("open sesame"), "accepted");
}

}  // namespace
}  // namespace vpnd::crypto
