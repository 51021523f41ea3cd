#include "tunio/batch_io.hpp"

#include "tunio/epoll_io.hpp"
#include "tunio/io_probe.hpp"
#include "tunio/uring_io.hpp"

namespace vpnd::tunio {

std::unique_ptr<BatchIo> make_batch_io(IoConfig config, std::string& why) {
  if (config.engine == Engine::epoll) {
    why = "epoll, as configured";
    return std::make_unique<EpollIo>(std::move(config));
  }
  const IoCapabilities capabilities = probe_uring();
  const Capability* const missing = capabilities.missing_for_uring();
  if (missing == nullptr) {
    why = config.engine == Engine::io_uring ? "io_uring, as configured" : "io_uring";
    return std::make_unique<UringIo>(std::move(config));
  }
  if (config.engine == Engine::io_uring) {
    throw std::system_error(std::make_error_code(std::errc::not_supported),
                            "io_uring engine: " + missing->reason);
  }
  why = "epoll, because io_uring is not usable here: " + missing->reason;
  return std::make_unique<EpollIo>(std::move(config));
}

}  // namespace vpnd::tunio
