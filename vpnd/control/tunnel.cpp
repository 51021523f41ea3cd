#include "vpnd/control/tunnel.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <exception>
#include <stdexcept>
#include <utility>

#include "vpnd/control/tunnel_environment.hpp"
#include "vpnd/hooks/environment.hpp"

namespace vpnd::control {

namespace {

using hooks::Hook;
using hooks::HookResult;

constexpr std::string_view kInit = "init", kRestart = "restart";

const std::optional<config::Command>& command_of(const config::ScriptOptions& scripts, Hook hook) {
  if (hook == Hook::up) return scripts.up;
  if (hook == Hook::down) return scripts.down;
  return hook == Hook::route_up ? scripts.route_up : scripts.route_pre_down;
}

void warn_of_hook(const HookResult& result) {
  if (!result.ok()) spdlog::warn("{}", result.failure);
}

std::string address_text(const std::optional<tunio::IpAddress>& address) {
  return address ? address->format() : std::string();
}

}  // namespace

Tunnel::Tunnel(const config::Options& options, hooks::HookRunner& hooks)
    : options_(options), hooks_(hooks), device_(options), dns_(options, hooks) {}

Tunnel::~Tunnel() {
  try {
    lower(signal_, Wait::yes, [] {});
  } catch (const std::exception& error) {
    spdlog::error("{}", error.what());
  }
}

void Tunnel::enqueue(Operation operation) {
  waiting_.push_back(std::move(operation));
  if (!busy_) start_next();
}

void Tunnel::start_next() {
  busy_ = !waiting_.empty();
  if (!busy_) return;
  const Operation operation = std::move(waiting_.front());
  waiting_.pop_front();
  operation([this] { start_next(); });
}

void Tunnel::prepare(asio::io_context& context) {
  dns_.prepare(context);
  names_.emplace(context);
}

void Tunnel::bring_up_now(const TunnelPlan& wanted) {
  TunnelPlan plan = wanted;
  plan.routing.routes = names_->look_up_now(plan.routing.routes);
  raise(plan, Wait::yes, [](const std::string& failure) {
    if (!failure.empty()) throw std::runtime_error(failure);
  });
}

void Tunnel::bring_up(const TunnelPlan& plan, Done done) {
  enqueue([this, plan, done = std::move(done)](const Next& finished) {
    const auto end = [done, finished](const std::string& failure) {
      done(failure);
      finished();
    };
    names_->look_up(plan.routing.routes, [this, plan, end](std::vector<config::Route> routes) {
      TunnelPlan known = plan;
      known.routing.routes = std::move(routes);
      change_to(known, end);
    });
  });
}

void Tunnel::change_to(const TunnelPlan& plan, const Done& done) {
  if (plan_ == plan) return preserve(done);
  lower(signal_, Wait::no, [this, plan, done] { raise(plan, Wait::no, done); });
}

void Tunnel::bring_down(const std::string& signal, Done done) {
  enqueue([this, signal, done = std::move(done)](const Next& finished) {
    lower(signal, Wait::no, [done, finished] {
      done({});
      finished();
    });
  });
}

void Tunnel::keep_over_restart(const std::string& signal) {
  enqueue([this, signal](const Next& finished) {
    if (!plan_ || !options_.scripts.up_restart) return finished();
    signal_ = signal;
    restarted_ = true;
    call(Hook::down, kRestart, Wait::no, [finished](const HookResult& result) {
      warn_of_hook(result);
      finished();
    });
  });
}

void Tunnel::preserve(Done done) {
  spdlog::info("Preserving previous TUN/TAP instance: {}", device_.name());
  signal_.clear();
  if (!std::exchange(restarted_, false)) return done({});
  call(Hook::up, kRestart, Wait::no,
       [done = std::move(done)](const HookResult& result) { done(result.failure); });
}

void Tunnel::raise(const TunnelPlan& plan, Wait wait, Done done) {
  plan_ = plan;
  signal_.clear();
  try {
    device_.set_link(plan);
  } catch (const std::exception& error) {
    return done(error.what());
  }
  call(Hook::up, kInit, wait, [this, wait, done = std::move(done)](const HookResult& result) {
    if (!result.ok()) return done(result.failure);
    device_.set_routes(*plan_);
    dns_.set(device_.exists() ? plan_->foreign_options : std::vector<std::string>(), device_.name(), wait,
             [this, wait, done] {
               call(Hook::route_up, kInit, wait, [done](const HookResult& routes) {
                 warn_of_hook(routes);
                 done({});
               });
             });
  });
}

void Tunnel::lower(const std::string& signal, Wait wait, Next done) {
  if (!plan_) return done();
  signal_ = signal;
  restarted_ = false;
  const auto end = [this, done = std::move(done)] {
    plan_.reset();
    done();
  };
  dns_.unset(wait, [this, wait, end] { take_down(wait, end); });
}

void Tunnel::take_down(Wait wait, const Next& end) {
  call(Hook::route_pre_down, kInit, wait, [this, wait, end](const HookResult& routes) {
    warn_of_hook(routes);
    device_.take_routes_back();
    if (!options_.scripts.down_pre) device_.take_addresses_back();
    call(Hook::down, kInit, wait, [this, end](const HookResult& down) {
      warn_of_hook(down);
      if (options_.scripts.down_pre) device_.take_addresses_back();
      end();
    });
  });
}

void Tunnel::call(Hook hook, std::string_view context, Wait wait, hooks::HookRunner::Done done) {
  const auto& command = command_of(options_.scripts, hook);
  if (!command || !device_.exists()) return done({});
  const hooks::HookCall made = make_call(hook, *command, context);
  if (wait == Wait::yes) return done(hooks::HookRunner::run_now(made));
  hooks_.run(made, [alive = std::weak_ptr(alive_), done = std::move(done)](const HookResult& result) {
    if (!alive.expired()) done(result);
  });
}

host::ScriptEnvironment Tunnel::variables() const {
  host::ScriptEnvironment environment = hooks::process_environment(options_);
  if (!plan_) return environment;
  const auto path = device_.default_path();
  add_tunnel(environment, *plan_, device_.name(), path ? path->gateway : std::nullopt);
  return environment;
}

hooks::HookCall Tunnel::make_call(Hook hook, const config::Command& command, std::string_view context) const {
  hooks::HookCall made{hook, command, {}};
  host::ScriptEnvironment& environment = made.environment = variables();
  for (const auto& [name, value] : peer_variables_.variables()) environment.set(name, value);
  environment.set("script_context", context);
  if (!signal_.empty()) environment.set("signal", signal_);
  if (hook != Hook::route_up) {
    const config::AddressOptions& addresses = plan_->addresses;
    made.arguments = {device_.name(),
                      std::to_string(plan_->mtu),
                      "0",
                      address_text(addresses.local),
                      address_text(addresses.netmask_or_peer),
                      std::string(context)};
  }
  return made;
}

void Tunnel::keep_server_reachable(const tunio::IpAddress& server) {
  if (plan_) device_.keep_server_reachable(*plan_, server);
}

std::optional<host::Path> Tunnel::way_to(const tunio::IpAddress& server) {
  return plan_ ? device_.way_to(*plan_, server) : std::nullopt;
}

}  // namespace vpnd::control
