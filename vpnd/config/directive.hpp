// One entry of the table of all directive names that OpenVPN knows, and our own.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "vpnd/config/arguments.hpp"

namespace vpnd::config {

struct Draft;

enum class Verdict : std::uint8_t {
  works,
  no_effect,  // nothing to do for it here; accepted with a warning that says why
  refused,    // will not come: an error names the alternative
};

// Where a directive may stand. Bits.
using Contexts = std::uint8_t;
inline constexpr Contexts kInFile = 1;
inline constexpr Contexts kOnCommandLine = 2;
inline constexpr Contexts kInConnection = 4;
inline constexpr Contexts kInClientConfig = 8;
inline constexpr Contexts kPushed = 16;
inline constexpr Contexts kAnywhere = kInFile | kOnCommandLine;

enum class Topic : std::uint8_t {
  connection,
  tunnel,
  tls,
  data,
  server,
  client,
  process,
  management,
  batching
};
inline constexpr std::string_view kTopicTitles[] = {
    "Connection", "Tunnel device, addresses, routes", "TLS and certificates", "Data channel", "Server",
    "Client",     "Process, logs, scripts",           "Management interface", "Batching"};

struct ArgumentCount {
  std::uint8_t min = 0;
  std::uint8_t max = 0;
};
inline constexpr std::uint8_t kAnyNumber = std::numeric_limits<std::uint8_t>::max();

enum class Inline : std::uint8_t { no, yes };

using Handler = void (*)(const Arguments&, Draft&);

struct Directive {
  std::string_view name;
  Topic topic = Topic::process;
  Verdict verdict = Verdict::works;
  Contexts contexts = kAnywhere;
  ArgumentCount arguments;
  Inline allows_inline = Inline::no;
  Handler handler =
      nullptr;  // absent: nothing is kept, or only the parsers of pushed and client files know it
  std::string_view synopsis = {};  // the arguments, as --help shows them
  std::string_view text = {};      // works: what it does; else: the consequence, the reason, the remedy
};

// Has a line in --help and an entry in vpnd.conf(5).
constexpr bool is_documented(const Directive& directive) {
  return directive.verdict == Verdict::works && directive.contexts != kPushed;
}

// The parts of the table, one per topic and one for what does not work.
std::span<const Directive> connection_directives();
std::span<const Directive> tunnel_directives();
std::span<const Directive> tls_directives();
std::span<const Directive> data_directives();
std::span<const Directive> server_directives();
std::span<const Directive> client_directives();
std::span<const Directive> proxy_directives();
std::span<const Directive> process_directives();
std::span<const Directive> management_directives();
std::span<const Directive> batching_directives();
std::span<const Directive> unused_directives();
std::span<const Directive> refused_directives();

// All of them, ordered by name.
std::span<const Directive* const> all_directives();

// Nothing for an unknown name. Names are compared exactly.
const Directive* find_directive(std::string_view name);

// The known name nearest to a misspelt one; empty if none is near.
std::string_view suggestion(std::string_view misspelt);

}  // namespace vpnd::config
