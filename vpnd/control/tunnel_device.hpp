// The tun device of an instance with its addresses, routes and the up and down scripts. What it changed on
// the host it takes back.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tunio/tun_device.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/host/network_configurator.hpp"
#include "vpnd/host/script_command.hpp"

namespace vpnd::control {

/// What there is to set up: from the configuration on a server, with what was pushed on a client.
struct TunnelPlan {
  config::AddressOptions addresses;
  config::RoutingOptions routing;
  std::vector<std::string> foreign_options;
  std::vector<std::pair<std::string, std::string>> environment;  ///< setenv-safe
  std::uint16_t mtu = 1500;
  std::optional<tunio::IpAddress> server;  ///< a client's: where its packets go
  std::uint16_t server_port = 0;

  bool operator==(const TunnelPlan&) const = default;
};

/// Belongs to the control thread.
class TunnelDevice {
 public:
  /// With `dev null` there is no device: what comes out of the tunnel is dropped, and nothing goes in. Else
  /// opens the device with a queue per worker, or with one where it is the user's own and has no more, and
  /// the number was not asked for. Throws std::system_error.
  explicit TunnelDevice(const config::Options& options);
  /// Runs `down`, then takes routes, addresses and the device away.
  ~TunnelDevice();

  const std::string& name() const noexcept;
  bool udp_segmentation() const noexcept { return tun_ && tun_->udp_segmentation(); }
  std::size_t queue_count() const noexcept { return queue_count_; }
  /// The descriptors for the workers; once.
  std::vector<tunio::UniqueFd> take_queues();
  /// For the log: this device, UDP sockets and the event loops (which are named).
  std::string describe_data_path(const std::string& event_loops) const;

  /// Link, addresses, `up`, routes, `route-up`, in this order. Throws std::runtime_error when the tunnel
  /// cannot be used; a route that cannot be set is only warned of, as in stock.
  void bring_up(const TunnelPlan& plan);
  /// `route-pre-down`, routes, addresses, `down`; the device stays. Does nothing when it is not up.
  void bring_down();
  /// Whether what is up now is what `plan` asks for.
  bool serves(const TunnelPlan& plan) const { return plan_ && *plan_ == plan; }
  /// The host's way to the internet beside the tunnel, if it has one.
  std::optional<host::Path> default_path() const { return routes_.default_path(tunio::IpFamily::v4); }
  /// While the default route leads into a tunnel that stays up over a reconnect: a way around it for this
  /// server.
  void keep_server_reachable(const tunio::IpAddress& server);
  bool is_up() const noexcept { return plan_.has_value(); }

 private:
  enum class ScriptContext { init, restart };

  void set_addresses(const TunnelPlan& plan);
  void set_routes(const TunnelPlan& plan);
  void set_route(const config::Route& route, const TunnelPlan& plan);
  void redirect_gateway(const TunnelPlan& plan);
  std::optional<tunio::IpAddress> resolve(const config::RouteTarget& target, const TunnelPlan& plan) const;
  std::optional<tunio::IpAddress> vpn_gateway(const TunnelPlan& plan) const;
  void run_script(const std::optional<config::Command>& command, const std::string& type, bool must_succeed);
  host::ScriptEnvironment environment() const;

  const config::Options& options_;
  std::optional<tunio::TunDevice> tun_;  // none: dev null
  const std::size_t queue_count_;
  host::NetworkConfigurator addresses_;
  host::NetworkConfigurator routes_;  // apart, since they go first
  std::optional<TunnelPlan> plan_;
  ScriptContext script_context_ = ScriptContext::init;
};

/// A server's plan, and what a client starts from.
TunnelPlan configured_plan(const config::Options& options);

}  // namespace vpnd::control
