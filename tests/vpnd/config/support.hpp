// Loads configurations from strings, with files that exist only in the test.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "vpnd/config/load.hpp"

namespace vpnd::config::testing {

// A file system in memory. The names a normal configuration refers to are there: ca.crt, my.crt, my.key,
// ta.key, crl.pem.
class Files {
 public:
  Files();
  Files& with(const std::string& name, std::string content);

  // Reads what with() put there; everything else does not exist.
  ReadFile reader() const;

 private:
  std::map<std::string, std::string> content_;
};

// The lines that make a file a client, or a server, with nothing else in it.
inline constexpr const char* kClient =
    "client\nremote vpn.example.org\nca ca.crt\nauth-user-pass\nremote-cert-tls server\n";
inline constexpr const char* kServer = "server 10.8.0.0 255.255.255.0\nca ca.crt\ncert my.crt\nkey my.key\n";

// Loads "test.conf" with this text. Throws as load() does.
Loaded load_text(const std::string& text, Files files = {});
// The options of kClient or kServer with these lines behind them.
Options client_with(const std::string& lines);
Options server_with(const std::string& lines);

// What load_text() complains about, one line each; "" if nothing.
std::string error_of(const std::string& text, Files files = {});
// Its warnings, one line each.
std::string warnings_of(const std::string& text, Files files = {});

// The whole text of a file of the repository.
std::string repository_file(const std::string& path);

}  // namespace vpnd::config::testing
