#include "vpnd/control/data_plane.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <system_error>
#include <variant>

namespace vpnd::control {

namespace {

tunio::UniqueFd make_bell() {
  tunio::UniqueFd bell(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!bell) throw std::system_error(errno, std::generic_category(), "eventfd");
  return bell;
}

// What the event loop dropped before anybody else saw it, under the reasons of the rest.
std::uint64_t io_drops(const tunio::IoCounters& io, proto::DropReason reason) {
  using proto::DropReason;
  if (reason == DropReason::malformed) return io.udp_received_malformed + io.tun_read_malformed;
  if (reason == DropReason::too_big) return io.udp_received_truncated + io.udp_send_oversized;
  if (reason == DropReason::stream_framing) return io.stream_bad_frames;
  if (reason == DropReason::backlog_full) return io.udp_send_queue_full + io.stream_write_full;
  if (reason == DropReason::tun_write_failed) return io.tun_write_errors + io.tun_write_full;
  if (reason == DropReason::send_failed) return io.udp_send_errors;
  return 0;
}

}  // namespace

DataPlane::DataPlane(asio::io_context& context, dataplane::WorkerConfig config, DataPlaneObserver& observer)
    : observer_(observer), bell_(make_bell()), bell_waiter_(context, ::dup(bell_.get())) {
  const int bell = bell_.get();
  worker_ = std::make_unique<dataplane::Worker>(std::move(config), [bell] { ::eventfd_write(bell, 1); });
  await_messages();
}

DataPlane::~DataPlane() = default;

void DataPlane::send_control(const dataplane::Link& to, std::span<const std::byte> packet,
                             std::optional<dataplane::PeerIndex> peer) {
  post(dataplane::SendControl{to, peer, {packet.begin(), packet.end()}});
}

void DataPlane::await_messages() {
  bell_waiter_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const asio::error_code& error) {
    if (error) return;
    take_messages();
    await_messages();
  });
}

// In the order in which things happened as far as it matters: a stream's opening, its packets, its end.
// Packets are taken out of their box first, so that the opening of every stream they came from is in the
// other box by then.
void DataPlane::take_messages() {
  eventfd_t rings = 0;
  ::eventfd_read(bell_.get(), &rings);
  worker_->control_packets().take(control_packets_);
  worker_->events().take(events_);
  for (dataplane::Event& event : events_) {
    if (std::holds_alternative<dataplane::StreamOpened>(event)) observer_.on_worker_event(std::move(event));
  }
  for (const dataplane::ControlPacket& packet : control_packets_) {
    observer_.on_control_packet(packet.link, std::span(packet.bytes).first(packet.size));
  }
  for (dataplane::Event& event : events_) {
    if (!std::holds_alternative<dataplane::StreamOpened>(event)) observer_.on_worker_event(std::move(event));
  }
}

std::uint64_t DataPlane::drops(proto::DropReason reason) const {
  return worker_->drops().get(reason) + control_drops_.get(reason) + io_drops(worker_->io_counters(), reason);
}

std::string DataPlane::describe_drops() const {
  std::string text;
  for (std::size_t i = 1; i < proto::kDropReasonCount; ++i) {
    const auto reason = static_cast<proto::DropReason>(i);
    const std::uint64_t count = drops(reason);
    if (count > 0) text += fmt::format("{}{}={}", text.empty() ? "" : " ", proto::name(reason), count);
  }
  return text.empty() ? "none" : text;
}

}  // namespace vpnd::control
