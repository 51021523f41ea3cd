// SPDX-License-Identifier: GPL-2.0
/*
 * From a queue to user space: one read takes all that is queued and fits.
 *
 * Packets are moved to a list of our own under the consumer's lock and copied outside of it, so that several threads
 * may read one descriptor, and none of them holds a lock in a page fault. They are freed and counted in bulk.
 */
#include <linux/uio.h>
#include <linux/virtio_net.h>

#include "tunb.h"

/* The frame as the kernel sees it; the same octets as struct tun_batch_frame. */
struct frame {
	__le32 length;
	__le16 reserved;
	struct virtio_net_hdr offload;
};

static_assert(sizeof(struct frame) == TUN_BATCH_FRAME_SIZE);
static_assert(sizeof(struct frame) == sizeof(struct tun_batch_frame));
static_assert(sizeof(struct virtio_net_hdr) == sizeof(struct tun_batch_offload));

static size_t size_in_buffer(const struct tunb *tunb, const struct sk_buff *skb)
{
	return tunb->framed ? ALIGN(sizeof(struct frame) + skb->len, TUN_BATCH_ALIGN) : skb->len;
}

/* Moves to @batch what fits into @room. 0: there was nothing; else packets, or -EMSGSIZE. */
static int take(struct tunb_file *file, struct tunb_queue *queue, size_t room, struct sk_buff_head *batch)
{
	struct sk_buff *skb;
	u32 available;
	size_t size;
	int n = 0;

	spin_lock(&queue->ring.consumer_lock);
	/* Whoever detaches the file flushes the queue under this lock: no packet goes to a former reader. */
	available = tunb_is_live(file, queue) ? tunb_ring_available(&queue->ring) : 0;
	while (n < available) {
		skb = tunb_ring_peek(&queue->ring, n);
		size = size_in_buffer(queue->tunb, skb);
		if (size > room)
			break;
		room -= size;
		__skb_queue_tail(batch, skb);
		n++;
	}
	tunb_ring_consume(&queue->ring, n);
	spin_unlock(&queue->ring.consumer_lock);
	if (n)
		tunb_resume_transmit(queue);
	return !n && available ? -EMSGSIZE : n;
}

static int take_or_wait(struct tunb_file *file, struct tunb_queue *queue, size_t room, bool nonblock,
			struct sk_buff_head *batch)
{
	int n, error;

	for (;;) {
		n = take(file, queue, room, batch);
		if (n)
			return n;
		if (!tunb_is_live(file, queue))
			return rcu_access_pointer(file->queue) == queue ? -ENODEV : -EBADFD;
		if (nonblock)
			return -EAGAIN;
		error = wait_event_interruptible(file->wait, tunb_ring_used(&queue->ring) ||
						 !tunb_is_live(file, queue));
		if (error)
			return error;
	}
}

static bool copy_exactly(const void *from, size_t size, struct iov_iter *to)
{
	return copy_to_iter(from, size, to) == size;
}

static bool copy_packet(struct sk_buff *skb, struct iov_iter *to)
{
	if (!skb_is_nonlinear(skb))
		return copy_exactly(skb->data, skb->len, to);
	return skb_copy_datagram_iter(skb, 0, to, skb->len) == 0;
}

/*
 * A packet in one piece that nobody else looks at has room around it for frame and padding, as a rule
 * (needed_headroom): then it takes one copy instead of three.
 */
static bool frame_in_place(struct sk_buff *skb, const struct frame *frame, size_t padding)
{
	if (skb_is_nonlinear(skb) || skb_cloned(skb) || skb_headroom(skb) < sizeof(*frame) ||
	    skb_tailroom(skb) < padding)
		return false;
	memset(__skb_put(skb, padding), 0, padding);
	memcpy(__skb_push(skb, sizeof(*frame)), frame, sizeof(*frame));
	return true;
}

/* Bytes copied; 0: the packet has an offload that cannot be told to user space; -EFAULT. */
static ssize_t copy_frame(struct sk_buff *skb, struct iov_iter *to)
{
	static const u8 zeros[TUN_BATCH_ALIGN];
	struct frame frame = { .length = cpu_to_le32(skb->len) };
	size_t size = sizeof(frame) + skb->len;
	size_t padding = ALIGN(size, TUN_BATCH_ALIGN) - size;

	if (virtio_net_hdr_from_skb(skb, &frame.offload, true, true, 0))
		return 0;
	if (frame_in_place(skb, &frame, padding))
		return copy_exactly(skb->data, skb->len, to) ? (ssize_t)skb->len : -EFAULT;
	if (!copy_exactly(&frame, sizeof(frame), to) || !copy_packet(skb, to) ||
	    !copy_exactly(zeros, padding, to))
		return -EFAULT;
	return size + padding;
}

