// A hundred broken configurations. Each is answered by one line that names the file, the line, the word at
// fault, and what to write instead.

#include <gmock/gmock.h>

#include <algorithm>

#include "support.hpp"

namespace vpnd::config::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

enum class Base : std::uint8_t { client, server, alone };

struct Broken {
  Base base;
  unsigned line;  // of the fault, counted from the first line behind the base; 0: the file as a whole
  const char* lines;
  const char* word;    // "" where no single word is at fault
  const char* remedy;  // a part of the answer
};

constexpr unsigned kClientLines = 5, kServerLines = 4;

std::string text_of(const Broken& broken) {
  switch (broken.base) {
    case Base::client:
      return std::string(kClient) + broken.lines;
    case Base::server:
      return std::string(kServer) + broken.lines;
    case Base::alone:
      return broken.lines;
  }
  return {};
}

std::string expected_start(const Broken& broken) {
  const unsigned base = broken.base == Base::client   ? kClientLines
                        : broken.base == Base::server ? kServerLines
                                                      : 0;
  std::string start = "test.conf";
  if (broken.line > 0) start += ":" + std::to_string(base + broken.line);
  start += ": ";
  if (broken.word[0] != '\0') start += "\"" + std::string(broken.word) + "\": ";
  return start;
}

constexpr Broken kBroken[] = {
    // Words.
    {Base::client, 1, "remot vpn2.example.org", "remot", "did you mean \"remote\""},
    {Base::client, 1, "persist-tunn", "persist-tunn", "did you mean \"persist-tun\""},
    {Base::client, 1, "auth-usr-pass", "auth-usr-pass", "did you mean \"auth-user-pass\""},
    {Base::client, 1, "frobnicate", "frobnicate", "ignore-unknown-option frobnicate"},
    {Base::client, 2,
     "# fine\n\xC3\xBC"
     "berdirective",
     "\xC3\xBC"
     "berdirective",
     "remove it"},
    {Base::client, 1, "<<<<<<< HEAD", "<<<<<<<", "remove it"},
    {Base::client, 1, "setenv opt", "opt", "a directive must follow"},
    {Base::client, 1, "setenv X-Y 1", "X-Y", "only letters, digits and '_'"},
    {Base::client, 1, "ca \"ca.crt", "", "a double quote is not closed"},
    {Base::client, 1, "ca 'ca.crt", "", "a single quote is not closed"},
    {Base::client, 1, "ca C:\\keys\\ca.crt", "", "write \\\\ for a backslash"},
    {Base::client, 1, "verb 3\\", "", "write \\\\ for a backslash"},
    {Base::client, 1, "pull-filter ignore route extra", "extra", "pull-filter takes"},
    {Base::client, 1, "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "", "more than 16 words"},
    {Base::client, 1, "<cert>\nAAAA", "<cert>", "</cert> is missing"},
    {Base::client, 1, "<port>\n1194\n</port>", "<port>", "cannot be given inline"},
    {Base::client, 1, "config missing.conf", "missing.conf", "cannot be read"},
    {Base::client, 1, "config test.conf\n", "test.conf", "include each other"},
    // Numbers and choices.
    {Base::client, 1, "port 70000", "70000", "takes 1 to 65535"},
    {Base::client, 1, "port 0", "0", "takes 1 to 65535"},
    {Base::client, 1, "rport https", "https", "takes a whole number"},
    {Base::client, 1, "lport -1", "-1", "takes 1 to 65535"},
    {Base::client, 1, "verb 12", "12", "takes 0 to 11"},
    {Base::client, 1, "verb loud", "loud", "takes a whole number"},
    {Base::client, 1, "mute -3", "-3", "takes 0 to"},
    {Base::client, 1, "tun-mtu 50", "50", "takes 100 to 65535"},
    {Base::client, 1, "tun-mtu-max 100", "100", "takes 1500 to 65535"},
    {Base::client, 1, "max-packet-size 100", "100", "takes 154 to 2048"},
    {Base::client, 1, "mssfix 1400 auto", "auto", "it takes mtu, fixed"},
    {Base::client, 1, "inactive never", "never", "takes a whole number"},
    {Base::client, 1, "session-timeout -1", "-1", "takes 0 to"},
    {Base::client, 1, "ping 100000", "100000", "takes 0 to 86400"},
    {Base::client, 1, "keepalive 60 60", "60", "at least twice"},
    {Base::client, 2, "keepalive 10 60\nping-restart 30", "ping-restart", "remove one"},
    {Base::client, 1, "connect-retry 0", "0", "takes 1 to"},
    {Base::client, 1, "explicit-exit-notify 100", "100", "takes 0 to 60"},
    {Base::client, 1, "route-table main", "main", "takes a whole number"},
    {Base::client, 1, "reneg-sec 60 120", "120", "takes 0 to 60"},
    {Base::client, 1, "nice 20", "20", "takes -20 to 19"},
    {Base::client, 1, "status-version 4", "4", "takes 1 to 3"},
    {Base::client, 1, "script-security 4", "4", "takes 0 to 3"},
    {Base::client, 1, "proto udp5", "udp5", "it takes udp, udp4"},
    {Base::client, 1, "proto-force sctp", "sctp", "it takes udp, tcp"},
    {Base::client, 1, "topology net31", "net31", "it takes subnet, net30, p2p"},
    {Base::client, 1, "auth-retry always", "always", "it takes none, nointeract, interact"},
    {Base::client, 1, "pull-filter drop route", "drop", "it takes accept, ignore, reject"},
    {Base::client, 1, "remote-cert-tls ca", "ca", "it takes server, client"},
    {Base::client, 1, "tls-version-min 2", "2", "it takes 1.0, 1.1, 1.2, 1.3"},
    {Base::client, 1, "tls-cert-profile strong", "strong", "it takes insecure"},
    {Base::client, 1, "verify-x509-name a issuer", "issuer", "it takes subject, name, name-prefix"},
    {Base::client, 1, "compress brotli", "brotli", "it takes stub"},
    {Base::client, 1, "compat-mode 3.0", "3.0", "such as 2.4.0"},
    {Base::client, 1, "resolv-retry forever", "forever", "takes a whole number"},
    {Base::client, 1, "key-direction 2", "2", "takes 0 to 1"},
    // Addresses and names.
    {Base::client, 1, "route 10.0.0.0 255.0.255.0", "255.0.255.0", "as in 255.255.255.0"},
    {Base::client, 1, "route 10.0.0.1 255.255.255.0", "10.0.0.1", "did you mean 10.0.0.0"},
    {Base::client, 1, "route 10.0.0.0/8", "10.0.0.0/8", "not an IPv4 address"},
    {Base::client, 1, "route 10.0.0.999", "10.0.0.999", "not an IPv4 address"},
    {Base::client, 1, "http-proxy-override proxy", "http-proxy-override", "HOST PORT"},
    {Base::client, 1, "route fd00::1", "fd00::1", "not an IPv4 address"},  // CVE-2025-12106: the other family
    {Base::client, 1, "route-ipv6 10.0.0.0/8", "10.0.0.0/8", "such as fd00:1::/64"},
    {Base::client, 1, "route-ipv6 fd00::/129", "fd00::/129", "such as fd00:1::/64"},
    {Base::client, 1, "route-gateway gateway", "gateway", "not an IPv4 address"},
    {Base::client, 1, "route-ipv6-gateway 10.0.0.1", "10.0.0.1", "not an IPv6 address"},
    {Base::client, 1, "ifconfig 10.8.0.2 fd00::1", "fd00::1", "not an IPv4 address"},
    {Base::client, 1, "dev tap0", "tap0", "use dev tun on both ends"},
    {Base::client, 1, "dev a-very-long-device-name", "a-very-long-device-name", "15 characters at most"},
    {Base::client, 1, "dhcp-option DNS dns.example.org", "dns.example.org", "not an IP address"},
    {Base::client, 1, "dhcp-option DOMAIN $(id)", "$(id)", "only letters, digits"},
    {Base::client, 1, "dns server 200 address 10.8.0.1", "200", "takes -128 to 127"},
    {Base::client, 1, "dns name-server 10.8.0.1", "name-server", "takes search-domains or server"},
    {Base::client, 1, "redirect-gateway def2", "def2", "it takes local"},
    {Base::client, 1, "bind-dev eth0/1", "eth0/1", "not the name of a network interface"},
    // Ciphers, keys, certificates.
    {Base::client, 1, "cipher AES-512-GCM", "AES-512-GCM", "stand in data-ciphers"},
    {Base::client, 1, "data-ciphers AES256", "AES256", "vpnd has AES-256-GCM"},
    {Base::client, 1, "data-ciphers BF-CBC:AES-256-CBC", "BF-CBC:AES-256-CBC", "add AES-256-GCM"},
    {Base::client, 1, "auth MD4", "MD4", "it takes SHA1"},
    {Base::client, 1, "cert my.crt", "cert", "add key"},
    {Base::client, 1, "key my.key", "key", "add cert"},
    {Base::client, 1, "tls-crypt missing.key", "missing.key", "cannot be read"},
    {Base::client, 1, "tls-auth test.conf 1", "test.conf", "holds no PEM text"},
    {Base::client, 2, "tls-auth ta.key 1\ntls-crypt ta.key", "", "keep one"},
    {Base::client, 1, "peer-fingerprint AB:CD", "AB:CD", "32 pairs of hexadecimal digits"},
    {Base::client, 1, "verify-hash AB:CD", "AB:CD", "20 pairs of hexadecimal digits"},
    {Base::client, 1, "verify-hash AB:CD MD5", "MD5", "it takes SHA1, SHA256"},
    {Base::client, 1, "remote-cert-ku xyz", "xyz", "such as a0"},
    {Base::client, 2, "pkcs12 ca.crt\ncert my.crt", "cert", "remove one"},
    {Base::client, 0, "tls-version-max 1.1", "tls-version-max", "tls-version-min"},
    {Base::client, 1, "secret static.key", "secret", "use certificates or peer-fingerprint"},
    {Base::client, 1, "pkcs11-id x", "pkcs11-id", "give cert and key as files"},
    {Base::server, 1, "auth-gen-token soon", "soon", "takes a whole number"},
    {Base::server, 1, "auth-gen-token 0 0 internal", "internal", "it takes external-auth"},
    {Base::server, 1, "auth-gen-token", "auth-gen-token", "needs auth-user-pass-verify"},
    {Base::server, 1, "auth-gen-token-secret ta.key", "auth-gen-token-secret", "add auth-gen-token"},
    {Base::server, 1, "auth-gen-token-secret", "auth-gen-token-secret", "takes FILE"},
    {Base::client, 1, "auth-gen-token", "auth-gen-token", "is for a server"},
    {Base::client, 1, "static-challenge PIN yes", "yes", "it takes 0, 1"},
    {Base::client, 1, "static-challenge PIN 1 otp", "otp", "it takes scrv1, concat"},
    {Base::alone, 0, "client\nremote a\nca ca.crt\ncert my.crt\nkey my.key\nstatic-challenge PIN 1\n",
     "static-challenge", "needs auth-user-pass"},
    // The management interface.
    {Base::client, 1, "management tunnel 7505", "tunnel", "give an address of this host"},
    {Base::client, 1, "management localhost 7505", "localhost", "such as 127.0.0.1, or PATH unix"},
    {Base::client, 1, "management 127.0.0.1 0", "0", "takes 1 to 65535"},
    {Base::client, 1, "management 127.0.0.1", "management", "it takes ADDRESS PORT"},
    {Base::client, 1, "management 127.0.0.1 7505 missing.pw", "missing.pw", "cannot be read"},
    {Base::client, 1, "management-hold", "management-hold", "needs management"},
    {Base::client, 1, "management-log-cache 0", "0", "takes 1 to 100000"},
    {Base::client, 2, "management 127.0.0.1 7505\nmanagement-client-user root", "management-client-user",
     "management PATH unix"},
    {Base::client, 2, "management /run/x unix\nmanagement-client-auth", "management-client-auth",
     "is for a server of many clients"},
    {Base::server, 2, "management /run/x unix\nmanagement-query-remote", "management-query-remote",
     "is for a client"},
    {Base::client, 1, "management-external-key", "management-external-key", "needs management"},
    {Base::client, 2, "management /run/x unix\nmanagement-external-key", "management-external-key",
     "add cert, or management-external-cert"},
    {Base::client, 2, "management /run/x unix\nmanagement-external-key pss", "pss", "vpnd asks for"},
    {Base::client, 2, "management /run/x unix\nmanagement-external-key sha1", "sha1",
     "it takes nopadding, pkcs1"},
    {Base::client, 2, "management /run/x unix\nmanagement-external-cert x", "management-external-cert",
     "needs management-external-key"},
    {Base::client, 3,
     "management /run/x unix\nmanagement-external-key\nkey my.key\nmanagement-external-cert x", "key",
     "remove one of them"},
    {Base::client, 3,
     "management /run/x unix\nmanagement-external-key\ncert my.crt\nmanagement-external-cert x", "cert",
     "remove one of them"},
    {Base::server, 2, "management /run/x unix\nmanagement-external-key", "management-external-key",
     "is for a client"},
    // What does not go together, or not here.
    {Base::client, 1, "up /etc/up.sh", "up", "needs script-security 2"},
    {Base::client, 1, "ipchange /etc/changed.sh", "ipchange", "needs script-security 2"},
    {Base::client, 1, "tls-verify /etc/verify.sh", "tls-verify", "needs script-security 2"},
    {Base::client, 1, "x509-track +", "+", "write a name such as CN"},
    {Base::client, 1, "up-restart yes", "yes", "up-restart takes none"},
    {Base::client, 2, "script-security 2\nclient-connect /etc/connect.sh", "client-connect", "remove it"},
    {Base::client, 1, "client-to-client", "client-to-client", "remove it"},
    {Base::client, 1, "iroute 10.0.0.0 255.0.0.0", "iroute", "client-config-dir"},
    {Base::client, 1, "peer-id 3", "peer-id", "remove it"},
    {Base::client, 1, "mktun", "mktun", "for the command line only"},
    {Base::client, 1, "nobind\nlocal 10.0.0.1", "nobind", "remove one"},
    {Base::client, 1, "fragment 1300", "fragment", "use mssfix on both ends"},
    {Base::client, 1, "shaper 100000", "shaper", "with tc"},
    {Base::client, 1, "proto tcp-server", "proto", "tcp-client, or tcp"},
    {Base::client, 0, "proto-force tcp", "proto-force", "remove it, or add one"},
    {Base::client, 1, "http-proxy proxy 3128", "http-proxy", "write proto tcp-client"},
    {Base::client, 1, "http-proxy proxy 3128 auto", "auto", "name a file"},
    {Base::client, 1, "http-proxy proxy 3128 login ntlm", "ntlm", "use basic"},
    {Base::client, 1, "http-proxy-option TIMEOUT 5", "TIMEOUT", "it takes VERSION, AGENT, CUSTOM-HEADER"},
    {Base::client, 3, "proto tcp\nhttp-proxy p 3128\nsocks-proxy q", "socks-proxy", "keep one"},
    {Base::client, 1, "<connection>\nproto udp\n</connection>", "<connection>", "add remote HOST PORT"},
    {Base::client, 3, "<connection>\nremote a\nverb 3\n</connection>", "verb", "write it outside"},
    // Servers.
    {Base::server, 1, "server 10.8.0.1 255.255.255.0", "10.8.0.1", "did you mean 10.8.0.0"},
    {Base::server, 1, "server 10.0.0.0 255.0.0.0", "255.0.0.0", "from 255.255.0.0 to 255.255.255.248"},
    {Base::server, 1, "server-ipv6 fd00::/32", "fd00::/32", "from /64 to /124"},
    {Base::server, 1, "server-bridge", "server-bridge", "use server and dev tun"},
    {Base::server, 1, "ifconfig 10.8.0.1 255.255.255.0", "ifconfig", "remove it"},
    {Base::server, 1, "ifconfig-pool 10.8.0.9 10.8.0.2", "10.8.0.2", "before its start"},
    {Base::server, 1, "push route 10.0.0.0 255.0.0.0", "10.0.0.0", "takes \"OPTION\""},
    {Base::server, 1, "push \"route 1.0.0.0,2.0.0.0\"", "route 1.0.0.0,2.0.0.0", "commas separate options"},
    {Base::server, 1, "max-clients 0", "0", "takes 1 to"},
    {Base::server, 1, "max-routes-per-client 0", "0", "takes 1 to 65536"},
    {Base::server, 1, "connect-freq 10", "connect-freq", "it takes N SECONDS"},
    {Base::server, 1, "remote vpn.example.org", "remote", "remove it"},
    {Base::server, 1, "ccd-exclusive", "ccd-exclusive", "add client-config-dir"},
    {Base::server, 1, "username-as-common-name", "username-as-common-name", "needs auth-user-pass-verify"},
    {Base::server, 1, "verify-client-cert none", "verify-client-cert", "write require"},
    {Base::server, 1, "client-cert-not-required", "client-cert-not-required", "verify-client-cert none"},
    {Base::server, 1, "auth-user-pass-verify /bin/true via-file", "auth-user-pass-verify",
     "needs script-security 2"},
    {Base::server, 1, "plugin /usr/lib/openvpn/openvpn-auth-ldap.so conf",
     "/usr/lib/openvpn/openvpn-auth-ldap.so", "use auth-user-pass-verify with a program"},
    {Base::server, 1, "plugin openvpn-plugin-down-root.so", "openvpn-plugin-down-root.so", "remove it"},
    {Base::server, 1, "plugin openvpn-plugin-auth-pam.so", "openvpn-plugin-auth-pam.so", "such as login"},
    {Base::server, 3,
     "script-security 2\nauth-user-pass-verify /bin/check via-file\nplugin openvpn-plugin-auth-pam.so login",
     "plugin", "keep one of them"},
    {Base::client, 1, "dns-updown /etc/dns.sh", "dns-updown", "needs script-security 2"},
    {Base::client, 1, "plugin openvpn-plugin-auth-pam.so login", "plugin", "remove it"},
    {Base::server, 1, "client-connect /etc/connect.sh", "client-connect", "needs script-security 2"},
    {Base::server, 1, "client-disconnect /etc/left.sh", "client-disconnect", "needs script-security 2"},
    {Base::server, 1, "learn-address /etc/learn.sh", "learn-address", "needs script-security 2"},
    {Base::server, 1, "client-crresponse /etc/cr.sh", "client-crresponse", "needs script-security 2"},
    {Base::server, 1, "client-connect", "client-connect", "it takes COMMAND"},
    {Base::server, 2, "script-security 2\nipchange /etc/changed.sh", "ipchange",
     "use client-connect instead"},
    {Base::server, 1, "tls-crypt-v2-max-age 30", "tls-crypt-v2-max-age", "needs tls-crypt-v2"},
    {Base::server, 1, "tls-crypt-v2-max-age 0", "0", "takes 1 to"},
    {Base::server, 1, "port-share localhost 443", "port-share", "needs proto tcp-server"},
    {Base::server, 1, "port-share localhost https", "https", "takes a whole number"},
    {Base::server, 1, "compress lz4", "compress", "remove it"},
    {Base::server, 1, "crl-verify crls folder", "folder", "it takes dir"},
    {Base::server, 1, "proto tcp-client", "proto", "tcp-server, or tcp"},
    // The file as a whole.
    {Base::alone, 0, "", "", "write client, or server NETWORK NETMASK"},
    {Base::alone, 0, "client\nca ca.crt\nauth-user-pass\n", "", "add remote HOST PORT"},
    {Base::alone, 0, "client\nremote a\nca ca.crt\n", "", "needs cert and key, or auth-user-pass"},
    {Base::alone, 0, "client\nremote a\nauth-user-pass\n", "", "add ca or peer-fingerprint"},
    {Base::alone, 0, "server 10.8.0.0 255.255.255.0\nca ca.crt\n", "", "a server needs cert and key"},
    {Base::alone, 1, "client\nserver 10.8.0.0 255.255.255.0\n", "client", "remove one"},
};

TEST(BrokenFiles, AreMoreThanAHundred) {
  EXPECT_GE(std::size(kBroken), 100u);
}

TEST(BrokenFiles, AreEachAnsweredByOneLineWithPlaceWordAndRemedy) {
  for (const Broken& broken : kBroken) {
    const std::string answer = error_of(text_of(broken));
    EXPECT_EQ(std::count(answer.begin(), answer.end(), '\n'), 0) << answer;
    EXPECT_THAT(answer, StartsWith(expected_start(broken))) << broken.lines;
    EXPECT_THAT(answer, HasSubstr(broken.remedy)) << broken.lines;
  }
}

}  // namespace
}  // namespace vpnd::config::testing
