#include "vpnd/control/security_setup.hpp"

#include <algorithm>
#include <charconv>
#include <random>

#include "crypto/certificate_fields.hpp"
#include "crypto/pkcs12.hpp"
#include "proto/batch_channel.hpp"
#include "proto/epoch_channel.hpp"
#include "proto/stock_channel.hpp"
#include "vpnd/config/diagnostic.hpp"
#include "vpnd/config/programs.hpp"
#include "vpnd/host/user_credentials.hpp"

namespace vpnd::control {

namespace {

using config::ConfigError;

crypto::TlsVersion version(config::TlsVersion version) {
  switch (version) {
    case config::TlsVersion::tls1_0:
      return crypto::TlsVersion::v1_0;
    case config::TlsVersion::tls1_1:
      return crypto::TlsVersion::v1_1;
    case config::TlsVersion::tls1_2:
      return crypto::TlsVersion::v1_2;
    case config::TlsVersion::tls1_3:
      return crypto::TlsVersion::v1_3;
  }
  return crypto::TlsVersion::v1_2;
}

crypto::VerifyClientCert verify_client(config::ClientCertificate wanted) {
  switch (wanted) {
    case config::ClientCertificate::none:
      return crypto::VerifyClientCert::none;
    case config::ClientCertificate::optional:
      return crypto::VerifyClientCert::optional;
    case config::ClientCertificate::require:
      return crypto::VerifyClientCert::require;
  }
  return crypto::VerifyClientCert::require;
}

crypto::TlsCertProfile profile(config::CertificateProfile profile) {
  switch (profile) {
    case config::CertificateProfile::insecure:
      return crypto::TlsCertProfile::insecure;
    case config::CertificateProfile::legacy:
      return crypto::TlsCertProfile::legacy;
    case config::CertificateProfile::preferred:
      return crypto::TlsCertProfile::preferred;
    case config::CertificateProfile::suiteb:
      return crypto::TlsCertProfile::suiteb;
  }
  return crypto::TlsCertProfile::preferred;
}

crypto::AeadBackend backend(config::AeadBackend wanted) {
  switch (wanted) {
    case config::AeadBackend::automatic:
      return crypto::AeadBackend::automatic;
    case config::AeadBackend::openssl:
      return crypto::AeadBackend::openssl;
    case config::AeadBackend::ipsec_mb:
      return crypto::AeadBackend::ipsec_mb;
  }
  return crypto::AeadBackend::automatic;
}

crypto::RemoteCertTls purpose(const std::optional<config::CertificatePurpose>& purpose) {
  if (!purpose) return crypto::RemoteCertTls::unchecked;
  return *purpose == config::CertificatePurpose::server ? crypto::RemoteCertTls::server
                                                        : crypto::RemoteCertTls::client;
}

crypto::VerifyX509Name expected_name(const config::ExpectedName& name) {
  using Type = crypto::VerifyX509Name::Type;
  switch (name.match) {
    case config::NameMatch::subject:
      return {Type::subject, name.text};
    case config::NameMatch::name:
      return {Type::name, name.text};
    case config::NameMatch::name_prefix:
      return {Type::name_prefix, name.text};
  }
  return {Type::subject, name.text};
}

std::string text_of(const std::optional<config::Material>& material) {
  return material ? material->content.expose() : std::string();
}

crypto::SecretString first_line(const config::SensitiveText& text) {
  const std::string_view all = text.expose();
  return crypto::SecretString(all.substr(0, all.find_first_of("\r\n")));
}

crypto::SecretString key_password(const config::TlsOptions& tls, const crypto::SecretString& key) {
  if (tls.key_password) return first_line(tls.key_password->content);
  if (!crypto::needs_password(key)) return {};
  if (!tls.ask_key_password) {
    throw ConfigError(
        {tls.private_key->where, "key",
         "the private key is encrypted; add askpass, or askpass FILE with the password in its first line"});
  }
  auto answer = host::ask("Password of the private key", host::Echo::off);
  if (!answer.result.ok()) throw ConfigError({tls.private_key->where, "askpass", answer.result.reason});
  return std::move(*answer.password);
}

crypto::IssuerHash bytes_of(std::string_view digits) {
  crypto::IssuerHash bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    unsigned value = 0;
    std::from_chars(digits.data() + i, digits.data() + i + 2, value, 16);
    bytes.push_back(static_cast<std::byte>(value));
  }
  return bytes;
}

// Its certificate and key are ours; those beside it are trusted if there is no ca, else sent along.
void take_pkcs12(const config::TlsOptions& tls, crypto::TlsSettings& settings) {
  const config::Material& file = *tls.pkcs12;
  const auto read = [&](const crypto::SecretString& password) {
    return crypto::read_pkcs12(file.content.expose(), password);
  };
  auto reading = read(tls.key_password ? first_line(tls.key_password->content) : crypto::SecretString());
  if (reading.fault == crypto::Pkcs12Fault::wrong_password && tls.ask_key_password) {
    auto answer = host::ask("Password of the PKCS #12 file", host::Echo::off);
    if (!answer.result.ok()) throw ConfigError({file.where, "askpass", answer.result.reason});
    reading = read(*answer.password);
  }
  switch (reading.fault) {
    case crypto::Pkcs12Fault::none:
      break;
    case crypto::Pkcs12Fault::not_pkcs12:
      throw ConfigError({file.where, file.origin(), "not a PKCS #12 file"});
    case crypto::Pkcs12Fault::wrong_password:
      throw ConfigError(
          {file.where, file.origin(),
           "its password is not the one given; add askpass, or askpass FILE with the password in its "
           "first line"});
    case crypto::Pkcs12Fault::incomplete:
      throw ConfigError({file.where, file.origin(), "holds no certificate with its key"});
  }
  settings.cert = reading.contents->cert;
  settings.key = std::move(reading.contents->key);
  const bool trusts_others = !tls.ca && !tls.ca_directory;
  (trusts_others ? settings.ca : settings.extra_certs) += reading.contents->others;
}

crypto::TlsSettings tls_settings(const config::Options& options) {
  const config::TlsOptions& tls = options.tls;
  crypto::TlsSettings settings;
  settings.role = options.mode == config::Mode::server ? crypto::Role::server : crypto::Role::client;
  settings.ca = text_of(tls.ca);
  settings.cert = text_of(tls.certificate);
  settings.key =
      crypto::SecretString(std::string_view(tls.private_key ? tls.private_key->content.expose() : ""));
  if (!settings.key.empty()) settings.key_password = key_password(tls, settings.key);
  settings.extra_certs = text_of(tls.extra_certificates);
  if (tls.pkcs12) take_pkcs12(tls, settings);
  settings.external_key = options.management.external_key.has_value();
  if (tls.ca_directory) settings.ca_directory = tls.ca_directory->path.string();
  if (tls.revoked_serials) settings.revoked_serials_directory = tls.revoked_serials->path.string();
  for (const std::string& digits : tls.issuer_hashes) settings.issuer_hashes.push_back(bytes_of(digits));
  settings.name_fields = tls.name_fields;
  settings.keep_certificates = !config::programs(options).empty();
  for (const config::TrackedField& field : tls.tracked_fields) {
    if (!crypto::is_trackable(field.name))
      throw ConfigError({field.where, field.name, "OpenSSL knows no such field; try CN, OU or emailAddress"});
  }
  settings.key_usages = tls.key_usages;
  settings.extended_key_usage = tls.extended_key_usage;
  settings.crl = text_of(tls.crl);
  settings.verify_client_cert = verify_client(tls.client_certificate);
  settings.remote_cert_tls = purpose(tls.peer_purpose);
  if (tls.expected_name) settings.verify_x509_name = expected_name(*tls.expected_name);
  for (const std::string& text : tls.peer_fingerprints) {
    if (const auto fingerprint = crypto::parse_fingerprint(text))
      settings.peer_fingerprints.push_back(*fingerprint);
  }
  settings.version_min = version(tls.version_min);
  if (tls.version_max) settings.version_max = version(*tls.version_max);
  settings.cipher = tls.ciphers;
  settings.ciphersuites = tls.ciphersuites;
  settings.groups = tls.groups;
  settings.cert_profile = profile(tls.profile);
  return settings;
}

// Where the directive stands that crypto found fault with, as far as it came with material.
config::Location place_of(const config::TlsOptions& tls, const std::string& setting) {
  const auto where = [](const std::optional<config::Material>& material) {
    return material ? material->where : config::Location{"configuration"};
  };
  if (setting == "ca") return where(tls.ca);
  if (setting == "cert") return where(tls.certificate);
  if (setting == "key") return where(tls.private_key);
  if (setting == "capath") return where(tls.ca_directory);
  if (setting == "extra-certs") return where(tls.extra_certificates);
  if (setting == "crl-verify" || setting == "crl") return where(tls.crl);
  return {"configuration"};
}

crypto::StaticKey static_key(const config::Material& material) {
  auto key = crypto::StaticKey::parse(material.content.expose());
  if (!key) {
    throw ConfigError({material.where, material.origin(),
                       "not an OpenVPN static key; make one with: vpnd --genkey tls-crypt FILE"});
  }
  return std::move(*key);
}

crypto::KeyDirection direction(const std::optional<unsigned>& key_direction) {
  if (!key_direction) return crypto::KeyDirection::both_ways;
  return *key_direction == 0 ? crypto::KeyDirection::normal : crypto::KeyDirection::inverse;
}

struct StaticWrap {
  crypto::ControlWrap wrap;
  std::optional<crypto::KeyMaterial> key;
};

// The wrappings that client and server make alike.
StaticWrap static_wrap(const config::ControlWrapOptions& options, const std::string& digest,
                       crypto::Role role) {
  switch (options.kind) {
    case config::ControlWrapKind::tls_auth: {
      const auto key = static_key(options.key);
      auto wrap = crypto::ControlWrap::tls_auth(key, direction(options.key_direction), digest);
      if (!wrap)
        throw ConfigError({options.key.where, digest, "not a digest that tls-auth can use; try auth SHA256"});
      return {*wrap, key.material().duplicate()};
    }
    case config::ControlWrapKind::tls_crypt: {
      const auto key = static_key(options.key);
      return {crypto::ControlWrap::tls_crypt(key.material(), role), key.material().duplicate()};
    }
    case config::ControlWrapKind::tls_crypt_v2:
    case config::ControlWrapKind::none:
      return {};
  }
  return {};
}

}  // namespace

