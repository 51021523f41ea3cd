// SPDX-License-Identifier: GPL-2.0
/*
 * From the stack into shared memory. The queue is stopped while there may not be room for the largest packet, so none
 * is dropped; the process rings when it has made room.
 */
#include <linux/virtio_net.h>

#include "shared_ring.h"
#include "tunb.h"

/* A frame that does not fit before the end of the area leaves that end empty. */
#define WORST_CASE	(2 * TUN_BATCH_MAX_FRAME)

/* Free bytes; 0 if the process's counter cannot be, which ends the ring. */
static u32 free_bytes(struct tunb_shared *shared)
{
	const struct tunb_area *area = &shared->to_user;
	/* Pairs with the process's release: it has read what it consumed. */
	u32 used = area->position - smp_load_acquire(&shared->ring->to_user_consumed);

	if (unlikely(used > area->size)) {
		WRITE_ONCE(shared->broken, true);
		return 0;
	}
	return area->size - used;
}

static void put_length(u8 *at, u32 length)
{
	*(__le32 *)at = cpu_to_le32(length);
}

/* Where a record of this size goes, in one piece; NULL: there is no room. */
static u8 *reserve(struct tunb_shared *shared, u32 size)
{
	struct tunb_area *area = &shared->to_user;
	u32 at = area->position & (area->size - 1), to_end = area->size - at, room = free_bytes(shared);

	if (size <= to_end)
		return size <= room ? area->bytes + at : NULL;
	if (to_end + size > room)
		return NULL;
	put_length(area->bytes + at, TUN_BATCH_SKIP);
	area->position += to_end;
	return area->bytes;
}

/*
 * 0; -ENOSPC: full; -EINVAL: an offload that cannot be expressed; -EPROTO: the ring is dead. The packet stays the
 * caller's.
 */
int tunb_shared_produce(struct tunb_shared *shared, struct sk_buff *skb)
{
	struct virtio_net_hdr offload;
	u32 size = ALIGN(TUN_BATCH_FRAME_SIZE + skb->len, TUN_BATCH_ALIGN);
	u8 *record;

	if (READ_ONCE(shared->broken))
		return -EPROTO;
	if (virtio_net_hdr_from_skb(skb, &offload, true, true, 0))
		return -EINVAL;
	record = reserve(shared, size);
	if (!record)
		return READ_ONCE(shared->broken) ? -EPROTO : -ENOSPC;
	put_length(record, skb->len);
	memset(record + 4, 0, 2);
	memcpy(record + offsetof(struct tun_batch_frame, offload), &offload, sizeof(offload));
	memset(record + size - TUN_BATCH_ALIGN, 0, TUN_BATCH_ALIGN);
	if (skb_copy_bits(skb, 0, record + TUN_BATCH_FRAME_SIZE, skb->len))
		return -EINVAL;
	shared->to_user.position += size;
	smp_store_release(&shared->ring->to_user_produced, shared->to_user.position); /* after the record */
	return 0;
}

/* Whether the next packet might find no room. Says so to the process, which then rings. */
bool tunb_shared_is_full(struct tunb_shared *shared)
{
	bool full = free_bytes(shared) < WORST_CASE;

	if (full)
		WRITE_ONCE(shared->ring->to_user_full, 1);
	return full && !READ_ONCE(shared->broken);
}

/* The process has made room, as it says. */
void tunb_shared_resume(struct tunb_queue *queue, struct tunb_shared *shared)
{
	struct netdev_queue *txq;
	struct net_device *dev;
	bool room;

	rcu_read_lock();
	local_bh_disable();
	spin_lock(&queue->ring.producer_lock);
	room = free_bytes(shared) >= max_t(u32, shared->to_user.size / 2, WORST_CASE);
	if (room)
		WRITE_ONCE(shared->ring->to_user_full, 0);
	dev = rcu_dereference(queue->tunb->dev);
	if (room && dev) {
		txq = netdev_get_tx_queue(dev, queue->index);
		if (netif_tx_queue_stopped(txq))
			netif_tx_wake_queue(txq);
	}
	spin_unlock(&queue->ring.producer_lock);
	local_bh_enable();
	rcu_read_unlock();
}
