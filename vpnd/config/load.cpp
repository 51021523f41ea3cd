#include "vpnd/config/load.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <system_error>

#include "vpnd/config/finish.hpp"
#include "vpnd/config/interpreter.hpp"

namespace vpnd::config {

namespace {

// A new tls-crypt-v2 client key is sealed with the server's, which --tls-crypt-v2 names.
void prepare_key_generation(Draft& draft, const ReadFile& read_file) {
  GenerateKey& key = *draft.options.process.generate_key;
  if (key.type == KeyType::tls_crypt_v2_client) {
    if (!draft.common.tls_crypt_v2)
      throw ConfigError({{draft.source, 0}, "genkey", "needs the server's key: --tls-crypt-v2 FILE"});
    draft.options.link.control_wrap = *draft.common.tls_crypt_v2;
  }
  read_materials(draft, read_file);
  if (key.type == KeyType::tls_crypt_v2_client) key.server_key = draft.options.link.control_wrap.key;
}

// What is asked about vpnd itself is answered whatever else stands on the command line.
bool tells_of_itself(Action action) {
  return action == Action::show_help || action == Action::show_version || action == Action::list_directives;
}

bool needs_no_role(Action action) {
  switch (action) {
    case Action::show_capabilities:
    case Action::show_ciphers:
    case Action::show_digests:
    case Action::show_tls:
    case Action::show_groups:
    case Action::make_device:
    case Action::remove_device:
      return true;
    case Action::run:
    case Action::show_help:
    case Action::show_version:
    case Action::list_directives:
    case Action::check_config:
    case Action::generate_key:
      return false;
  }
  return false;
}

// For a child that runs in the background: relative paths must not depend on where it goes.
void make_directory_absolute(std::filesystem::path& directory) {
  if (!directory.empty()) directory = std::filesystem::absolute(directory);
}

std::string describe(const Listener& listener) {
  const char* transport = listener.protocol.transport == Transport::udp ? "udp" : "tcp";
  return fmt::format("{} {} port {}", transport, listener.host.empty() ? "any address" : listener.host,
                     listener.port);
}

std::string describe(const Remote& remote) {
  return fmt::format("{} {} port {}", remote.protocol.transport == Transport::udp ? "udp" : "tcp",
                     remote.host, remote.port);
}

}  // namespace

std::string read_from_disk(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (error) throw std::system_error(error, path.string());
  if (std::filesystem::is_directory(status))
    throw std::system_error(std::make_error_code(std::errc::is_a_directory), path.string());
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw std::system_error(errno, std::generic_category(), path.string());
  // Pipes are read too, so the size is known only at the end.
  std::string text;
  char chunk[16384];
  while (stream.read(chunk, sizeof chunk) || stream.gcount() > 0) {
    text.append(chunk, static_cast<std::size_t>(stream.gcount()));
    if (text.size() > kMaxFileSize)
      throw std::system_error(std::make_error_code(std::errc::file_too_large), path.string());
  }
  return text;
}

Loaded load(std::span<const std::string> arguments, const ReadFile& read_file) {
  Draft draft;
  Interpreter interpreter(draft, read_file);
  interpreter.run_command_line(arguments);

  const Action action = draft.options.process.action;
  if (tells_of_itself(action)) return {std::move(draft.options), {}, {}};
  throw_if_any(interpreter.errors());
  if (needs_no_role(action)) return {std::move(draft.options), {}, {}};

  make_directory_absolute(draft.options.process.directory);
  if (action == Action::generate_key) {
    prepare_key_generation(draft, read_file);
  } else {
    choose_role(draft);
    expand_macros(draft);
    resolve_links(draft);
    read_materials(draft, read_file);
    check_consistency(draft);
  }
  if (draft.source != Draft().source) draft.options.process.config_file = draft.source;
  return {std::move(draft.options), std::move(draft.warnings), interpreter.take_digests()};
}

std::string check_report(const Loaded& loaded) {
  std::string report = "configuration can be used: ";
  if (loaded.options.mode == Mode::server) {
    report += loaded.options.point_to_point ? "one of two ends, listening at" : "a server at";
    for (const Listener& listener : loaded.options.server.listeners)
      report += fmt::format("\n  {}", describe(listener));
  } else {
    report += loaded.options.point_to_point ? "one of two ends, connecting to" : "a client of";
    for (const Remote& remote : loaded.options.client.remotes)
      report += fmt::format("\n  {}", describe(remote));
  }
  for (const Diagnostic& warning : loaded.warnings) report += fmt::format("\nwarning: {}", format(warning));
  report += '\n';
  return report;
}

}  // namespace vpnd::config
