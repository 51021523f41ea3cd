// The process itself: what it is asked to do, its logs, privileges, hooks and threads.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vpnd/config/role_options.hpp"

namespace vpnd::config {

enum class Action : std::uint8_t {
  run,
  show_help,
  show_version,
  show_capabilities,
  list_directives,
  show_ciphers,
  show_digests,
  show_tls,
  show_groups,
  make_device,
  remove_device,
  check_config,
  generate_key
};

enum class KeyType : std::uint8_t {
  tls_auth,
  tls_crypt,
  tls_crypt_v2_server,
  tls_crypt_v2_client,
  auth_token
};

struct GenerateKey {
  KeyType type = KeyType::tls_auth;    // `secret` and `tls-auth` are the same 2048 bits
  std::filesystem::path output;        // empty: standard output
  std::string metadata;                // tls_crypt_v2_client: bytes, may be empty
  std::optional<Material> server_key;  // tls_crypt_v2_client: the key given with --tls-crypt-v2
};

struct StatusFile {
  std::filesystem::path path;
  std::chrono::seconds interval{60};
};

struct LogOptions {
  unsigned verbosity = 1;      // verb, 0 to 11
  unsigned mute = 0;           // repeats of one kind of line before it is silenced; 0: never
  std::filesystem::path file;  // empty: standard output
  bool append = false;
  std::optional<std::string> syslog;  // the name to use
  bool timestamps = true;
  bool machine_readable = false;  // time as seconds since 1970, and flags
  bool errors_to_stderr = false;  // unless the log goes to a file or to syslog
  std::optional<StatusFile> status;
  unsigned status_version = 1;  // 1, 2 or 3
};

// When the host's name servers are set (dns-updown).
enum class DnsUpdown : std::uint8_t {
  standard,  // unless an up script is there to do it, as before OpenVPN 2.7
  forced,    // always
  off,
};

struct ScriptOptions {
  unsigned security = 1;  // script-security, 0 to 3
  std::optional<Command> up;
  std::optional<Command> down;
  std::optional<Command> route_up;
  std::optional<Command> route_pre_down;
  std::optional<Command> ip_change;
  std::optional<Command> tls_verify;
  std::optional<Command> client_connect;
  std::optional<Command> client_disconnect;
  std::optional<Command> learn_address;
  std::optional<Command> challenge_response;  // client-crresponse
  std::filesystem::path export_certificates;  // tls-export-cert; empty: none are
  std::optional<Command> dns_updown;          // absent: our own helper
  DnsUpdown dns = DnsUpdown::standard;
  bool up_delay = false;    // up once the other end is there, not when the device is opened
  bool down_pre = false;    // down while the device still has its addresses
  bool up_restart = false;  // down and up also at a reconnect that keeps the device
  std::filesystem::path temporary = "/tmp";
  std::vector<std::pair<std::string, std::string>> environment;  // setenv; UV_ names also go to the server
};

enum class IoBackend : std::uint8_t { automatic, uring, epoll };

enum class AeadBackend : std::uint8_t { automatic, openssl, ipsec_mb };

struct AeadOptions {
  AeadBackend backend = AeadBackend::automatic;
  Location where{"configuration"};  // of aead-backend, for whoever finds that it cannot run here
};

inline constexpr unsigned kMaxWorkers = 16;

// What the kernel could do for whole batches; each may have faults somewhere, so each has a switch.
struct OffloadOptions {
  bool udp_gso = true;  // one system call sends a run of datagrams
  bool udp_gro = true;  // one system call receives a run of datagrams
  bool tun_tso = true;  // super-packets of TCP to and from tun
  bool tun_uso = true;  // super-packets of UDP to and from tun; needs tun_tso
};

struct BatchOptions {
  bool channel = true;                // offer the batch channel to peers that know it
  std::size_t size_bytes = 65536;     // most bytes that leave with one system call
  unsigned packets = 64;              // most reads from tun, and receives from the network, in one turn
  std::chrono::microseconds hold{0};  // between the first arrival and a look at what has come since
  OffloadOptions offloads;
  std::optional<unsigned> workers;         // absent: auto
  std::optional<unsigned> crypto_threads;  // absent: auto
  IoBackend io = IoBackend::automatic;
  AeadOptions aead;
};

struct ProcessOptions {
  Action action = Action::run;
  std::optional<GenerateKey> generate_key;
  std::filesystem::path config_file;       // the first one, as it was named; empty: there is none
  std::filesystem::path directory;         // cd; empty: stay. Files were resolved against it already
  std::optional<std::string> daemon_name;  // daemon: go to the background under this name for syslog
  std::filesystem::path pid_file;
  std::string user;  // empty: stay who we are
  std::string group;
  std::optional<int> nice;
  bool lock_memory = false;      // mlock
  std::filesystem::path root;    // chroot; empty: the host's
  std::string security_context;  // setcon; empty: as started
};

}  // namespace vpnd::config
