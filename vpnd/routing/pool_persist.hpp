// `ifconfig-pool-persist FILE [SECS]`: who had which address, over restarts. One line per client,
//
//     common name,IPv4 address[,IPv6 address]        either address may be empty, not both

#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tunio/ip_address.hpp"
#include "vpnd/host/change_result.hpp"
#include "vpnd/routing/address_pool.hpp"

namespace vpnd::routing {

struct PersistedLease {
  std::string common_name;
  std::optional<tunio::IpAddress> ipv4;
  std::optional<tunio::IpAddress> ipv6;

  bool operator==(const PersistedLease&) const = default;
};

// Lines that make no sense are left out and named in `warnings` ("line 3: …"); blank lines and # comments are
// skipped.
struct PersistedLeases {
  std::vector<PersistedLease> leases;
  std::vector<std::string> warnings;
};
PersistedLeases parse_persisted_leases(std::string_view text);
// Names that could not be read back (a comma, a line end) are left out.
std::string format_persisted_leases(const std::vector<PersistedLease>& leases);

// A missing file is an empty one. Returns the warnings, each with the file's name in front: lines that make
// no sense, addresses that are not of this pool or already taken.
std::vector<std::string> load_pool(AddressPool& pool, const std::filesystem::path& file,
                                   AddressPool::Binding binding);
host::ChangeResult save_pool(const AddressPool& pool, const std::filesystem::path& file);

}  // namespace vpnd::routing
