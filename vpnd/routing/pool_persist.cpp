#include "vpnd/routing/pool_persist.hpp"

#include <fmt/format.h>

#include <array>

#include "vpnd/host/file_io.hpp"

namespace vpnd::routing {
namespace {

constexpr std::size_t kMaxFileSize = std::size_t{16} * 1024 * 1024;  // 65536 clients with long names
constexpr std::size_t kMaxWarnings = 50;  // a wrong file has thousands of wrong lines

std::string_view take_until(std::string_view& rest, char end) {
  const std::size_t at = rest.find(end);
  const std::string_view taken = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return taken;
}

struct ParsedLine {
  std::string_view problem;  // empty: `lease` is good
  PersistedLease lease;
};

ParsedLine parse_line(std::string_view line) {
  std::array<std::string_view, 3> fields;
  std::size_t count = 0;
  for (bool more = true; more; ++count) {
    if (count == fields.size()) return {"more than a name and two addresses", {}};
    more = line.find(',') != std::string_view::npos;
    fields[count] = take_until(line, ',');
  }
  if (fields[0].empty()) return {"no common name", {}};

  PersistedLease lease{std::string(fields[0]), std::nullopt, std::nullopt};
  for (const std::string_view field : {fields[1], fields[2]}) {
    if (field.empty()) continue;
    const auto address = tunio::IpAddress::parse(field);
    if (!address) return {"not an address", {}};
    auto& place = address->is_v4() ? lease.ipv4 : lease.ipv6;
    if (place) return {"two addresses of one family", {}};
    place = address;
  }
  if (!lease.ipv4 && !lease.ipv6) return {"no address", {}};
  return {{}, std::move(lease)};
}

bool readable_again(std::string_view common_name) {
  return !common_name.empty() && common_name.front() != '#' &&
         common_name.find_first_of(",\r\n") == std::string_view::npos;
}

// Stock names a block of four by its first address.
tunio::IpAddress ipv4_in_file(const PoolLease& lease) {
  return lease.ipv4_server_side ? tunio::IpAddress::v4(lease.ipv4_server_side->v4_value() - 1) : *lease.ipv4;
}

std::string bind_lease(AddressPool& pool, const PersistedLease& lease, AddressPool::Binding binding) {
  const auto by_ipv4 = lease.ipv4 ? pool.find(*lease.ipv4) : std::nullopt;
  const auto by_ipv6 = lease.ipv6 ? pool.find(*lease.ipv6) : std::nullopt;
  if (!by_ipv4 && !by_ipv6)
    return fmt::format("the addresses of \"{}\" are not in the pool", lease.common_name);
  if (by_ipv4 && by_ipv6 && by_ipv4 != by_ipv6) {
    return fmt::format("the two addresses of \"{}\" do not belong together in this pool", lease.common_name);
  }
  const tunio::IpAddress& address = by_ipv4 ? *lease.ipv4 : *lease.ipv6;
  if (pool.bind(lease.common_name, address, binding)) return {};
  return fmt::format("the address {} of \"{}\" is already taken", address.format(), lease.common_name);
}

}  // namespace

PersistedLeases parse_persisted_leases(std::string_view text) {
  PersistedLeases parsed;
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = take_until(text, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    auto [problem, lease] = parse_line(line);
    if (problem.empty()) {
      parsed.leases.push_back(std::move(lease));
    } else if (parsed.warnings.size() < kMaxWarnings) {
      parsed.warnings.push_back(fmt::format("line {}: {}", number, problem));
    }
  }
  return parsed;
}

std::string format_persisted_leases(const std::vector<PersistedLease>& leases) {
  std::string text;
  for (const PersistedLease& lease : leases) {
    if (!readable_again(lease.common_name) || (!lease.ipv4 && !lease.ipv6)) continue;
    fmt::format_to(std::back_inserter(text), "{},{},{}\n", lease.common_name,
                   lease.ipv4 ? lease.ipv4->format() : "", lease.ipv6 ? lease.ipv6->format() : "");
  }
  return text;
}

std::vector<std::string> load_pool(AddressPool& pool, const std::filesystem::path& file,
                                   AddressPool::Binding binding) {
  const auto [result, text] = host::read_text_file(file, kMaxFileSize);
  if (result.error == std::errc::no_such_file_or_directory) return {};
  if (!result.ok()) return {result.reason};

  auto [leases, warnings] = parse_persisted_leases(text);
  for (const PersistedLease& lease : leases) {
    std::string problem = bind_lease(pool, lease, binding);
    if (!problem.empty() && warnings.size() < kMaxWarnings) warnings.push_back(std::move(problem));
  }
  for (std::string& warning : warnings) warning = fmt::format("{}: {}", file.string(), warning);
  return warnings;
}

host::ChangeResult save_pool(const AddressPool& pool, const std::filesystem::path& file) {
  std::vector<PersistedLease> leases;
  for (const auto& [common_name, lease] : pool.named()) {
    leases.push_back(
        {common_name, lease.ipv4 ? std::optional(ipv4_in_file(lease)) : std::nullopt, lease.ipv6});
  }
  return host::write_file_atomically(file, format_persisted_leases(leases), 0600);
}

}  // namespace vpnd::routing
