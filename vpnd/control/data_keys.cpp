#include "vpnd/control/data_keys.hpp"

#include <algorithm>

#include "vpnd/control/security_setup.hpp"

namespace vpnd::control {

void DataKeys::add_peer(dataplane::PeerIndex first, unsigned lanes, const dataplane::Link& link,
                        const tunio::Endpoint& others_at, const dataplane::PeerSettings& settings,
                        DataPlane& data_plane) {
  data_plane.post(dataplane::AddPeer{first, link, settings, counters(0)});
  for (unsigned lane = 1; lane < lanes; ++lane) {
    dataplane::PeerSettings of_lane = settings;
    of_lane.wire_id.value += lane;
    data_plane.post(
        dataplane::AddPeer{.index = {first.value + lane},
                           .link = {.endpoint = others_at, .stream = std::nullopt, .worker = link.worker},
                           .settings = of_lane,
                           .counters = counters(lane),
                           .session = first});
  }
}

bool DataKeys::install(proto::Session& session, proto::KeyId key, const DataKeyAgreement& agreement,
                       DataPlane& data_plane) {
  const auto material = session.derive_data_keys(key, agreement.derivation);
  if (!material) return false;
  const DataKeyTerms terms{.algorithm = agreement.cipher,
                           .own = agreement.role,
                           .wire_id = agreement.wire_id,
                           .batch = agreement.batch,
                           .epoch = agreement.epoch};
  const unsigned lanes = agreement.batch ? agreement.batch->lanes : 1;
  for (unsigned lane = 0; lane < lanes; ++lane) {
    data_plane.post(make_data_key(agreement.peer, key, *material, terms, {static_cast<std::uint8_t>(lane)},
                                  options_.data));
  }
  before_ = traffic();
  return true;
}

bool DataKeys::are_worn() const noexcept {
  const config::RenewalOptions& limits = options_.renewal;
  const TrafficTotals now = traffic();
  return (limits.bytes > 0 && now.bytes() - before_.bytes() >= limits.bytes) ||
         (limits.packets > 0 && now.records() - before_.records() >= limits.packets);
}

TrafficTotals DataKeys::traffic() const noexcept {
  TrafficTotals totals;
  for (const auto& lane : counters_) {
    totals.bytes_received += lane->bytes_received.get();
    totals.bytes_sent += lane->bytes_sent.get();
    totals.records_received += lane->records_received.get();
    totals.records_sent += lane->records_sent.get();
    totals.tun_bytes_read += lane->tun_bytes_read.get();
    totals.tun_bytes_written += lane->tun_bytes_written.get();
  }
  return totals;
}

proto::TimePoint DataKeys::last_received() const noexcept {
  proto::TimePoint latest{};
  for (const auto& lane : counters_) latest = std::max(latest, lane->last_received.get());
  return latest;
}

const std::shared_ptr<dataplane::TrafficCounters>& DataKeys::counters(std::size_t lane) {
  while (counters_.size() <= lane) counters_.push_back(std::make_shared<dataplane::TrafficCounters>());
  return counters_[lane];
}

}  // namespace vpnd::control
