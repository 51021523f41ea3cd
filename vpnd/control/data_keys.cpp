#include "vpnd/control/data_keys.hpp"

#include "vpnd/control/security_setup.hpp"

namespace vpnd::control {

bool DataKeys::install(proto::Session& session, proto::KeyId key, const DataKeyAgreement& agreement,
                       DataPlane& data_plane) {
  const auto material = session.derive_data_keys(key, agreement.derivation);
  if (!material) return false;
  const DataKeyTerms terms{.algorithm = agreement.cipher,
                           .own = agreement.role,
                           .wire_id = agreement.wire_id,
                           .batch = agreement.batch};
  data_plane.post(make_data_key(agreement.peer, key, *material, terms, options_.data));
  before_ = traffic();
  return true;
}

bool DataKeys::are_worn() const noexcept {
  const config::RenewalOptions& limits = options_.renewal;
  const auto [bytes, records] = traffic();
  return (limits.bytes > 0 && bytes - before_.bytes >= limits.bytes) ||
         (limits.packets > 0 && records - before_.records >= limits.packets);
}

DataKeys::Traffic DataKeys::traffic() const noexcept {
  return {counters_->bytes_received.get() + counters_->bytes_sent.get(),
          counters_->records_received.get() + counters_->records_sent.get()};
}

}  // namespace vpnd::control
