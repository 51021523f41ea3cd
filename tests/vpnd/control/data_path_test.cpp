#include "vpnd/control/data_path.hpp"

#include <gmock/gmock.h>

#include <system_error>

namespace vpnd::control {
namespace {

using testing::HasSubstr;

const tunio::Capability kYes{true, {}};
const tunio::Capability kNo{false, "Linux before 6.2"};

PathFacts everything() {
  return {"io_uring", "tun", kYes, kYes, kYes, kYes};
}

TEST(DataPath, IsOneLine) {
  EXPECT_EQ(describe_data_path({}, everything()),
            "io_uring; tun: TSO, USO; UDP: GSO, GRO; batches: up to 64 packets and 65536 bytes");
}

TEST(DataPath, SaysWhyAMeansIsNotUsed) {
  PathFacts facts = everything();
  facts.tun_udp_segmentation = kNo;
  config::BatchOptions options;
  options.offloads.udp_gro = false;
  options.hold = std::chrono::microseconds(20);
  options.packets = 8;
  EXPECT_EQ(describe_data_path(options, facts),
            "io_uring; tun: TSO, no USO (Linux before 6.2); UDP: GSO, no GRO (udp-gro off); "
            "batches: up to 8 packets and 65536 bytes, held for 20 µs (batch-hold)");
}

TEST(DataPath, NamesTheTunDriver) {
  PathFacts facts = everything();
  facts.tun_driver = "tun_batch";
  EXPECT_THAT(describe_data_path({}, facts), HasSubstr("; tun_batch: TSO, USO;"));
}

TEST(DataPath, HasNoUsoWithoutTso) {
  config::BatchOptions options;
  options.offloads.tun_tso = false;
  EXPECT_THAT(describe_data_path(options, everything()), HasSubstr("tun: no TSO and USO (tun-tso off);"));
}

Capabilities some_capabilities() {
  Capabilities capabilities;
  capabilities.kernel = "Linux 6.7.0 x86_64";
  capabilities.cpu = {"Some CPU", {"aes", "avx2"}, 2};
  tunio::IoCapabilities& io = capabilities.io;
  io.io_uring = io.buffer_rings = io.multishot_recvmsg = io.multishot_read = kYes;
  io.udp_segment = io.udp_gro = io.tun = io.tun_segmentation = kYes;
  io.tun_udp_segmentation = kNo;
  io.tun_batch = {false, "not loaded"};
  io.tun_driver = "tun (tun_batch: not loaded)";
  capabilities.no_ipsec_mb = "built without it";
  capabilities.ciphers = "OpenSSL";
  return capabilities;
}

TEST(CapabilitiesReport, NamesMachineOfferAndChoice) {
  const std::string report = capabilities_report({}, some_capabilities());
  EXPECT_THAT(report, HasSubstr("  kernel                          Linux 6.7.0 x86_64\n"));
  EXPECT_THAT(report, HasSubstr("  CPU                             Some CPU, 2 for us\n"));
  EXPECT_THAT(report, HasSubstr("  CPU features for ciphers        aes avx2\n"));
  EXPECT_THAT(report, HasSubstr("  io_uring                        yes\n"));
  EXPECT_THAT(report, HasSubstr("  tun_batch driver                no: not loaded\n"));
  EXPECT_THAT(report, HasSubstr("  tun driver                      tun (tun_batch: not loaded)\n"));
  EXPECT_THAT(report, HasSubstr("  tun super-packets of UDP (USO)  no: Linux before 6.2\n"));
  EXPECT_THAT(report, HasSubstr("  intel-ipsec-mb                  no: built without it\n"));
  EXPECT_THAT(report, HasSubstr("  event loop                      io_uring\n"));
  EXPECT_THAT(report, HasSubstr("  tun                             TSO, no USO (Linux before 6.2)\n"));
  EXPECT_THAT(report, HasSubstr("  data ciphers                    OpenSSL\n"));
}

TEST(CapabilitiesReport, ShowsTheFallbackAndItsReason) {
  Capabilities capabilities = some_capabilities();
  capabilities.io.multishot_read = {false, "Linux before 6.7"};
  EXPECT_THAT(
      capabilities_report({}, capabilities),
      HasSubstr(
          "event loop                      epoll, because io_uring is not usable here: Linux before 6.7\n"));
}

TEST(CapabilitiesReport, ShowsWhatTheSwitchesChange) {
  config::BatchOptions options;
  options.io = config::IoBackend::epoll;
  options.offloads.udp_gso = false;
  const std::string report = capabilities_report(options, some_capabilities());
  EXPECT_THAT(report, HasSubstr("event loop                      epoll, as configured\n"));
  EXPECT_THAT(report, HasSubstr("UDP                             no GSO (udp-gso off), GRO\n"));
}

TEST(CapabilitiesReport, RefusesAnEventLoopThatIsNotToBeHad) {
  Capabilities capabilities = some_capabilities();
  capabilities.io.io_uring = {false, "forbidden"};
  config::BatchOptions options;
  options.io = config::IoBackend::uring;
  EXPECT_THROW((void)capabilities_report(options, capabilities), std::system_error);
}

TEST(Capabilities, AreProbedWithoutPrivileges) {
  const Capabilities capabilities = probe_capabilities({});
  EXPECT_THAT(capabilities.kernel, HasSubstr("Linux"));
  EXPECT_FALSE(capabilities.ciphers.empty());
  EXPECT_FALSE(!capabilities.io.udp_segment && capabilities.io.udp_segment.reason.empty());
}

}  // namespace
}  // namespace vpnd::control
