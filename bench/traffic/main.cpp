// The packet generator of the laboratory, and everything that stands at the other end. `traffic` without
// arguments prints what it can do. Results are JSON lines on standard output.

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <exception>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/traffic/generator.hpp"
#include "bench/traffic/output.hpp"
#include "bench/traffic/probe.hpp"
#include "bench/traffic/sink.hpp"
#include "bench/traffic/stamp.hpp"
#include "bench/traffic/web.hpp"

namespace vpnd::bench {
namespace {

constexpr char kUsage[] =
    "traffic blast --to A:P --size S --seconds T --run N           UDP packets as fast as it goes\n"
    "traffic rate  --to A:P --size S --seconds T --run N --rate R  R of them per second\n"
    "traffic sink  --at A:P                                        counts them, prints a line for each run\n"
    "traffic ping  --to A:P --size S --seconds T --interval T      round trips, asked for at a steady pace\n"
    "traffic echo  --at A:P                                        the other end of ping\n"
    "traffic serve --at A:P --size S                               a web server with one object of S bytes\n"
    "A:P is 192.0.2.1:5000 or [fd00::1]:5000; S is a size of the payload in bytes, or imix; T is in "
    "seconds.\n"
    "Runs are numbered upwards, N from 1.\n";

// What the caller did wrong; the answer to it is the usage text.
class UsageError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// --name value pairs, each of which must be asked for.
class Arguments {
 public:
  Arguments(int argc, char** argv) {
    for (int i = 2; i < argc; i += 2) {
      const std::string name = argv[i];
      if (!name.starts_with("--") || i + 1 == argc) throw UsageError(name + ": expected --name value");
      values_[name] = argv[i + 1];
    }
  }

  std::string text(const std::string& name) {
    const auto found = values_.find(name);
    if (found == values_.end()) throw UsageError(name + " is missing");
    std::string value = found->second;
    values_.erase(found);
    return value;
  }

  Endpoint endpoint(const std::string& name) { return Endpoint::parse(text(name)); }

  double number(const std::string& name) {
    const std::string value = text(name);
    std::size_t read = 0;
    double result = 0;
    try {
      result = std::stod(value, &read);
    } catch (const std::exception&) {
      read = 0;
    }
    if (read == 0 || read != value.size() || !std::isfinite(result) || result <= 0)
      throw UsageError(name + " " + value + ": expected a number above 0");
    return result;
  }

  std::size_t count(const std::string& name) { return static_cast<std::size_t>(number(name)); }

  std::chrono::nanoseconds duration(const std::string& name) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(number(name)));
  }

  void check_all_used() const {
    if (!values_.empty()) throw UsageError(values_.begin()->first + ": not an option here");
  }

 private:
  std::map<std::string, std::string> values_;
};

void generate(Arguments& arguments, bool paced) {
  const Endpoint to = arguments.endpoint("--to");
  const auto sizes = parse_sizes(arguments.text("--size"));
  const auto duration = arguments.duration("--seconds");
  const auto run = static_cast<std::uint32_t>(arguments.count("--run"));
  const auto rate = paced ? std::optional(arguments.number("--rate")) : std::nullopt;
  arguments.check_all_used();
  const Sent sent = Generator(to, sizes, run).run(duration, rate);
  say(fmt::format(R"({{"run": {}, "packets": {}, "refusals": {}, "seconds": {:.6f}}})", run, sent.packets,
                  sent.refusals, sent.seconds));
}

// The rest of a JSON object; nothing when there is no sample.
std::string distribution(Latencies& latencies) {
  if (latencies.count() == 0) return "";
  const struct {
    const char* name;
    double percent;
  } percentiles[] = {{"min", 0}, {"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99_9", 99.9}, {"max", 100}};
  std::string text;
  for (const auto& [name, percent] : percentiles) {
    const std::chrono::duration<double, std::micro> latency = latencies.percentile(percent);
    text += fmt::format(R"(, "{}": {:.1f})", name, latency.count());
  }
  return text + fmt::format(R"(, "histogram": [{}])", fmt::join(latencies.histogram(), ", "));
}

void probe(Arguments& arguments) {
  const Endpoint to = arguments.endpoint("--to");
  const Prober::Plan plan{.duration = arguments.duration("--seconds"),
                          .interval = arguments.duration("--interval"),
                          .size = parse_sizes(arguments.text("--size")).front()};
  arguments.check_all_used();
  if (plan.interval <= std::chrono::nanoseconds::zero()) throw UsageError("--interval: too short");
  Prober prober(to, plan);
  prober.run();
  say(fmt::format(R"({{"asked": {}, "unanswered": {}{}}})", prober.asked(), prober.unanswered(),
                  distribution(prober.latencies())));
}

void run(const std::string& mode, Arguments& arguments) {
  if (mode == "blast" || mode == "rate") {
    generate(arguments, mode == "rate");
  } else if (mode == "ping") {
    probe(arguments);
  } else if (mode == "sink" || mode == "echo") {
    const Endpoint at = arguments.endpoint("--at");
    arguments.check_all_used();
    if (mode == "sink") Sink(at).run();
    echo(at);
  } else if (mode == "serve") {
    const Endpoint at = arguments.endpoint("--at");
    const std::size_t size = arguments.count("--size");
    arguments.check_all_used();
    serve(at, size);
  } else {
    throw UsageError(mode + ": no such mode");
  }
}

}  // namespace
}  // namespace vpnd::bench

int main(int argc, char** argv) {
  try {
    if (argc < 2) throw vpnd::bench::UsageError("a mode is missing");
    vpnd::bench::Arguments arguments(argc, argv);
    vpnd::bench::run(argv[1], arguments);
  } catch (const vpnd::bench::UsageError& error) {
    fmt::print(stderr, "traffic: {}\n{}", error.what(), vpnd::bench::kUsage);
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "traffic: {}\n", error.what());
    return 1;
  }
  return 0;
}
