// SPDX-License-Identifier: GPL-2.0
/*
 * From the stack into a queue.
 *
 * Several CPUs may transmit on one queue at a time (the device is lockless for the stack: LLTX). When the queue is
 * full it is stopped, so that the queueing discipline holds and manages what follows; the reader wakes it when half
 * of it is free again. What no discipline holds back is dropped and counted.
 */
#include <linux/netfilter.h>
#include <linux/skbuff.h>

#include "ip_length.h"
#include "shared_ring.h"
#include "tunb.h"

static bool half_free(const struct tunb_ring *ring)
{
	return tunb_ring_used(ring) <= ring->size / 2;
}

/*
 * The reader finds packets by their own length (plain format), so each must be what it says it is; raw sockets may
 * send anything.
 */
static bool is_whole_ip_packet(struct sk_buff *skb)
{
	return pskb_may_pull(skb, TUNB_LENGTH_PREFIX) && tunb_ip_length(skb->data) == skb->len;
}

/* Makes the packet fit to be kept for long, or says why it must be dropped. */
static enum tunb_counter prepare(const struct tunb *tunb, struct sk_buff *skb)
{
	if (!is_whole_ip_packet(skb))
		return TUNB_TX_NOT_IP;
	if (!tunb->framed) {
		/* Both happen only while features change. */
		if (unlikely(skb_is_gso(skb)))
			return TUNB_TX_OFFLOAD;
		if (unlikely(skb->ip_summed == CHECKSUM_PARTIAL) && skb_checksum_help(skb))
			return TUNB_TX_OFFLOAD;
	}
	if (skb_orphan_frags_rx(skb, GFP_ATOMIC))
		return TUNB_TX_NO_MEMORY;
	skb_tx_timestamp(skb);
	/* It may stay here for as long as the reader likes: it must not hold sockets, routes or connections. */
	skb_orphan(skb);
	skb_dst_drop(skb);
	nf_reset_ct(skb);
	return TUNB_KEPT;
}

/*
 * Stops the queue if it has become full. A reader may make room at the same time: it stores its counter, then looks
 * whether the queue is stopped (tunb_resume_transmit); here it is the other way round, so that one of both sees it.
 */
static bool stop_if_full(struct tunb_queue *queue, struct net_device *dev)
{
	struct netdev_queue *txq = netdev_get_tx_queue(dev, queue->index);

	if (tunb_ring_used(&queue->ring) < queue->ring.size)
		return false;
	netif_tx_stop_queue(txq);
	tunb_count(queue, TUNB_QUEUE_STOPPED, 1);
	smp_mb(); /* the stop before the look at the reader's counter */
	if (half_free(&queue->ring))
		netif_tx_wake_queue(txq);
	return true;
}

/* The same with shared memory: user space rings when to_user_full is set, so that comes first. */
static bool stop_if_shared_full(struct tunb_queue *queue, struct tunb_shared *shared, struct net_device *dev)
{
	struct netdev_queue *txq = netdev_get_tx_queue(dev, queue->index);

	if (!tunb_shared_is_full(shared))
		return false;
	netif_tx_stop_queue(txq);
	tunb_count(queue, TUNB_QUEUE_STOPPED, 1);
	smp_mb(); /* both before the second look at the process's counter */
	if (!tunb_shared_is_full(shared))
		netif_tx_wake_queue(txq);
	return true;
}

static enum tunb_counter shared_drop_reason(int error)
{
	switch (error) {
	case -ENOSPC:
		return TUNB_TX_QUEUE_FULL;
	case -EPROTO:
		return TUNB_TX_SHARED_BROKEN;
	default:
		return TUNB_TX_OFFLOAD;
	}
}

/* Takes the packet over unless a reason to drop it is returned. */
static enum tunb_counter to_shared(struct tunb_queue *queue, struct tunb_shared *shared, struct sk_buff *skb,
				   bool *full)
{
	unsigned int length = skb->len;
	struct net_device *dev = skb->dev;
	int error;

	spin_lock(&queue->ring.producer_lock);
	error = tunb_shared_produce(shared, skb);
	*full = stop_if_shared_full(queue, shared, dev);
	spin_unlock(&queue->ring.producer_lock);
	if (unlikely(error))
		return shared_drop_reason(error);
	dev_sw_netstats_tx_add(dev, 1, length);
	consume_skb(skb);
	return TUNB_KEPT;
}

