// `client-config-dir`: finds the file that holds one client's own settings.

#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace vpnd::routing {

// The file name that stands for a certificate's name: control characters and slashes become '_', as in stock.
// None for names that are no file of that directory: "", ".", "..".
std::optional<std::string> client_config_file_name(std::string_view common_name);

enum class ClientConfigExclusive { no, yes };  // `ccd-exclusive`

struct [[nodiscard]] ClientConfigFile {
  enum class Verdict {
    found,       // `path` and `text` are the client's own file or DEFAULT
    none,        // there is neither: go on without
    refused,     // ccd-exclusive, and the client has no file of its own
    unreadable,  // there is one, but it cannot be read: `reason`. It may say `disable`, so refuse the client.
  };
  Verdict verdict = Verdict::none;
  std::filesystem::path path;
  std::string text;
  std::string reason;
};

ClientConfigFile find_client_config(const std::filesystem::path& directory, std::string_view common_name,
                                    ClientConfigExclusive exclusive = ClientConfigExclusive::no);

}  // namespace vpnd::routing
