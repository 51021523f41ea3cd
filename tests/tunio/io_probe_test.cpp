#include "tunio/io_probe.hpp"

#include <gtest/gtest.h>

#include <string>

namespace vpnd::tunio::test {
namespace {

TEST(IoProbe, GivesAReasonForEachNoAndNoneForAYes) {
  const IoCapabilities found = probe_uring();
  for (const Capability* capability :
       {&found.io_uring, &found.buffer_rings, &found.multishot_recvmsg, &found.multishot_read}) {
    EXPECT_EQ(capability->reason.empty(), capability->available) << capability->reason;
  }
}

TEST(IoProbe, NamesTheFirstThingThatIoUringLacks) {
  IoCapabilities capabilities;
  capabilities.io_uring = capabilities.buffer_rings = capabilities.multishot_recvmsg = {true, ""};
  capabilities.multishot_read = {false, "too old"};
  ASSERT_NE(capabilities.missing_for_uring(), nullptr);
  EXPECT_EQ(capabilities.missing_for_uring()->reason, "too old");
  capabilities.io_uring = {false, "forbidden"};
  EXPECT_EQ(capabilities.missing_for_uring()->reason, "forbidden");
  capabilities.io_uring = capabilities.multishot_read = {true, ""};
  EXPECT_EQ(capabilities.missing_for_uring(), nullptr);
}

TEST(IoProbe, IsDescribedInALineEach) {
  IoCapabilities capabilities;
  capabilities.udp_gro = {true, ""};
  capabilities.tun = {false, "no module"};
  const std::string text = describe(capabilities);
  EXPECT_NE(text.find("UDP receive coalescing: yes\n"), std::string::npos);
  EXPECT_NE(text.find("tun: no (no module)\n"), std::string::npos);
}

}  // namespace
}  // namespace vpnd::tunio::test
