#include "vpnd/routing/client_config_dir.hpp"

#include <algorithm>

#include "vpnd/host/file_io.hpp"

namespace vpnd::routing {
namespace {

constexpr std::string_view kDefaultFile = "DEFAULT";

bool is_missing(const std::error_code& error) {
  // A name too long for a file system is a name for which there is no file.
  return error == std::errc::no_such_file_or_directory || error == std::errc::filename_too_long;
}

ClientConfigFile read_client_config(const std::filesystem::path& path) {
  auto [result, text] = host::read_text_file(path);
  using Verdict = ClientConfigFile::Verdict;
  if (result.ok()) return {Verdict::found, path, std::move(text), {}};
  if (is_missing(result.error)) return {Verdict::none, path, {}, {}};
  return {Verdict::unreadable, path, {}, std::move(result.reason)};
}

}  // namespace

std::optional<std::string> client_config_file_name(std::string_view common_name) {
  if (common_name.empty() || common_name == "." || common_name == "..") return std::nullopt;
  std::string name(common_name);
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '/'; }, '_');
  return name;
}

ClientConfigFile find_client_config(const std::filesystem::path& directory, std::string_view common_name,
                                    ClientConfigExclusive exclusive) {
  if (const auto name = client_config_file_name(common_name)) {
    ClientConfigFile own = read_client_config(directory / *name);
    if (own.verdict != ClientConfigFile::Verdict::none) return own;
  }
  if (exclusive == ClientConfigExclusive::yes) {
    return {
        ClientConfigFile::Verdict::refused, {}, {}, "no file in client-config-dir, and ccd-exclusive is set"};
  }
  return read_client_config(directory / kDefaultFile);
}

}  // namespace vpnd::routing
