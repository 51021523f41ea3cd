#include "vpnd/config/load.hpp"

#include <gmock/gmock.h>

#include "support.hpp"
#include "vpnd/config/worker_count.hpp"

namespace vpnd::config::testing {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

tunio::IpAddress ip(const char* text) {
  return tunio::IpAddress::parse(text).value();
}
tunio::Prefix prefix(const char* text) {
  return tunio::Prefix::parse(text).value();
}

std::vector<std::string> texts(const std::vector<PushedText>& pushed) {
  std::vector<std::string> result;
  for (const PushedText& option : pushed) result.push_back(option.text);
  return result;
}

Loaded load_words(std::vector<std::string> words, Files files = {}) {
  return load(words, files.reader());
}

TEST(Load, MakesAClientWithOpenVpnsDefaults) {
  const Options options = client_with("");
  EXPECT_EQ(options.mode, Mode::client);
  ASSERT_EQ(options.client.remotes.size(), 1u);
  const Remote& remote = options.client.remotes.front();
  EXPECT_EQ(remote.host, "vpn.example.org");
  EXPECT_EQ(remote.port, 1194);
  EXPECT_EQ(remote.protocol, (Protocol{Transport::udp, AddressFamily::any}));
  EXPECT_TRUE(remote.link.local.bind);
  EXPECT_EQ(remote.link.local.port, 1194);
  EXPECT_EQ(remote.link.mssfix, (Mssfix{1492, MssfixMode::mtu}));
  EXPECT_EQ(remote.link.tun_mtu, 1500);
  EXPECT_EQ(options.keepalive.timeout, seconds{120});  // until the server says something else
  EXPECT_EQ(options.keepalive.action, TimeoutAction::restart);
  EXPECT_EQ(options.tls.peer_purpose, CertificatePurpose::server);
  EXPECT_THAT(options.data.ciphers, ElementsAre("AES-256-GCM", "AES-128-GCM", "CHACHA20-POLY1305"));
  ASSERT_TRUE(options.client.credentials);
  EXPECT_FALSE(options.client.credentials->username);  // to be asked for
}

TEST(Load, ExpandsServerAsOpenVpnDoes) {
  const Options options = server_with("server-ipv6 fd00:8::/64\nkeepalive 10 60\n");
  EXPECT_EQ(options.mode, Mode::server);
  EXPECT_EQ(options.tunnel.addresses.local, ip("10.8.0.1"));
  EXPECT_EQ(options.tunnel.addresses.netmask_or_peer, ip("255.255.255.0"));
  EXPECT_EQ(options.tunnel.addresses.topology, Topology::subnet);
  EXPECT_EQ(options.server.pool, (AddressRange{ip("10.8.0.2"), ip("10.8.0.254")}));
  EXPECT_EQ(options.server.pool_bits, 24);
  EXPECT_EQ(options.tunnel.addresses.local_ipv6, prefix("fd00:8::1/64"));
  EXPECT_EQ(options.server.pool_ipv6, prefix("fd00:8::1000/64"));
  EXPECT_EQ(options.keepalive.ping, seconds{10});
  EXPECT_EQ(options.keepalive.timeout, seconds{120});  // twice what clients get
  EXPECT_THAT(texts(options.server.push), ElementsAre("route-gateway 10.8.0.1", "topology subnet", "tun-ipv6",
                                                      "ping 10", "ping-restart 60"));
  ASSERT_EQ(options.server.listeners.size(), 1u);
  EXPECT_EQ(options.server.listeners.front().host, "");
  EXPECT_EQ(options.server.listeners.front().port, 1194);
}

TEST(Load, StartsTheIpv6PoolOfASmallNetworkAtTwo) {
  EXPECT_EQ(server_with("server-ipv6 fd00:8::/112\n").server.pool_ipv6, prefix("fd00:8::2/112"));
  EXPECT_EQ(server_with("server-ipv6 fd00:8::/111\n").server.pool_ipv6, prefix("fd00:8::1000/111"));
}

TEST(Load, TakesAServerWrittenOutInFull) {
  const Options options =
      load_text(
          "mode server\ntls-server\nifconfig 10.8.0.1 255.255.255.0\nifconfig-pool 10.8.0.100 10.8.0.200\n"
          "ca ca.crt\ncert my.crt\nkey my.key\ntopology subnet\n")
          .options;
  EXPECT_EQ(options.mode, Mode::server);
  EXPECT_EQ(options.server.pool, (AddressRange{ip("10.8.0.100"), ip("10.8.0.200")}));
  EXPECT_EQ(options.server.pool_bits, 24);
  EXPECT_TRUE(options.server.push.empty());
}

TEST(Load, KeepsPushedOptionsInTheOrderOfTheFileBeforeThoseOfMacros) {
  const Options options =
      server_with("push \"route 10.9.0.0 255.255.0.0\"\npush 'dhcp-option DNS 10.8.0.1'\n");
  EXPECT_THAT(texts(options.server.push),
              ElementsAre("route 10.9.0.0 255.255.0.0", "dhcp-option DNS 10.8.0.1", "route-gateway 10.8.0.1",
                          "topology subnet"));
}

TEST(Load, ListensAtEachLocalLine) {
  const Options options = server_with("port 443\nproto tcp\nlocal 192.0.2.1\nlocal 192.0.2.2 1194 udp4\n");
  const auto& listeners = options.server.listeners;
  ASSERT_EQ(listeners.size(), 2u);
  EXPECT_EQ(listeners[0].host, "192.0.2.1");
  EXPECT_EQ(listeners[0].port, 443);
  EXPECT_EQ(listeners[0].protocol, (Protocol{Transport::tcp, AddressFamily::any}));
  EXPECT_EQ(listeners[1].port, 1194);
  EXPECT_EQ(listeners[1].protocol, (Protocol{Transport::udp, AddressFamily::ipv4}));
}

TEST(Load, LetsRemotesInheritFromTheWholeFile) {
  const Options options = client_with("remote b 443 tcp\nremote c 53\nport 1234\nproto udp4\nnobind\n");
  const auto& remotes = options.client.remotes;
  ASSERT_EQ(remotes.size(), 3u);
  EXPECT_EQ(remotes[0].port, 1234);
  EXPECT_EQ(remotes[0].protocol, (Protocol{Transport::udp, AddressFamily::ipv4}));
  EXPECT_EQ(remotes[1].port, 443);
  EXPECT_EQ(remotes[1].protocol.transport, Transport::tcp);
  EXPECT_EQ(remotes[2].port, 53);
  for (const Remote& remote : remotes) EXPECT_FALSE(remote.link.local.bind);
}

TEST(Load, GivesConnectionBlocksTheirOwnValues) {
  const Options options =
      load_text(
          "client\nca ca.crt\nauth-user-pass\nremote-cert-tls server\nconnect-timeout 20\n"
          "<connection>\nremote a 443 tcp\nexplicit-exit-notify 2\n</connection>\n"
          "<connection>\nremote b\nconnect-timeout 5\n<tls-crypt>\n-----BEGIN "
          "X\n</tls-crypt>\n</connection>\n"
          "tls-auth ta.key 1\n")
          .options;
  const auto& remotes = options.client.remotes;
  ASSERT_EQ(remotes.size(), 2u);
  EXPECT_EQ(remotes[0].link.connect_timeout, seconds{20});
  EXPECT_FALSE(remotes[0].link.explicit_exit_notify);  // over TCP the end of the connection says it
  EXPECT_FALSE(remotes[0].link.local.bind);            // a TCP client has no port of its own
  EXPECT_EQ(remotes[0].link.control_wrap.kind, ControlWrapKind::tls_auth);
  EXPECT_EQ(remotes[0].link.control_wrap.key_direction, 1u);
  EXPECT_EQ(remotes[1].link.connect_timeout, seconds{5});
  EXPECT_EQ(remotes[1].link.control_wrap.kind, ControlWrapKind::tls_crypt);
  EXPECT_EQ(remotes[1].link.control_wrap.key.content.expose(), "-----BEGIN X\n");
}

TEST(Load, TakesKeyDirectionFromItsOwnDirective) {
  const std::string key = "<tls-auth>\n-----BEGIN OpenVPN Static key V1-----\n</tls-auth>\n";
  EXPECT_EQ(client_with("key-direction 1\n" + key).link.control_wrap.key_direction, 1u);
  EXPECT_EQ(client_with(key + "key-direction 0\n").link.control_wrap.key_direction, 0u);
  EXPECT_FALSE(client_with(key).link.control_wrap.key_direction);  // one key both ways
}

TEST(Load, ReadsFilesFromTheDirectoryOfCd) {
  Files files;
  files.with("/etc/x/my.conf",
             "client\nremote a\nca keys/ca.crt\nauth-user-pass pw\nverb 3\nremote-cert-tls server\n");
  files.with("/etc/x/keys/ca.crt", "-----BEGIN CERTIFICATE-----\n").with("/etc/x/pw", "me\r\nsecret\r\n");
  const Options options =
      load_words({"--cd", "/etc/x", "--config", "my.conf", "--writepid", "x.pid", "--verb", "5"}, files)
          .options;
  EXPECT_EQ(options.tls.ca->path, "/etc/x/keys/ca.crt");
  EXPECT_EQ(options.tls.ca->content.expose(), "-----BEGIN CERTIFICATE-----\n");
  EXPECT_EQ(options.tls.ca->where, (Location{"my.conf", 3}));
  EXPECT_EQ(options.client.credentials->username, "me");
  EXPECT_EQ(options.client.credentials->password->expose(), "secret");
  EXPECT_EQ(options.process.pid_file, "/etc/x/x.pid");
  EXPECT_EQ(options.log.verbosity, 5u);  // the later word wins
}

TEST(Load, AsksForThePasswordThatAFileLeavesOut) {
  Files files;
  files.with("pw", "me\n");
  const Options options = load_text("client\nremote a\nca ca.crt\nauth-user-pass pw\n", files).options;
  EXPECT_EQ(options.client.credentials->username, "me");
  EXPECT_FALSE(options.client.credentials->password);
}

TEST(Load, LetsUnknownWordsPassWhereTheFileSaysSo) {
  EXPECT_EQ(
      error_of(std::string(kClient) + "setenv opt frobnicate 3\nignore-unknown-option foo bar\nfoo 1\nbar\n"),
      "");
  EXPECT_EQ(error_of(std::string(kClient) + "foo\nignore-unknown-option foo\n"),
            "test.conf:6: \"foo\": unknown directive; remove it, or let it pass with ignore-unknown-option "
            "foo");  // works only from here on
}

TEST(Load, KeepsWhatAnOptionalDirectiveSets) {
  EXPECT_EQ(client_with("setenv opt verb 7\n").log.verbosity, 7u);
  EXPECT_EQ(warnings_of(std::string(kClient) + "setenv opt shaper 1000\n"),
            "test.conf:6: \"shaper\": not supported by vpnd: limit the rate with tc on the tunnel device");
}

TEST(Load, RemembersWhereTheAeadBackendWasChosen) {
  EXPECT_EQ(client_with("").batch.aead.backend, AeadBackend::automatic);
  const AeadOptions chosen = client_with("aead-backend ipsec-mb\n").batch.aead;
  EXPECT_EQ(chosen.backend, AeadBackend::ipsec_mb);
  EXPECT_EQ(chosen.where, (Location{"test.conf", 6}));
  EXPECT_EQ(client_with("aead-backend openssl\n").batch.aead.backend, AeadBackend::openssl);
  EXPECT_EQ(error_of(std::string(kClient) + "aead-backend aesni\n"),
            "test.conf:6: \"aesni\": not a value of aead-backend; it takes auto, openssl, ipsec-mb");
}

TEST(Load, WarnsInsteadOfStayingSilent) {
  const struct {
    const char* line;
    const char* warning;
  } cases[] = {
      {"fast-io", "test.conf:6: \"fast-io\": has no effect: I/O is always batched"},
      {"block-outside-dns", "test.conf:6: \"block-outside-dns\": has no effect: for Windows only"},
      {"crypto-threads 2", ""},
      {"workers 4", ""},
      {"cipher AES-256-CBC", ""},  // most providers say so; it is only announced
      {"comp-lzo no", ""},
      {"comp-lzo",
       "test.conf:6: \"comp-lzo\": vpnd never compresses: only the framing of lzo is kept, compressed "
       "packets of "
       "the peer are dropped"},
      {"data-ciphers AES-256-GCM:AES-256-CBC",
       "test.conf:6: \"AES-256-CBC\": left out of the list: vpnd has AEAD ciphers only (AES-GCM, "
       "ChaCha20-Poly1305)"},
      {"ns-cert-type server",
       "test.conf:6: \"ns-cert-type\": certificates of today have no Netscape type; taken as remote-cert-tls "
       "server"},
      {"proto tcp\nexplicit-exit-notify",
       "test.conf:2: \"explicit-exit-notify\": has no effect over TCP, where the end of the connection says "
       "it"},
  };
  for (const auto& [line, warning] : cases)
    EXPECT_EQ(warnings_of(std::string(kClient) + line), warning) << line;
}

TEST(Load, WarnsWhenAnyCertificateMayPoseAsTheServer) {
  EXPECT_EQ(warnings_of("client\nremote a\nca ca.crt\nauth-user-pass\n"),
            "test.conf: any certificate of the ca may pose as the server; add remote-cert-tls server");
}

TEST(Load, CountsWorkersByRoleAndProcessorsUnlessTold) {
  const auto on_a_client = [](const char* line, unsigned processors) {
    return worker_count(client_with(line), processors);
  };
  EXPECT_EQ(on_a_client("", 8), 1u) << "a client has one session";
  EXPECT_EQ(on_a_client("workers 4\nworkers auto\n", 8), 1u);
  EXPECT_EQ(on_a_client("workers 3\n", 1), 3u);

  const Options server = load_text(kServer).options;
  EXPECT_EQ(worker_count(server, 1), 1u);
  EXPECT_EQ(worker_count(server, 2), 1u);
  EXPECT_EQ(worker_count(server, 4), 4u);
  EXPECT_EQ(worker_count(server, 128), kMaxWorkers);
}

TEST(Load, ReadsValuesIntoTheirTypes) {
  const std::string digits = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:";
  const std::string fingerprint = (digits + digits).substr(0, 95);
  const Options options = client_with(
      "tun-mtu 1400\nmark 16\nsndbuf 0\nrcvbuf 393216\nreneg-sec 600 300\nreplay-window 64 15\nauth sha256\n"
      "data-ciphers ?FOO:chacha20-poly1305:DEFAULT\ncompress stub-v2\nroute 10.0.0.0 255.0.0.0 net_gateway "
      "5\n"
      "route-ipv6 2001:db8::1/32\nredirect-gateway def1 !ipv4 ipv6\nsetenv UV_X 1\nsetenv-safe Y 2\n"
      "verify-x509-name vpn name-prefix\nresolv-retry 30\npull-filter ignore \"route 10\"\n"
      "tls-version-min 1.3 or-highest\nping-exit 30\nscript-security 2\nup \"/bin/up.sh 'a b'\"\n"
      "<peer-fingerprint>\n# the server\n" +
      fingerprint + "\n</peer-fingerprint>\n");
  EXPECT_EQ(options.link.mssfix, (Mssfix{1400, MssfixMode::fixed}));
  EXPECT_EQ(options.socket.mark, 16u);
  EXPECT_EQ(options.socket.send_buffer, 0u) << "what the kernel gives";
  EXPECT_EQ(options.socket.receive_buffer, 393216u);
  EXPECT_EQ(options.renewal.interval, seconds{600});
  EXPECT_EQ(options.renewal.interval_min, seconds{300});
  EXPECT_EQ(options.data.replay_window, 64u);
  EXPECT_EQ(options.data.digest, "SHA256");
  EXPECT_THAT(options.data.ciphers, ElementsAre("CHACHA20-POLY1305", "AES-256-GCM", "AES-128-GCM"));
  EXPECT_EQ(options.data.framing, CompressionFraming::stub_v2);
  ASSERT_EQ(options.tunnel.routing.routes.size(), 1u);
  EXPECT_EQ(options.tunnel.routing.routes[0].bits, 8);
  EXPECT_EQ(options.tunnel.routing.routes[0].gateway->keyword, RouteKeyword::net_gateway);
  EXPECT_EQ(options.tunnel.routing.routes[0].metric, 5u);
  EXPECT_EQ(options.tunnel.routing.routes_ipv6[0].network.address, ip("2001:db8::"));
  EXPECT_TRUE(options.tunnel.routing.redirect_gateway.enabled);
  EXPECT_TRUE(options.tunnel.routing.redirect_gateway.def1);
  EXPECT_FALSE(options.tunnel.routing.redirect_gateway.ipv4);
  EXPECT_THAT(options.scripts.environment,
              ElementsAre(std::pair<std::string, std::string>("UV_X", "1"),
                          std::pair<std::string, std::string>("OPENVPN_Y", "2")));
  EXPECT_EQ(options.tls.expected_name->match, NameMatch::name_prefix);
  EXPECT_EQ(options.client.resolve_retry, seconds{30});
  EXPECT_EQ(options.client.pull_filters[0].prefix, "route 10");
  EXPECT_EQ(options.tls.version_min, TlsVersion::tls1_3);
  EXPECT_EQ(options.keepalive.action, TimeoutAction::exit);
  EXPECT_THAT(options.scripts.up->words, ElementsAre("/bin/up.sh", "a b"));
  ASSERT_EQ(options.tls.peer_fingerprints.size(), 1u);
  EXPECT_EQ(options.tls.peer_fingerprints[0].substr(0, 32), "00112233445566778899aabbccddeeff");
}

TEST(Load, ExpandsServerForLines) {
  const Options net30 = server_with("topology net30\n");
  EXPECT_EQ(net30.tunnel.addresses.local, ip("10.8.0.1"));
  EXPECT_EQ(net30.tunnel.addresses.netmask_or_peer, ip("10.8.0.2"));
  EXPECT_EQ(net30.server.pool, (AddressRange{ip("10.8.0.4"), ip("10.8.0.251")}));
  ASSERT_EQ(net30.tunnel.routing.routes.size(), 1u);
  EXPECT_EQ(net30.tunnel.routing.routes[0].bits, 24);
  EXPECT_THAT(texts(net30.server.push), ElementsAre("route 10.8.0.1", "topology net30"));
  EXPECT_THAT(texts(server_with("topology p2p\n").server.push), ElementsAre("topology p2p"));
  EXPECT_THAT(texts(server_with("topology p2p\nclient-to-client\n").server.push),
              ElementsAre("route 10.8.0.0 255.255.255.0", "topology p2p"));
}

TEST(Load, TakesTheDefaultsOfOlderVersions) {
  const Options old = server_with("compat-mode 2.5.0\ncipher AES-192-GCM\n");
  EXPECT_EQ(old.tunnel.addresses.topology, Topology::net30);
  EXPECT_EQ(old.tls.version_min, TlsVersion::tls1_0);
  EXPECT_EQ(old.data.ciphers.back(), "AES-192-GCM");
  const Options given = server_with("compat-mode 2.4\ntopology subnet\ntls-version-min 1.2\n");
  EXPECT_EQ(given.tunnel.addresses.topology, Topology::subnet);
  EXPECT_EQ(given.tls.version_min, TlsVersion::tls1_2);
  EXPECT_EQ(server_with("compat-mode 2.7.0\n").tunnel.addresses.topology, Topology::subnet);
}

TEST(Load, KeepsOnlyTheRemotesOfTheProtocolThatIsForced) {
  const Options options = client_with("remote b 443 tcp\nproto-force tcp\n");
  ASSERT_EQ(options.client.remotes.size(), 1u);
  EXPECT_EQ(options.client.remotes[0].host, "b");
}

TEST(Load, GivesEachUdpListenerWorkersOfItsOwn) {
  const Options options = server_with("local 10.0.0.1\nlocal 10.0.0.2 1195 udp\nlocal 10.0.0.1 443 tcp\n");
  EXPECT_EQ(worker_groups(options), 2u);
  EXPECT_EQ(worker_count(options, 2), 1u);
  EXPECT_EQ(worker_count(options, 8), 4u);
  EXPECT_EQ(worker_groups(server_with("proto tcp\n")), 1u);
}

TEST(Load, ReadsWhatTheProxyIsTold) {
  Files files;
  files.with("login", "bob\nsecret\n");
  const Options options = load_text(std::string(kClient) +
                                        "proto tcp\nhttp-proxy proxy 3128 login basic\n"
                                        "http-proxy-option AGENT \"an agent\"\n",
                                    files)
                              .options;
  const auto& proxy = options.client.remotes.front().link.proxy;
  ASSERT_TRUE(proxy && proxy->credentials);
  EXPECT_EQ(proxy->host, "proxy");
  EXPECT_EQ(proxy->port, 3128);
  EXPECT_EQ(proxy->credentials->username, "bob");
  EXPECT_EQ(proxy->credentials->password.expose(), "secret");
  EXPECT_EQ(proxy->http_agent, "an agent");
}

TEST(Load, TakesOneProxyForAllThatIsReachedOverTcp) {
  const std::string overridden = "http-proxy-override proxy 3128\n";
  const Options options =
      client_with("proto udp\nremote other.example 443 tcp\nremote third.example 444 tcp\n" + overridden);
  ASSERT_EQ(options.client.remotes.size(), 2u) << "the one over UDP is left out";
  for (const Remote& remote : options.client.remotes) {
    ASSERT_TRUE(remote.link.proxy);
    EXPECT_EQ(remote.link.proxy->host, "proxy");
  }
  EXPECT_THAT(warnings_of(kClient + overridden), HasSubstr("no remote is reached over TCP"));
}

TEST(Load, KeepsNamesOfHostsInRoutesForLater) {
  const Options options = client_with("route site.example 255.255.255.255 gateway.example\n");
  const Route& route = options.tunnel.routing.routes.at(0);
  EXPECT_EQ(route.network.keyword, RouteKeyword::host_name);
  EXPECT_EQ(route.network.host, "site.example");
  EXPECT_EQ(route.gateway->host, "gateway.example");
}

TEST(Load, WarnsWhereMultihomeAndPasstosHaveNoEffect) {
  const std::string client = kClient, server = kServer;
  EXPECT_TRUE(server_with("multihome\n").socket.multihome);
  EXPECT_THAT(warnings_of(client + "multihome\n"), HasSubstr("multihome"));
  EXPECT_THAT(warnings_of(server + "multihome\nlocal 192.0.2.1\n"), HasSubstr("multihome"));
  EXPECT_THAT(warnings_of(server + "multihome\nproto tcp\n"), HasSubstr("multihome"));
  for (const std::string& file : {client, server}) {
    EXPECT_THAT(warnings_of(file + "passtos\nproto tcp\n"), HasSubstr("passtos"));
    EXPECT_THAT(warnings_of(file + "passtos\n"), Not(HasSubstr("passtos")));
  }
  EXPECT_THAT(warnings_of(server + "multihome\n"), Not(HasSubstr("multihome")));
}

TEST(Load, ReadsWhatElseACertificateMustBeLike) {
  const TlsOptions tls =
      client_with(
          "x509-username-field ou emailAddress\nremote-cert-ku a0 88\nremote-cert-eku \"TLS Web\"\n"
          "<verify-hash>\n00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33\n</verify-hash>\n"
          "crl-verify revoked dir\ncapath authorities\n")
          .tls;
  EXPECT_THAT(tls.name_fields, ElementsAre("OU", "emailAddress"));
  EXPECT_THAT(*tls.key_usages, ElementsAre(0xa0u, 0x88u));
  EXPECT_EQ(tls.extended_key_usage, "TLS Web");
  EXPECT_THAT(tls.issuer_hashes, ElementsAre("00112233445566778899aabbccddeeff00112233"));
  EXPECT_EQ(tls.revoked_serials->path, "revoked");
  EXPECT_EQ(tls.ca_directory->path, "authorities");
}

TEST(CommandLine, TakesALoneFileName) {
  Files files;
  files.with("x.conf", kClient);
  EXPECT_EQ(load_words({"x.conf"}, files).options.client.remotes.size(), 1u);
}

TEST(CommandLine, NeedsDashesBeforeDirectives) {
  try {
    load_words({"port", "1194"});
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "command line: \"port\": a directive begins with --, as in --config FILE");
  }
}

