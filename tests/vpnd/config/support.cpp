#include "support.hpp"

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

namespace vpnd::config::testing {

namespace {

constexpr const char* kPem = "-----BEGIN SOMETHING-----\nAAAA\n-----END SOMETHING-----\n";

}  // namespace

Files::Files() {
  for (const char* name : {"ca.crt", "my.crt", "my.key", "ta.key", "crl.pem"}) with(name, kPem);
}

Files& Files::with(const std::string& name, std::string content) {
  content_[name] = std::move(content);
  return *this;
}

ReadFile Files::reader() const {
  return [content = content_](const std::filesystem::path& path) {
    const auto found = content.find(path.string());
    if (found == content.end())
      throw std::system_error(std::make_error_code(std::errc::no_such_file_or_directory), path.string());
    return found->second;
  };
}

Loaded load_text(const std::string& text, Files files) {
  files.with("test.conf", text);
  const std::string arguments[] = {"test.conf"};
  return load(arguments, files.reader());
}

Options client_with(const std::string& lines) {
  return load_text(kClient + lines).options;
}
Options server_with(const std::string& lines) {
  return load_text(kServer + lines).options;
}

std::string error_of(const std::string& text, Files files) {
  try {
    (void)load_text(text, std::move(files));
    return {};
  } catch (const ConfigError& error) {
    return error.what();
  }
}

std::string warnings_of(const std::string& text, Files files) {
  std::string lines;
  for (const Diagnostic& warning : load_text(text, std::move(files)).warnings) {
    if (!lines.empty()) lines += '\n';
    lines += format(warning);
  }
  return lines;
}

std::string repository_file(const std::string& path) {
  std::ifstream stream(std::string(VPND_SOURCE_DIR) + "/" + path, std::ios::binary);
  if (!stream) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

}  // namespace vpnd::config::testing
