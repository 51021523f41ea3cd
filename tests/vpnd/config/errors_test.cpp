// Broken configurations and the exact line each is answered with.

#include <gtest/gtest.h>

#include "support.hpp"

namespace vpnd::config::testing {
namespace {

struct Broken {
  std::string lines;  // behind those of kClient (5 lines) or kServer (4 lines), or alone
  std::string expected;
};

TEST(ConfigErrors, NameLineWordAndRemedyInAClient) {
  const Broken cases[] = {
      {"prot udp", "test.conf:6: \"prot\": unknown directive; did you mean \"proto\"?"},
      {"remot example.org", "test.conf:6: \"remot\": unknown directive; did you mean \"remote\"?"},
      {"persist-tnu", "test.conf:6: \"persist-tnu\": unknown directive; did you mean \"persist-tun\"?"},
      {"workers 17", "test.conf:6: \"17\": out of range; workers takes 1 to 16"},
      {"workers many", "test.conf:6: \"many\": workers takes a whole number here"},
      {"frobnicate",
       "test.conf:6: \"frobnicate\": unknown directive; remove it, or let it pass with "
       "ignore-unknown-option frobnicate"},
      {"port", "test.conf:6: \"port\": too few arguments; it takes PORT"},
      {"port 1194 1195", "test.conf:6: \"1195\": too many arguments; port takes PORT"},
      {"float yes", "test.conf:6: \"yes\": too many arguments; float takes none"},
      {"port 0", "test.conf:6: \"0\": out of range; port takes 1 to 65535"},
      {"port http", "test.conf:6: \"http\": port takes a whole number here"},
      {"port 99999999999999999999",
       "test.conf:6: \"99999999999999999999\": out of range; port takes 1 to 65535"},
      {"proto sctp",
       "test.conf:6: \"sctp\": not a value of proto; it takes udp, udp4, udp6, tcp, tcp4, tcp6, tcp-client, "
       "tcp4-client, tcp6-client, tcp-server, tcp4-server, tcp6-server"},
      {"proto tcp-server", "test.conf:6: \"proto\": a client reaches its server with tcp-client, or tcp"},
      {"dev tap",
       "test.conf:6: \"tap\": vpnd carries IP packets only, no Ethernet frames; use dev tun on both ends"},
      {"dev a/b",
       "test.conf:6: \"a/b\": not a name for a network interface: 15 characters at most, no '/', blank or "
       "'%'"},
      {"dev-type tap",
       "test.conf:6: \"tap\": vpnd carries IP packets only, no Ethernet frames; use dev tun on both ends"},
      {"route 10.0.0.1 255.0.0.0",
       "test.conf:6: \"10.0.0.1\": not the address of a network with this netmask; did you mean 10.0.0.0?"},
      {"route 10.0.0.0 255.0.255.0",
       "test.conf:6: \"255.0.255.0\": not a netmask: its one bits must come first, as in 255.255.255.0"},
      {"route 10.0.0.300",
       "test.conf:6: \"10.0.0.300\": not an IPv4 address, the name of a host, vpn_gateway, net_gateway or "
       "remote_host"},
      {"route-ipv6 10.0.0.0/8", "test.conf:6: \"10.0.0.0/8\": not an IPv6 network such as fd00:1::/64"},
      {"redirect-gateway def2",
       "test.conf:6: \"def2\": not a value of redirect-gateway; it takes local, autolocal, def1, "
       "bypass-dhcp, bypass-dns, "
       "block-local, ipv6, !ipv4"},
      {"keepalive 10 15",
       "test.conf:6: \"15\": must be at least twice the first value, or one lost ping looks like a lost "
       "peer"},
      {"keepalive 10 60\nping 5", "test.conf:7: \"ping\": keepalive sets it already; remove one of them"},
      {"cipher AES", "test.conf:6: \"AES\": unknown cipher; the ciphers to negotiate stand in data-ciphers"},
      {"data-ciphers AES-256-GCM:AES-265-GCM",
       "test.conf:6: \"AES-265-GCM\": unknown cipher; vpnd has AES-256-GCM, AES-192-GCM, AES-128-GCM and "
       "CHACHA20-POLY1305"},
      {"data-ciphers AES-256-CBC",
       "test.conf:6: \"AES-256-CBC\": none of these ciphers can be used; add AES-256-GCM, which every peer "
       "since 2.4 has"},
      {"auth SHA3-999",
       "test.conf:6: \"SHA3-999\": not a digest that vpnd has; it takes SHA1, SHA224, SHA256, SHA384, SHA512 "
       "or none"},
      {"auth none\ntls-auth ta.key 1", "test.conf:7: \"tls-auth\": needs a digest; remove auth none"},
      {"tls-auth ta.key\ntls-crypt ta.key",
       "test.conf:7: tls-auth, tls-crypt and tls-crypt-v2 exclude each other; keep one"},
      {"tls-auth ta.key 2", "test.conf:6: \"2\": out of range; tls-auth takes 0 to 1"},
      {"tls-version-min 1.4",
       "test.conf:6: \"1.4\": not a value of tls-version-min; it takes 1.0, 1.1, 1.2, 1.3"},
      {"tls-version-max 1.1",
       "test.conf: \"tls-version-max\": lies below tls-version-min; raise it, or lower that (1.2 unless "
       "given)"},
      {"peer-fingerprint 00:11",
       "test.conf:6: \"00:11\": not a SHA-256 fingerprint: 32 pairs of hexadecimal digits with ':' between "
       "them"},
      {"crl-verify missing.pem", "test.conf:6: \"missing.pem\": cannot be read: No such file or directory"},
      {"cert my.crt", "test.conf:6: \"cert\": is of no use alone; add key"},
      {"extra-certs test.conf", "test.conf:6: \"test.conf\": holds no PEM text (-----BEGIN …)"},
      {"<cert>\nabc", "test.conf:6: \"<cert>\": the block is not closed; </cert> is missing"},
      {"<verb>\n3\n</verb>", "test.conf:6: \"<verb>\": cannot be given inline"},
      {"up /etc/up.sh", "test.conf:6: \"up\": needs script-security 2"},
      {"max-clients 10",
       "test.conf:6: \"max-clients\": is for a server, and this is the configuration of a client; remove it"},
      {"iroute 10.0.0.0 255.0.0.0", "test.conf:6: \"iroute\": belongs into a file of client-config-dir"},
      {"peer-id 5", "test.conf:6: \"peer-id\": only a server pushes it; remove it"},
      {"genkey secret", "test.conf:6: \"genkey\": is for the command line only"},
      {"nobind\nlport 5000", "test.conf:6: \"nobind\": contradicts local, lport or bind; remove one"},
      {"local 10.0.0.1\nlocal 10.0.0.2", "test.conf:7: \"10.0.0.2\": a client has one local address"},
      {"<connection>\nproto udp\n</connection>",
       "test.conf:6: \"<connection>\": the block has no remote; add remote HOST PORT"},
      {"<connection>\nremote a\nverb 3\n</connection>",
       "test.conf:8: \"verb\": not allowed in a connection block; write it outside"},
      {"<connection>\nremote a\nremote b\n</connection>",
       "test.conf:8: \"b\": a connection block has one remote; write another block"},
      {"config other.conf", "test.conf:6: \"other.conf\": cannot be read: No such file or directory"},
      {"setenv opt", "test.conf:6: \"opt\": a directive must follow"},
      {"setenv A=B C",
       "test.conf:6: \"A=B\": not a name of an environment variable: only letters, digits and '_'"},
      {"dns server 0 address localhost", "test.conf:6: \"localhost\": not the address of a name server"},
      {"dhcp-option DOMAIN a;b",
       "test.conf:6: \"a;b\": not a domain name: only letters, digits, '.', '_' and '-'"},
      {"dhcp-option X $(reboot)",
       "test.conf:6: \"$(reboot)\": a character that is not allowed in what scripts will read"},
      {"io poll", "test.conf:6: \"poll\": not a value of io; it takes auto, uring, epoll"},
      {"http-proxy proxy 8080",
       "test.conf:6: \"http-proxy\": carries TCP only; write proto tcp-client, or tcp behind the port of "
       "remote"},
      {"fragment 1300",
       "test.conf:6: \"fragment\": not supported by vpnd: fragments inside the data channel are not "
       "supported; use mssfix "
       "on both ends"},
      {"secret static.key",
       "test.conf:6: \"secret\": not supported by vpnd: static keys have no forward secrecy, and OpenVPN "
       "removed them; use "
       "certificates or peer-fingerprint"},
      {"server 10.8.0.0 255.255.255.0",
       "test.conf:1: \"client\": client and server exclude each other; remove one"},
  };
  for (const auto& [lines, expected] : cases) EXPECT_EQ(error_of(kClient + lines), expected) << lines;
}

TEST(ConfigErrors, NameLineWordAndRemedyInAServer) {
  const Broken cases[] = {
      {"server 10.8.0.1 255.255.255.0",
       "test.conf:5: \"10.8.0.1\": not the address of a network with this netmask; did you mean 10.8.0.0?"},
      {"server 10.0.0.0 255.0.0.0",
       "test.conf:5: \"255.0.0.0\": the network must have a netmask from 255.255.0.0 to 255.255.255.248"},
      {"server-ipv6 fd00::/48", "test.conf:5: \"fd00::/48\": the network must be from /64 to /124"},
      {"server-ipv6 fd00::1/64",
       "test.conf:5: \"fd00::1/64\": not the address of a network; did you mean fd00::/64?"},
      {"ifconfig 10.8.0.1 255.255.255.0",
       "test.conf:5: \"ifconfig\": server gives the address already; remove it"},
      {"ifconfig-pool 10.8.0.9 10.8.0.2",
       "test.conf:5: \"10.8.0.2\": the end of the pool lies before its start"},
      {"ifconfig-pool 10.8.0.2 10.8.0.9",
       "test.conf:5: \"ifconfig-pool\": server gives a pool already; add nopool to server, or remove it"},
      {"push \"route 10.0.0.0, 255.0.0.0\"",
       "test.conf:5: \"route 10.0.0.0, 255.0.0.0\": a pushed option cannot contain a comma: commas separate "
       "options on "
       "the wire"},
      {"push route 10.0.0.0", "test.conf:5: \"10.0.0.0\": too many arguments; push takes \"OPTION\""},
      {"remote example.org",
       "test.conf:5: \"remote\": is for a client, and this is the configuration of a server; remove it"},
      {"nobind",
       "test.conf:5: \"nobind\": is for a client, and this is the configuration of a server; remove it"},
      {"proto tcp-client", "test.conf:5: \"proto\": a server listens with tcp-server, or tcp"},
      {"ccd-exclusive", "test.conf:5: \"ccd-exclusive\": has no folder to look into; add client-config-dir"},
      {"verify-client-cert none",
       "test.conf:5: \"verify-client-cert\": without auth-user-pass-verify anybody could connect; add it, or "
       "write "
       "require"},
      {"username-as-common-name",
       "test.conf:5: \"username-as-common-name\": needs auth-user-pass-verify: nobody checks passwords"},
      {"auth-user-pass-verify /bin/check via-file",
       "test.conf:5: \"auth-user-pass-verify\": needs script-security 2"},
      {"script-security 2\nauth-user-pass-verify /bin/check via-env",
       "test.conf:6: \"via-env\": needs script-security 3; via-file needs only 2"},
      {"compress lz4", "test.conf:5: \"compress\": a server that compresses is not supported; remove it"},
      {"client-cert-not-required",
       "test.conf:5: \"client-cert-not-required\": not supported by vpnd: write verify-client-cert none "
       "instead"},
      {"port-share localhost 443",
       "test.conf:5: \"port-share\": needs proto tcp-server, or a local with tcp"},
      {"<connection>\nremote a\n</connection>",
       "test.conf:6: \"remote\": is for a client, and this is the configuration of a server; remove it\n"
       "test.conf:5: \"<connection>\": a server does not connect; write local for each address"},
  };
  for (const auto& [lines, expected] : cases) EXPECT_EQ(error_of(kServer + lines), expected) << lines;
}

TEST(ConfigErrors, SayWhatAWholeFileLacks) {
  const Broken cases[] = {
      {"", "test.conf: neither client nor server: write client, or server NETWORK NETMASK"},
      {"client\nca ca.crt\nauth-user-pass\n",
       "test.conf: a client needs a server to connect to; add remote HOST PORT"},
      {"client\nremote a\nca ca.crt\n", "test.conf: a client needs cert and key, or auth-user-pass"},
      {"client\nremote a\nauth-user-pass\n",
       "test.conf: no way to check the server: add ca or peer-fingerprint"},
      {"tls-server\nca ca.crt\ncert my.crt\nkey my.key\nmax-clients 5\n",
       "test.conf:5: \"max-clients\": is for a server of many clients; add mode server, or server NETWORK "
       "NETMASK"},
      {"server 10.8.0.0 255.255.255.0\nca ca.crt\n", "test.conf: a server needs cert and key"},
      {"mode server\ntls-server\nca ca.crt\ncert my.crt\nkey my.key\n",
       "test.conf: a server needs an address in the tunnel; write server NETWORK NETMASK"},
      {"mode server\nifconfig 10.8.0.1 255.255.255.0\nifconfig-pool 10.9.0.2 10.9.0.9\nca ca.crt\ncert "
       "my.crt\nkey my.key\n",
       "test.conf:3: \"ifconfig-pool\": lies outside of our network 10.8.0.0/24"},
  };
  for (const auto& [lines, expected] : cases) EXPECT_EQ(error_of(lines), expected) << lines;
}

TEST(ConfigErrors, AreAllReportedAtOnce) {
  EXPECT_EQ(error_of("prot udp\nport x\nclient\nca \"x\n"),
            "test.conf:1: \"prot\": unknown directive; did you mean \"proto\"?\n"
            "test.conf:2: \"x\": port takes a whole number here\n"
            "test.conf:4: a double quote is not closed");
}

TEST(ConfigErrors, AreLocatedInIncludedFiles) {
  EXPECT_EQ(error_of("config part.conf\n", Files().with("part.conf", "\nverb x\n")),
            "part.conf:2: \"x\": verb takes a whole number here");
  EXPECT_EQ(error_of("config test.conf\n"),
            "test.conf:1: \"test.conf\": more than 10 files include each other");
}

}  // namespace
}  // namespace vpnd::config::testing