std::shared_ptr<crypto::TlsContext> make_tls_context(const config::Options& options) {
  try {
    return std::make_shared<crypto::TlsContext>(tls_settings(options));
  } catch (const crypto::TlsError& error) {
    throw ConfigError({place_of(options.tls, error.setting()), error.setting(), error.what()});
  }
}

ClientWrap make_client_wrap(const config::LinkOptions& link, const config::DataOptions& data) {
  const config::ControlWrapOptions& options = link.control_wrap;
  if (options.kind != config::ControlWrapKind::tls_crypt_v2) {
    auto [wrap, key] = static_wrap(options, data.digest, crypto::Role::client);
    return {std::move(wrap), std::move(key), {}};
  }
  auto key = crypto::TlsCryptV2ClientKey::parse(options.key.content.expose());
  if (!key) {
    throw ConfigError({options.key.where, options.key.origin(),
                       "not a tls-crypt-v2 client key; make one with: vpnd --tls-crypt-v2 SERVERKEY --genkey "
                       "tls-crypt-v2-client FILE"});
  }
  auto wrap = crypto::ControlWrap::tls_crypt(key->key, crypto::Role::client);
  return {std::move(wrap), std::move(key->key), std::move(key->wrapped)};
}

ServerWrap make_server_wrap(const config::LinkOptions& link, const config::DataOptions& data) {
  const config::ControlWrapOptions& options = link.control_wrap;
  ServerWrap made;
  if (options.kind != config::ControlWrapKind::tls_crypt_v2) {
    auto [wrap, key] = static_wrap(options, data.digest, crypto::Role::server);
    made.wrap = std::move(wrap);
    made.key = std::move(key);
    return made;
  }
  made.tls_crypt_v2 = crypto::TlsCryptV2ServerKey::parse(options.key.content.expose());
  if (!made.tls_crypt_v2) {
    throw ConfigError(
        {options.key.where, options.key.origin(),
         "not a tls-crypt-v2 server key; make one with: vpnd --genkey tls-crypt-v2-server FILE"});
  }
  return made;
}

