// SPDX-License-Identifier: GPL-2.0
/*
 * From user space, first half: packets are cut out of what is written and copied into memory of the kernel. This may
 * sleep and holds nothing. Every 64 of them go on together (inject.c).
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
/* Of a large packet, in one piece: all headers. */
#define LINEAR_BYTES		256

static size_t fragment_size(u32 length)
{
	return SKB_DATA_ALIGN(TUNB_HEADROOM + length) + SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
}

/* A packet in a page fragment of the thread's own. */
static struct tunb_packet *small_packet(u32 length, gfp_t gfp)
{
	struct page_frag *fragment = &current->task_frag;
	size_t size = fragment_size(length);
	struct tunb_packet *packet;

	fragment->offset = ALIGN(fragment->offset, SMP_CACHE_BYTES);
	if (unlikely(!skb_page_frag_refill(size, fragment, gfp)))
		return NULL;
	packet = page_address(fragment->page) + fragment->offset;
	get_page(fragment->page);
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

/* Copies what follows the first @have bytes, which are in @prefix. */
static bool fill(struct tunb_packet *packet, const u8 *prefix, u32 have, struct iov_iter *from)
{
	u32 rest = packet->length - have;
	u8 *data = tunb_packet_start(packet);

	memcpy(data, prefix, have);
	if (packet->skb)
		return skb_copy_datagram_from_iter(packet->skb, have, from, rest) == 0;
	return copy_from_iter_full(data + have, rest, from);
}

/* The packet that begins with @prefix and of whose bytes the others follow in @from. */
static struct tunb_packet *copy_packet(const u8 *prefix, u32 length, struct iov_iter *from, gfp_t gfp)
{
	struct tunb_packet *packet = tunb_packet_alloc(length, gfp);

	if (!packet)
		return ERR_PTR(gfp & __GFP_DIRECT_RECLAIM ? -ENOMEM : -EAGAIN);
	if (!fill(packet, prefix, TUNB_LENGTH_PREFIX, from)) {
		tunb_packet_free(packet);
		return ERR_PTR(-EFAULT);
	}
	return packet;
}

static struct tunb_packet *copy_plain(struct iov_iter *from, gfp_t gfp)
{
	size_t limit = iov_iter_count(from);
	u8 prefix[TUNB_LENGTH_PREFIX];
	u32 length;

	if (limit < sizeof(prefix))
		return ERR_PTR(-EINVAL);
	if (!copy_from_iter_full(prefix, sizeof(prefix), from))
		return ERR_PTR(-EFAULT);
	length = tunb_ip_length(prefix);
	if (!length || length > limit)
		return ERR_PTR(-EINVAL);
	return copy_packet(prefix, length, from, gfp);
}

static struct tunb_packet *copy_frame(struct iov_iter *from, gfp_t gfp)
{
	struct {
		struct tun_batch_frame frame;
		u8 prefix[TUNB_LENGTH_PREFIX];
	} head;
	size_t limit = iov_iter_count(from), padding;
	struct tunb_packet *packet;
	u32 length;

	if (limit < sizeof(head))
		return ERR_PTR(-EINVAL);
	if (!copy_from_iter_full(&head, sizeof(head), from))
		return ERR_PTR(-EFAULT);
	length = le32_to_cpu(head.frame.length);
	if (head.frame.reserved || length > limit - sizeof(head.frame) || tunb_ip_length(head.prefix) != length)
		return ERR_PTR(-EINVAL);
	packet = copy_packet(head.prefix, length, from, gfp);
	if (IS_ERR(packet))
		return packet;
	memcpy(&packet->offload, &head.frame.offload, sizeof(packet->offload));
	padding = -(sizeof(head.frame) + length) % TUN_BATCH_ALIGN;
	iov_iter_advance(from, min(padding, iov_iter_count(from)));
	return packet;
}

static bool is_malformed(long error)
{
	return error == -EINVAL || error == -EFAULT;
}

static ssize_t write_batch(struct tunb_queue *queue, struct iov_iter *from, gfp_t gfp)
{
	size_t total = iov_iter_count(from), copied = 0, taken = 0;
	struct tunb_packet *packet;
	struct tunb_batch batch;
	ssize_t error = 0;

	tunb_batch_init(&batch);
	while (iov_iter_count(from)) {
		packet = queue->tunb->framed ? copy_frame(from, gfp) : copy_plain(from, gfp);
		if (IS_ERR(packet)) {
			error = PTR_ERR(packet);
			if (is_malformed(error))
				tunb_count(queue, TUNB_RX_MALFORMED, 1);
			break;
		}
		tunb_batch_append(&batch, packet);
		copied = total - iov_iter_count(from);
		if (batch.packets < PACKETS_PER_GROUP)
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
