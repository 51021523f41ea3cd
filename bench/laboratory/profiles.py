"""The outer links that tunnels are measured over."""

from __future__ import annotations

from dataclasses import dataclass

from support.netns import Link, Namespace, connect

# 1 Gbit/s of Ethernet in what the kernel counts of full frames, which is without FCS, preamble and gap: 1,514 of 1,538
# bytes. It counts the headers of every segment of a super-packet, while tbf's `overhead` comes but once for all.
GIGABIT = "984395kbit"

# The shaper: two full-sized bursts of the stack with all their headers, so that tbf passes one whole (it would program a timer
# for every segment otherwise, which costs a virtual machine more than anything that is to be measured) and may be late for
# the next; and a queue of 4 ms, about that of a small switch.
SHAPER_BURST = "144kb"
SHAPER_QUEUE = "512kb"


@dataclass(frozen=True)
class Profile:
    name: str
    title: str
    wire: bool = False  # segment and sum like a cable
    rate: str = ""  # shaped to this, as tc spells it
    loss_percent: int = 0  # so many datagrams in a hundred are lost, in both directions
    forwarding: bool = False  # hosts behind either end

    def lay(self, first: Namespace, second: Namespace) -> Link:
        """The outer link between the two ends of the tunnel."""
        link = connect(first, second, wire=self.wire)
        for namespace in (first, second):
            if self.rate:
                namespace.run("tc", "qdisc", "add", "dev", "wan", "root", "tbf", "rate", self.rate,
                              "burst", SHAPER_BURST, "limit", SHAPER_QUEUE)
            if self.loss_percent:
                lose(namespace, self.loss_percent)
        return link


def lose(namespace: Namespace, percent: int) -> None:
    """Drops arriving datagrams at random. GRO would make the loss of one that of a whole run, so it is off."""
    namespace.run("ethtool", "-K", "wan", "gro", "off")
    namespace.run("nft", "add", "table", "netdev", "loss")
    namespace.run("nft", "add chain netdev loss arriving { type filter hook ingress device wan priority 0; }")
    namespace.run("nft", f"add rule netdev loss arriving ip version 4 numgen random mod 100 < {percent} counter drop")


PROFILES = {profile.name: profile for profile in (
    Profile("veth", "veth as it comes: carries 64 KB UDP runs whole and without checksums, which no cable does"),
    Profile("wire", "veth that segments and sums like a cable", wire=True),
    Profile("gigabit", "1 Gbit/s Ethernet: shaped, with the overhead of its frames", wire=True, rate=GIGABIT),
    Profile("http", "web server and client behind gateways, 1 Gbit/s Ethernet between these", wire=True, rate=GIGABIT,
            forwarding=True),
    Profile("lossy", "1 % random loss in both directions, no GRO on the outer link", wire=True, loss_percent=1),
)}
