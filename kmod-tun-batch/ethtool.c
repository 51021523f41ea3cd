// SPDX-License-Identifier: GPL-2.0
/* What ethtool shows: counters by cause, ring sizes and queues. */
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>

#include "tunb.h"

static const char counter_names[TUNB_COUNTERS][ETH_GSTRING_LEN] = {
	[TUNB_READS]		= "reads",
	[TUNB_WRITES]		= "writes",
	[TUNB_QUEUE_STOPPED]	= "queue_stopped",
	[TUNB_TX_UNATTACHED]	= "tx_dropped_unattached",
	[TUNB_TX_QUEUE_FULL]	= "tx_dropped_queue_full",
	[TUNB_TX_NOT_IP]	= "tx_dropped_not_ip",
	[TUNB_TX_NO_MEMORY]	= "tx_dropped_no_memory",
	[TUNB_TX_OFFLOAD]	= "tx_dropped_offload",
	[TUNB_TX_COPY_FAULT]	= "tx_dropped_copy_fault",
	[TUNB_TX_FLUSHED]	= "tx_dropped_flushed",
	[TUNB_TX_SHARED_BROKEN]	= "tx_dropped_ring_broken",
	[TUNB_RX_MALFORMED]	= "rx_malformed_writes",
	[TUNB_RX_OFFLOAD]	= "rx_dropped_offload",
	[TUNB_RX_NO_MEMORY]	= "rx_dropped_no_memory",
	[TUNB_RX_BACKLOG_FULL]	= "rx_dropped_backlog_full",
	[TUNB_RX_DOWN]		= "rx_dropped_down",
};

#define FIRST_COUNTER	(TUNB_KEPT + 1)

static int get_sset_count(struct net_device *dev, int set)
{
	return set == ETH_SS_STATS ? TUNB_COUNTERS - FIRST_COUNTER : -EOPNOTSUPP;
}

static void get_strings(struct net_device *dev, u32 set, u8 *data)
{
	if (set == ETH_SS_STATS)
		memcpy(data, counter_names[FIRST_COUNTER], sizeof(counter_names) - FIRST_COUNTER * ETH_GSTRING_LEN);
}

static void get_ethtool_stats(struct net_device *dev, struct ethtool_stats *stats, u64 *data)
{
	struct tunb *tunb = tunb_of(dev);
	unsigned int counter, i;

	for (counter = FIRST_COUNTER; counter < TUNB_COUNTERS; counter++, data++) {
		*data = 0;
		for (i = 0; i < tunb->queue_count; i++)
			*data += atomic64_read(&tunb->queues[i].counters[counter]);
	}
}

static void get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	strscpy(info->driver, "tun_batch", sizeof(info->driver));
	strscpy(info->bus_info, tunb_of(dev)->framed ? "framed" : "plain", sizeof(info->bus_info));
}

static void get_ringparam(struct net_device *dev, struct ethtool_ringparam *ring,
			  struct kernel_ethtool_ringparam *kernel_ring, struct netlink_ext_ack *extack)
{
	ring->tx_pending = tunb_of(dev)->queues[0].ring.size;
	ring->tx_max_pending = TUNB_MAX_QUEUE_PACKETS;
}

static void get_channels(struct net_device *dev, struct ethtool_channels *channels)
{
	channels->combined_count = tunb_of(dev)->attached;
	channels->max_combined = tunb_of(dev)->queue_count;
}

const struct ethtool_ops tunb_ethtool_ops = {
	.get_drvinfo		= get_drvinfo,
	.get_link		= ethtool_op_get_link,
	.get_ringparam		= get_ringparam,
	.get_channels		= get_channels,
	.get_ts_info		= ethtool_op_get_ts_info,
	.get_sset_count		= get_sset_count,
	.get_strings		= get_strings,
	.get_ethtool_stats	= get_ethtool_stats,
};
