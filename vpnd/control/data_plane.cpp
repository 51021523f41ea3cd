#include "vpnd/control/data_plane.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <system_error>
#include <variant>

#include "vpnd/control/socket_setup.hpp"

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

DataPlane::DataPlane(asio::io_context& context, std::vector<dataplane::WorkerConfig> configs,
                     DataPlaneObserver& observer, std::size_t group_size, const dataplane::IoFactory& make_io)
    : observer_(observer),
      bell_(make_bell()),
      bell_waiter_(context, ::dup(bell_.get())),
      group_size_(group_size) {
  const int bell = bell_.get();
  if (configs.size() > 1) handover_ = std::make_shared<dataplane::Handover>(configs.size());
  for (dataplane::WorkerConfig& config : configs) {
    config.id = {static_cast<std::uint32_t>(stations_.size())};
    config.handover = handover_;
    stations_.emplace_back().worker = std::make_unique<dataplane::Worker>(
        std::move(config), [bell] { ::eventfd_write(bell, 1); }, make_io);
  }
  await_messages();
}

DataPlane::~DataPlane() {
  for (Station& station : stations_) station.worker->halt();
}

void DataPlane::post(dataplane::Command&& command) {
  std::visit([this](auto&& known) { route(std::forward<decltype(known)>(known)); }, std::move(command));
}

void DataPlane::post_to(dataplane::WorkerId worker, dataplane::Command&& command) {
  stations_.at(worker.value).worker->post(std::move(command));
}

DataPlane::Place& DataPlane::place(dataplane::PeerIndex peer) {
  if (peer.value >= places_.size()) places_.resize(peer.value + 1);
  return places_[peer.value];
}

dataplane::WorkerId DataPlane::owner(dataplane::PeerIndex peer) const {
  return peer.value < places_.size() ? places_[peer.value].owner : dataplane::WorkerId{};
}

// Over UDP `link.worker` tells the listener: it is one of those that share it.
dataplane::WorkerId DataPlane::owner_by(const dataplane::Link& link, dataplane::PeerIndex peer) const {
  if (link.stream) return link.worker;
  const std::size_t first = link.worker.value / group_size_ * group_size_;
  return {static_cast<std::uint32_t>(first + peer.value % group_size_)};
}

void DataPlane::for_each_lane(const auto& command, auto&& post) {
  const std::uint32_t lanes = place(command.index).lanes;
  for (std::uint32_t lane = 0; lane < lanes; ++lane) {
    auto of_lane = command;
    of_lane.index.value += lane;
    post(of_lane);
  }
}

void DataPlane::post_to_lanes(const auto& command) {
  for_each_lane(command, [this](const auto& of_lane) { post_to(owner(of_lane.index), of_lane); });
}

// The lanes of a session are added in their order.
void DataPlane::route(dataplane::AddPeer&& command) {
  const dataplane::WorkerId own = owner_by(command.link, command.index);
  place(command.index) = {.owner = own};
  place(command.session).lanes = command.index.value - command.session.value + 1;
  const auto endpoint = command.link.stream ? std::nullopt : std::optional(command.link.endpoint);
  const dataplane::AddRemotePeer remote{command.index, own, endpoint};
  post_to(own, std::move(command));
  for (Station& station : stations_) {
    if (station.worker->id() != own) station.worker->post(dataplane::AddRemotePeer(remote));
  }
}

void DataPlane::route(dataplane::RemovePeer&& command) {
  for_each_lane(command, [this](const auto& of_lane) { post_to_all(of_lane); });
  place(command.index) = {};
}

void DataPlane::route(dataplane::UpdatePeer&& command) {
  post_to_lanes(command);
}

void DataPlane::route(dataplane::SendKeepalive&& command) {
  post_to_lanes(command);
}

void DataPlane::route(dataplane::SendWithKey&& command) {
  post_to_lanes(command);
}

void DataPlane::route(dataplane::RetireKey&& command) {
  post_to_lanes(command);
}

void DataPlane::route(dataplane::MovePeer&& command) {
  post_to_all(command);
}

void DataPlane::route(dataplane::SetRoutes&& command) {
  post_to_all(command);
}

// A session's packets go through the worker that has its peer, so that the peer's counters have one writer.
void DataPlane::route(dataplane::SendControl&& command) {
  dataplane::WorkerId worker = command.link.worker;
  if (!command.link.stream && command.peer) worker = owner(*command.peer);
  post_to(worker, std::move(command));
}

void DataPlane::route(dataplane::AddStream&& command) {
  const dataplane::WorkerId worker{next_for_stream_};
  next_for_stream_ = static_cast<std::uint32_t>((next_for_stream_ + 1) % stations_.size());
  post_to(worker, std::move(command));
}

void DataPlane::route(dataplane::CloseStream&& command) {
  post_to(command.worker, command);
}

void DataPlane::route(auto&& command) {
  if constexpr (requires { command.index; }) {
    const dataplane::WorkerId to = owner(command.index);
    post_to(to, std::forward<decltype(command)>(command));
  } else {
    post_to({}, std::forward<decltype(command)>(command));
  }
}

void DataPlane::post_to_all(const auto& command) {
  for (Station& station : stations_) station.worker->post(dataplane::Command(command));
}

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
  for (Station& station : stations_) {
    station.worker->control_packets().take(station.control_packets);
    station.worker->events().take(station.events);
    for (dataplane::Event& event : station.events) {
      if (std::holds_alternative<dataplane::StreamOpened>(event)) observer_.on_worker_event(std::move(event));
    }
    for (const dataplane::ControlPacket& packet : station.control_packets) {
      observer_.on_control_packet(packet.link, std::span(packet.bytes).first(packet.size));
    }
    for (dataplane::Event& event : station.events) {
      if (!std::holds_alternative<dataplane::StreamOpened>(event))
        observer_.on_worker_event(std::move(event));
    }
  }
}

std::uint64_t DataPlane::drops(proto::DropReason reason) const {
  std::uint64_t sum = control_drops_.get(reason);
  for (const Station& station : stations_) {
    sum += station.worker->drops().get(reason) + io_drops(station.worker->io_counters(), reason);
  }
  return sum;
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

std::string DataPlane::describe() const {
  const std::string& path = stations_.front().worker->data_path();
  return stations_.size() > 1 ? fmt::format("{}, {} workers", path, stations_.size()) : path;
}

std::vector<std::string> DataPlane::describe_io() const {
  std::vector<std::string> lines;
  for (const Station& station : stations_) {
    const std::string which =
        stations_.size() > 1 ? fmt::format(" of worker {}", station.worker->id().value) : "";
    const std::string handed =
        stations_.size() > 1 ? fmt::format(" handed_over={}", station.worker->handed_over()) : "";
    lines.push_back(
        fmt::format("io{}: {}{}", which, control::describe(station.worker->io_counters()), handed));
  }
  return lines;
}

}  // namespace vpnd::control