static ssize_t copy_one(const struct tunb *tunb, struct sk_buff *skb, struct iov_iter *to)
{
	if (tunb->framed)
		return copy_frame(skb, to);
	if (!copy_packet(skb, to))
		return -EFAULT;
	return skb->len;
}

/* What became of a batch. */
struct outcome {
	ssize_t copied;		/* bytes in the buffer */
	unsigned int packets;	/* in them */
	u64 packet_bytes;	/* without frames */
	unsigned int refused;	/* offloads that cannot be expressed */
	unsigned int faulted;	/* lost to a bad buffer */
};

static struct outcome copy_batch(const struct tunb *tunb, const struct sk_buff_head *batch, struct iov_iter *to)
{
	struct outcome outcome = {};
	struct sk_buff *skb;
	unsigned int length;
	ssize_t size;

	skb_queue_walk(batch, skb) {
		length = skb->len;
		size = copy_one(tunb, skb, to);
		if (unlikely(size < 0)) {
			outcome.faulted = skb_queue_len(batch) - outcome.packets - outcome.refused;
			break;
		}
		if (unlikely(size == 0)) {
			outcome.refused++;
			continue;
		}
		outcome.copied += size;
		outcome.packets++;
		outcome.packet_bytes += length;
	}
	return outcome;
}

static void count_outcome(struct tunb_queue *queue, const struct outcome *outcome)
{
	unsigned int lost = outcome->refused + outcome->faulted;
	struct pcpu_sw_netstats *stats;
	struct net_device *dev;

	tunb_count(queue, TUNB_READS, 1);
	rcu_read_lock();
	dev = rcu_dereference(queue->tunb->dev);
	if (dev) {
		stats = this_cpu_ptr(dev->tstats);
		u64_stats_update_begin(&stats->syncp);
		u64_stats_add(&stats->tx_packets, outcome->packets);
		u64_stats_add(&stats->tx_bytes, outcome->packet_bytes);
		u64_stats_update_end(&stats->syncp);
	}
	if (unlikely(lost)) {
		tunb_count(queue, TUNB_TX_OFFLOAD, outcome->refused);
		tunb_count(queue, TUNB_TX_COPY_FAULT, outcome->faulted);
		while (dev && lost--)
			dev_core_stats_tx_dropped_inc(dev);
	}
	rcu_read_unlock();
}

/* Frees the batch into the CPU's cache of packets. */
static void finish_batch(struct tunb_queue *queue, struct sk_buff_head *batch, const struct outcome *outcome)
{
	struct sk_buff *skb;

	local_bh_disable();
	count_outcome(queue, outcome);
	while ((skb = __skb_dequeue(batch)))
		napi_consume_skb(skb, 1);
	local_bh_enable();
}

static ssize_t read_batch(struct tunb_file *file, struct tunb_queue *queue, bool nonblock, struct iov_iter *to)
{
	struct sk_buff_head batch;
	struct outcome outcome;
	int n;

	do {
		__skb_queue_head_init(&batch);
		n = take_or_wait(file, queue, iov_iter_count(to), nonblock, &batch);
		if (n < 0)
			return n;
		outcome = copy_batch(queue->tunb, &batch, to);
		finish_batch(queue, &batch, &outcome);
		/* All refused: as if there had been nothing. */
	} while (!outcome.copied && !outcome.faulted);
	return outcome.copied ? outcome.copied : -EFAULT;
}

ssize_t tunb_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	bool nonblock = (iocb->ki_filp->f_flags & O_NONBLOCK) || (iocb->ki_flags & IOCB_NOWAIT);
	struct tunb_file *file = iocb->ki_filp->private_data;
	struct tunb_queue *queue;
	ssize_t result;

	if (!iov_iter_count(to))
		return 0;
	queue = tunb_queue_get(file);
	if (!queue)
		return -EBADFD;
	/* What was queued before the memory was shared is gone with the flush that came with it. */
	if (rcu_access_pointer(queue->shared))
		result = -EBUSY;
	else
		result = read_batch(file, queue, nonblock, to);
	tunb_queue_put(queue);
	return result;
}
