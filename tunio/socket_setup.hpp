#pragma once

#include <string_view>

#include "tunio/udp_socket.hpp"

namespace vpnd::tunio {

/// A non-blocking socket of `type` with everything of SocketOptions applied but the address. An IPv6 socket
/// speaks IPv4 too only where the family is `any`. Throws std::system_error.
UniqueFd make_socket(int type, const SocketOptions& options);

/// Binds to options.local, or to any address and port where there is none. Throws std::system_error.
void bind_socket(const UniqueFd& socket, const SocketOptions& options);

/// setsockopt with an int; throws std::system_error that names `what`.
void set_option(const UniqueFd& socket, int level, int option, int value, std::string_view what);

}  // namespace vpnd::tunio
