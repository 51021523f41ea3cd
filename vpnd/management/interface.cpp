#include "vpnd/management/interface.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "vpnd/management/session.hpp"

namespace vpnd::management {

namespace {

constexpr std::size_t kEchoes = 100;
constexpr std::size_t kStates = 100;

// Peers and users have a hand in many texts: none of them may begin a line of its own.
std::string one_line(std::string_view text) {
  std::string line(text);
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '_';
  return line;
}

}  // namespace

Interface::Interface(const config::ManagementOptions& options, std::string title, LogControl& log_control,
                     Clock clock)
    : options_(options),
      title_(std::move(title)),
      log_control_(log_control),
      clock_(std::move(clock)),
      log_(options.log_cache),
      echo_(kEchoes),
      state_(kStates),
      hold_(options.hold) {
  for (const std::string& text : options.echoes) echo(text);
}

std::string Interface::stamped(std::string_view text) const {
  return fmt::format("{},{}", clock_(), text);
}

void Interface::report(State state, const StateDetails& details) {
  state_.add(stamped(one_line(format_state(state, details))));
  state_.last(1, [this](const std::string& line) {
    for (Session* session : sessions_) session->tell(RealTime::state, line);
  });
}

// A message of several lines is several entries.
void Interface::log(char flag, std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string line = stamped(fmt::format("{},{}", flag, one_line(text.substr(0, end))));
    text.remove_prefix(std::min(end + 1, text.size()));
    log_.add(line);
    for (Session* session : sessions_) session->tell(RealTime::log, line);
  }
}

void Interface::echo(std::string_view text) {
  const std::string line = stamped(one_line(text));
  echo_.add(line);
  for (Session* session : sessions_) session->tell(RealTime::echo, line);
}

void Interface::notify(std::string_view line) {
  const std::string safe = one_line(line);
  for (Session* session : sessions_) session->notify(safe);
}

void Interface::notify(std::string_view line, std::string_view source,
                       const std::vector<std::string>& environment) {
  const std::string safe = one_line(line);
  for (Session* session : sessions_) {
    session->notify(safe);
    for (const std::string& variable : environment) {
      if (session->passes_environment(variable))
        session->notify(fmt::format(">{}:ENV,{}", source, one_line(variable)));
    }
    session->notify(fmt::format(">{}:ENV,END", source));
  }
}

void Interface::fatal(std::string_view text) {
  notify(fmt::format(">FATAL:{}", text));
}

void Interface::tick() {
  const std::int64_t now = clock_();
  for (Session* session : sessions_) session->tick(now);
}

void Interface::show_prompt(std::string_view text) {
  prompt_ = one_line(text);
  for (Session* session : sessions_) session->notify(prompt_);
}

void Interface::ask(Question question, OpenQuestion::Done done) {
  const std::string text = question.format();
  question_.emplace(std::move(question), std::move(done));
  show_prompt(text);
}

void Interface::ask_remote(std::string_view host, std::uint16_t port, std::string_view protocol,
                           std::function<void(const RemoteChoice&)> done) {
  remote_ = std::move(done);
  show_prompt(fmt::format(">REMOTE:{},{},{}", host, port, protocol));
}

void Interface::ask_proxy(std::string_view protocol, std::string_view host,
                          std::function<void(const ProxyChoice&)> done) {
  proxy_ = std::move(done);
  show_prompt(fmt::format(">PROXY:1,{},{}", protocol, host));
}

void Interface::ask_certificate(std::string_view hint, std::function<void(const std::string&)> done) {
  certificate_ = std::move(done);
  show_prompt(fmt::format(">NEED-CERTIFICATE:{}", hint));
}

void Interface::ask_signature(std::string data, std::string_view algorithm,
                              std::function<void(const std::string&)> done) {
  signature_ = {std::move(data), std::string(algorithm), std::move(done)};
  for (Session* session : sessions_) session->tell_signature();
}

void Interface::await_release(std::int64_t seconds, std::function<void()> done) {
  released_ = std::move(done);
  show_prompt(fmt::format(">HOLD:Waiting for hold release:{}", seconds));
}

void Interface::withdraw() {
  question_.reset();
  remote_ = nullptr;
  proxy_ = nullptr;
  released_ = nullptr;
  certificate_ = nullptr;
  prompt_.clear();
}

void Interface::enter(Session& session) {
  sessions_.push_back(&session);
}

void Interface::leave(Session& session) {
  if (std::erase(sessions_, &session) == 0 || !sessions_.empty() || target_ == nullptr) return;
  if (options_.forget_on_leave) target_->forget_passwords();
  if (!options_.restart_on_leave) return;
  spdlog::info("MANAGEMENT: Triggering management signal");
  (void)throw_signal(Signal::usr1);
}

bool Interface::throw_signal(Signal signal) {
  if (!on_signal_) return false;
  on_signal_(signal);
  return true;
}

void Interface::release() {
  if (!released_) return;
  prompt_.clear();
  std::exchange(released_, nullptr)();
}

void Interface::finish_question() {
  if (!question_ || !question_->complete()) return;
  OpenQuestion whole = std::move(*question_);
  question_.reset();
  prompt_.clear();
  whole.finish();
}

void Interface::give_signature(const std::string& base64) {
  if (!signature_) return;
  const OpenSignature asked = *std::exchange(signature_, std::nullopt);
  asked.done(base64);
}

void Interface::give_certificate(const std::string& pem) {
  if (!certificate_) return;
  prompt_.clear();
  std::exchange(certificate_, nullptr)(pem);
}

void Interface::choose_remote(const RemoteChoice& choice) {
  if (!remote_) return;
  prompt_.clear();
  std::exchange(remote_, nullptr)(choice);
}

void Interface::choose_proxy(const ProxyChoice& choice) {
  if (!proxy_) return;
  prompt_.clear();
  std::exchange(proxy_, nullptr)(choice);
}

}  // namespace vpnd::management
