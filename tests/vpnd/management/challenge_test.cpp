#include "vpnd/management/challenge.hpp"

#include <gtest/gtest.h>

namespace vpnd::management {
namespace {

TEST(DynamicChallengeTest, IsTakenApart) {  // the example of OpenVPN's management-notes
  const auto challenge =
      parse_dynamic_challenge("CRV1:R,E:Om01u7Fh4LrGBS7uh0SWmzwabUiGiW6l:Y3Ix:Please enter token: PIN");
  ASSERT_TRUE(challenge);
  EXPECT_TRUE(challenge->echo);
  EXPECT_TRUE(challenge->response);
  EXPECT_EQ(challenge->state, "Om01u7Fh4LrGBS7uh0SWmzwabUiGiW6l");
  EXPECT_EQ(challenge->username, "cr1");
  EXPECT_EQ(challenge->question, "Please enter token: PIN");
  EXPECT_EQ(dynamic_response(*challenge, "8675309").expose(),
            "CRV1::Om01u7Fh4LrGBS7uh0SWmzwabUiGiW6l::8675309");
}

TEST(DynamicChallengeTest, NeedsNoFlagsAndNoState) {
  const auto challenge = parse_dynamic_challenge("CRV1::::");
  ASSERT_TRUE(challenge);
  EXPECT_FALSE(challenge->echo);
  EXPECT_FALSE(challenge->response);
  EXPECT_EQ(dynamic_response(*challenge, "").expose(), "CRV1::::");
}

TEST(DynamicChallengeTest, IsNoneIfAFieldIsMissingOrTheNameIsNotBase64) {
  for (const char* text : {"", "CRV1", "CRV1:", "CRV1:R:", "CRV1:R:state:", "CRV1:R:state:Y3Ix",
                           "CRV2:R:s:Y3Ix:q", "CRV1:R:s:???:q", "CRV1:R:s:ChsK:q"})
    EXPECT_FALSE(parse_dynamic_challenge(text)) << text;
}

TEST(StaticChallengeTest, GoesWithThePassword) {
  EXPECT_EQ(static_response("secret", "123456").expose(), "SCRV1:c2VjcmV0:MTIzNDU2");
}

}  // namespace
}  // namespace vpnd::management
