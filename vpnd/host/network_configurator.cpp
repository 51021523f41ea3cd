#include "vpnd/host/network_configurator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "vpnd/host/network_journal.hpp"
#include "vpnd/host/network_view.hpp"
#include "vpnd/host/redirect_plan.hpp"

namespace vpnd::host {
namespace {

using tunio::IpAddress;
using tunio::IpFamily;
using tunio::Prefix;

// Never in place of something that is there already.
constexpr int kCreateOnly = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;

// What to say when there is a route to the same network already, but another one.
enum class OtherRoute { is_an_error, is_as_good };

}  // namespace

class NetworkConfigurator::Impl {
 public:
  ChangeResult configure_link(const std::string& device, const LinkSettings& settings);
  ChangeResult add_address(const std::string& device, LinkAddress address);
  ChangeResult add_route(const Route& route, OtherRoute other);
  ChangeResult keep_path(const IpAddress& address, std::uint32_t table);
  ChangeResult redirect(const RedirectGateway& request);

  NetworkView view() { return NetworkView(socket_); }
  NetworkJournal& journal() { return journal_; }

 private:
  ChangeResult change_link(int device_index, const LinkSettings& to, const LinkSettings& from,
                           const std::string& what);
  bool same_route_exists(const Route& route, int device_index);
  RedirectFacts facts_for(const RedirectGateway& request);
  ChangeResult carry_out(const RedirectPlan& plan, std::uint32_t table);
  ChangeResult replace_default(const Route& route);

