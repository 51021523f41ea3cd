#include "crypto/pkcs12.hpp"

#include <gtest/gtest.h>

#include "crypto/tls.hpp"
#include "tests/support/test_pki.hpp"

namespace vpnd::crypto {
namespace {

SecretString secret(std::string_view text) {
  return SecretString(text);
}

TEST(Pkcs12, GivesWhatWasPutIn) {
  test::TestCa ca;
  const test::Identity identity = ca.issue_server();
  const auto [fault, contents] = read_pkcs12(test::make_pkcs12(identity, ca.cert(), "pass"), secret("pass"));
  ASSERT_EQ(fault, Pkcs12Fault::none);
  EXPECT_EQ(contents->cert, identity.cert);
  EXPECT_EQ(contents->others, ca.cert());
  TlsSettings settings;
  settings.role = Role::server;
  settings.ca = contents->others;
  settings.cert = contents->cert;
  settings.key = contents->key.duplicate();
  EXPECT_NO_THROW(TlsContext{settings});
}

TEST(Pkcs12, SaysWhatIsWrongWithAFile) {
  test::TestCa ca;
  const std::string file = test::make_pkcs12(ca.issue_server(), ca.cert(), "pass");
  EXPECT_EQ(read_pkcs12(file, secret("guess")).fault, Pkcs12Fault::wrong_password);
  EXPECT_EQ(read_pkcs12(file, secret("")).fault, Pkcs12Fault::wrong_password);
  EXPECT_EQ(read_pkcs12("-----BEGIN CERTIFICATE-----", secret("")).fault, Pkcs12Fault::not_pkcs12);
  EXPECT_EQ(read_pkcs12("", secret("")).fault, Pkcs12Fault::not_pkcs12);
  EXPECT_EQ(read_pkcs12(std::string_view(file).substr(0, file.size() / 2), secret("pass")).fault,
            Pkcs12Fault::not_pkcs12);
}

}  // namespace
}  // namespace vpnd::crypto
