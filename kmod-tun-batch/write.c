// SPDX-License-Identifier: GPL-2.0
/*
 * From user space, first half: packets are cut out of what is written and copied into memory of the kernel. This may
 * sleep and holds nothing. Up to 64 of them go on together (inject.c).
 *
 * Nothing in the user's memory is looked at twice: lengths are taken from the copy.
 */
#include <linux/sched.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "batch.h"
#include "ip_length.h"
#include "tunb.h"

#define PACKETS_PER_GROUP	64
/* Fewer do not pay for a visit to the stack. */
#define LEAST_PER_GROUP		8
/* Of a large packet, in one piece: all headers. */
#define LINEAR_BYTES		256

/* What must have been copied before it is known how long a packet is. */
struct packet_head {
	struct tun_batch_frame frame;	/* framed format */
	u8 prefix[TUNB_LENGTH_PREFIX];
};

/* The head of the next packet is copied along with a small one, for a moment into the room of its skb_shared_info. */
static_assert(sizeof(struct packet_head) + TUN_BATCH_ALIGN <= sizeof(struct skb_shared_info));

/* Where a write stands. */
struct writer {
	struct iov_iter *from;
	gfp_t gfp;
	bool framed;
	bool head_is_here;	/* of the packet that comes next; else @from begins with it */
	struct packet_head head;
};

static size_t fragment_size(u32 length)
{
	return SKB_DATA_ALIGN(TUNB_HEADROOM + length) + SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
}

static bool has_room(const struct page_frag *fragment, size_t size)
{
	return fragment->page && fragment->offset + size <= fragment->size;
}

bool tunb_batch_is_full(const struct tunb_batch *batch, const struct tunb_packet *last)
{
	const struct page_frag *fragment = &current->task_frag;

	if (batch->packets >= PACKETS_PER_GROUP)
		return true;
	if (last->skb || batch->packets < LEAST_PER_GROUP)
		return false;
	return !has_room(fragment, ALIGN(last->fragment_size, SMP_CACHE_BYTES));
}

/* A packet in a page fragment of the thread's own. */
static struct tunb_packet *small_packet(u32 length, gfp_t gfp)
{
	struct page_frag *fragment = &current->task_frag;
	size_t size = fragment_size(length);
	struct tunb_packet *packet;

	fragment->offset = ALIGN(fragment->offset, SMP_CACHE_BYTES);
	if (!has_room(fragment, size) && unlikely(!skb_page_frag_refill(size, fragment, gfp)))
		return NULL;
	packet = page_address(fragment->page) + fragment->offset;
	page_ref_inc(fragment->page); /* which is the first of its folio */
	fragment->offset += size;
	packet->skb = NULL;
	packet->fragment_size = size;
	packet->length = length;
	return packet;
}

static struct tunb_packet *large_packet(u32 length, gfp_t gfp)
{
	u32 linear = min_t(u32, length, LINEAR_BYTES);
	struct tunb_packet *packet;
	struct sk_buff *skb;
	int error;

	skb = alloc_skb_with_frags(TUNB_HEADROOM + linear, length - linear, PAGE_ALLOC_COSTLY_ORDER, &error, gfp);
	if (!skb)
		return NULL;
	skb_reserve(skb, TUNB_HEADROOM);
	skb_put(skb, linear);
	skb->data_len = length - linear;
	skb->len = length;
	packet = (struct tunb_packet *)skb->cb;
	packet->skb = skb;
	packet->length = length;
	return packet;
}

struct tunb_packet *tunb_packet_alloc(u32 length, gfp_t gfp)
{
	return fragment_size(length) <= PAGE_SIZE ? small_packet(length, gfp) : large_packet(length, gfp);
}

static size_t head_size(const struct writer *writer)
{
	return writer->framed ? sizeof(writer->head) : sizeof(writer->head.prefix);
}

static void *head_start(struct writer *writer)
{
	return writer->framed ? (void *)&writer->head : writer->head.prefix;
}

/* Bytes that have not become packets. */
static size_t bytes_left(const struct writer *writer)
{
	return iov_iter_count(writer->from) + (writer->head_is_here ? head_size(writer) : 0);
}

static int read_head(struct writer *writer)
{
	size_t size = head_size(writer);

	if (writer->head_is_here) {
		writer->head_is_here = false;
		return 0;
	}
	if (iov_iter_count(writer->from) < size)
		return -EINVAL;
	return copy_from_iter_full(head_start(writer), size, writer->from) ? 0 : -EFAULT;
}

/*
 * Copies @size bytes to @to, and with them the next head, which saves a second copy for each packet. Whether the next
 * one can be read is not this packet's affair.
 */
