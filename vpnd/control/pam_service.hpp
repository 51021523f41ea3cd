// The helper that asks PAM (vpnd/helpers/auth_pam.cpp): a process that keeps the privileges which the daemon
// gives up, and does nothing else.

#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "vpnd/config/role_options.hpp"
#include "vpnd/host/process.hpp"

namespace vpnd::control {

/// Belongs to the control thread. Destroying it ends the helper, without calling anybody back.
class PamService {
 public:
  /// What PAM says; `text` is for the log.
  using Decided = std::function<void(bool right, const std::string& text)>;

  /// Starts the helper, with the privileges of now. Throws config::ConfigError when it cannot be.
  PamService(asio::io_context& context, const config::Command& command);

  /// `decided` is called once, later, unless forget() is called before. Returns the question's number.
  std::uint64_t ask(std::string_view username, std::string_view password, std::string_view common_name,
                    Decided decided);
  void forget(std::uint64_t number) { waiting_.erase(number); }

 private:
  void hear();
  void take_answer(std::string_view datagram);
  void answer_later(std::uint64_t number, const std::string& trouble);

  asio::io_context& context_;
  host::ChildProcess helper_;  // ends once the socket is gone, which is destroyed before it
  asio::posix::stream_descriptor socket_;
  std::unordered_map<std::uint64_t, Decided> waiting_;
  std::uint64_t next_ = 0;
};

}  // namespace vpnd::control
