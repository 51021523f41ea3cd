// The directives of OpenVPN that do nothing in vpnd: because nothing is to be done, or because it will not.
// Each says so in the words that the user gets to read. Their arguments are not checked.

#include "vpnd/config/directive.hpp"

namespace vpnd::config {

namespace {

constexpr Contexts kLink = kAnywhere | kInConnection;
constexpr Contexts kPushable = kAnywhere | kPushed;

constexpr Directive row(Verdict verdict, std::string_view name, std::string_view text,
                        Contexts contexts = kAnywhere) {
  return {name, Topic::process, verdict, contexts, {0, kAnyNumber}, Inline::yes, nullptr, {}, text};
}

constexpr Directive unused(std::string_view name, std::string_view text, Contexts contexts = kAnywhere) {
  return row(Verdict::no_effect, name, text, contexts);
}

constexpr Directive refused(std::string_view name, std::string_view reason, Contexts contexts = kAnywhere) {
  return row(Verdict::refused, name, reason, contexts);
}

constexpr std::string_view kWindows = "for Windows only";
constexpr std::string_view kProxyOfOldVersions =
    "OpenVPN removed it; attempts are repeated as connect-retry says";
constexpr std::string_view kSmartcard = "smart cards are not supported: give cert and key as files";
constexpr std::string_view kVlan = "VLANs need Ethernet frames, vpnd carries IP packets only";

// clang-format off
constexpr Directive kUnused[] = {
    unused("fast-io", "I/O is always batched"),
    unused("socket-flags", "TCP_NODELAY is always set", kPushable),
    unused("tun-mtu-extra", "it is for tap devices", kLink),
    unused("mtu-test", "the size of packets is chosen with mssfix and link-mtu"),
    unused("bcast-buffers", "it is for tap devices"),
    unused("http-proxy-retry", kProxyOfOldVersions, kLink),
    unused("http-proxy-timeout", kProxyOfOldVersions, kLink),
    unused("socks-proxy-retry", kProxyOfOldVersions, kLink),
    unused("preresolve", "names are looked up when they are needed"),
    unused("ip-remote-hint", "write the address in remote"),
    unused("ifconfig-push-constraint", "addresses from client files are taken as they are"),
    unused("ifconfig-nowarn", "the addresses of both ends are not compared", kPushable),
    unused("route-delay", "routes are added as soon as the device is up", kPushable),
    unused("route-method", kWindows, kPushable),
    unused("persist-local-ip", "the address is looked up at every connect"),
    unused("persist-remote-ip", "the address is looked up at every connect"),
    unused("block-outside-dns", kWindows, kPushable),
    unused("register-dns", kWindows, kPushable),
    unused("ip-win32", kWindows, kPushable),
    unused("win-sys", kWindows),
    unused("windows-driver", kWindows),
    unused("tap-sleep", kWindows),
    unused("dhcp-renew", kWindows, kPushable),
    unused("dhcp-release", kWindows, kPushable),
    unused("service", kWindows),
    unused("pause-exit", kWindows),
    unused("allow-nonadmin", kWindows),
    unused("ecdh-curve", "choose groups with tls-groups"),
    unused("keysize", "an AEAD cipher has one key size"),
    unused("ncp-disable", "ciphers are always negotiated"),
    unused("use-prediction-resistance", "the TLS library looks after its random numbers"),
    unused("mute-replay-warnings", "replayed packets are counted, not logged one by one"),
    unused("replay-persist", "keys never outlive the process"),
    unused("comp-noadapt", "nothing is compressed"),
    unused("disable-occ", "the options of both ends are never compared", kLink),
    unused("opt-verify", "the options of both ends are never compared"),
    unused("remap-usr1", "a restart always keeps what can be kept"),
    unused("hash-size", "tables grow as they need to"),
    unused("iproute", "addresses and routes are set through netlink"),
    unused("gremlin", "it is for tests of OpenVPN"),
    unused("max-routes", "routes are not limited"),
    unused("ping-timer-rem", "the remote is always known before the timers start", kPushable),
    unused("key-method", "method 2 is the only one"),
    unused("allow-recursive-routing", "packets for the server itself are never dropped"),
    unused("single-session", "it is for point-to-point mode"),
    unused("stale-routes-check", "it is for tap devices"),
};

constexpr Directive kRefused[] = {
    refused("management-client-pf", "OpenVPN removed it; filter packets with nftables"),
    refused("fragment", "fragments inside the data channel are not supported; use mssfix on both ends", kLink),
    refused("udp-mtu", "use link-mtu instead", kLink),
    refused("shaper", "limit the rate with tc on the tunnel device", kPushable),
    refused("server-bridge", "vpnd carries IP packets only; use server and dev tun"),
    refused("lladdr", "vpnd carries IP packets only; use dev tun", kPushable),
    refused("vlan-accept", kVlan),
    refused("vlan-pvid", kVlan, kAnywhere | kInClientConfig),
    refused("vlan-tagging", kVlan),
    refused("client-nat", "translate addresses with nftables", kPushable),
    refused("client-cert-not-required", "write verify-client-cert none instead"),
    refused("keying-material-exporter", "it is for plugins and scripts that take keys out of the TLS session; remove it"),
    refused("secret", "static keys have no forward secrecy, and OpenVPN removed them; use certificates or peer-fingerprint"),
    refused("no-iv", "every packet needs its own nonce"),
    refused("no-replay", "replay protection cannot be switched off"),
    refused("prng", "random numbers come from the TLS library"),
    refused("engine", "OpenSSL engines are not supported: give cert and key as files"),
    refused("providers", "set OpenSSL providers in openssl.cnf"),
    refused("cryptoapicert", kSmartcard),
    refused("pkcs11-cert-private", kSmartcard),
    refused("pkcs11-id", kSmartcard),
    refused("pkcs11-id-management", kSmartcard),
    refused("pkcs11-id-type", kSmartcard),
    refused("pkcs11-pin-cache", kSmartcard),
    refused("pkcs11-private-mode", kSmartcard),
    refused("pkcs11-protected-authentication", kSmartcard),
    refused("pkcs11-providers", kSmartcard),
    refused("pkcs11-sign-mode", kSmartcard),
    refused("pkcs11-slot", kSmartcard),
    refused("pkcs11-slot-type", kSmartcard),
    refused("show-pkcs11-ids", kSmartcard),
    refused("show-pkcs11-objects", kSmartcard),
    refused("show-pkcs11-slots", kSmartcard),
    refused("show-engines", "OpenSSL engines are not supported"),
    refused("show-adapters", kWindows),
    refused("show-net", kWindows),
    refused("show-net-up", kWindows),
    refused("show-valid-subnets", kWindows),
    refused("show-gateway", "use ip route instead"),
    refused("dhcp-internal", kWindows),
    refused("dhcp-pre-release", kWindows),
    refused("rdns-internal", kWindows),
    refused("msg-channel", kWindows),
    refused("compat-names", "OpenVPN removed it; names have their form since 2.3"),
    refused("no-name-remapping", "OpenVPN removed it; names have their form since 2.3"),
    refused("mtu-dynamic", "use mssfix instead", kLink),
    refused("allow-deprecated-insecure-static-crypto", "static keys are not supported; use certificates"),
    refused("inetd", "start vpnd as a service"),
    refused("memstats", "read the status file instead"),
    refused("test-crypto", "the ciphers are checked at every start"),
};
// clang-format on

}  // namespace

std::span<const Directive> unused_directives() {
  return kUnused;
}
std::span<const Directive> refused_directives() {
  return kRefused;
}

}  // namespace vpnd::config
