// Which end of a tunnel we are. Decides which half of every shared key encrypts and who starts TLS.
#pragma once

#include <cstdint>

namespace vpnd::crypto {

enum class Role : std::uint8_t { client, server };

constexpr Role other(Role role) noexcept {
  return role == Role::client ? Role::server : Role::client;
}

}  // namespace vpnd::crypto
