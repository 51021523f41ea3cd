#include "vpnd/control/data_plane.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <system_error>

namespace vpnd::control {

namespace {

tunio::UniqueFd make_bell() {
  tunio::UniqueFd bell(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!bell) throw std::system_error(errno, std::generic_category(), "eventfd");
  return bell;
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

// Control packets first: an event may end the session that a packet taken in the same round belongs to.
void DataPlane::take_messages() {
  eventfd_t rings = 0;
  ::eventfd_read(bell_.get(), &rings);
  worker_->control_packets().take(control_packets_);
  for (const dataplane::ControlPacket& packet : control_packets_) {
    observer_.on_control_packet(packet.link, std::span(packet.bytes).first(packet.size));
  }
  worker_->events().take(events_);
  for (dataplane::Event& event : events_) observer_.on_worker_event(std::move(event));
}

std::string DataPlane::describe_drops() const {
  std::string text;
  for (std::size_t i = 1; i < proto::kDropReasonCount; ++i) {
    const auto reason = static_cast<proto::DropReason>(i);
    if (drops(reason) == 0) continue;
    fmt::format_to(std::back_inserter(text), "{}{}={}", text.empty() ? "" : " ", proto::name(reason),
                   drops(reason));
  }
  return text.empty() ? "none" : text;
}

}  // namespace vpnd::control