TEST(CommandLine, KnowsWhatToDoWithoutAConfiguration) {
  EXPECT_EQ(load_words({"--help"}).options.process.action, Action::show_help);
  EXPECT_EQ(load_words({"--version"}).options.process.action, Action::show_version);
  const Options options = load_words({"--capabilities", "--udp-gso", "off"}).options;
  EXPECT_EQ(options.process.action, Action::show_capabilities);
  EXPECT_FALSE(options.batch.offloads.udp_gso);
  EXPECT_THROW(load_words({"--capabilities", "--udp-gso", "maybe"}), ConfigError);
  EXPECT_THROW(load_words({}), ConfigError);
}

TEST(CommandLine, ChecksAFile) {
  Files files;
  files.with("x.conf", std::string(kServer) + "fast-io\n");
  const Loaded loaded = load_words({"--check-config", "x.conf"}, files);
  EXPECT_EQ(loaded.options.process.action, Action::check_config);
  EXPECT_EQ(check_report(loaded),
            "configuration can be used: a server at\n  udp any address port 1194\n"
            "warning: x.conf:5: \"fast-io\": has no effect: I/O is always batched\n");
}

TEST(CommandLine, MakesKeysInTheNewAndTheOldForm) {
  const auto key = [](std::vector<std::string> words) {
    return load_words(std::move(words), Files().with("s.key", "-----BEGIN X"))
        .options.process.generate_key.value();
  };
  EXPECT_EQ(key({"--genkey", "secret", "f"}).type, KeyType::tls_auth);
  EXPECT_EQ(key({"--genkey", "--secret", "f"}).output, "f");
  EXPECT_EQ(key({"--genkey", "tls-crypt-v2-server", "f"}).type, KeyType::tls_crypt_v2_server);
  const GenerateKey client =
      key({"--tls-crypt-v2", "s.key", "--genkey", "tls-crypt-v2-client", "f", "bWV0YQ=="});
  EXPECT_EQ(client.metadata, "meta");
  EXPECT_EQ(client.server_key->content.expose(), "-----BEGIN X");
  EXPECT_THROW(key({"--genkey", "tls-crypt-v2-client", "f"}), ConfigError);
}