  NetlinkSocket socket_;
  NetworkJournal journal_{socket_};
};

ChangeResult NetworkConfigurator::Impl::configure_link(const std::string& device,
                                                       const LinkSettings& settings) {
  const std::string what = fmt::format("configure {}", device);
  const int index = device_index_of(device);
  const auto before = index != 0 ? view().link(index) : std::nullopt;
  if (!before) return no_such_device(device, what);

  // One by one, so that each is either done and recorded, or not done.
  ChangeResult result;
  if (settings.mtu && *settings.mtu != before->mtu) {
    result = change_link(index, {settings.mtu, {}, {}}, {before->mtu, {}, {}},
                         fmt::format("{}: mtu {}", what, *settings.mtu));
  }
  const auto queue = settings.transmit_queue_length;
  if (result.ok() && queue && *queue != before->transmit_queue_length) {
    result = change_link(index, {{}, queue, {}}, {{}, before->transmit_queue_length, {}},
                         fmt::format("{}: txqueuelen {}", what, *queue));
  }
  if (result.ok() && settings.up && *settings.up != before->up) {
    result = change_link(index, {{}, {}, settings.up}, {{}, {}, before->up},
                         fmt::format("{}: {}", what, *settings.up ? "up" : "down"));
  }
  return result;
}

ChangeResult NetworkConfigurator::Impl::change_link(int device_index, const LinkSettings& to,
                                                    const LinkSettings& from, const std::string& what) {
  ChangeResult result = result_of(socket_.request(link_message(device_index, to)), what);
  if (result.ok()) journal_.record(ChangedLink{device_index, from});
  return result;
}

ChangeResult NetworkConfigurator::Impl::add_address(const std::string& device, LinkAddress address) {
  const std::string what =
      fmt::format("add address {}/{} to {}", address.local.format(), address.prefix_length, device);
  address.device_index = device_index_of(device);
  if (address.device_index == 0) return no_such_device(device, what);
  const NetlinkVerdict verdict = socket_.request(address_message(RTM_NEWADDR, kCreateOnly, address));
  if (verdict.error.value() == EEXIST) return {};
  if (!verdict.error) journal_.record(AddedAddress{address});
  return result_of(verdict, what);
}

ChangeResult NetworkConfigurator::Impl::add_route(const Route& route, OtherRoute other) {
  if (journal_.has_added(route)) return {};
  const std::string what = fmt::format("add route {}", text(route));
  const int device_index = route.device.empty() ? 0 : device_index_of(route.device);
  if (!route.device.empty() && device_index == 0) return no_such_device(route.device, what);
  const NetlinkVerdict verdict =
      socket_.request(route_message(RTM_NEWROUTE, kCreateOnly, route, device_index));
  if (verdict.error.value() == EEXIST) {
    if (other == OtherRoute::is_as_good || same_route_exists(route, device_index)) return {};
    return {verdict.error, fmt::format("{}: there is another route to that network", what)};
  }
  if (!verdict.error) journal_.record(AddedRoute{route});
  return result_of(verdict, what);
}

bool NetworkConfigurator::Impl::same_route_exists(const Route& route, int device_index) {
  const std::vector<KernelRoute> all = view().routes(route.destination.family());
  return std::any_of(all.begin(), all.end(), [&](const KernelRoute& found) {
    return found.destination == route.destination.network() && found.table == route.table && !found.cached &&
           found.gateway == route.gateway && (!route.metric || found.metric == *route.metric) &&
           (device_index == 0 || found.device_index == device_index);
  });
}

ChangeResult NetworkConfigurator::Impl::keep_path(const IpAddress& address, std::uint32_t table) {
  const auto now = view().look_up(address);
  if (!now) {
    return {make_error_code(std::errc::network_unreachable),
            fmt::format("keep {} outside the tunnel: there is no route to it", address.format())};
  }
  if (now->type == RTN_LOCAL) return {};  // ourselves: no route of the main table can change that
  const Path path = path_of(*now);
  return add_route({{address, address.bits()}, path.gateway, path.device, std::nullopt, table},
                   OtherRoute::is_as_good);
}

ChangeResult NetworkConfigurator::Impl::redirect(const RedirectGateway& request) {
  const std::size_t before = journal_.size();
  ChangeResult result = carry_out(plan_redirect(request, facts_for(request)), request.table);
  if (!result.ok()) (void)journal_.undo_down_to(before);
  return result;
}

RedirectFacts NetworkConfigurator::Impl::facts_for(const RedirectGateway& request) {
  // A default route through the tunnel is our own, from an earlier call.
  const int tunnel = device_index_of(request.device);
  const auto default_of = [&](IpFamily family, std::vector<Prefix>& networks) -> std::optional<Path> {
    const auto route = view().default_route(family, tunnel);
    if (!route) return std::nullopt;
    networks = view().addresses(route->device_index);
    std::erase_if(networks, [&](const Prefix& network) { return network.family() != family; });
    return path_of(*route);
  };
  RedirectFacts facts;
  facts.default_ipv4 = default_of(IpFamily::v4, facts.local_ipv4);
  facts.default_ipv6 = default_of(IpFamily::v6, facts.local_ipv6);
  if (request.server) {
    if (const auto route = view().look_up(*request.server)) facts.to_server = path_of(*route);
  }
  return facts;
}

ChangeResult NetworkConfigurator::Impl::carry_out(const RedirectPlan& plan, std::uint32_t table) {
  if (plan.keep_server) {
    if (ChangeResult result = keep_path(*plan.keep_server, table); !result.ok()) return result;
  }
  // A name server that cannot be reached now has no path to be kept on.
  for (const IpAddress& address : plan.keep) (void)keep_path(address, table);
  for (const Route& route : plan.routes) {
    if (ChangeResult result = add_route(route, OtherRoute::is_an_error); !result.ok()) return result;
  }
  return plan.replaced_default ? replace_default(*plan.replaced_default) : ChangeResult{};
}

// Without def1: the default routes that would win over ours, or stand in its place, have to go for the time
// being.
ChangeResult NetworkConfigurator::Impl::replace_default(const Route& route) {
  if (journal_.has_added(route)) return {};
  for (KernelRoute& old : view().routes(route.destination.family())) {
    if (!is_default_route(old) || old.table != route.table || old.metric > route.metric.value_or(0)) continue;
    const Path path = path_of(old);
    std::string words = text(Route{old.destination, path.gateway, path.device, old.metric, old.table});
    NetlinkMessage removal(RTM_DELROUTE, NLM_F_REQUEST | NLM_F_ACK);
    removal.append(old.payload);
    ChangeResult result = result_of(socket_.request(removal), fmt::format("replace route {}", words));
    if (!result.ok()) return result;
    journal_.record(RemovedRoute{std::move(words), std::move(old.payload)});
  }
  return add_route(route, OtherRoute::is_an_error);
}

NetworkConfigurator::NetworkConfigurator() : impl_(std::make_unique<Impl>()) {}

NetworkConfigurator::~NetworkConfigurator() {
  try {
    (void)restore();
  } catch (...) {
    // Out of memory while leaving: the kernel drops what belongs to the tunnel device with the device.
  }
}

ChangeResult NetworkConfigurator::configure_link(const std::string& device, const LinkSettings& settings) {
  return impl_->configure_link(device, settings);
}

ChangeResult NetworkConfigurator::add_address(const std::string& device, const IpAddress& address,
                                              std::uint8_t prefix_length) {
  return impl_->add_address(device, {0, address, address, prefix_length});
}

ChangeResult NetworkConfigurator::add_peer_address(const std::string& device, const IpAddress& local,
                                                   const IpAddress& peer) {
  return impl_->add_address(device, {0, local, peer, local.bits()});
}

ChangeResult NetworkConfigurator::add_route(const Route& route) {
  return impl_->add_route(route, OtherRoute::is_an_error);
}

ChangeResult NetworkConfigurator::remove_route(const Route& route) {
  return impl_->journal().undo_route(route);
}

ChangeResult NetworkConfigurator::keep_path(const IpAddress& address, std::uint32_t table) {
  return impl_->keep_path(address, table);
}

ChangeResult NetworkConfigurator::redirect_gateway(const RedirectGateway& request) {
  return impl_->redirect(request);
}

std::vector<std::string> NetworkConfigurator::restore() {
  return impl_->journal().undo_down_to(0);
}

std::optional<Path> NetworkConfigurator::path_to(const IpAddress& destination) const {
  const auto route = impl_->view().look_up(destination);
  return route ? std::optional(path_of(*route)) : std::nullopt;
}

std::optional<Path> NetworkConfigurator::default_path(IpFamily family) const {
  const auto route = impl_->view().default_route(family);
  return route ? std::optional(path_of(*route)) : std::nullopt;
}

std::vector<Prefix> NetworkConfigurator::addresses(const std::string& device) const {
  const int index = device_index_of(device);
  return index == 0 ? std::vector<Prefix>{} : impl_->view().addresses(index);
}

}  // namespace vpnd::host
