#include "vpnd/control/data_path.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/utsname.h>

#include <string_view>
#include <thread>

#include "crypto/aead.hpp"
#include "tunio/batch_io.hpp"
#include "vpnd/config/worker_count.hpp"
#include "vpnd/control/socket_setup.hpp"
#include "vpnd/control/tun_driver.hpp"

namespace vpnd::control {

namespace {

constexpr int kNameWidth = 32;

enum class Switch : bool { off, on };

constexpr Switch switch_of(bool on) {
  return on ? Switch::on : Switch::off;
}

// "TSO", or "no TSO (why)".
std::string in_use(std::string_view name, std::string_view directive, Switch wanted,
                   const tunio::Capability& capability) {
  if (wanted == Switch::off) return fmt::format("no {} ({} off)", name, directive);
  return capability ? std::string(name) : fmt::format("no {} ({})", name, capability.reason);
}

std::string in_tun(const config::OffloadOptions& wanted, const PathFacts& facts) {
  if (!wanted.tun_tso) return "no TSO and USO (tun-tso off)";
  return in_use("TSO", "tun-tso", Switch::on, facts.tun_segmentation) + ", " +
         in_use("USO", "tun-uso", switch_of(wanted.tun_uso), facts.tun_udp_segmentation);
}

std::string of_batches(const config::BatchOptions& options) {
  std::string text = fmt::format("up to {} packets and {} bytes", options.packets, options.size_bytes);
  if (options.hold.count() > 0) text += fmt::format(", held for {} µs (batch-hold)", options.hold.count());
  return text;
}

void add_line(std::string& report, std::string_view name, std::string_view value) {
  report += fmt::format("  {:<{}}{}\n", name, kNameWidth, value);
}

void add_line(std::string& report, std::string_view name, const tunio::Capability& capability) {
  add_line(report, name, capability ? "yes" : fmt::format("no: {}", capability.reason));
}

std::string kernel_name() {
  utsname system{};
  if (::uname(&system) != 0) return "unknown kernel";
  return fmt::format("{} {} {}", system.sysname, system.release, system.machine);
}

}  // namespace

std::string describe_data_path(const config::BatchOptions& options, const PathFacts& facts) {
  const config::OffloadOptions& wanted = options.offloads;
  return fmt::format("{}; {}: {}; UDP: {}, {}; batches: {}", facts.event_loop, facts.tun_driver,
                     in_tun(wanted, facts),
                     in_use("GSO", "udp-gso", switch_of(wanted.udp_gso), facts.udp_segment),
                     in_use("GRO", "udp-gro", switch_of(wanted.udp_gro), facts.udp_gro), of_batches(options));
}

Capabilities probe_capabilities(const config::Options& options) {
  return {.kernel = kernel_name(),
          .cpu = host::cpu_facts(),
          .io = tunio::probe_io(tun_driver(options.tunnel)),
          .no_ipsec_mb = crypto::why_unavailable(crypto::AeadBackend::ipsec_mb).value_or(""),
          .ciphers = crypto::describe_aead_backend(),
          .workers = config::worker_count(options, std::thread::hardware_concurrency())};
}

std::string capabilities_report(const config::BatchOptions& options, const Capabilities& capabilities) {
  const auto& [kernel, cpu, io, no_ipsec_mb, ciphers, workers] = capabilities;
  std::string report = "This machine\n";
  add_line(report, "kernel", kernel);
  add_line(report, "CPU", fmt::format("{}{}{} for us", cpu.model, cpu.model.empty() ? "" : ", ", cpu.online));
  add_line(report, "CPU features for ciphers",
           cpu.features.empty() ? "none known" : fmt::format("{}", fmt::join(cpu.features, " ")));

  report += "\nWhat it offers\n";
  add_line(report, "io_uring", io.io_uring);
  add_line(report, "io_uring buffer rings", io.buffer_rings);
  add_line(report, "io_uring multishot receive", io.multishot_recvmsg);
  add_line(report, "io_uring multishot read", io.multishot_read);
  add_line(report, "UDP segmentation (GSO)", io.udp_segment);
  add_line(report, "UDP merging (GRO)", io.udp_gro);
  add_line(report, "tun device", io.tun);
  add_line(report, "tun_batch driver", io.tun_batch);
  add_line(report, "tun super-packets of TCP (TSO)", io.tun_segmentation);
  add_line(report, "tun super-packets of UDP (USO)", io.tun_udp_segmentation);
  add_line(report, "intel-ipsec-mb", no_ipsec_mb.empty() ? "yes" : "no: " + no_ipsec_mb);

  const PathFacts facts{.event_loop = tunio::choose_engine(engine(options.io), io).why,
                        .tun_driver = io.tun_driver,
                        .tun_segmentation = io.tun_segmentation,
                        .tun_udp_segmentation = io.tun_udp_segmentation,
                        .udp_segment = io.udp_segment,
                        .udp_gro = io.udp_gro};
  report += "\nWhat vpnd would use of it\n";
  add_line(report, "event loop", facts.event_loop);
  add_line(report, "tun driver", facts.tun_driver.empty() ? "none" : facts.tun_driver);
  add_line(report, "tun", in_tun(options.offloads, facts));
  add_line(report, "UDP",
           in_use("GSO", "udp-gso", switch_of(options.offloads.udp_gso), facts.udp_segment) + ", " +
               in_use("GRO", "udp-gro", switch_of(options.offloads.udp_gro), facts.udp_gro));
  add_line(report, "data ciphers", ciphers);
  add_line(report, "workers", fmt::format("{}", workers));
  add_line(report, "batches", of_batches(options));
  return report;
}

}  // namespace vpnd::control
