#include "tunio/batch_io.hpp"

#include "tunio/epoll_io.hpp"
#include "tunio/io_probe.hpp"
#include "tunio/uring_io.hpp"

namespace vpnd::tunio {

EngineChoice choose_engine(Engine wanted, const IoCapabilities& capabilities) {
  if (wanted == Engine::epoll) return {Engine::epoll, "epoll, as configured"};
  const Capability* const missing = capabilities.missing_for_uring();
  if (missing == nullptr) {
    return {Engine::io_uring, wanted == Engine::io_uring ? "io_uring, as configured" : "io_uring"};
  }
  if (wanted == Engine::io_uring) {
    throw std::system_error(std::make_error_code(std::errc::not_supported),
                            "io_uring engine: " + missing->reason);
  }
  return {Engine::epoll, "epoll, because io_uring is not usable here: " + missing->reason};
}

std::unique_ptr<BatchIo> make_batch_io(IoConfig config, std::string& why) {
  const bool asks_nothing = config.engine == Engine::epoll;
  EngineChoice choice = choose_engine(config.engine, asks_nothing ? IoCapabilities() : probe_uring());
  why = std::move(choice.why);
  if (choice.engine == Engine::io_uring) return std::make_unique<UringIo>(std::move(config));
  return std::make_unique<EpollIo>(std::move(config));
}

}  // namespace vpnd::tunio