TEST(Load, OffersTheBatchChannelUnlessToldNotTo) {
  EXPECT_TRUE(client_with("").batch.channel);
  EXPECT_TRUE(client_with("batch-channel on\n").batch.channel);
  EXPECT_FALSE(client_with("batch-channel off\n").batch.channel);
  EXPECT_EQ(error_of(std::string(kClient) + "batch-channel yes\n"),
            "test.conf:6: \"yes\": not a value of batch-channel; it takes on, off");
}

TEST(Load, TunesBatchesAndSwitchesOffloads) {
  const BatchOptions standard = client_with("").batch;
  EXPECT_EQ(standard.size_bytes, 65536u);
  EXPECT_EQ(standard.packets, 64u);
  EXPECT_EQ(standard.hold.count(), 0);
  EXPECT_TRUE(standard.offloads.udp_gso && standard.offloads.udp_gro && standard.offloads.tun_tso &&
              standard.offloads.tun_uso);

  const BatchOptions tuned =
      client_with(
          "batch-size 9000\nbatch-packets 16\nbatch-hold 50\nudp-gso off\nudp-gro off\n"
          "tun-tso off\ntun-uso off\n")
          .batch;
  EXPECT_EQ(tuned.size_bytes, 9000u);
  EXPECT_EQ(tuned.packets, 16u);
  EXPECT_EQ(tuned.hold, std::chrono::microseconds(50));
  EXPECT_FALSE(tuned.offloads.udp_gso || tuned.offloads.udp_gro || tuned.offloads.tun_tso ||
               tuned.offloads.tun_uso);
  EXPECT_EQ(
      warnings_of(std::string(kClient) + "batch-size 9000\nbatch-packets 16\nbatch-hold 50\ntun-uso off\n"),
      "");
  EXPECT_EQ(error_of(std::string(kClient) + "batch-packets 1\n"),
            "test.conf:6: \"1\": out of range; batch-packets takes 2 to 1024");
}

TEST(Load, ChoosesTheTunDriver) {
  EXPECT_EQ(client_with("").tunnel.driver, TunDriver::automatic);
  EXPECT_EQ(client_with("tun-driver auto\n").tunnel.driver, TunDriver::automatic);
  EXPECT_EQ(client_with("tun-driver tun\n").tunnel.driver, TunDriver::tun);
  EXPECT_EQ(client_with("tun-driver tun-batch\n").tunnel.driver, TunDriver::tun_batch);
  EXPECT_EQ(error_of(std::string(kClient) + "tun-driver tap\n"),
            "test.conf:6: \"tap\": not a value of tun-driver; it takes auto, tun, tun-batch");
}

TEST(Load, ReadsFromTheDisk) {
  EXPECT_THAT(read_from_disk(std::string(VPND_SOURCE_DIR) + "/CMakeLists.txt"), HasSubstr("project(vpnd"));
  EXPECT_THROW(read_from_disk(VPND_SOURCE_DIR), std::system_error);
  EXPECT_THROW(read_from_disk("/nonexistent"), std::system_error);
}

}  // namespace
}  // namespace vpnd::config::testing
