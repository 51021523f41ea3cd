#!/usr/bin/env python3
"""The layering check must itself be able to fail."""

import tempfile
import unittest
from pathlib import Path

from check_includes import faults


class Layering(unittest.TestCase):
    def faults_of(self, path: str, text: str) -> list[str]:
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory, path)
            file.parent.mkdir(parents=True)
            file.write_text(text)
            return list(faults(Path(directory)))

    def test_downward_includes_are_allowed(self) -> None:
        for path, text in (("vpnd/worker.cpp", '#include <asio.hpp>\n#include "proto/session.hpp"\n'),
                           ("proto/session.cpp", '#include "crypto/aead.hpp"\n#include <fmt/format.h>\n'),
                           ("tunio/uring_io.cpp", "#include <liburing.h>\n"),
                           ("crypto/aead.cpp", "#include <openssl/evp.h>\n")):
            self.assertEqual(self.faults_of(path, text), [], path)

    def test_upward_and_sideward_includes_are_faults(self) -> None:
        for path, name in (("proto/session.hpp", "tunio/endpoint.hpp"), ("tunio/ring.cpp", "proto/header.hpp"),
                           ("crypto/tls.hpp", "proto/session.hpp"), ("tunio/ring.hpp", "crypto/aead.hpp"),
                           ("proto/session.cpp", "vpnd/config.hpp")):
            self.assertEqual(len(self.faults_of(path, f'#include "{name}"\n')), 1, path)

    def test_a_library_is_seen_by_its_folder_only(self) -> None:
        for path, name in (("proto/session.cpp", "openssl/evp.h"), ("vpnd/worker.cpp", "liburing.h"),
                           ("tunio/ring.cpp", "asio.hpp"), ("crypto/aead.cpp", "spdlog/spdlog.h")):
            self.assertEqual(len(self.faults_of(path, f"#  include <{name}>\n")), 1, path)

    def test_a_header_named_without_its_folder_is_a_fault(self) -> None:
        self.assertEqual(len(self.faults_of("proto/session.cpp", '#include "session.hpp"\n')), 1)


if __name__ == "__main__":
    unittest.main()
