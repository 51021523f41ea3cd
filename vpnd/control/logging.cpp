#include "vpnd/control/logging.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dup_filter_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>

namespace vpnd::control {

namespace {

constexpr std::chrono::seconds kMutePeriod{60};

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
    std::fwrite(text.data(), 1, text.size(), message.level >= spdlog::level::err ? stderr : stdout);
  }
  void flush_() override { std::fflush(stdout); }
};

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
  spdlog::sink_ptr sink = destination(log, daemon_name);
  const bool to_syslog = log.file.empty() && (log.syslog || daemon_name);
  if (log.mute > 0) {
    auto filter = std::make_shared<spdlog::sinks::dup_filter_sink_mt>(kMutePeriod);
    filter->add_sink(std::move(sink));
    sink = std::move(filter);
  }
  auto logger = std::make_shared<spdlog::logger>("vpnd", std::move(sink));
  logger->set_formatter(log.machine_readable ? machine_formatter() : formatter(log.timestamps && !to_syslog));
  logger->set_level(level(log.verbosity));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace vpnd::control
