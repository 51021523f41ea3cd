// PUSH_UPDATE (OpenVPN 2.7): what a server changes of what it pushed before, while the session goes on. The
// same syntax as in PUSH_REPLY, and in front of an option `-` takes it away, `?` lets a client pass it by
// that cannot change it. docs/protocol.md §8
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "vpnd/config/pushed_options.hpp"

namespace vpnd::config {

// One update, option by option; what was pushed before stays as it was until take().
class PushUpdate {
 public:
  // `options` outlives it.
  PushUpdate(const Options& options, const PushedOptions& before) : options_(options), result_(before) {}

  // fatal: the client has to connect anew, since it cannot do what is asked.
  PushResult apply(std::string_view option);

  PushedOptions take() { return std::move(result_); }

 private:
  void remove(std::string_view name);
  PushResult set(std::string_view name, std::string_view option);
  PushResult set_keepalive(std::string_view option);

  const Options& options_;
  PushedOptions result_;
  std::set<std::string, std::less<>> replaced_;  // lists of which this update has brought a first entry
};

// Whether a session's clients can be told of a change of this option.
bool is_updatable(std::string_view name);

}  // namespace vpnd::config
