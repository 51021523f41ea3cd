#include "vpnd/config/pushed_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "vpnd/config/base64.hpp"
#include "vpnd/config/directive.hpp"
#include "vpnd/config/pushed_handlers.hpp"
#include "vpnd/config/values.hpp"

namespace vpnd::config {

namespace {

constexpr std::int64_t kMaxSeconds = 86400;
constexpr std::int64_t kMaxLimit = std::numeric_limits<std::int32_t>::max();
constexpr std::size_t kMaxRoutes = 4096;  // a server that needs more should push a shorter prefix
constexpr std::size_t kMaxTexts = 128;    // DNS settings, variables
constexpr std::uint32_t kNoPeerId = 0xFFFFFF;
constexpr std::size_t kMaxSocketBuffer = std::size_t{1} << 30;

// The session cannot go on.
struct Unusable {
  std::string text;
};

using Pushed = PushedOptions;

template <class T>
void check_room(const Arguments& a, const std::vector<T>& list, std::size_t limit) {
  if (list.size() >= limit) a.fail(a.name(), fmt::format("more than {} of them", limit));
}

void check_usable(const Arguments& a, const tunio::IpAddress& address) {
  if (address.is_unspecified() || address.is_multicast() || address.is_loopback())
    a.fail(address.format(), "not an address for an interface");
}

void ifconfig(const Arguments& a, const Options&, Pushed& pushed) {
  const AddressPair pair = read_address_pair(a);
  check_usable(a, pair.local);
  pushed.addresses.local = pair.local;
  pushed.addresses.netmask_or_peer = pair.netmask_or_peer;
}

void ifconfig_ipv6(const Arguments& a, const Options&, Pushed& pushed) {
  const AddressIpv6 read = read_address_ipv6(a);
  check_usable(a, read.address.address);
  pushed.addresses.local_ipv6 = read.address;
  pushed.addresses.peer_ipv6 = read.peer;
}

void topology(const Arguments& a, const Options&, Pushed& pushed) {
  pushed.addresses.topology = a.choice<Topology>(
      0, {{"subnet", Topology::subnet}, {"net30", Topology::net30}, {"p2p", Topology::p2p}});
}

void route(const Arguments& a, const Options& options, Pushed& pushed) {
  check_room(a, pushed.routing.routes, kMaxRoutes);
  pushed.routing.routes.push_back(
      read_route(a, options.client.resolve_pulled_routes ? HostNames::allowed : HostNames::refused));
}

void route_ipv6(const Arguments& a, const Options&, Pushed& pushed) {
  check_room(a, pushed.routing.routes_ipv6, kMaxRoutes);
  pushed.routing.routes_ipv6.push_back(read_route_ipv6(a));
}

void route_gateway(const Arguments& a, const Options&, Pushed& pushed) {
  const bool from_dhcp = a[0] == "dhcp";
  const auto gateway = from_dhcp ? std::nullopt : std::optional(a.ipv4(0));
  pushed.routing.route_gateway_from_dhcp = from_dhcp;
  pushed.routing.route_gateway = gateway;
}

void route_metric(const Arguments& a, const Options&, Pushed& pushed) {
  pushed.routing.route_metric = a.number<std::uint32_t>(0, 0, 0x7fffffff);
}

void redirect(const Arguments& a, const Options&, Pushed& pushed) {
  read_redirect_flags(a, pushed.routing.redirect_gateway);
}

void block_ipv6(const Arguments&, const Options&, Pushed& pushed) {
  pushed.routing.block_ipv6 = true;
}

void dhcp_option(const Arguments& a, const Options&, Pushed& pushed) {
  check_room(a, pushed.foreign_options, kMaxTexts);
  pushed.foreign_options.push_back(read_dhcp_option(a));
}

void dns(const Arguments& a, const Options&, Pushed& pushed) {
  check_room(a, pushed.foreign_options, kMaxTexts);
  pushed.foreign_options.push_back(read_dns(a, 0));
}

void ping(const Arguments& a, const Options&, Pushed& pushed) {
  pushed.ping = a.seconds(0, 0, kMaxSeconds);
}

void ping_timeout(const Arguments& a, const Options&, Pushed& pushed) {
  pushed.timeout = a.seconds(0, 0, kMaxSeconds);
  pushed.timeout_action = a.name() == "ping-exit" ? TimeoutAction::exit : TimeoutAction::restart;
}

void inactive(const Arguments& a, const Options&, Pushed& pushed) {
  const auto time = a.seconds(0, 0, kMaxLimit);
  pushed.idle.emplace(time, a.has(1) ? a.number<std::uint64_t>(1) : 0);
}

void session_timeout(const Arguments& a, const Options&, Pushed& pushed) {
  pushed.session_length = a.seconds(0, 0, kMaxLimit);
}

void route_ipv6_gateway(const Arguments& a, const Options&, Pushed& pushed) {
  pushed.routing.route_gateway_ipv6 = a.ipv6(0);
}

void peer_id(const Arguments& a, const Options&, Pushed& pushed) {
  const auto value = a.number<std::int64_t>(0, -1, kNoPeerId);
  pushed.peer_id.reset();
  if (value >= 0 && value != kNoPeerId) pushed.peer_id = static_cast<std::uint32_t>(value);
}

void cipher(const Arguments& a, const Options& options, Pushed& pushed) {
  const CipherName name = cipher_name(a[0]);
  const auto& offered = options.data.ciphers;
  const bool allowed = std::find(offered.begin(), offered.end(), name.name) != offered.end();
  if (!name.usable || !allowed)
    throw Unusable{fmt::format("the server chose cipher {}, which is not in data-ciphers", a[0])};
  pushed.cipher = name.name;
}

void compress(const Arguments& a, const Options&, Pushed& pushed) {
  pushed.framing = read_compress(a);
}
void comp_lzo(const Arguments& a, const Options&, Pushed& pushed) {
  pushed.framing = read_comp_lzo(a);
}

void tun_mtu(const Arguments& a, const Options& options, Pushed& pushed) {
  pushed.tun_mtu = a.number<std::uint16_t>(0, 100, largest_pushed_mtu(options));
}

void echo(const Arguments& a, const Options&, Pushed& pushed) {
  check_room(a, pushed.echoes, kMaxTexts);
  pushed.echoes.push_back(a.joined());
}

void explicit_exit_notify(const Arguments& a, const Options&, Pushed& pushed) {
  pushed.explicit_exit_notify = a.has(0) ? a.number<unsigned>(0, 0, 60) : 1;
}

void sndbuf(const Arguments& a, const Options&, Pushed& pushed) {
  pushed.send_buffer = a.number<std::size_t>(0, 0, kMaxSocketBuffer);
}
void rcvbuf(const Arguments& a, const Options&, Pushed& pushed) {
  pushed.receive_buffer = a.number<std::size_t>(0, 0, kMaxSocketBuffer);
}

void auth_token(const Arguments& a, const Options&, Pushed& pushed) {
  pushed.auth_token = SensitiveText(std::string(a[0]));
}

void auth_token_user(const Arguments& a, const Options&, Pushed& pushed) {
  auto user = decode_base64(a[0]);
  const bool printable =
      user && !user->empty() &&
      std::all_of(user->begin(), user->end(), [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
  if (!printable) a.fail(a[0], "not a user name in base64");
  pushed.auth_token_user = std::move(user);
}

void protocol_flags(const Arguments& a, const Options& options, Pushed& pushed) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == "tls-ekm") pushed.keys_by_exporter = true;
    if (a[i] == "cc-exit") pushed.exit_by_control_channel = true;
    if (a[i] == "dyn-tls-crypt") pushed.dynamic_tls_crypt = true;
    if (a[i] != "aead-epoch") continue;
    if (!options.data.epoch_format)
      throw Unusable{"the server chose the epoch data format, which was not offered"};
    pushed.data_epoch = true;
  }
}

void key_derivation(const Arguments& a, const Options&, Pushed& pushed) {
  if (a[0] != "tls-ekm") throw Unusable{fmt::format("the server chose the unknown key derivation {}", a[0])};
  pushed.keys_by_exporter = true;
}

void setenv_safe(const Arguments& a, const Options&, Pushed& pushed) {
  check_room(a, pushed.environment, kMaxTexts);
  check_variable_name(a, a[0]);
  pushed.environment.emplace_back("OPENVPN_" + a[0], a.has(1) ? a[1] : "");
}

void vpnd_batch(const Arguments& a, const Options&, Pushed& pushed) {
  pushed.batch = PushedBatch{a.number<unsigned>(0, 1, 255), a.number<unsigned>(1, 1, 255)};
}

void always_so(const Arguments&, const Options&, Pushed&) {}

constexpr PushedHandler kHandlers[] = {
    {"auth-token", auth_token},
    {"auth-token-user", auth_token_user},
    {"block-ipv6", block_ipv6, PushGroup::routes_and_dns},
    {"cipher", cipher},
    {"comp-lzo", comp_lzo},
    {"compress", compress},
    {"dhcp-option", dhcp_option, PushGroup::routes_and_dns},
    {"dns", dns, PushGroup::routes_and_dns},
    {"echo", echo},
    {"explicit-exit-notify", explicit_exit_notify},
    {"ifconfig", ifconfig},
    {"ifconfig-ipv6", ifconfig_ipv6},
    {"inactive", inactive},
    {"key-derivation", key_derivation},
    {"peer-id", peer_id},
    {"persist-key", always_so},
    {"persist-tun", always_so},
    {"ping", ping},
    {"ping-exit", ping_timeout},
    {"ping-restart", ping_timeout},
    {"protocol-flags", protocol_flags},
    {"push-continuation", always_so},
    {"rcvbuf", rcvbuf},
    {"redirect-gateway", redirect, PushGroup::routes_and_dns},
    {"redirect-private", redirect, PushGroup::routes_and_dns},
    {"route", route, PushGroup::routes_and_dns},
    {"route-gateway", route_gateway},
    {"route-ipv6", route_ipv6, PushGroup::routes_and_dns},
    {"route-ipv6-gateway", route_ipv6_gateway, PushGroup::routes_and_dns},
    {"route-metric", route_metric, PushGroup::routes_and_dns},
    {"session-timeout", session_timeout},
    {"setenv-safe", setenv_safe},
    {"sndbuf", sndbuf},
    {"topology", topology},
    {"tun-ipv6", always_so},
    {"tun-mtu", tun_mtu},
    {"vpnd-batch", vpnd_batch},
};

const PushedHandler* find_handler(std::string_view name) {
  const auto found = std::find_if(std::begin(kHandlers), std::end(kHandlers),
                                  [&](const PushedHandler& handler) { return handler.name == name; });
  return found != std::end(kHandlers) ? found : nullptr;
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
}

std::optional<PushResult> filtered(std::string_view option, const Options& options) {
  for (const PullFilter& filter : options.client.pull_filters) {
    if (!option.starts_with(filter.prefix)) continue;
    switch (filter.action) {
      case FilterAction::accept:
        return std::nullopt;
      case FilterAction::ignore:
        return PushResult{PushVerdict::ignored, fmt::format("\"{}\" is left out by pull-filter", option)};
      case FilterAction::reject:
        return PushResult{PushVerdict::fatal, fmt::format("\"{}\" is rejected by pull-filter", option)};
    }
  }
  return std::nullopt;
}

PushResult without_handler(std::string_view name) {
  const Directive* directive = find_directive(name);
  if (directive == nullptr) return {PushVerdict::ignored, fmt::format("unknown pushed option \"{}\"", name)};
  if ((directive->contexts & kPushed) == 0)
    return {PushVerdict::ignored, fmt::format("\"{}\" is not taken from a server", name)};
  if (directive->verdict == Verdict::no_effect) return {PushVerdict::ignored, {}};
  return {PushVerdict::ignored, fmt::format("\"{}\" is not supported: {}", name, directive->text)};
}

// What is worth a line although the option was applied.
std::string remark(const Arguments& a) {
  if (a.name() == "compress" || a.name() == "comp-lzo") {
    const std::string_view algorithm = compression_asked_for(a);
    if (!algorithm.empty())
      return fmt::format("the server may compress ({}); such packets are dropped", algorithm);
  }
  if (a.name() != "protocol-flags") return {};
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != "tls-ekm" && a[i] != "cc-exit" && a[i] != "dyn-tls-crypt" && a[i] != "aead-epoch")
      return fmt::format("unknown protocol flag \"{}\"", a[i]);
  }
  return {};
}

}  // namespace