proto::CipherList data_ciphers(const config::DataOptions& data) {
  proto::CipherList ciphers;
  for (const std::string& name : data.ciphers) {
    if (const auto algorithm = crypto::aead_from_name(name)) ciphers.push_back(*algorithm);
  }
  return ciphers;
}

std::optional<crypto::AeadAlgorithm> fallback_cipher(const config::DataOptions& data) {
  return data.fallback_cipher ? crypto::aead_from_name(*data.fallback_cipher) : std::nullopt;
}

proto::CompressionFraming framing(config::CompressionFraming framing) noexcept {
  switch (framing) {
    case config::CompressionFraming::none:
      return proto::CompressionFraming::none;
    case config::CompressionFraming::lzo:
      return proto::CompressionFraming::comp_lzo;
    case config::CompressionFraming::swap:
      return proto::CompressionFraming::swap;
    case config::CompressionFraming::stub_v2:
      return proto::CompressionFraming::stub_v2;
  }
  return proto::CompressionFraming::none;
}

std::chrono::seconds renewal_interval(const config::RenewalOptions& renewal, crypto::Role role) {
  auto shortest = renewal.interval_min.value_or(role == crypto::Role::server ? renewal.interval * 9 / 10
                                                                             : renewal.interval);
  shortest = std::min(shortest, renewal.interval);
  std::random_device random;
  std::uniform_int_distribution<std::chrono::seconds::rep> between(shortest.count(),
                                                                   renewal.interval.count());
  return std::chrono::seconds(between(random));
}

