// The tun device of an instance with its addresses and routes. What it changed on the host it takes back.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tunio/tun_device.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/control/tunnel_plan.hpp"
#include "vpnd/host/network_configurator.hpp"

namespace vpnd::control {

/// Belongs to the control thread.
class TunnelDevice {
 public:
  /// With `dev null` there is no device: what comes out of the tunnel is dropped, and nothing goes in. Else
  /// opens the device with a queue per worker, or with one where it is the user's own and has no more, and
  /// the number was not asked for. Throws std::system_error.
  explicit TunnelDevice(const config::Options& options);

  const std::string& name() const noexcept;
  bool udp_segmentation() const noexcept { return tun_ && tun_->udp_segmentation(); }
  std::size_t queue_count() const noexcept { return queue_count_; }
  /// The descriptors for the workers; once.
  std::vector<tunio::UniqueFd> take_queues();
  /// For the log: this device, UDP sockets and the event loops (which are named).
  std::string describe_data_path(const std::string& event_loops) const;

  /// Whether there is a device at all (`dev null`).
  bool exists() const noexcept { return tun_.has_value(); }

  /// The link's size, and its addresses. Throws std::runtime_error when the tunnel cannot be used.
  void set_link(const TunnelPlan& plan);
  /// A route that cannot be set is only warned of, as in stock.
  void set_routes(const TunnelPlan& plan);
  void take_routes_back();
  void take_addresses_back();

  /// The host's way to the internet beside the tunnel, if it has one.
  std::optional<host::Path> default_path() const { return routes_.default_path(tunio::IpFamily::v4); }
  /// While the default route leads into a tunnel that stays up over a reconnect: a way around it for this
  /// server.
  void keep_server_reachable(const TunnelPlan& plan, const tunio::IpAddress& server);
  /// How this server is reached now. If only through the tunnel itself, since the host has moved to another
  /// network, the way around it is laid anew. None: it is not to be reached.
  std::optional<host::Path> way_to(const TunnelPlan& plan, const tunio::IpAddress& server);

 private:
  bool lay_way_around(const TunnelPlan& plan, const tunio::IpAddress& server);
  void set_addresses(const TunnelPlan& plan);
  void set_route(const config::Route& route, const TunnelPlan& plan);
  void redirect_gateway(const TunnelPlan& plan);
  std::optional<tunio::IpAddress> resolve(const config::RouteTarget& target, const TunnelPlan& plan) const;

  const config::Options& options_;
  std::optional<tunio::TunDevice> tun_;  // none: dev null
  const std::size_t queue_count_;
  host::NetworkConfigurator addresses_;
  host::NetworkConfigurator routes_;  // apart, since they go first
};

}  // namespace vpnd::control
