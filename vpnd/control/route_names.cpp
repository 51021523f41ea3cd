#include "vpnd/control/route_names.hpp"

#include <spdlog/spdlog.h>

#include <utility>

#include "tunio/ip_address.hpp"

namespace vpnd::control {

namespace {

using Results = asio::ip::udp::resolver::results_type;

std::vector<tunio::IpAddress> addresses(const std::string& name, const asio::error_code& error,
                                        const Results& results) {
  std::vector<tunio::IpAddress> found;
  if (error) {
    spdlog::warn("route: cannot resolve {}: {}", name, error.message());
    return found;
  }
  for (const auto& result : results)
    found.push_back(tunio::IpAddress::v4(result.endpoint().address().to_v4().to_uint()));
  return found;
}

bool is_name(const config::RouteTarget& target) {
  return target.keyword == config::RouteKeyword::host_name;
}

}  // namespace

std::set<std::string> host_names(const std::vector<config::Route>& routes) {
  std::set<std::string> names;
  for (const config::Route& route : routes) {
    if (is_name(route.network)) names.insert(route.network.host);
    if (route.gateway && is_name(*route.gateway)) names.insert(route.gateway->host);
  }
  return names;
}

std::vector<config::Route> with_addresses(const std::vector<config::Route>& routes,
                                          const HostAddresses& known) {
  const auto look = [&known](const std::string& name) {
    const auto found = known.find(name);
    return found != known.end() ? found->second : std::vector<tunio::IpAddress>();
  };
  std::vector<config::Route> plain;
  for (config::Route route : routes) {
    if (route.gateway && is_name(*route.gateway)) {
      const auto gateways = look(route.gateway->host);
      if (gateways.empty()) {
        spdlog::warn("route by {}: left out, its address is not known", route.gateway->host);
        continue;
      }
      route.gateway = config::RouteTarget{config::RouteKeyword::none, gateways.front(), {}};
    }
    if (!is_name(route.network)) {
      plain.push_back(route);
      continue;
    }
    const auto networks = look(route.network.host);
    if (networks.empty()) spdlog::warn("route {}: left out, its address is not known", route.network.host);
    for (const tunio::IpAddress& network : networks) {
      route.network = {config::RouteKeyword::none, network.masked(route.bits), {}};
      plain.push_back(route);
    }
  }
  return plain;
}

// What is asked, and what was answered so far.
struct RouteNames::Query {
  std::vector<config::Route> routes;
  std::set<std::string> names;
  HostAddresses known;
  Done done;
};

void RouteNames::look_up(const std::vector<config::Route>& routes, const Done& done) {
  ask_next(std::make_shared<Query>(Query{routes, host_names(routes), {}, done}));
}

void RouteNames::ask_next(const std::shared_ptr<Query>& query) {
  if (query->names.empty()) return query->done(with_addresses(query->routes, query->known));
  const std::string name = std::move(query->names.extract(query->names.begin()).value());
  resolver_.async_resolve(asio::ip::udp::v4(), name, "",
                          [this, query, name](const asio::error_code& error, const Results& results) {
                            if (error == asio::error::operation_aborted) return;
                            query->known[name] = addresses(name, error, results);
                            ask_next(query);
                          });
}

std::vector<config::Route> RouteNames::look_up_now(const std::vector<config::Route>& routes) {
  HostAddresses known;
  for (const std::string& name : host_names(routes)) {
    asio::error_code error;
    const Results results = resolver_.resolve(asio::ip::udp::v4(), name, "", error);
    known[name] = addresses(name, error, results);
  }
  return with_addresses(routes, known);
}

}  // namespace vpnd::control
