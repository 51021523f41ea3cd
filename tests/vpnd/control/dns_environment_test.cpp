#include "vpnd/control/dns_environment.hpp"

#include <gmock/gmock.h>

namespace vpnd::control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(DnsEnvironment, OfTheOlderFormIsOneServer) {
  const auto environment = dns_environment({"dhcp-option DNS 10.8.0.1", "dhcp-option DOMAIN-SEARCH b.example",
                                            "dhcp-option DNS6 fd00::1", "dhcp-option DOMAIN a.example",
                                            "dhcp-option NTP 10.8.0.9"});
  EXPECT_THAT(
      environment.variables(),
      ElementsAre(Pair("dns_search_domain_1", "a.example"), Pair("dns_search_domain_2", "b.example"),
                  Pair("dns_server_1_address_1", "10.8.0.1"), Pair("dns_server_1_address_2", "fd00::1")));
}

TEST(DnsEnvironment, OfTheNewerFormHasServersInTheOrderOfTheirRank) {
  const auto environment =
      dns_environment({"dns server 5 address 192.0.2.5", "dns search-domains corp.example",
                       "dhcp-option DNS 10.8.0.1", "dns server -2 address 192.0.2.1:5353 [2001:db8::1]:853",
                       "dns server -2 resolve-domains a.example b.example", "dns server -2 dnssec optional",
                       "dns server -2 transport DoT", "dns server -2 sni dns.example"});
  EXPECT_THAT(
      environment.variables(),
      ElementsAre(Pair("dns_search_domain_1", "corp.example"), Pair("dns_server_1_address_1", "192.0.2.1"),
                  Pair("dns_server_1_address_2", "2001:db8::1"), Pair("dns_server_1_dnssec", "optional"),
                  Pair("dns_server_1_port_1", "5353"), Pair("dns_server_1_port_2", "853"),
                  Pair("dns_server_1_resolve_domain_1", "a.example"),
                  Pair("dns_server_1_resolve_domain_2", "b.example"), Pair("dns_server_1_sni", "dns.example"),
                  Pair("dns_server_1_transport", "DoT"), Pair("dns_server_2_address_1", "192.0.2.5")));
}

TEST(DnsEnvironment, WithoutAServerIsEmpty) {
  EXPECT_THAT(dns_environment({}).variables(), IsEmpty());
  EXPECT_THAT(dns_environment({"dhcp-option DOMAIN a.example", "dns search-domains b.example"}).variables(),
              IsEmpty());
  EXPECT_THAT(dns_environment({"dns server 0 dnssec yes"}).variables(), IsEmpty());
  EXPECT_THAT(dns_environment({"", "dns", "dns server", "dns server 1", "dhcp-option", "dhcp-option DNS"})
                  .variables(),
              IsEmpty());
}

}  // namespace
}  // namespace vpnd::control
