// The directives about the data channel.

#include <fmt/format.h>

#include "vpnd/config/directive.hpp"
#include "vpnd/config/draft.hpp"
#include "vpnd/config/values.hpp"

namespace vpnd::config {

namespace {

void data_ciphers(const Arguments& a, Draft& draft) {
  CipherList list = read_ciphers(a);
  for (const std::string& name : list.skipped) {
    draft.warn(a.where(), name,
               "left out of the list: vpnd has AEAD ciphers only (AES-GCM, ChaCha20-Poly1305)");
  }
  draft.options.data.ciphers = std::move(list.ciphers);
}

void data_ciphers_fallback(const Arguments& a, Draft& draft) {
  const CipherName cipher = cipher_name(a[0]);
  if (!cipher.known) a.fail(a[0], "unknown cipher");
  if (!cipher.usable) {
    return draft.warn(a.where(), a[0],
                      "left out: vpnd has AEAD ciphers only; peers without negotiation are refused");
  }
  draft.options.data.fallback_cipher = cipher.name;
}

void cipher(const Arguments& a, Draft& draft) {
  const CipherName name = cipher_name(a[0]);
  if (!name.known) a.fail(a[0], "unknown cipher; the ciphers to negotiate stand in data-ciphers");
  draft.options.data.announced_cipher = name.name;
}

void auth(const Arguments& a, Draft& draft) {
  std::string_view word = a[0];
  constexpr std::string_view kOldPrefix = "RSA-";  // OpenSSL's names of before 1.1
  if (word.starts_with(kOldPrefix)) word.remove_prefix(kOldPrefix.size());
  std::string name;
  for (const char c : word)
    if (c != '-') name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  if (name == "NONE") {
    draft.options.data.digest = "none";
    return;
  }
  for (const std::string_view digest : digest_names()) {
    if (name != digest) continue;
    draft.options.data.digest = digest;
    return;
  }
  a.fail(a[0], "not a digest that vpnd has; it takes SHA1, SHA224, SHA256, SHA384, SHA512 or none");
}

void replay_window(const Arguments& a, Draft& draft) {
  draft.options.data.replay_window = a.number<unsigned>(0, 0, 65536);
  if (!a.has(1)) return;
  a.seconds(1, 0, 600);
  draft.warn(a.where(), a[1], "without effect: vpnd's window is counted in packets alone");
}

void key_exporter(const Arguments& a, Draft& draft) {
  draft.options.data.key_exporter = a.choice<bool>(0, {{"on", true}, {"off", false}});
}

void data_epoch(const Arguments& a, Draft& draft) {
  draft.options.data.epoch_format = a.choice<bool>(0, {{"on", true}, {"off", false}});
}

void force_exporter(const Arguments&, Draft& draft) {
  draft.options.data.exporter_required = true;
}

void warn_of_framing_only(const Arguments& a, Draft& draft) {
  const std::string_view algorithm = compression_asked_for(a);
  if (algorithm.empty()) return;
  draft.compression = Diagnostic{a.where(), a.name(), ""};
  draft.warn(
      a.where(), a.name(),
      fmt::format("vpnd never compresses: only the framing of {} is kept, compressed packets of the peer are "
                  "dropped",
                  algorithm));
}

void compress(const Arguments& a, Draft& draft) {
  draft.options.data.framing = read_compress(a);
  warn_of_framing_only(a, draft);
}

void comp_lzo(const Arguments& a, Draft& draft) {
  draft.options.data.framing = read_comp_lzo(a);
  warn_of_framing_only(a, draft);
}

void allow_compression(const Arguments& a, Draft& draft) {
  if (a.choice<bool>(0, {{"no", false}, {"asym", true}, {"yes", true}}))
    draft.warn(a.where(), a[0], "vpnd neither compresses nor decompresses; taken as no");
}

constexpr Topic kTopic = Topic::data;
constexpr Verdict kWorks = Verdict::works;

// clang-format off
constexpr Directive kDirectives[] = {
    {"data-ciphers", kTopic, kWorks, kAnywhere | kInClientConfig, {1, 1}, Inline::no, data_ciphers,
     "LIST", "ciphers to negotiate, best first, with ':' between; DEFAULT stands for the default"},
    {"ncp-ciphers", kTopic, kWorks, kAnywhere | kInClientConfig, {1, 1}, Inline::no, data_ciphers,
     "LIST", "old name of data-ciphers"},
    {"data-ciphers-fallback", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, data_ciphers_fallback,
     "CIPHER", "for peers that do not negotiate"},
    {"cipher", kTopic, kWorks, kAnywhere | kPushed, {1, 1}, Inline::no, cipher,
     "CIPHER", "announced to peers that do not negotiate; see data-ciphers"},
    {"auth", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, auth,
     "DIGEST", "digest of tls-auth (SHA1)"},
    {"key-exporter", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, key_exporter,
     "on|off", "derive data keys by the TLS exporter where the peer can (on); off: by the old PRF"},
    {"data-epoch", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, data_epoch,
     "on|off", "data packets in the epoch format of OpenVPN 2.7 where the peer can, without batches (on)"},
    {"force-tls-key-material-export", kTopic, kWorks, kAnywhere, {0, 0}, Inline::no, force_exporter,
     "", "refuse peers that cannot derive data keys by the TLS exporter"},
    {"replay-window", kTopic, kWorks, kAnywhere, {1, 2}, Inline::no, replay_window,
     "PACKETS [SECONDS]", "by how many packets one may come late (2048); the time is without effect"},
    {"compress", kTopic, kWorks, kAnywhere | kPushed, {0, 1}, Inline::no, compress,
     "[ALGORITHM]", "framing of a peer that may compress; nothing is compressed"},
    {"comp-lzo", kTopic, kWorks, kAnywhere | kPushed, {0, 1}, Inline::no, comp_lzo,
     "[MODE]", "old framing of a peer that may compress; nothing is compressed"},
    {"allow-compression", kTopic, kWorks, kAnywhere, {1, 1}, Inline::no, allow_compression,
     "no|asym|yes", "accepted; nothing is ever compressed"},
};
// clang-format on

}  // namespace

std::span<const Directive> data_directives() {
  return kDirectives;
}

}  // namespace vpnd::config
