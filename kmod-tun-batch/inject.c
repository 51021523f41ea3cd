// SPDX-License-Identifier: GPL-2.0
/*
 * From user space, second half: a group of packets goes into the stack, with bottom halves off, so that the sk_buffs
 * come out of the CPU's cache, and under RCU, so that the device is there.
 *
 * Without GRO (the default) as a list, which is cheapest; with it (ethtool -K … gro on) through the queue's NAPI
 * context, whose poll then runs within the same write as a rule.
 */
#include <linux/if_ether.h>
#include <linux/virtio_net.h>

#include "batch.h"
#include "tunb.h"

/* Packets that may wait for NAPI, when softirqs are put off. */
#define BACKLOG_LIMIT	4096

/* Gives the packet its sk_buff. NULL: no memory; the packet is freed. */
static struct sk_buff *to_skb(struct tunb_packet *packet)
{
	struct sk_buff *skb = packet->skb;
	u32 length = packet->length;

	if (skb)
		return skb;
	skb = napi_build_skb(packet, packet->fragment_size);
	if (unlikely(!skb)) {
		tunb_packet_free(packet);
		return NULL;
	}
	skb_reserve(skb, TUNB_HEADROOM);
	skb_put(skb, length);
	return skb;
}

/* The virtio-net header is checked here, where skb->dev is known: dissecting the flow wants a namespace. */
static bool apply_offload(struct sk_buff *skb, const struct virtio_net_hdr *offload)
{
	if (!offload->flags && offload->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return true;
	if (virtio_net_hdr_to_skb(skb, offload, true))
		return false;
	if (offload->flags & VIRTIO_NET_HDR_F_DATA_VALID && skb->ip_summed == CHECKSUM_NONE)
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	return true;
}

static enum tunb_counter prepare(struct tunb_queue *queue, struct net_device *dev, struct tunb_packet *packet,
				 struct sk_buff **result)
{
	struct virtio_net_hdr offload = {};
	struct sk_buff *skb;

	if (queue->tunb->framed)
		offload = packet->offload;
	skb = to_skb(packet);
	if (unlikely(!skb))
		return TUNB_RX_NO_MEMORY;
	skb->dev = dev;
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	skb->protocol = skb->data[0] >> 4 == 4 ? htons(ETH_P_IP) : htons(ETH_P_IPV6);
	if (unlikely(!apply_offload(skb, &offload))) {
		kfree_skb(skb);
		return TUNB_RX_OFFLOAD;
	}
	skb_record_rx_queue(skb, queue->index);
	*result = skb;
	return TUNB_KEPT;
}

static void drop(struct tunb_queue *queue, struct net_device *dev, enum tunb_counter reason)
{
	tunb_count(queue, reason, 1);
	if (dev)
		dev_core_stats_rx_dropped_inc(dev);
}

static void drop_all(struct tunb_queue *queue, struct net_device *dev, struct tunb_packet *packet)
{
	struct tunb_packet *next;

	for (; packet; packet = next) {
		next = packet->next;
		tunb_packet_free(packet);
		drop(queue, dev, TUNB_RX_DOWN);
	}
}

static void count_received(struct net_device *dev, unsigned int packets, u64 bytes)
{
	struct pcpu_sw_netstats *stats = this_cpu_ptr(dev->tstats);

	u64_stats_update_begin(&stats->syncp);
	u64_stats_add(&stats->rx_packets, packets);
	u64_stats_add(&stats->rx_bytes, bytes);
	u64_stats_update_end(&stats->syncp);
}

static void to_backlog(struct tunb_queue *queue, struct net_device *dev, struct list_head *list)
{
	struct sk_buff *skb, *next;

	spin_lock(&queue->backlog.lock);
	list_for_each_entry_safe(skb, next, list, list) {
		skb_list_del_init(skb);
		if (unlikely(skb_queue_len(&queue->backlog) >= BACKLOG_LIMIT)) {
			kfree_skb(skb);
			drop(queue, dev, TUNB_RX_BACKLOG_FULL);
			continue;
		}
		__skb_queue_tail(&queue->backlog, skb);
	}
	spin_unlock(&queue->backlog.lock);
	napi_schedule(&queue->napi);
}

static void inject_all(struct tunb_queue *queue, struct net_device *dev, struct tunb_packet *packet)
{
	struct tunb_packet *next;
	enum tunb_counter reason;
	unsigned int packets = 0;
	struct sk_buff *skb;
	LIST_HEAD(list);
	u64 bytes = 0;

	for (; packet; packet = next) {
		next = packet->next;
		reason = prepare(queue, dev, packet, &skb);
		if (unlikely(reason != TUNB_KEPT)) {
			drop(queue, dev, reason);
			continue;
		}
		packets++;
		bytes += skb->len;
		list_add_tail(&skb->list, &list);
	}
	count_received(dev, packets, bytes);
	if (dev->features & NETIF_F_GRO)
		to_backlog(queue, dev, &list);
	else
		netif_receive_skb_list(&list);
}

/* Gives the batch to the stack; it is empty afterwards, whatever the result. 0, -ENODEV or -EIO (down). */
int tunb_inject(struct tunb_queue *queue, struct tunb_batch *batch)
{
	struct net_device *dev;
	int result = 0;

	local_bh_disable();
	rcu_read_lock();
	dev = rcu_dereference(queue->tunb->dev);
	/* A device that goes down waits for those who saw it running (tunb_stop). */
	if (likely(dev && netif_running(dev))) {
		inject_all(queue, dev, batch->first);
	} else {
		drop_all(queue, dev, batch->first);
		result = dev ? -EIO : -ENODEV;
	}
	rcu_read_unlock();
	local_bh_enable();
	return result;
}

int tunb_poll_backlog(struct napi_struct *napi, int budget)
{
	struct tunb_queue *queue = container_of(napi, struct tunb_queue, napi);
	struct sk_buff *skb;
	int done = 0;

	while (done < budget) {
		spin_lock(&queue->backlog.lock);
		skb = __skb_dequeue(&queue->backlog);
		spin_unlock(&queue->backlog.lock);
		if (!skb)
			break;
		napi_gro_receive(napi, skb);
		done++;
	}
	if (done < budget)
		napi_complete_done(napi, done); /* comes back by itself if something was appended meanwhile */
	return done;
}
