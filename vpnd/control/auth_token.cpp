#include "vpnd/control/auth_token.hpp"

#include <algorithm>
#include <cstring>
#include <span>

#include "crypto/auth_token_key.hpp"
#include "crypto/random.hpp"
#include "vpnd/config/base64.hpp"
#include "vpnd/config/diagnostic.hpp"

namespace vpnd::control {

namespace {

constexpr std::string_view kTokenPrefix = "SESS_ID_AT_";
constexpr std::size_t kSessionIdBytes = 12;
constexpr std::size_t kTimeBytes = 8;
constexpr std::size_t kClaimsSize = kSessionIdBytes + 2 * kTimeBytes;  // what the HMAC covers beside the name
constexpr std::size_t kTokenBytes = kClaimsSize + 32;
constexpr std::size_t kTokenTextSize = kTokenBytes / 3 * 4;
static_assert(kTokenBytes % 3 == 0, "so that base64 needs no padding");

using Claims = std::array<std::byte, kClaimsSize>;

void put_time(std::span<std::byte, kTimeBytes> out, std::int64_t unix_seconds) {
  const auto value = static_cast<std::uint64_t>(unix_seconds);
  for (unsigned i = 0; i < kTimeBytes; ++i) out[i] = static_cast<std::byte>(value >> (56 - 8 * i));
}

std::uint64_t get_time(std::span<const std::byte> in) {
  std::uint64_t value = 0;
  for (const std::byte byte : in.first<kTimeBytes>())
    value = value << 8 | std::to_integer<std::uint64_t>(byte);
  return value;
}

std::span<const std::byte> token_view(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

crypto::Hmac token_hmac(const config::AuthTokenOptions& options) {
  if (!options.secret) return crypto::AuthTokenKey::generate().hmac();
  const auto key = crypto::AuthTokenKey::parse(options.secret->content.expose());
  if (!key) {
    throw config::ConfigError(
        {options.secret->where, "auth-gen-token-secret",
         options.secret->origin() + " holds no key for auth-tokens; make one with --genkey auth-token FILE"});
  }
  return key->hmac();
}

}  // namespace

AuthTokenIssuer::AuthTokenIssuer(const config::AuthTokenOptions& options, std::chrono::seconds renewal)
    : hmac_(token_hmac(options)),
      lifetime_(options.lifetime),
      renewal_(renewal),
      external_auth_(options.external_auth) {}

bool AuthTokenIssuer::is_token(std::string_view password) noexcept {
  return password.size() == kTokenPrefix.size() + kTokenTextSize && password.starts_with(kTokenPrefix);
}

AuthTokenIssuer::Tag AuthTokenIssuer::tag(std::string_view username,
                                          std::span<const std::byte> claims) const {
  const std::span<const std::byte> pieces[] = {token_view(username), claims};
  Tag tag;
  hmac_.compute(pieces, tag);
  return tag;
}

AuthTokenIssuer::Finding AuthTokenIssuer::check(std::string_view token, std::string_view username,
                                                std::int64_t unix_now) const {
  if (!is_token(token)) return {};
  const auto decoded = config::decode_base64(token.substr(kTokenPrefix.size()));
  if (!decoded || decoded->size() != kTokenBytes) return {};
  const auto bytes = token_view(*decoded);
  const auto claims = bytes.first(kClaimsSize);
  const auto shown = bytes.subspan(kClaimsSize);

  Finding finding;
  if (!crypto::constant_time_equal(tag(username, claims), shown)) {
    if (!crypto::constant_time_equal(tag("", claims), shown)) return {};
    finding.user = IssuedFor::nobody;
  }
  std::copy_n(claims.begin(), finding.origin.bytes.size(), finding.origin.bytes.begin());
  const std::uint64_t first = get_time(claims.subspan(kSessionIdBytes));
  const std::uint64_t issued = get_time(claims.subspan(kSessionIdBytes + kTimeBytes));
  const auto now = static_cast<std::uint64_t>(unix_now);
  const auto renewal = static_cast<std::uint64_t>(renewal_.count());
  const auto lifetime = static_cast<std::uint64_t>(lifetime_.count());
  const bool in_its_time = now >= issued && (renewal == 0 || now - issued < 2 * renewal) && issued >= first &&
                           (lifetime == 0 || now - first <= lifetime);
  finding.validity = in_its_time ? Validity::valid : Validity::expired;
  return finding;
}

crypto::SecretString AuthTokenIssuer::issue(std::string_view username, std::int64_t unix_now,
                                            std::optional<TokenOrigin>& origin) const {
  if (!origin) {
    origin.emplace();
    crypto::fill_random(std::span(origin->bytes).first<kSessionIdBytes>());
    put_time(std::span(origin->bytes).subspan<kSessionIdBytes, kTimeBytes>(), unix_now);
  }
  Claims claims;
  const auto rest = std::copy(origin->bytes.begin(), origin->bytes.end(), claims.begin());
  put_time(std::span<std::byte, kTimeBytes>(rest, kTimeBytes), unix_now);
  std::string bytes(kTokenBytes, '\0');
  std::memcpy(bytes.data(), claims.data(), claims.size());
  const Tag authentic = tag(username, claims);
  std::memcpy(bytes.data() + claims.size(), authentic.data(), authentic.size());
  crypto::SecretString token(std::string(kTokenPrefix) + config::encode_base64(bytes));
  crypto::wipe(bytes);
  return token;
}

ClientToken::Judgement ClientToken::judge(std::string_view username, std::string_view password,
                                          proto::Now now) {
  if (issuer_ == nullptr) return {};
  username_ = username;
  user_unknown_ = false;
  state_ = "Initial";
  if (!AuthTokenIssuer::is_token(password)) {
    if (!origin_) (void)issuer_->issue(username_, now.unix_seconds, origin_);
    return {};
  }
  auto finding = issuer_->check(password, username, now.unix_seconds);
  using enum AuthTokenIssuer::Validity;
  const std::string reason = finding.validity == expired ? "SESSION: token expired" : "";
  // Within one session the tokens have one origin: a stolen one does not get into another's.
  if (origin_ && finding.validity != invalid && finding.origin != *origin_) finding.validity = invalid;
  user_unknown_ = finding.validity != invalid && finding.user == AuthTokenIssuer::IssuedFor::nobody;
  state_ = finding.validity == valid ? "Authenticated" : finding.validity == expired ? "Expired" : "Invalid";
  if (user_unknown_) state_ += "EmptyUser";
  if (finding.validity == valid && !origin_) origin_ = finding.origin;
  if (issuer_->external_auth()) {
    if (!origin_) (void)issuer_->issue(username_, now.unix_seconds, origin_);
    return {};
  }
  if (finding.validity == valid && !user_unknown_) return {Verdict::accepted, {}};
  origin_.reset();
  token_.clear();
  return {Verdict::refused, reason};
}

void ClientToken::describe(host::ScriptEnvironment& environment) const {
  if (issuer_ == nullptr || !origin_) return;
  environment.set("session_state", state_);
  const auto* id = reinterpret_cast<const char*>(origin_->bytes.data());
  environment.set("session_id", config::encode_base64({id, kSessionIdBytes}));
}

void ClientToken::renew(proto::Now now) {
  if (issuer_ == nullptr || username_.empty()) return;
  token_ = issuer_->issue(user_unknown_ ? std::string_view() : username_, now.unix_seconds, origin_);
  given_ = now.steady;
}

bool ClientToken::due(proto::TimePoint now) const noexcept {
  return given_ && issuer_->renewal().count() > 0 && now - *given_ >= issuer_->renewal();
}

std::string ClientToken::push_option() const {
  return token_.empty() ? "" : "auth-token " + std::string(token_.expose());
}

}  // namespace vpnd::control
