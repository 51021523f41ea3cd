#include "vpnd/control/logging.hpp"

#include <fmt/format.h>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <mutex>
#include <utility>

namespace vpnd::control {

namespace {

// "WARNING: " and "ERROR: " in front of such lines, nothing in front of the others, as people know it from
// OpenVPN.
class Prefix final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    std::string_view text;
    if (message.level == spdlog::level::warn) text = "WARNING: ";
    if (message.level >= spdlog::level::err) text = "ERROR: ";
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<Prefix>(); }
};

// OpenVPN's flags of a message, in hexadecimal: 20 an error, 40 a warning, else the verbosity it belongs to.
class Flags final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string_view text = flags(message.level);
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<Flags>(); }

 private:
  static std::string_view flags(spdlog::level::level_enum level) {
    if (level >= spdlog::level::err) return "20";
    if (level == spdlog::level::warn) return "40";
    return level == spdlog::level::info ? "1" : "5";
  }
};

// Standard output, and standard error for errors (errors-to-stderr).
class SplitSink final : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t text;
    formatter_->format(message, text);
    (void)std::fwrite(text.data(), 1, text.size(), message.level >= spdlog::level::err ? stderr : stdout);
  }
  void flush_() override { (void)std::fflush(stdout); }
};

// Passes on at most so many equal lines in a row (mute), and says how many it has swallowed when another one
// comes.
class MuteSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  MuteSink(spdlog::sink_ptr behind, unsigned limit) : behind_(std::move(behind)), limit_(limit) {}

  unsigned limit() {
    const std::lock_guard lock(mutex_);
    return limit_;
  }
  void set_limit(unsigned limit) {
    const std::lock_guard lock(mutex_);
    limit_ = limit;
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::string_view text(message.payload.data(), message.payload.size());
    repeats_ = text == last_ ? repeats_ + 1 : 1;
    if (repeats_ == 1) {
      say_what_was_swallowed(message);
      last_ = text;
    }
    if (limit_ > 0 && repeats_ > limit_) {
      ++swallowed_;
      return;
    }
    behind_->log(message);
  }
  void flush_() override { behind_->flush(); }
  void set_formatter_(std::unique_ptr<spdlog::formatter> formatter) override {
    behind_->set_formatter(std::move(formatter));
  }
  void set_pattern_(const std::string& pattern) override { behind_->set_pattern(pattern); }

 private:
  void say_what_was_swallowed(const spdlog::details::log_msg& next) {
    const unsigned swallowed = std::exchange(swallowed_, 0);
    if (swallowed == 0) return;
    const std::string text =
        fmt::format("{} variation(s) on previous {} message(s) suppressed by --mute", swallowed, limit_);
    behind_->log(
        spdlog::details::log_msg(next.time, next.source, next.logger_name, spdlog::level::info, text));
  }

  spdlog::sink_ptr behind_;
  unsigned limit_;
  std::string last_;
  unsigned repeats_ = 0;
  unsigned swallowed_ = 0;
};

char flag_of(spdlog::level::level_enum level) {
  if (level >= spdlog::level::critical) return 'F';
  if (level == spdlog::level::err) return 'N';
  if (level == spdlog::level::warn) return 'W';
  return level == spdlog::level::info ? 'I' : 'D';
}

// Tells a listener of each line.
class ListenerSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void set_listener(LogListener listener) {
    const std::lock_guard lock(mutex_);
    listener_ = std::move(listener);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (listener_) listener_(flag_of(message.level), {message.payload.data(), message.payload.size()});
  }
  void flush_() override {}

 private:
  LogListener listener_;
};

// Of the logger in force. Set up once per configuration, on the control thread.
struct Installed {
  std::shared_ptr<MuteSink> mute;
  std::shared_ptr<ListenerSink> listener;
  unsigned verbosity = 1;
};

Installed& installed() {
  static Installed here;
  return here;
}

std::unique_ptr<spdlog::formatter> machine_formatter() {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<Prefix>('*').add_flag<Flags>('@').set_pattern("%E.%f %@ %*%v");
  return formatter;
}

std::unique_ptr<spdlog::formatter> formatter(bool timestamps) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<Prefix>('*').set_pattern(timestamps ? "%Y-%m-%d %H:%M:%S %*%v" : "%*%v");
  return formatter;
}

spdlog::level::level_enum level(unsigned verbosity) {
  if (verbosity == 0) return spdlog::level::warn;
  if (verbosity <= 4) return spdlog::level::info;
  return verbosity <= 6 ? spdlog::level::debug : spdlog::level::trace;
}

spdlog::sink_ptr destination(const config::LogOptions& log, const std::optional<std::string>& daemon_name) {
  if (!log.file.empty())
    return std::make_shared<spdlog::sinks::basic_file_sink_mt>(log.file.string(), !log.append);
  const auto name = log.syslog ? log.syslog : daemon_name;
  if (name) {
    return std::make_shared<spdlog::sinks::syslog_sink_mt>(name->empty() ? "vpnd" : *name, LOG_PID,
                                                           LOG_DAEMON, true);
  }
  if (log.errors_to_stderr) return std::make_shared<SplitSink>();
  return std::make_shared<spdlog::sinks::stdout_sink_mt>();
}

}  // namespace

void set_up_logging(const config::LogOptions& log, const std::optional<std::string>& daemon_name) {
  Installed& here = installed();
  here.mute = std::make_shared<MuteSink>(destination(log, daemon_name), log.mute);
  if (!here.listener) here.listener = std::make_shared<ListenerSink>();  // another one keeps who listens
  here.verbosity = log.verbosity;
  const bool to_syslog = log.file.empty() && (log.syslog || daemon_name);
  auto logger = std::make_shared<spdlog::logger>("vpnd", spdlog::sinks_init_list{here.mute, here.listener});
  logger->set_formatter(log.machine_readable ? machine_formatter() : formatter(log.timestamps && !to_syslog));
  logger->set_level(level(log.verbosity));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

void set_log_listener(LogListener listener) {
  if (installed().listener) installed().listener->set_listener(std::move(listener));
}

unsigned LogKnobs::verbosity() const {
  return installed().verbosity;
}

void LogKnobs::set_verbosity(unsigned verbosity) {
  installed().verbosity = verbosity;
  spdlog::set_level(level(verbosity));
}

unsigned LogKnobs::mute() const {
  return installed().mute ? installed().mute->limit() : 0;
}

void LogKnobs::set_mute(unsigned lines) {
  if (installed().mute) installed().mute->set_limit(lines);
}

}  // namespace vpnd::control
