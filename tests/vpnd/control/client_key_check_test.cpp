#include "vpnd/control/client_key_check.hpp"

#include <gmock/gmock.h>

#include <array>

#include "vpnd/control/port_share.hpp"

namespace vpnd::control {
namespace {

using crypto::TlsCryptMetadata;
using std::chrono::days;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t kNow = 1'800'000'000;
constexpr std::int64_t kDay = 86400;

TEST(RefuseByAge, TakesKeysThatAreYoungEnough) {
  EXPECT_THAT(refuse_by_age(TlsCryptMetadata::timestamp(kNow - 30 * kDay), days{30}, kNow), IsEmpty());
  EXPECT_THAT(refuse_by_age(TlsCryptMetadata::timestamp(kNow - 30 * kDay - 1), days{30}, kNow),
              HasSubstr("30 days old"));
}

TEST(RefuseByAge, RefusesKeysThatDoNotTellTheirAge) {
  const TlsCryptMetadata user_data{TlsCryptMetadata::kUserData, {}};
  for (const auto& metadata : {std::optional(user_data), std::optional<TlsCryptMetadata>()})
    EXPECT_THAT(refuse_by_age(metadata, days{30}, kNow), HasSubstr("does not tell"));
}

TEST(PortShare, KnowsAnOpenVpnClientByItsFirstBytes) {
  const auto begins = [](int high, int low, int opcode) {
    const std::array<std::byte, 3> bytes{static_cast<std::byte>(high), static_cast<std::byte>(low),
                                         static_cast<std::byte>(opcode)};
    return begins_like_openvpn(bytes);
  };
  EXPECT_TRUE(begins(0, 14, 0x38));    // a reset without wrapping
  EXPECT_TRUE(begins(0, 54, 0x38));    // tls-crypt
  EXPECT_TRUE(begins(1, 0x58, 0x50));  // tls-crypt-v2
  EXPECT_FALSE(begins(0, 13, 0x38));
  EXPECT_FALSE(begins(0, 54, 0x39));       // key id 1
  EXPECT_FALSE(begins(0, 54, 0x40));       // a server's
  EXPECT_FALSE(begins('G', 'E', 'T'));     // HTTP
  EXPECT_FALSE(begins(0x16, 0x03, 0x01));  // TLS
  EXPECT_FALSE(begins('S', 'S', 'H'));
}

}  // namespace
}  // namespace vpnd::control
