// A whole configuration from a stranger's file, as a client and as a server, and the same bytes as a client's
// file of client-config-dir. Files it names exist only here.

#include <cstdint>
#include <string>
#include <system_error>

#include "vpnd/config/client_config.hpp"
#include "vpnd/config/load.hpp"

namespace {

using namespace vpnd::config;

constexpr const char* kClient = "client\nremote a\nauth-user-pass\nca any\n";
constexpr const char* kServer = "server 10.8.0.0 255.255.255.0\nca any\ncert any\nkey any\n";

void load_text(const std::string& text) {
  const ReadFile read_file = [&](const std::filesystem::path& path) -> std::string {
    if (path == "fuzz.conf") return text;
    if (path.string().size() % 2 == 0)
      throw std::system_error(std::make_error_code(std::errc::no_such_file_or_directory));
    return "-----BEGIN X-----\nuser\n";
  };
  try {
    const std::string arguments[] = {"fuzz.conf"};
    const Loaded loaded = load(arguments, read_file);
    // What a loaded configuration promises to those who read it.
    if (loaded.options.mode == Mode::client ? loaded.options.client.remotes.empty()
                                            : loaded.options.server.listeners.empty())
      __builtin_trap();
    (void)check_report(loaded);
  } catch (const ConfigError& error) {
    if (error.diagnostics().empty()) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  load_text(text);
  load_text(kClient + text);
  load_text(kServer + text);
  const ParsedClientConfig parsed = parse_client_config(text, "ccd");
  (void)merge_push({{"route 10.0.0.0 255.0.0.0", {}}}, parsed.config);
  if (client_config_file_name(text).find('/') != std::string::npos) __builtin_trap();
  return 0;
}
