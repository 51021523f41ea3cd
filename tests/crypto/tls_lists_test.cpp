#include "crypto/tls_lists.hpp"

#include <gmock/gmock.h>

namespace vpnd::crypto {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

TEST(TlsLists, NameSuitesByOpenVpnsNames) {
  const TlsSuites suites = tls_suites({});
  EXPECT_THAT(suites.tls13, Contains("TLS_AES_256_GCM_SHA384"));
  EXPECT_THAT(suites.up_to_tls12, Contains("TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384"));
  EXPECT_THAT(suites.up_to_tls12, Not(Contains("TLS-RSA-WITH-AES-256-GCM-SHA384")));  // no forward secrecy
}

TEST(TlsLists, NameTheSuitesOfAConfiguration) {
  TlsSettings settings;
  settings.cipher = "TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256";
  EXPECT_THAT(tls_suites(settings).up_to_tls12, ElementsAre("TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256"));
}

TEST(TlsLists, NameGroupsThatTlsTakes) {
  const auto groups = tls_group_names();
  for (const char* name : {"X25519", "secp384r1", "prime256v1"}) EXPECT_THAT(groups, Contains(name));
  EXPECT_THAT(groups, Not(Contains("MLKEM1")));
}

}  // namespace
}  // namespace vpnd::crypto
