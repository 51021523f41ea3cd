#include "vpnd/config/help.hpp"

#include <fmt/format.h>

#include "vpnd/config/directive.hpp"

namespace vpnd::config {

namespace {

constexpr std::string_view kUsage = R"(vpnd - a batched, OpenVPN-compatible VPN daemon

  vpnd FILE                       run with this configuration
  vpnd --config FILE --NAME …     the same, with directives from the command line
  vpnd --check-config FILE        say what is wrong with it
  vpnd --genkey TYPE FILE         make a key

Every directive may stand in the file (NAME …) or on the command line (--NAME …), except where it says so.
Values in parentheses are defaults.
)";

constexpr std::size_t kTextColumn = 44;

std::string line(const Directive& directive) {
  std::string left = fmt::format("  --{} {}", directive.name, directive.synopsis);
  // A word in the left column that is too long gets a line of its own.
  if (left.size() >= kTextColumn) return fmt::format("{}\n{:{}}{}\n", left, "", kTextColumn, directive.text);
  return fmt::format("{:<{}}{}\n", left, kTextColumn, directive.text);
}

}  // namespace

std::string help_text() {
  std::string text(kUsage);
  for (std::size_t topic = 0; topic < std::size(kTopicTitles); ++topic) {
    text += fmt::format("\n{}\n", kTopicTitles[topic]);
    for (const auto part : {connection_directives(), tunnel_directives(), tls_directives(), data_directives(),
                            server_directives(), client_directives(), proxy_directives(),
                            process_directives(), management_directives(), batching_directives()}) {
      for (const Directive& directive : part) {
        if (is_documented(directive) && static_cast<std::size_t>(directive.topic) == topic)
          text += line(directive);
      }
    }
  }
  text += "\nSee vpnd(8) and vpnd.conf(5).\n";
  return text;
}

}  // namespace vpnd::config
