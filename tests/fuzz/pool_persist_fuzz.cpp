// The address pool's persist file: whatever is in it, it is read without a fault, and what was read can be
// written and read again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vpnd/routing/pool_persist.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vpnd::routing;
  const PersistedLeases first = parse_persisted_leases({reinterpret_cast<const char*>(data), size});
  const PersistedLeases second = parse_persisted_leases(format_persisted_leases(first.leases));
  if (!second.warnings.empty()) std::abort();

  // Names that cannot be written back are the only ones that may be missing.
  std::size_t at = 0;
  for (const PersistedLease& lease : second.leases) {
    while (at < first.leases.size() && first.leases[at] != lease) ++at;
    if (at++ == first.leases.size()) std::abort();
  }
  return 0;
}
