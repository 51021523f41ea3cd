/* SPDX-License-Identifier: GPL-2.0 */
/* The memory a queue shares with a process; see shared_ring.c. */
#ifndef TUN_BATCH_SHARED_RING_H
#define TUN_BATCH_SHARED_RING_H

#include <linux/kref.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/skbuff.h>
#include <linux/tun_batch.h>

struct tunb_queue;

/* One direction: the area, and our own counter, which the mapping only gets a copy of. */
struct tunb_area {
	u8 *bytes;
	u32 size;
	u32 position;
};

struct tunb_shared {
	struct kref references;
	struct page **pages;
	unsigned int page_count;
	void *mapped;			/* in the kernel */
	struct tun_batch_ring *ring;
	struct tunb_area to_user;	/* position: produced; under the queue's producer lock */
	struct tunb_area from_user;	/* position: consumed; under drain_lock */
	struct mutex drain_lock;
	bool broken;			/* user space broke the rules: nothing moves any more */
};

/* shared_ring.c */
struct tunb_shared *tunb_shared_create(struct tun_batch_share *share);
struct tunb_shared *tunb_shared_get(struct tunb_queue *queue);
void tunb_shared_put(struct tunb_shared *shared);
int tunb_shared_map(struct tunb_shared *shared, struct vm_area_struct *vma);
bool tunb_shared_has_packets(const struct tunb_shared *shared);

/* shared_transmit.c, under the producer's lock and RCU */
bool tunb_shared_is_full(struct tunb_shared *shared);
int tunb_shared_produce(struct tunb_shared *shared, struct sk_buff *skb);
void tunb_shared_resume(struct tunb_queue *queue, struct tunb_shared *shared);

/* shared_drain.c */
long tunb_shared_drain(struct tunb_queue *queue, struct tunb_shared *shared, bool nonblock);

#endif
