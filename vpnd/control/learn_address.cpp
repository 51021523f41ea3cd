#include "vpnd/control/learn_address.hpp"

#include <spdlog/spdlog.h>

#include <asio/post.hpp>
#include <utility>

namespace vpnd::control {

namespace {

// A single address stands without its length.
std::string words_of(const tunio::Prefix& prefix) {
  return prefix.length == prefix.address.bits() ? prefix.address.format() : prefix.network().format();
}

}  // namespace

void LearnAddress::add(const tunio::Prefix& prefix, const std::string& common_name,
                       const host::ScriptEnvironment& environment, Decided decided) {
  const std::string text = words_of(prefix);
  const bool known = leaving_.erase(text) > 0;
  enqueue({known ? "update" : "add", text, common_name}, environment, std::move(decided));
}

void LearnAddress::remove(const tunio::Prefix& prefix, const host::ScriptEnvironment& environment) {
  if (leaving_.empty()) {
    asio::post(context_, [this, alive = std::weak_ptr(alive_)] {
      if (!alive.expired()) tell_of_removed();
    });
  }
  leaving_.insert_or_assign(words_of(prefix), environment);
}

void LearnAddress::tell_of_removed() {
  for (const auto& [text, environment] : std::exchange(leaving_, {}))
    enqueue({"delete", text}, environment, {});
}

void LearnAddress::enqueue(std::vector<std::string> arguments, const host::ScriptEnvironment& environment,
                           Decided decided) {
  waiting_.push_back(
      {{hooks::Hook::learn_address, *options_.scripts.learn_address, std::move(arguments), environment},
       std::move(decided)});
  if (!busy_) call_next();
}

void LearnAddress::call_next() {
  busy_ = !waiting_.empty();
  if (!busy_) return;
  const Change change = std::move(waiting_.front());
  waiting_.pop_front();
  runner_.run(change.call, [this, arguments = change.call.arguments,
                            decided = change.decided](const hooks::HookResult& result) {
    if (!result.ok()) spdlog::warn("{} ({} {})", result.failure, arguments[0], arguments[1]);
    if (decided) decided(result.ok());
    call_next();
  });
}

}  // namespace vpnd::control