static bool copy_and_look_ahead(struct writer *writer, u8 *to, u32 size, size_t padding)
{
	struct iov_iter *from = writer->from;
	size_t ahead = head_size(writer), wanted = size, copied;

	padding = min(padding, iov_iter_count(from) - size);
	wanted += padding;
	if (iov_iter_count(from) - wanted >= ahead)
		wanted += ahead;
	copied = copy_from_iter(to, wanted, from);
	if (unlikely(copied < size))
		return false;
	if (likely(copied == size + padding + ahead)) {
		memcpy(head_start(writer), to + size + padding, ahead);
		writer->head_is_here = true;
	} else if (copied > size + padding) {
		iov_iter_revert(from, copied - size - padding);
	} else {
		iov_iter_advance(from, size + padding - copied);
	}
	return true;
}

/* Fills in what follows the prefix in the head. */
static bool fill(struct writer *writer, struct tunb_packet *packet, size_t padding)
{
	u32 have = TUNB_LENGTH_PREFIX, rest = packet->length - have;
	u8 *data = tunb_packet_start(packet);

	memcpy(data, writer->head.prefix, have);
	if (!packet->skb)
		return copy_and_look_ahead(writer, data + have, rest, padding);
	if (skb_copy_datagram_from_iter(packet->skb, have, writer->from, rest))
		return false;
	iov_iter_advance(writer->from, min(padding, iov_iter_count(writer->from)));
	return true;
}

/* Of the packet that begins with the head. 0: it cannot be one. */
static u32 checked_length(const struct writer *writer)
{
	u32 length = tunb_ip_length(writer->head.prefix);

	if (!length || length > iov_iter_count(writer->from) + TUNB_LENGTH_PREFIX)
		return 0;
	if (!writer->framed)
		return length;
	return !writer->head.frame.reserved && le32_to_cpu(writer->head.frame.length) == length ? length : 0;
}

static struct tunb_packet *copy_packet(struct writer *writer)
{
	struct tunb_packet *packet;
	size_t padding = 0;
	u32 length;
	int error;

	error = read_head(writer);
	if (error)
		return ERR_PTR(error);
	length = checked_length(writer);
	if (!length)
		return ERR_PTR(-EINVAL);
	packet = tunb_packet_alloc(length, writer->gfp);
	if (!packet)
		return ERR_PTR(writer->gfp & __GFP_DIRECT_RECLAIM ? -ENOMEM : -EAGAIN);
	if (writer->framed) {
		memcpy(&packet->offload, &writer->head.frame.offload, sizeof(packet->offload));
		padding = -(sizeof(writer->head.frame) + length) % TUN_BATCH_ALIGN;
	}
	if (!fill(writer, packet, padding)) {
		tunb_packet_free(packet);
		return ERR_PTR(-EFAULT);
	}
	return packet;
}

static bool is_malformed(long error)
{
	return error == -EINVAL || error == -EFAULT;
}

static ssize_t write_batch(struct tunb_queue *queue, struct iov_iter *from, gfp_t gfp)
{
	struct writer writer = { .from = from, .gfp = gfp, .framed = queue->tunb->framed };
	size_t total = iov_iter_count(from), copied = 0, taken = 0;
	struct tunb_packet *packet;
	struct tunb_batch batch;
	ssize_t error = 0;

	tunb_batch_init(&batch);
	while (bytes_left(&writer)) {
		packet = copy_packet(&writer);
		if (IS_ERR(packet)) {
			error = PTR_ERR(packet);
			if (is_malformed(error))
				tunb_count(queue, TUNB_RX_MALFORMED, 1);
			break;
		}
		tunb_batch_append(&batch, packet);
		copied = total - bytes_left(&writer);
		if (!tunb_batch_is_full(&batch, packet))
			continue;
		error = tunb_inject(queue, &batch);
		if (error)
			return taken ? taken : error;
		taken = copied;
		tunb_batch_init(&batch);
		if (fatal_signal_pending(current))
			return taken;
		cond_resched();
	}
	if (batch.packets) {
		int failure = tunb_inject(queue, &batch);

		if (failure)
			return taken ? taken : failure;
		taken = copied;
	}
	return taken ? taken : error;
}

ssize_t tunb_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct tunb_file *file = iocb->ki_filp->private_data;
	gfp_t gfp = iocb->ki_flags & IOCB_NOWAIT ? GFP_NOWAIT : GFP_KERNEL;
	struct tunb_queue *queue = tunb_queue_get(file);
	ssize_t result;

	if (!queue)
		return -EBADFD;
	result = write_batch(queue, from, gfp);
	tunb_count(queue, TUNB_WRITES, 1);
	tunb_queue_put(queue);
	return result;
}
