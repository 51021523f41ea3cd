#include "vpnd/control/certificate_check.hpp"

#include <fmt/format.h>

#include <optional>
#include <system_error>
#include <utility>

#include "crypto/certificate_fields.hpp"
#include "vpnd/hooks/environment.hpp"
#include "vpnd/host/temp_file.hpp"

namespace vpnd::control {

struct CertificateCheck::Question {
  std::vector<crypto::CertificateFacts> chain;
  host::ScriptEnvironment environment;
  Decided decided;
  std::optional<host::TempFile> file;  // of the certificate in question
};

void CertificateCheck::ask(std::vector<crypto::CertificateFacts> chain,
                           const host::ScriptEnvironment& environment, Decided decided) {
  const auto question =
      std::make_shared<Question>(Question{std::move(chain), environment, std::move(decided), {}});
  if (question->chain.empty()) return question->decided({});
  ask_about(question, question->chain.size() - 1);
}

void CertificateCheck::ask_about(const std::shared_ptr<Question>& question, std::size_t depth) {
  const crypto::CertificateFacts& facts = question->chain[depth];
  hooks::HookCall call{hooks::Hook::tls_verify,
                       *options_.scripts.tls_verify,
                       {std::to_string(depth), facts.subject},
                       question->environment};
  hooks::add_certificates(call.environment, question->chain, options_, depth);
  if (const auto& directory = options_.scripts.export_certificates; !directory.empty()) {
    try {
      question->file.emplace(directory, "pef", crypto::certificate_pem(facts.der));
    } catch (const std::system_error& error) {
      return question->decided(fmt::format("tls-export-cert: {}", error.what()));
    }
    call.environment.set("peer_cert", question->file->path().string());
  }
  runner_.run(call, [this, question, depth](const hooks::HookResult& result) {
    if (!result.ok()) return question->decided(result.failure);
    if (depth == 0) return question->decided({});
    ask_about(question, depth - 1);
  });
}

}  // namespace vpnd::control
