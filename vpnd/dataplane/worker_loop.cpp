#include "vpnd/dataplane/worker_loop.hpp"

#include <algorithm>
#include <cstring>

namespace vpnd::dataplane {

using proto::DropReason;

namespace {

constexpr std::chrono::seconds kTickInterval{1};  // timers are checked this often; they count whole seconds

}  // namespace

Worker::Loop::Loop(Worker& worker, const WorkerConfig& config, std::unique_ptr<tunio::BatchIo> io,
                   std::unique_ptr<tunio::BufferPool> buffers)
    : worker_(worker),
      role_(config.role),
      buffers_(std::move(buffers)),
      io_(std::move(io)),
      port_(config.handover, config.id, *io_),
      peers_(config.role),
      crypto_fork_(config.crypto_fork),
      outbound_(peers_, *io_, *buffers_, port_, worker.drops_, config.outbound, crypto_fork_.get()),
      inbound_(peers_, *io_, outbound_, *buffers_, port_, worker.drops_, *this, config.inbound,
               crypto_fork_.get()),
      next_tick_(proto::Clock::now() + kTickInterval) {
  worker_.handed_over_ = &port_.given();
}

void Worker::Loop::run() {
  while (!stopping_) turn();
}

// One batch of everything that is there: network → tun first, since it makes room in the socket's buffer.
void Worker::Loop::turn() {
  const proto::TimePoint due = std::min(next_tick_, inbound_.deadline().value_or(next_tick_));
  const auto idle = std::max(due - proto::Clock::now(), proto::Clock::duration::zero());
  const tunio::Arrivals& arrivals = io_->wait(port_.expects_more() ? idle.zero() : idle);
  now_ = proto::Clock::now();

  outbound_.begin_turn(now_);
  if (worker_.commands_waiting_.load(std::memory_order_acquire)) take_commands();
  if (const auto refusal = io_->take_udp_refusal()) outbound_.path_refused(*refusal);
  inbound_.receive(arrivals.udp, now_);
  inbound_.receive(arrivals.streams, now_);
  take_handed_over();
  inbound_.finish();
  outbound_.send(arrivals.tun);
  if (now_ >= next_tick_) tick();
  outbound_.finish();
  port_.publish();
  io_->flush();

  inbound_.clear();
  port_.release();
  outbound_.take_worn_keys([this](PeerIndex peer, proto::KeyId key) { on_event(KeyWearsOut{peer, key}); });
  report_closed_streams(arrivals.closed);
  report_failures(arrivals);
}

void Worker::Loop::report_failures(const tunio::Arrivals& arrivals) {
  if (arrivals.tun_failure) on_event(WorkerFailed{"tun device: " + arrivals.tun_failure.message()});
  if (arrivals.udp_failure) on_event(WorkerFailed{"UDP socket: " + arrivals.udp_failure.message()});
}

void Worker::Loop::report_closed_streams(std::span<const tunio::StreamClosed> closed) {
  for (const tunio::StreamClosed& stream : closed) {
    on_event(StreamEnded{worker_.id(), stream.stream, stream.reason});
  }
}

void Worker::Loop::take_commands() {
  worker_.commands_waiting_.store(false, std::memory_order_release);
  worker_.commands_.take(commands_);
  for (Command& command : commands_) {
    std::visit([this](auto& known) { carry_out(known); }, command);
  }
  commands_.clear();
}

void Worker::Loop::take_handed_over() {
  port_.take([this](const HandedOver& given) {
    const DropReason drop = given.note.kind == HandoverNote::Kind::datagram ? inbound_.receive(given, now_)
                                                                            : outbound_.send(given);
    if (drop != DropReason::none) worker_.drops_.count(drop);
  });
  inbound_.open();
}

// Once a second: pings to peers that heard nothing from us, and word of those we heard nothing from.
void Worker::Loop::tick() {
  next_tick_ = now_ + kTickInterval;
  peers_.for_each([this](Peer& peer) {
    const auto ping = peer.settings.ping_interval;
    if (ping.count() > 0 && peer.can_send() && now_ - peer.last_sent >= ping) {
      const DropReason drop = outbound_.send_keepalive(peer);
      if (drop != DropReason::none) worker_.drops_.count(drop);
    }
    outbound_.probe_path(peer);
    const auto timeout = peer.settings.receive_timeout;
    if (peer.is_first_lane() && timeout.count() > 0 && now_ - peer.last_received >= timeout)
      on_event(PeerSilent{peer.session});
  });
  const std::lock_guard lock(worker_.counters_mutex_);
  worker_.counters_ = io_->counters();
}

void Worker::Loop::carry_out(AddPeer& command) {
  if (Peer* const former = peers_.at(command.index)) abandon(*former);
  peers_.add(command, now_);
}

void Worker::Loop::carry_out(AddRemotePeer& command) {
  if (Peer* const former = peers_.at(command.index)) abandon(*former);
  peers_.add_remote(command);
}

void Worker::Loop::carry_out(RemovePeer& command) {
  if (Peer* const peer = peers_.at(command.index)) abandon(*peer);
  peers_.remove(command.index);
}

void Worker::Loop::abandon(Peer& peer) noexcept {
  outbound_.abandon(peer);
  inbound_.abandon(peer);
}

void Worker::Loop::carry_out(UpdatePeer& command) {
  Peer* const peer = peers_.at(command.index);
  if (peer == nullptr) return;
  peer->settings = command.settings;
  peer->last_received = now_;  // a new timeout begins now
}

void Worker::Loop::carry_out(MovePeer& command) {
  Peer* const peer = peers_.at(command.index);
  if (peer == nullptr) return peers_.move_remote(command.index, command.endpoint);
  peers_.move(*peer, command.endpoint);
  outbound_.follow_path(*peer);
}

void Worker::Loop::carry_out(AddKey& command) {
  Peer* const peer = peers_.at(command.index);
  if (peer == nullptr) return;
  auto& slot = peer->keys[command.key.value];
  if (peer->sending == slot.get()) peer->sending = nullptr;
  slot = std::make_unique<KeySlot>();
  slot->id = command.key;
  slot->sealer = std::move(command.sealer);
  slot->opener = std::move(command.opener);
}

void Worker::Loop::carry_out(SendWithKey& command) {
  Peer* const peer = peers_.at(command.index);
  if (peer == nullptr || peer->key(command.key) == nullptr) return;
  peer->sending = peer->key(command.key);
  // A server has its keys before the client; a client's first record shows that it has them, too.
  if (peer->batch && role_ == crypto::Role::client) peer->batch->is_heard = true;
  outbound_.probe_path(*peer);
}

void Worker::Loop::carry_out(RetireKey& command) {
  Peer* const peer = peers_.at(command.index);
  if (peer == nullptr) return;
  auto& slot = peer->keys[command.key.value];
  if (slot && peer->sending == slot.get()) peer->sending = nullptr;
  slot.reset();
}

void Worker::Loop::carry_out(SetRoutes& command) {
  routes_ = std::move(command.routes);
  outbound_.set_routes(routes_.get());
  inbound_.set_routes(routes_.get());
}

void Worker::Loop::carry_out(SendControl& command) {
  tunio::Buffer buffer = buffers_->take();
  if (!buffer) return worker_.drops_.count(DropReason::no_buffer);
  const std::size_t size = command.packet.size();
  if (command.link.stream) {
    buffer.data()[0] = static_cast<std::byte>(size >> 8);
    buffer.data()[1] = static_cast<std::byte>(size & 0xff);
    std::memcpy(buffer.data() + 2, command.packet.data(), size);
    io_->write_stream(*command.link.stream, std::move(buffer), size + 2);
  } else {
    std::memcpy(buffer.data(), command.packet.data(), size);
    io_->send_udp(command.link.endpoint, std::move(buffer), size, size, tunio::Fragments::as_configured);
  }
  if (Peer* const peer = command.peer ? peers_.at(*command.peer) : nullptr) {
    peer->last_sent = now_;
    peer->counters->bytes_sent.add(size);
  }
}

void Worker::Loop::carry_out(SendPayload& command) {
  Peer* const peer = peers_.at(command.index);
  if (peer == nullptr) return;
  const DropReason drop = outbound_.send_payload(*peer, command.payload);
  if (drop != DropReason::none) worker_.drops_.count(drop);
  outbound_.finish();  // sealed at once: the next command may take away the key, or the peer
}

void Worker::Loop::carry_out(SendKeepalive& command) {
  Peer* const peer = peers_.at(command.index);
  if (peer == nullptr || !peer->can_send()) return;
  const DropReason drop = outbound_.send_keepalive(*peer);
  if (drop != DropReason::none) worker_.drops_.count(drop);
}

void Worker::Loop::carry_out(ReplaceUdp& command) {
  io_->replace_udp(std::move(command.socket));
}

void Worker::Loop::carry_out(ReplaceTun& command) {
  io_->replace_tun(std::move(command.queue));
}

void Worker::Loop::carry_out(AddStream& command) {
  const tunio::StreamId stream = io_->add_stream(std::move(command.socket));
  on_event(StreamOpened{worker_.id(), stream, command.remote});
}

void Worker::Loop::carry_out(CloseStream& command) {
  io_->close_stream(command.stream);
}

void Worker::Loop::carry_out(Stop&) {
  stopping_ = true;
}

void Worker::Loop::on_control_packet(const Link& from, std::span<const std::byte> packet) {
  if (packet.size() > ControlPacket::kMaxSize) return worker_.drops_.count(DropReason::too_big);
  ControlPacket copy;
  copy.link = from;
  copy.link.worker = worker_.id();
  copy.size = static_cast<std::uint16_t>(packet.size());
  std::memcpy(copy.bytes.data(), packet.data(), packet.size());
  // NOLINTNEXTLINE(performance-move-const-arg): a mailbox takes what is given away, whatever it is.
  if (!worker_.control_packets_.try_post(std::move(copy)))
    worker_.drops_.count(DropReason::control_queue_full);
}

void Worker::Loop::on_event(Event&& event) {
  worker_.events_.post(std::move(event));
}

}  // namespace vpnd::dataplane
