// The directives about certificates, TLS, and the wrapping of the control channel.

#include <algorithm>
#include <cctype>
#include <charconv>

#include "vpnd/config/directive.hpp"
#include "vpnd/config/draft.hpp"
#include "vpnd/config/values.hpp"

namespace vpnd::config {

namespace {

constexpr std::int64_t kMaxSeconds = std::int64_t{7} * 86400;
constexpr Contexts kLink = kAnywhere | kInConnection;

template <std::optional<Material> TlsOptions::*Member>
void material(const Arguments& a, Draft& draft) {
  draft.options.tls.*Member = a.material();
}

void dh(const Arguments&, Draft&) {
}  // Key exchange is always ECDHE: neither the file nor "none" changes anything.

void crl_verify(const Arguments& a, Draft& draft) {
  if (!a.has(1)) {
    draft.options.tls.crl = a.material();
    return;
  }
  a.choice<int>(1, {{"dir", 0}});
  draft.options.tls.revoked_serials = a.material();
}

void askpass(const Arguments& a, Draft& draft) {
  if (a.has(0)) draft.options.tls.key_password = a.material();
  draft.options.tls.ask_key_password = !a.has(0);
}

// "AB:CD:…" → lower-case digits; empty if it is not that, or not so many bytes.
std::string read_digest(std::string_view word, std::size_t bytes) {
  std::string digits;
  bool good = word.size() == 3 * bytes - 1;
  for (std::size_t i = 0; good && i < word.size(); ++i) {
    const auto c = static_cast<unsigned char>(word[i]);
    good = i % 3 == 2 ? c == ':' : std::isxdigit(c) != 0;
    if (good && i % 3 != 2) digits += static_cast<char>(std::tolower(c));
  }
  return good ? digits : std::string();
}

constexpr std::size_t kSha1 = 20;
constexpr std::size_t kSha256 = 32;

void add_fingerprint(const Arguments& a, std::string_view word, TlsOptions& tls) {
  std::string digits = read_digest(word, kSha256);
  if (digits.empty())
    a.fail(word, "not a SHA-256 fingerprint: 32 pairs of hexadecimal digits with ':' between them");
  tls.peer_fingerprints.push_back(std::move(digits));
}

void add_issuer_hash(const Arguments& a, std::string_view word, std::size_t bytes, TlsOptions& tls) {
  std::string digits = read_digest(word, bytes);
  if (digits.empty()) {
    a.fail(word, bytes == kSha1
                     ? "not a SHA-1 fingerprint: 20 pairs of hexadecimal digits with ':' between them; write "
                       "SHA256 behind one of 32"
                     : "not a SHA-256 fingerprint: 32 pairs of hexadecimal digits with ':' between them");
  }
  tls.issuer_hashes.push_back(std::move(digits));
}

// SHA-1 unless it says otherwise, as in OpenVPN; in a block each line by its length.
void verify_hash(const Arguments& a, Draft& draft) {
  TlsOptions& tls = draft.options.tls;
  if (!a.is_inline()) {
    const auto bytes = a.has(1) ? a.choice<std::size_t>(1, {{"SHA1", kSha1}, {"SHA256", kSha256}}) : kSha1;
    return add_issuer_hash(a, a[0], bytes, tls);
  }
  const Material block = a.material();
  StatementReader lines(block.content.expose(), a.where().source, a.where().line + 1);
  while (const auto line = lines.next()) {
    const std::string& word = line->words.front();
    add_issuer_hash(Arguments(*line), word, word.size() < 3 * kSha256 - 1 ? kSha1 : kSha256, tls);
  }
}

// All small letters mean an attribute's short name in capitals, as in OpenVPN.
void x509_track(const Arguments& a, Draft& draft) {
  const bool whole_chain = a[0].starts_with('+');
  std::string name = whole_chain ? a[0].substr(1) : a[0];
  if (name.empty()) a.fail(a[0], "names no field; write a name such as CN");
  draft.options.tls.tracked_fields.push_back({std::move(name), whole_chain, a.where()});
}

void x509_username_field(const Arguments& a, Draft& draft) {
  draft.options.tls.name_fields.clear();
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::string field = a[i];
    const bool small = std::all_of(field.begin(), field.end(), [](unsigned char c) {
      return std::islower(c) != 0 || std::isdigit(c) != 0;
    });
    if (small) {
      std::transform(field.begin(), field.end(), field.begin(),
                     [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    }
    draft.options.tls.name_fields.push_back(std::move(field));
  }
}

void remote_cert_ku(const Arguments& a, Draft& draft) {
  std::vector<unsigned> usages;
  for (std::size_t i = 0; i < a.size(); ++i) {
    unsigned bits = 0;
    const std::string& word = a[i];
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), bits, 16);
    if (error != std::errc{} || end != word.data() + word.size() || bits > 0xffff)
      a.fail(word, "not a key usage in hexadecimal such as a0");
    usages.push_back(bits);
  }
  draft.options.tls.key_usages = std::move(usages);
}

void remote_cert_eku(const Arguments& a, Draft& draft) {
  draft.options.tls.extended_key_usage = a.joined();
}

void peer_fingerprint(const Arguments& a, Draft& draft) {
  TlsOptions& tls = draft.options.tls;
  if (!a.is_inline()) return add_fingerprint(a, a[0], tls);
  const Material block = a.material();
  StatementReader lines(block.content.expose(), a.where().source, a.where().line + 1);
  while (const auto line = lines.next()) add_fingerprint(Arguments(*line), line->words.front(), tls);
}

void remote_cert_tls(const Arguments& a, Draft& draft) {
  using enum CertificatePurpose;
  draft.options.tls.peer_purpose = a.choice<CertificatePurpose>(0, {{"server", server}, {"client", client}});
}

void ns_cert_type(const Arguments& a, Draft& draft) {
  remote_cert_tls(a, draft);
  draft.warn(a.where(), a.name(),
             "certificates of today have no Netscape type; taken as remote-cert-tls " + a[0]);
}

void verify_x509_name(const Arguments& a, Draft& draft) {
  ExpectedName expected{a[0], NameMatch::subject};
  if (a.has(1)) {
    expected.match = a.choice<NameMatch>(1, {{"subject", NameMatch::subject},
                                             {"name", NameMatch::name},
                                             {"name-prefix", NameMatch::name_prefix}});
  }
  draft.options.tls.expected_name = std::move(expected);
}

ControlWrapOptions control_wrap(const Arguments& a, ControlWrapKind kind) {
  ControlWrapOptions wrap;
  wrap.kind = kind;
  wrap.key = a.material();
  return wrap;
}

void tls_auth(const Arguments& a, Draft& draft) {
  draft.link().tls_auth = control_wrap(a, ControlWrapKind::tls_auth);
  if (a.has(1)) draft.link().key_direction = a.number<unsigned>(1, 0, 1);
}

void tls_crypt(const Arguments& a, Draft& draft) {
  draft.link().tls_crypt = control_wrap(a, ControlWrapKind::tls_crypt);
}

void tls_crypt_v2(const Arguments& a, Draft& draft) {
  ControlWrapOptions wrap = control_wrap(a, ControlWrapKind::tls_crypt_v2);
  if (a.has(1)) {
    wrap.cookies = a.choice<CookiePolicy>(1, {{"force-cookie", CookiePolicy::force_cookie},
                                              {"allow-noncookie", CookiePolicy::allow_noncookie}});
  }
  draft.link().tls_crypt_v2 = std::move(wrap);
}

void key_direction(const Arguments& a, Draft& draft) {
  draft.link().key_direction = a.number<unsigned>(0, 0, 1);
}

TlsVersion version(const Arguments& a) {
  return a.choice<TlsVersion>(0, {{"1.0", TlsVersion::tls1_0},
                                  {"1.1", TlsVersion::tls1_1},
                                  {"1.2", TlsVersion::tls1_2},
                                  {"1.3", TlsVersion::tls1_3}});
}

void tls_version_min(const Arguments& a, Draft& draft) {
  if (a.has(1)) a.choice<int>(1, {{"or-highest", 0}});
  draft.options.tls.version_min = version(a);
  draft.tls_version_min = a.where();
}

void tls_version_max(const Arguments& a, Draft& draft) {
  draft.options.tls.version_max = version(a);
}

template <std::string TlsOptions::*Member>
void tls_list(const Arguments& a, Draft& draft) {
  draft.options.tls.*Member = a[0];
}

void tls_cert_profile(const Arguments& a, Draft& draft) {
  using enum CertificateProfile;
  draft.options.tls.profile = a.choice<CertificateProfile>(
      0, {{"insecure", insecure}, {"legacy", legacy}, {"preferred", preferred}, {"suiteb", suiteb}});
}

template <std::chrono::seconds TlsOptions::*Member>
void window(const Arguments& a, Draft& draft) {
  draft.options.tls.*Member = a.seconds(0, 1, kMaxSeconds);
}

void reneg_sec(const Arguments& a, Draft& draft) {
  RenewalOptions& renewal = draft.options.renewal;
  renewal.interval = a.seconds(0, 0, kMaxSeconds);
  renewal.interval_min.reset();
  if (a.has(1)) renewal.interval_min = a.seconds(1, 0, renewal.interval.count());
}

void reneg_bytes(const Arguments& a, Draft& draft) {
  draft.options.renewal.bytes = a.number<std::uint64_t>(0);
}
void reneg_pkts(const Arguments& a, Draft& draft) {
  draft.options.renewal.packets = a.number<std::uint64_t>(0);
}

constexpr Topic kTopic = Topic::tls;
constexpr Verdict kWorks = Verdict::works;

// clang-format off
constexpr Directive kDirectives[] = {
    {"ca", kTopic, kWorks, kAnywhere, {1, 1}, Inline::yes, material<&TlsOptions::ca>,
     "FILE", "certificates of the authorities that we trust"},
    {"cert", kTopic, kWorks, kAnywhere, {1, 1}, Inline::yes, material<&TlsOptions::certificate>,
     "FILE", "our certificate"},
    {"key", kTopic, kWorks, kAnywhere, {1, 1}, Inline::yes, material<&TlsOptions::private_key>,
     "FILE", "our private key"},
    {"extra-certs", kTopic, kWorks, kAnywhere, {1, 1}, Inline::yes, material<&TlsOptions::extra_certificates>,
     "FILE", "intermediate certificates to send along"},
    {"dh", kTopic, kWorks, kAnywhere, {1, 1}, Inline::yes, dh,
     "FILE|none", "accepted and not read: ECDHE is always used"},
    {"capath", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, material<&TlsOptions::ca_directory>,
     "DIR", "authorities and revocation lists, named by hash as openssl rehash does"},
    {"pkcs12", kTopic, kWorks, kAnywhere, {1, 1}, Inline::yes, material<&TlsOptions::pkcs12>,
     "FILE", "our certificate and key, and the authority if there is no ca, in one file; inline in base64"},
    {"crl-verify", kTopic, kWorks, kAnywhere, {1, 2}, Inline::yes, crl_verify,
     "FILE|DIR dir", "revoked certificates; read again when the file changes; dir: files named by serial number"},
    {"verify-hash", kTopic, kWorks, kAnywhere, {1, 2}, Inline::yes, verify_hash,
     "AB:CD:… [SHA1|SHA256]", "fingerprint of the certificate that signed the peer's (SHA1)"},
    {"x509-track", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, x509_track,
     "[+]FIELD", "a field of the peer's certificate that scripts get (+: of every one in its chain)"},
    {"x509-username-field", kTopic, kWorks, kAnywhere, {1, kAnyNumber}, Inline::no, x509_username_field,
     "FIELD…", "what of a certificate is its name: CN, emailAddress, ext:subjectAltName, serialNumber (CN)"},
    {"remote-cert-ku", kTopic, kWorks, kAnywhere, {0, kAnyNumber}, Inline::no, remote_cert_ku,
     "[BITS…]", "key usages, in hexadecimal, one of which the peer's certificate must have"},
    {"remote-cert-eku", kTopic, kWorks, kAnywhere, {1, kAnyNumber}, Inline::no, remote_cert_eku,
     "OID", "extended key usage that the peer's certificate must have"},
    {"askpass", kTopic, kWorks, kAnywhere, {0, 1}, Inline::no, askpass,
     "[FILE]", "password of the private key"},
    {"peer-fingerprint", kTopic, kWorks, kAnywhere, {1, 1}, Inline::yes, peer_fingerprint,
     "AB:CD:…", "SHA-256 of an accepted certificate; takes the place of ca"},
    {"remote-cert-tls", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, remote_cert_tls,
     "server|client", "what the peer's certificate must be made for"},
    {"ns-cert-type", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, ns_cert_type,
     "server|client", "taken as remote-cert-tls"},
    {"verify-x509-name", kTopic, kWorks, kAnywhere, {1, 2}, Inline::no, verify_x509_name,
     "NAME [subject|name|name-prefix]", "the name that the peer's certificate must have"},
    {"tls-auth", kTopic, kWorks, kLink, {1, 2}, Inline::yes, tls_auth,
     "FILE [0|1]", "sign control packets with a shared key"},
    {"tls-crypt", kTopic, kWorks, kLink, {1, 1}, Inline::yes, tls_crypt,
     "FILE", "encrypt control packets with a shared key"},
    {"tls-crypt-v2", kTopic, kWorks, kLink, {1, 2}, Inline::yes, tls_crypt_v2,
     "FILE [force-cookie|allow-noncookie]", "encrypt control packets with a key per client"},
    {"key-direction", kTopic, kWorks, kLink, {1, 1}, Inline::no, key_direction,
     "0|1", "for an inline tls-auth key"},
    {"tls-version-min", kTopic, kWorks, kAnywhere, {1, 2}, Inline::no, tls_version_min,
     "1.0|1.1|1.2|1.3 [or-highest]", "least TLS version (1.2)"},
    {"tls-version-max", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, tls_version_max,
     "1.0|1.1|1.2|1.3", "highest TLS version"},
    {"tls-cipher", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, tls_list<&TlsOptions::ciphers>,
     "LIST", "suites for TLS 1.2 and below, IANA or OpenSSL names"},
    {"tls-ciphersuites", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, tls_list<&TlsOptions::ciphersuites>,
     "LIST", "suites for TLS 1.3"},
    {"tls-groups", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, tls_list<&TlsOptions::groups>,
     "LIST", "groups for the key exchange, best first"},
    {"tls-cert-profile", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, tls_cert_profile,
     "insecure|legacy|preferred|suiteb", "least strength of certificates (legacy)"},
    {"tls-timeout", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, window<&TlsOptions::retransmit_timeout>,
     "SECONDS", "first wait before a control packet is sent again (2)"},
    {"hand-window", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, window<&TlsOptions::handshake_window>,
     "SECONDS", "time for a handshake (60)"},
    {"tran-window", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, window<&TlsOptions::transition_window>,
     "SECONDS", "how long an old key is accepted (3600)"},
    {"reneg-sec", kTopic, kWorks, kAnywhere, {1, 2}, Inline::no, reneg_sec,
     "SECONDS [MIN]", "age at which keys are renewed; 0: never (3600)"},
    {"reneg-bytes", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, reneg_bytes,
     "BYTES", "renew keys after so much data"},
    {"reneg-pkts", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, reneg_pkts,
     "PACKETS", "renew keys after so many packets"},
};
// clang-format on

}  // namespace

std::span<const Directive> tls_directives() {
  return kDirectives;
}

}  // namespace vpnd::config
