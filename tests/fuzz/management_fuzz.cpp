// What a management client sends, in pieces of any size, to a daemon that answers every command.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "vpnd/management/challenge.hpp"
#include "vpnd/management/session.hpp"

namespace vpnd::management {
namespace {

class FuzzLog final : public LogControl {
 public:
  unsigned verbosity() const override { return 3; }
  void set_verbosity(unsigned verbosity) override {
    if (verbosity > 15) std::abort();
  }
  unsigned mute() const override { return 0; }
  void set_mute(unsigned) override {}
};

class FuzzTarget final : public Target {
 public:
  std::optional<std::string> status(unsigned version) override {
    return version > 3 ? std::nullopt : std::optional<std::string>("status\nEND\n");
  }
  LoadStats load_stats() override { return {}; }
  std::vector<ByteCount> byte_counts() override { return {{std::nullopt, 1, 2}}; }
  bool serves_clients() const override { return true; }
  Outcome admit_client(ClientKey, std::string_view) override { return Outcome::succeeded; }
  Outcome deny_client(ClientKey, std::string_view, std::string_view) override { return Outcome::failed; }
  Outcome put_off_client(ClientKey, std::string_view, unsigned) override { return Outcome::succeeded; }
  Outcome kill_client(std::uint64_t, std::string_view) override { return Outcome::succeeded; }
  std::optional<std::vector<std::string>> remotes() const override {
    return std::vector<std::string>(3, "x");
  }
};

// No answer holds a line that was not ended as lines are, or a control character.
void check_output(const Session& session, const std::string& output) {
  if (output.size() > Session::kMaxOutput + 2) std::abort();
  if (!session.ended() && !output.empty() && !output.ends_with("\r\n")) std::abort();
}

void run(std::string_view input) {
  config::ManagementOptions options;
  options.log_cache = 10;
  FuzzLog log;
  FuzzTarget target;
  Interface shared(options, "fuzz", log, [] { return std::int64_t{1}; });
  shared.set_target(&target);
  shared.set_signal_handler([](Signal) {});
  Session session(shared, [] {});
  shared.ask({Question::Kind::user_and_password, "Auth", ""}, [](Answer&&) {});
  shared.ask_remote("host", 1, "udp", [](const RemoteChoice& choice) {
    if (choice.kind == RemoteChoice::Kind::modify && (choice.host.empty() || choice.port == 0)) std::abort();
  });
  const std::size_t piece = input.empty() ? 1 : 1 + static_cast<unsigned char>(input.front());
  while (!input.empty()) {
    session.receive(input.substr(0, piece));
    input.remove_prefix(std::min(piece, input.size()));
    shared.tick();
    shared.log('I', input.substr(0, 20));
    check_output(session, session.take_output());
  }
}

}  // namespace
}  // namespace vpnd::management

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  vpnd::management::run(input);
  if (const auto challenge = vpnd::management::parse_dynamic_challenge(input))
    (void)vpnd::management::dynamic_response(*challenge, challenge->question);
  return 0;
}