static enum tunb_counter to_ring(struct tunb_queue *queue, struct sk_buff *skb, bool *full)
{
	struct net_device *dev = skb->dev;
	bool produced;

	spin_lock(&queue->ring.producer_lock);
	produced = tunb_ring_produce(&queue->ring, skb);
	*full = stop_if_full(queue, dev);
	spin_unlock(&queue->ring.producer_lock);
	return produced ? TUNB_KEPT : TUNB_TX_QUEUE_FULL;
}

/* Somebody waits in read or poll; a process with shared memory says whether it does. */
static void wake(struct tunb_file *file, const struct tunb_shared *shared)
{
	if (shared) {
		smp_mb(); /* the packet before the look whether the process sleeps */
		if (!READ_ONCE(shared->ring->to_user_sleeping))
			return;
	}
	tunb_wake_reader(file);
}

netdev_tx_t tunb_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct tunb *tunb = tunb_of(dev);
	struct tunb_queue *queue = &tunb->queues[skb_get_queue_mapping(skb)];
	struct tunb_shared *shared;
	enum tunb_counter reason;
	struct tunb_file *file;
	bool full = false;

	rcu_read_lock();
	file = rcu_dereference(queue->file);
	reason = file ? prepare(tunb, skb) : TUNB_TX_UNATTACHED;
	shared = rcu_dereference(queue->shared);
	if (likely(reason == TUNB_KEPT))
		reason = shared ? to_shared(queue, shared, skb, &full) : to_ring(queue, skb, &full);
	if (unlikely(reason != TUNB_KEPT)) {
		tunb_count(queue, reason, 1);
		dev_core_stats_tx_dropped_inc(dev);
		kfree_skb(skb);
	}
	/* A burst wakes the reader once, with all of it in place; so must a burst whose last packet was dropped. */
	if (file && (full || !netdev_xmit_more()))
		wake(file, shared);
	rcu_read_unlock();
	return NETDEV_TX_OK;
}

/* After packets were taken out. */
void tunb_resume_transmit(struct tunb_queue *queue)
{
	struct netdev_queue *txq;
	struct net_device *dev;

	smp_mb(); /* the reader's counter before the look at the queue's state: see stop_if_full() */
	rcu_read_lock();
	dev = rcu_dereference(queue->tunb->dev);
	if (dev) {
		txq = netdev_get_tx_queue(dev, queue->index);
		if (netif_tx_queue_stopped(txq) && half_free(&queue->ring))
			netif_tx_wake_queue(txq);
	}
	rcu_read_unlock();
}

/* Drops what is queued: nobody will read it any more. */
void tunb_flush_queue(struct tunb_queue *queue)
{
	u32 i, n;

	spin_lock(&queue->ring.consumer_lock);
	n = tunb_ring_available(&queue->ring);
	for (i = 0; i < n; i++)
		kfree_skb(tunb_ring_peek(&queue->ring, i));
	tunb_ring_consume(&queue->ring, n);
	spin_unlock(&queue->ring.consumer_lock);
	tunb_count(queue, TUNB_TX_FLUSHED, n);
}

/* The stack's choice (XPS, else the flow's hash), unless nobody reads that queue: then the next one that is read. */
u16 tunb_select_queue(struct net_device *dev, struct sk_buff *skb, struct net_device *sb_dev)
{
	struct tunb *tunb = tunb_of(dev);
	unsigned int picked = netdev_pick_tx(dev, skb, sb_dev);
	unsigned int i = picked;

	do {
		if (likely(rcu_access_pointer(tunb->queues[i].file)))
			return i;
		i = i + 1 < tunb->queue_count ? i + 1 : 0;
	} while (i != picked);
	return picked;
}
