#include "vpnd/control/connect_hook.hpp"

#include <fmt/format.h>

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <system_error>
#include <utility>

#include "vpnd/host/temp_file.hpp"

namespace vpnd::control {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Of the program's: what it gives the client, and its answer, of which only the first character counts.
constexpr std::size_t kLongestGift = std::size_t{64} * 1024;
constexpr std::size_t kLongestDeferral = 64;

// Both live as long as the program may write to them.
struct ConnectFiles {
  // Throws std::system_error.
  explicit ConnectFiles(const std::filesystem::path& directory)
      : gift(directory, "cc"), deferral(directory, "ccr") {}

  host::TempFile gift;
  host::TempFile deferral;
};

// One question under way. The timer and the program's end know it weakly.
class PendingConnect final : public ConnectHook::Question,
                             public std::enable_shared_from_this<PendingConnect> {
 public:
  PendingConnect(asio::io_context& context, std::shared_ptr<const ConnectFiles> files, milliseconds patience,
                 milliseconds poll, ConnectHook::Decided decided)
      : files_(std::move(files)),
        decided_(std::move(decided)),
        deadline_(steady_clock::now() + patience),
        poll_(poll),
        timer_(context) {}

  void program_ended(const hooks::HookResult& result) {
    if (!result.ok()) return answer({result.failure});
    look_for_answer();
  }

 private:
  // Looked for again and again rather than watched, since a program may write the file or replace it.
  void look_for_answer() {
    const std::string deferral = files_->deferral.read(kLongestDeferral).value_or("");
    if (deferral.starts_with('0')) return answer({"client-connect: the answer that was put off is no"});
    if (!deferral.starts_with('2')) return admit();
    if (steady_clock::now() >= deadline_) return answer({"client-connect: no answer came in time"});
    timer_.expires_after(poll_);
    timer_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
      const auto self = weak.lock();
      if (!error && self) self->look_for_answer();
    });
  }

  void admit() {
    const auto text = files_->gift.read(kLongestGift);
    if (!text) return answer({"client-connect: the file that it wrote is gone or too long"});
    answer({{}, config::parse_client_config(*text, "client-connect")});
  }

  void answer(ConnectHook::Answer&& given) {
    if (const auto decided = std::exchange(decided_, nullptr)) decided(std::move(given));
  }

  const std::shared_ptr<const ConnectFiles> files_;
  ConnectHook::Decided decided_;  // empty once it was called
  const steady_clock::time_point deadline_;
  const milliseconds poll_;
  asio::steady_timer timer_;
};

}  // namespace

std::shared_ptr<ConnectHook::Question> ConnectHook::ask(const host::ScriptEnvironment& environment,
                                                        milliseconds patience, Decided decided) {
  std::shared_ptr<const ConnectFiles> files;
  try {
    files = std::make_shared<const ConnectFiles>(options_.scripts.temporary);
  } catch (const std::system_error& error) {
    asio::post(context_, [decided = std::move(decided),
                          text = fmt::format("client-connect: {}", error.what())] { decided({text}); });
    return nullptr;
  }
  const std::string gift = files->gift.path().string();
  hooks::HookCall call{hooks::Hook::client_connect, *options_.scripts.client_connect, {gift}, environment};
  call.environment.set("client_connect_config_file", gift);
  call.environment.set("client_connect_deferred_file", files->deferral.path().string());
  auto pending = std::make_shared<PendingConnect>(context_, files, patience, poll_, std::move(decided));
  runner_.run(call, [files, weak = std::weak_ptr(pending)](const hooks::HookResult& result) {
    if (const auto self = weak.lock()) self->program_ended(result);
  });
  return pending;
}

}  // namespace vpnd::control
