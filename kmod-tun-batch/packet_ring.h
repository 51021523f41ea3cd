/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A ring of packets between the transmit side of the stack and readers: any number of either, each side under a lock
 * of its own. Counters run freely; the difference is what is queued. Unlike ptr_ring it knows how full it is,
 * which stopping and waking of the queue need, and gives a whole batch back with one store.
 */
#ifndef TUN_BATCH_PACKET_RING_H
#define TUN_BATCH_PACKET_RING_H

#include <linux/cache.h>
#include <linux/mm.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>

struct tunb_ring {
	struct sk_buff **slots;
	u32 size;				/* a power of two */

	spinlock_t producer_lock ____cacheline_aligned_in_smp;	/* with bottom halves off */
	u32 produced;

	spinlock_t consumer_lock ____cacheline_aligned_in_smp;	/* process context only */
	u32 consumed;
};

static inline int tunb_ring_init(struct tunb_ring *ring, u32 size)
{
	ring->slots = kvcalloc(size, sizeof(*ring->slots), GFP_KERNEL_ACCOUNT);
	if (!ring->slots)
		return -ENOMEM;
	ring->size = size;
	spin_lock_init(&ring->producer_lock);
	spin_lock_init(&ring->consumer_lock);
	return 0;
}

/* Packets queued, as seen from outside of both locks. */
static inline u32 tunb_ring_used(const struct tunb_ring *ring)
{
	return READ_ONCE(ring->produced) - READ_ONCE(ring->consumed);
}

/* Under the producer's lock. False: full. */
static inline bool tunb_ring_produce(struct tunb_ring *ring, struct sk_buff *skb)
{
	/* Pairs with the release in tunb_ring_consume: the slot has been read. */
	if (ring->produced - smp_load_acquire(&ring->consumed) >= ring->size)
		return false;
	ring->slots[ring->produced & (ring->size - 1)] = skb;
	smp_store_release(&ring->produced, ring->produced + 1); /* after the slot: tunb_ring_available() */
	return true;
}

/* Under the consumer's lock: how many there are, and the one at a distance from the first. */
static inline u32 tunb_ring_available(const struct tunb_ring *ring)
{
	return smp_load_acquire(&ring->produced) - ring->consumed; /* before the slots: tunb_ring_produce() */
}

static inline struct sk_buff *tunb_ring_peek(const struct tunb_ring *ring, u32 distance)
{
	return ring->slots[(ring->consumed + distance) & (ring->size - 1)];
}

/* Under the consumer's lock: the first n have been taken out. */
static inline void tunb_ring_consume(struct tunb_ring *ring, u32 n)
{
	smp_store_release(&ring->consumed, ring->consumed + n); /* after the slots: tunb_ring_produce() */
}

#endif