std::span<const PushedHandler> pushed_handlers() {
  return kHandlers;
}

bool passes_pull_filters(std::string_view option, const Options& options) {
  return !filtered(option, options);
}

std::uint16_t largest_pushed_mtu(const Options& options) {
  return std::max(options.link.tun_mtu_max, options.link.tun_mtu);
}

PushResult apply_pushed(std::string_view option, const Options& options, PushedOptions& pushed) {
  if (!is_printable(option)) return {PushVerdict::refused, "a pushed option with control characters"};
  if (auto result = filtered(option, options)) return *std::move(result);
  Tokens tokens = tokenise(option);
  if (!tokens.error.empty())
    return {PushVerdict::refused, fmt::format("pushed option \"{}\": {}", option, tokens.error)};
  if (tokens.words.empty()) return {PushVerdict::ignored, {}};

  const Statement statement{std::move(tokens.words), std::nullopt, {"pushed option", 0}};
  const Arguments arguments(statement);
  const PushedHandler* handler = find_handler(arguments.name());
  if (handler == nullptr) return without_handler(arguments.name());
  if (handler->group == PushGroup::routes_and_dns && options.client.ignore_routes_and_dns)
    return {PushVerdict::ignored, fmt::format("\"{}\" is left out by route-nopull", option)};

  const ArgumentCount count = find_directive(arguments.name())->arguments;
  if (arguments.size() < count.min || arguments.size() > count.max)
    return {PushVerdict::refused, fmt::format("pushed option \"{}\": wrong number of arguments", option)};
  try {
    handler->apply(arguments, options, pushed);
    return {PushVerdict::applied, remark(arguments)};
  } catch (const ConfigError& error) {
    return {PushVerdict::refused, error.what()};
  } catch (Unusable& unusable) {
    return {PushVerdict::fatal, std::move(unusable.text)};
  }
}

}  // namespace vpnd::config
