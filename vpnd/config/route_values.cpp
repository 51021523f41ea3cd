// The readers of values.hpp that deal with routes, redirection and name servers.

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "vpnd/config/values.hpp"

namespace vpnd::config {

namespace {

constexpr std::uint32_t kMaxMetric = 0x7fffffff;

// Whether an optional argument was given as something other than the place holder.
bool gives(const Arguments& arguments, std::size_t index) {
  return arguments.has(index) && arguments[index] != "default";
}

// What a domain name may have, as OpenVPN checks since CVE-2025-10680; names in UTF-8 pass.
bool is_domain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-' || c >= 0x80;
  });
}

// A name that a resolver can be asked about; what has nothing but digits and dots is an address with a slip.
bool is_host_name(std::string_view text) {
  return is_domain(text) && text.find_first_not_of("0123456789.") != std::string_view::npos;
}

RouteTarget read_target(const Arguments& arguments, std::size_t index, HostNames names) {
  const std::string& word = arguments[index];
  if (word == "vpn_gateway") return {RouteKeyword::vpn_gateway, {}, {}};
  if (word == "net_gateway") return {RouteKeyword::net_gateway, {}, {}};
  if (word == "remote_host") return {RouteKeyword::remote_host, {}, {}};
  const auto address = tunio::IpAddress::parse(word);
  if (address && address->is_v4()) return {RouteKeyword::none, *address, {}};
  if (!is_host_name(word))
    arguments.fail(word, "not an IPv4 address, the name of a host, vpn_gateway, net_gateway or remote_host");
  if (names == HostNames::refused)
    arguments.fail(word, "not an IPv4 address; the names of hosts need allow-pull-fqdn");
  return {RouteKeyword::host_name, {}, word};
}

void check_domain(const Arguments& arguments, std::size_t index) {
  if (!is_domain(arguments[index]))
    arguments.fail(arguments[index], "not a domain name: only letters, digits, '.', '_' and '-'");
}

void check_address(const Arguments& arguments, std::size_t index) {
  if (!tunio::IpAddress::parse(arguments[index])) arguments.fail(arguments[index], "not an IP address");
}

// Text of options that only scripts understand: nothing a shell could take for more than a word.
void check_harmless(const Arguments& arguments, std::size_t index) {
  const std::string& word = arguments[index];
  const bool good = std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("._-:/@%+=~").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (!good) arguments.fail(word, "a character that is not allowed in what scripts will read");
}

// "1.2.3.4", "1.2.3.4:53", "fd00::1", "[fd00::1]:53"
void check_server_address(const Arguments& arguments, std::size_t index) {
  std::string_view text = arguments[index];
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) arguments.fail(text, "not the address of a name server");
    port = text.substr(end + 1);
    text = text.substr(1, end - 1);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    port = text.substr(text.find(':'));
    text = text.substr(0, text.find(':'));
  }
  const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
  const bool good_port = port.empty() || (port.size() >= 2 && port.size() <= 6 && port.front() == ':' &&
                                          std::all_of(port.begin() + 1, port.end(), is_digit));
  if (!good_port || !tunio::IpAddress::parse(text))
    arguments.fail(arguments[index], "not the address of a name server");
}

void read_dns_server(const Arguments& arguments, int first_server) {
  if (!arguments.has(3)) arguments.fail("server", "needs a number, a property and its value");
  arguments.number<int>(1, first_server, 127);
  const std::string& property = arguments[2];
  if (property == "address") {
    for (std::size_t i = 3; i < arguments.size(); ++i) check_server_address(arguments, i);
  } else if (property == "resolve-domains") {
    for (std::size_t i = 3; i < arguments.size(); ++i) check_domain(arguments, i);
  } else if (property == "dnssec") {
    arguments.choice<int>(3, {{"yes", 0}, {"optional", 0}, {"no", 0}});
  } else if (property == "transport") {
    arguments.choice<int>(3, {{"plain", 0}, {"DoH", 0}, {"DoT", 0}});
  } else if (property == "sni") {
    check_domain(arguments, 3);
  } else {
    arguments.fail(property, "unknown; it takes address, resolve-domains, dnssec, transport or sni");
  }
}

}  // namespace

