// A tunnel's way up and down: the device and the hooks, in OpenVPN's order.
//
//   up:    link and addresses ──► up ──► routes ──► name servers ──► route-up
//   down:  name servers ──► route-pre-down ──► routes ──► addresses ──► down
//                                              (with down-pre: down before the addresses)
//
// Hooks take their time, and nothing else waits for them: what is asked for meanwhile is done afterwards, in
// order.

#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "vpnd/control/dns_updown.hpp"
#include "vpnd/control/route_names.hpp"
#include "vpnd/control/tunnel_device.hpp"
#include "vpnd/hooks/hook_runner.hpp"

namespace vpnd::control {

/// Belongs to the control thread.
class Tunnel {
 public:
  /// `failure` is empty, or why the tunnel cannot be used.
  using Done = std::function<void(const std::string& failure)>;

  /// Opens the device. Both arguments outlive it. Throws std::system_error.
  Tunnel(const config::Options& options, hooks::HookRunner& hooks);
  /// Takes down what is still up, and waits for the hooks of that.
  ~Tunnel();

  TunnelDevice& device() noexcept { return device_; }
  const TunnelDevice& device() const noexcept { return device_; }

  /// With the privileges of the start, before they are given up.
  void prepare(asio::io_context& context);

  /// What hooks are told besides the tunnel itself: of the peer, on a client.
  void set_peer_variables(const host::ScriptEnvironment& variables) { peer_variables_ = variables; }

  /// With its addresses and routes.
  bool is_up() const noexcept { return plan_.has_value(); }

  /// What all hooks find: the process, and the tunnel while it is up.
  host::ScriptEnvironment variables() const;

  /// Before anything runs: waits for the hooks. Throws std::runtime_error when the tunnel cannot be used.
  void bring_up_now(const TunnelPlan& wanted);
  /// A tunnel that is up and looks so already is left alone, but for the hooks of up-restart.
  void bring_up(const TunnelPlan& plan, Done done);
  /// Does nothing when it is not up. The device stays. `signal` is what hooks find under that name.
  void bring_down(const std::string& signal, Done done);
  /// A reconnect that keeps the tunnel (persist-tun).
  void keep_over_restart(const std::string& signal);
  /// See TunnelDevice.
  void keep_server_reachable(const tunio::IpAddress& server);
  /// See TunnelDevice. None if it is not up.
  std::optional<host::Path> way_to(const tunio::IpAddress& server);

 private:
  using Wait = DnsHook::Wait;
  using Next = std::function<void()>;
  using Operation = std::function<void(Next finished)>;

  void enqueue(Operation operation);
  void start_next();
  void change_to(const TunnelPlan& plan, const Done& done);
  void raise(const TunnelPlan& plan, Wait wait, Done done);
  void lower(const std::string& signal, Wait wait, Next done);
  void take_down(Wait wait, const Next& end);
  void preserve(Done done);
  void call(hooks::Hook hook, std::string_view context, Wait wait, hooks::HookRunner::Done done);
  hooks::HookCall make_call(hooks::Hook hook, const config::Command& command, std::string_view context) const;

  const config::Options& options_;
  hooks::HookRunner& hooks_;
  TunnelDevice device_;
  DnsHook dns_;
  std::optional<RouteNames> names_;
  host::ScriptEnvironment peer_variables_;
  std::optional<TunnelPlan> plan_;  // of the tunnel that is up, or on its way
  std::string signal_;              // for hooks, once the end has a reason
  bool restarted_ = false;          // down was called for a restart, up has to follow
  std::deque<Operation> waiting_;
  bool busy_ = false;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  // callbacks ask it first
};

}  // namespace vpnd::control
