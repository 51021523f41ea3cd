// What a daemon can do for whoever talks to its management interface. A server and a client can do different
// things; what one cannot is answered as "not supported by the current daemon mode".

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vpnd::management {

enum class Outcome : std::uint8_t { unsupported, failed, succeeded };
enum class Signal : std::uint8_t { hup, term, usr1, usr2 };

struct ByteCount {
  std::optional<std::uint64_t> client;  ///< absent: of a client's one connection
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
};

struct LoadStats {
  std::size_t clients = 0;
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
};

/// A client of the server and the key that is to be decided about.
struct ClientKey {
  std::uint64_t client = 0;  ///< CID
  std::uint32_t key = 0;     ///< KID
};

/// Implemented by the daemon; called on its control thread. By default nothing is supported.
class Target {
 public:
  virtual ~Target() = default;

  virtual void forget_passwords() {}
  /// The text of `status`, ended by END and a line end; nothing for a version that there is not.
  virtual std::optional<std::string> status(unsigned version) = 0;
  virtual LoadStats load_stats() = 0;
  virtual std::vector<ByteCount> byte_counts() = 0;

  // ---- a server ----
  virtual bool serves_clients() const { return false; }
  /// How many were there and are gone now. Only if serves_clients().
  virtual std::size_t kill_by_name(std::string_view) { return 0; }
  virtual std::size_t kill_by_address(std::string_view, std::uint16_t) { return 0; }
  virtual Outcome kill_client(std::uint64_t, std::string_view) { return Outcome::unsupported; }
  /// `settings` are lines as of a client-config file.
  virtual Outcome admit_client(ClientKey, std::string_view) { return Outcome::unsupported; }
  virtual Outcome deny_client(ClientKey, std::string_view, std::string_view) { return Outcome::unsupported; }
  virtual Outcome put_off_client(ClientKey, std::string_view, unsigned) { return Outcome::unsupported; }
  /// To one client, or to all; how many were told.
  virtual std::size_t push_update(std::optional<std::uint64_t>, const std::vector<std::string>&) { return 0; }

  // ---- a client ----
  virtual Outcome send_challenge_response(std::string_view) { return Outcome::unsupported; }
  /// "host,port,protocol,enabled" of each remote; nothing if this is no client.
  virtual std::optional<std::vector<std::string>> remotes() const { return std::nullopt; }
  /// The words of auth-retry: "none", "nointeract", "interact".
  virtual std::string auth_retry() const { return "none"; }
  virtual bool set_auth_retry(std::string_view) { return false; }
};

}  // namespace vpnd::management