Route read_route(const Arguments& arguments, HostNames names) {
  Route route;
  route.where = arguments.where();
  route.network = read_target(arguments, 0, names);
  if (gives(arguments, 1)) route.bits = arguments.netmask(1);
  if (gives(arguments, 2)) route.gateway = read_target(arguments, 2, names);
  if (gives(arguments, 3)) route.metric = arguments.number<std::uint32_t>(3, 0, kMaxMetric);
  if (route.network.keyword == RouteKeyword::none) {
    const tunio::IpAddress network = route.network.address.masked(route.bits);
    if (network != route.network.address) {
      arguments.fail(
          arguments[0],
          fmt::format("not the address of a network with this netmask; did you mean {}?", network.format()));
    }
  }
  return route;
}

Route read_route_ipv6(const Arguments& arguments) {
  const tunio::Prefix prefix = arguments.ipv6_prefix(0).network();
  Route route;
  route.where = arguments.where();
  route.network.address = prefix.address;
  route.bits = prefix.length;
  if (gives(arguments, 1)) route.gateway = RouteTarget{RouteKeyword::none, arguments.ipv6(1), {}};
  if (gives(arguments, 2)) route.metric = arguments.number<std::uint32_t>(2, 0, kMaxMetric);
  return route;
}

void read_redirect_flags(const Arguments& arguments, RedirectGateway& redirect) {
  RedirectGateway result = redirect;
  result.prepare = true;
  if (arguments.name() == "redirect-gateway") result.enabled = true;
  using Flag = bool RedirectGateway::*;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "!ipv4") {
      result.ipv4 = false;
      continue;
    }
    const Flag flag = arguments.choice<Flag>(i, {{"local", &RedirectGateway::local},
                                                 {"autolocal", &RedirectGateway::auto_local},
                                                 {"def1", &RedirectGateway::def1},
                                                 {"bypass-dhcp", &RedirectGateway::bypass_dhcp},
                                                 {"bypass-dns", &RedirectGateway::bypass_dns},
                                                 {"block-local", &RedirectGateway::block_local},
                                                 {"ipv6", &RedirectGateway::ipv6},
                                                 {"!ipv4", nullptr}});
    result.*flag = true;
  }
  redirect = result;
}

std::string read_dhcp_option(const Arguments& arguments) {
  const std::string& kind = arguments[0];
  if (kind == "DNS" || kind == "DNS6" || kind == "WINS" || kind == "NTP" || kind == "NBDD") {
    if (arguments.size() != 2) arguments.fail(kind, "takes one address");
    check_address(arguments, 1);
  } else if (kind.starts_with("DOMAIN") || kind == "ADAPTER_DOMAIN_SUFFIX") {
    if (arguments.size() != 2) arguments.fail(kind, "takes one domain name");
    check_domain(arguments, 1);
  }
  for (std::size_t i = 0; i < arguments.size(); ++i)
    if (!is_domain(arguments[i])) check_harmless(arguments, i);
  return "dhcp-option " + arguments.joined();
}

std::string read_dns(const Arguments& arguments, int first_server) {
  if (arguments[0] == "search-domains") {
    if (!arguments.has(1)) arguments.fail("search-domains", "takes one domain name or more");
    for (std::size_t i = 1; i < arguments.size(); ++i) check_domain(arguments, i);
  } else if (arguments[0] == "server") {
    read_dns_server(arguments, first_server);
  } else {
    arguments.fail(arguments[0], "unknown; dns takes search-domains or server");
  }
  return "dns " + arguments.joined();
}

}  // namespace vpnd::config
