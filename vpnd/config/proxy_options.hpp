// The proxy that a client goes through.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vpnd/config/material.hpp"

namespace vpnd::config {

enum class ProxyKind : std::uint8_t { http, socks5 };

struct ProxyCredentials {
  std::string username;
  SensitiveText password;
};

struct ProxyOptions {
  ProxyKind kind = ProxyKind::http;
  std::string host;
  std::uint16_t port = 0;
  std::optional<Material> credentials_file;     // user name and password, each on a line
  std::optional<ProxyCredentials> credentials;  // what it holds
  std::string http_version = "1.0";
  std::string http_agent;                                         // empty: no such header
  std::vector<std::pair<std::string, std::string>> http_headers;  // further ones
  Location where;
};

}  // namespace vpnd::config
