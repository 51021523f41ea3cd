// The variables that hooks find, named as in OpenVPN, each group as a function that adds it.

#pragma once

#include <span>
#include <string_view>

#include "crypto/certificate.hpp"
#include "tunio/endpoint.hpp"
#include "vpnd/config/options.hpp"
#include "vpnd/host/script_command.hpp"

namespace vpnd::hooks {

/// What is the same for every hook of this process: `setenv`, the daemon, and `proto_n`, `local_n`,
/// `remote_n` and their ports for each listener or remote.
host::ScriptEnvironment process_environment(const config::Options& options);

/// The peer's certificates from the one at `from_depth` up to its root: tls_id_n, tls_serial_n,
/// tls_serial_hex_n, tls_digest_n, tls_digest_sha256_n, and X509_n_FIELD, which x509-track chooses.
/// common_name comes with the leaf.
void add_certificates(host::ScriptEnvironment& environment, std::span<const crypto::CertificateFacts> chain,
                      const config::Options& options, std::size_t from_depth = 0);

/// trusted_ip or trusted_ip6, and trusted_port: where an authenticated peer is.
void add_trusted(host::ScriptEnvironment& environment, const tunio::Endpoint& peer);
/// The same with untrusted_: where somebody says to be a peer.
void add_untrusted(host::ScriptEnvironment& environment, const tunio::Endpoint& peer);

}  // namespace vpnd::hooks
