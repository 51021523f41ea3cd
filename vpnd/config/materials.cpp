#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <system_error>

#include "vpnd/config/base64.hpp"
#include "vpnd/config/finish.hpp"

namespace vpnd::config {

namespace {

class MaterialReader {
 public:
  MaterialReader(Draft& draft, const ReadFile& read_file) : draft_(draft), read_file_(read_file) {}

  void run() {
    Options& options = draft_.options;
    if (!options.process.directory.empty()) resolve_paths();
    TlsOptions& tls = options.tls;
    for (auto* pem : {&tls.ca, &tls.certificate, &tls.private_key, &tls.extra_certificates, &tls.crl})
      if (*pem) read_pem(**pem);
    if (tls.key_password) read(*tls.key_password);
    for (auto* directory : {&tls.ca_directory, &tls.revoked_serials})
      if (*directory) resolve((*directory)->path);
    if (tls.pkcs12) read_pkcs12(*tls.pkcs12);
    read_wrap(options.link.control_wrap);
    for (Remote& remote : options.client.remotes) {
      read_wrap(remote.link.control_wrap);
      if (remote.link.proxy) read_proxy_credentials(*remote.link.proxy);
    }
    if (options.management.password_file) read_management_password(*options.management.password_file);
    if (draft_.auth_token_secret) read_token_secret(*draft_.auth_token_secret);
    if (draft_.auth_user_pass) read_credentials(*draft_.auth_user_pass);
    throw_if_any(std::move(faults_));
  }

 private:
  // Taken from `cd`; what is absolute stays.
  void resolve(std::filesystem::path& path) const {
    if (!path.empty()) path = draft_.options.process.directory / path;
  }

  void resolve_paths() {
    Options& options = draft_.options;
    resolve(options.process.pid_file);
    if (ManagementOptions& management = options.management; management.enabled() && management.port == 0)
      management.address = (options.process.directory / management.address).string();
    resolve(options.log.file);
    resolve(options.server.client_config_dir);
    resolve(options.scripts.temporary);
    if (options.log.status) resolve(options.log.status->path);
    if (options.server.pool_persistence) resolve(options.server.pool_persistence->path);
    if (options.process.generate_key) resolve(options.process.generate_key->output);
  }

  bool read(Material& material) {
    if (material.is_inline()) return true;
    const std::string written = material.path;
    resolve(material.path);
    try {
      material.content = SensitiveText(read_file_(material.path));
      return true;
    } catch (const std::system_error& error) {
      fail(material, written, fmt::format("cannot be read: {}", error.code().message()));
      return false;
    }
  }

  void read_pem(Material& material) {
    const std::string written = material.path;
    if (!read(material)) return;
    if (material.content.expose().find("-----BEGIN") == std::string::npos)
      fail(material, written, "holds no PEM text (-----BEGIN …)");
  }

  // Binary in a file, base64 in a block.
  void read_pkcs12(Material& material) {
    if (!material.is_inline()) {
      read(material);
      return;
    }
    std::string text = material.content.expose();
    std::erase_if(text, [](unsigned char c) { return std::isspace(c) != 0; });
    auto bytes = decode_base64(text);
    if (!bytes) return fail(material, "<pkcs12>", "not base64");
    material.content = SensitiveText(std::move(*bytes));
  }

  void read_wrap(ControlWrapOptions& wrap) {
    if (wrap.kind != ControlWrapKind::none) read_pem(wrap.key);
  }

  void read_management_password(Material& material) {
    const std::string written = material.path;
    if (!read(material)) return;
    std::string_view rest = material.content.expose();
    std::string password(take_line(rest));
    if (password.empty()) return fail(material, written, "the first line must be the password");
    material.content = SensitiveText(std::move(password));
  }

  void read_token_secret(Material& material) {
    read_pem(material);
    auto& token = draft_.options.server.auth_token;
    if (!token) return fail(material, "auth-gen-token-secret", "is of no use alone; add auth-gen-token");
    token->secret = material;
  }

  // User name and password, each on a line; a file with the name alone is legal.
  void read_credentials(Material& material) {
    Credentials credentials{std::nullopt, std::nullopt, material.where};
    const std::string written = material.path;
    const bool from_terminal = material.is_inline() && material.content.empty();
    if (!from_terminal) {
      if (!read(material)) return;
      std::string_view rest = material.content.expose();
      credentials.username = std::string(take_line(rest));
      if (credentials.username->empty())
        return fail(material, written, "the first line must be the user name");
      std::string password(take_line(rest));
      if (!password.empty()) credentials.password = SensitiveText(std::move(password));
    }
    draft_.options.client.credentials = std::move(credentials);
  }

  void read_proxy_credentials(ProxyOptions& proxy) {
    if (!proxy.credentials_file) return;
    Material& material = *proxy.credentials_file;
    const std::string written = material.path;
    if (!read(material)) return;
    std::string_view rest = material.content.expose();
    std::string username(take_line(rest));
    std::string password(take_line(rest));
    if (username.empty() || password.empty())
      return fail(material, written, "needs the user name in the first line and the password in the second");
    proxy.credentials = ProxyCredentials{std::move(username), SensitiveText(std::move(password))};
  }

  static std::string_view take_line(std::string_view& rest) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

  void fail(const Material& material, const std::string& written, std::string text) {
    Diagnostic fault{material.where, written, std::move(text)};
    if (std::find(faults_.begin(), faults_.end(), fault) == faults_.end())
      faults_.push_back(std::move(fault));
  }

  Draft& draft_;
  const ReadFile& read_file_;
  std::vector<Diagnostic> faults_;
};

}  // namespace

void read_materials(Draft& draft, const ReadFile& read_file) {
  MaterialReader(draft, read_file).run();
}

}  // namespace vpnd::config
