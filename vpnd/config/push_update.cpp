#include "vpnd/config/push_update.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "vpnd/config/lexer.hpp"

namespace vpnd::config {

namespace {

constexpr std::array<std::string_view, 15> kUpdatable = {
    "block-ipv6",   "block-outside-dns", "dhcp-option",      "dns",   "ifconfig",      "ifconfig-ipv6",
    "keepalive",    "redirect-gateway",  "redirect-private", "route", "route-gateway", "route-ipv6",
    "route-metric", "topology",          "tun-mtu"};

// An update's first entry replaces what was there.
constexpr std::array<std::string_view, 6> kLists = {"dhcp-option",      "dns",   "redirect-gateway",
                                                    "redirect-private", "route", "route-ipv6"};

template <std::size_t N>
bool is_in(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool take_sign(std::string_view& option, char sign) {
  if (!option.starts_with(sign)) return false;
  option.remove_prefix(1);
  return true;
}

void erase_texts(std::vector<std::string>& texts, std::string_view beginning) {
  std::erase_if(texts, [beginning](const std::string& text) { return text.starts_with(beginning); });
}

}  // namespace

bool is_updatable(std::string_view name) {
  return is_in(kUpdatable, name);
}

PushResult PushUpdate::apply(std::string_view option) {
  const bool removes = take_sign(option, '-');
  const bool optional = take_sign(option, '?');
  const std::string_view name = option.substr(0, option.find(' '));
  if (name == "push-continuation") return {PushVerdict::ignored, {}};
  if (name.starts_with('-'))
    return {PushVerdict::fatal, fmt::format("\"?{}\": the signs stand the wrong way round", name)};
  if (!is_updatable(name)) {
    std::string text = fmt::format("\"{}\" cannot be changed while connected", name);
    return {optional ? PushVerdict::ignored : PushVerdict::fatal, std::move(text)};
  }
  if (!removes) return set(name, option);
  remove(name);
  return {PushVerdict::applied, {}};
}

PushResult PushUpdate::set(std::string_view name, std::string_view option) {
  if (is_in(kLists, name) && replaced_.emplace(name).second) remove(name);
  return name == "keepalive" ? set_keepalive(option) : apply_pushed(option, options_, result_);
}

PushResult PushUpdate::set_keepalive(std::string_view option) {
  const Tokens tokens = tokenise(option);
  if (tokens.words.size() != 3)
    return {PushVerdict::refused, fmt::format("pushed option \"{}\": wrong number of arguments", option)};
  PushResult result = apply_pushed("ping " + tokens.words[1], options_, result_);
  if (result.verdict != PushVerdict::applied) return result;
  return apply_pushed("ping-restart " + tokens.words[2], options_, result_);
}

void PushUpdate::remove(std::string_view name) {
  AddressOptions& addresses = result_.addresses;
  RoutingOptions& routing = result_.routing;
  if (name == "block-ipv6") routing.block_ipv6 = false;
  if (name == "dhcp-option") erase_texts(result_.foreign_options, "dhcp-option ");
  if (name == "dns") erase_texts(result_.foreign_options, "dns ");
  if (name == "redirect-gateway" || name == "redirect-private") routing.redirect_gateway = {};
  if (name == "route") routing.routes.clear();
  if (name == "route-ipv6") routing.routes_ipv6.clear();
  if (name == "route-metric") routing.route_metric.reset();
  if (name == "topology") addresses.topology.reset();
  if (name == "tun-mtu") result_.tun_mtu.reset();
  if (name == "ifconfig") {
    addresses.local.reset();
    addresses.netmask_or_peer.reset();
  }
  if (name == "ifconfig-ipv6") {
    addresses.local_ipv6.reset();
    addresses.peer_ipv6.reset();
  }
  if (name == "route-gateway") {
    routing.route_gateway.reset();
    routing.route_gateway_from_dhcp = false;
  }
  if (name == "keepalive") {
    result_.ping.reset();
    result_.timeout.reset();
  }
}

}  // namespace vpnd::config