proto::SessionTimers session_timers(const config::Options& options, crypto::Role role) {
  proto::SessionTimers timers;
  timers.hand_window = options.tls.handshake_window;
  timers.tls_timeout = options.tls.retransmit_timeout;
  timers.tran_window = options.tls.transition_window;
  timers.reneg_sec = renewal_interval(options.renewal, role);
  return timers;
}

proto::OptionsStringSettings options_string_settings(const config::Options& options,
                                                     const config::LinkOptions& link, crypto::Role role,
                                                     config::Transport transport,
                                                     tunio::IpFamily outer_family) {
  proto::OptionsStringSettings settings;
  settings.role = role;
  const bool ipv4 = outer_family == tunio::IpFamily::v4;
  if (transport == config::Transport::udp) {
    settings.link = ipv4 ? proto::LinkProtocol::udp_v4 : proto::LinkProtocol::udp_v6;
  } else {
    settings.link = ipv4 ? proto::LinkProtocol::tcp_v4 : proto::LinkProtocol::tcp_v6;
  }
  settings.tun_mtu = link.tun_mtu;
  const std::string& announced = options.data.announced_cipher;
  if (!announced.empty()) {
    settings.cipher = announced;
  } else if (!options.data.ciphers.empty()) {
    settings.cipher = options.data.ciphers.front();
  }
  settings.tls_auth = link.control_wrap.kind == config::ControlWrapKind::tls_auth;
  if (settings.tls_auth && link.control_wrap.key_direction) {
    settings.key_direction = static_cast<int>(*link.control_wrap.key_direction);
  }
  settings.comp_lzo = options.data.framing == config::CompressionFraming::lzo ||
                      options.data.framing == config::CompressionFraming::swap;
  return settings;
}

void choose_aead_backend(const config::AeadOptions& wanted) {
  if (const auto obstacle = crypto::why_unavailable(backend(wanted.backend))) {
    throw ConfigError({wanted.where, "aead-backend", *obstacle + "; use aead-backend auto"});
  }
  crypto::choose_aead_backend(backend(wanted.backend));
}

dataplane::AddKey make_data_key(dataplane::PeerIndex session, proto::KeyId key,
                                const crypto::KeyMaterial& material, const DataKeyTerms& terms,
                                proto::LaneNumber lane, const config::DataOptions& data) {
  dataplane::AddKey made{
      .index = {session.value + lane.value}, .key = key, .sealer = nullptr, .opener = nullptr};
  const auto [algorithm, own, wire_id, batch, epoch] = terms;
  if (batch) {
    const proto::PeerId peer_id = proto::lane_peer_id(*wire_id, lane);
    made.sealer = std::make_unique<proto::BatchSealer>(algorithm, material, own, key, peer_id, lane);
    made.opener =
        std::make_unique<proto::BatchOpener>(algorithm, material, own, key, lane, data.replay_window);
  } else if (epoch && wire_id) {
    const auto peer_epoch = proto::make_peer_epoch();
    made.sealer = std::make_unique<proto::EpochSealer>(algorithm, material, own, key, *wire_id, peer_epoch);
    made.opener =
        std::make_unique<proto::EpochOpener>(algorithm, material, own, key, peer_epoch, data.replay_window);
  } else {
    made.sealer = std::make_unique<proto::StockSealer>(algorithm, material, own, key, wire_id);
    made.opener = std::make_unique<proto::StockOpener>(algorithm, material, own, key, data.replay_window);
  }
  return made;
}

}  // namespace vpnd::control
