/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets copied from user space that wait to be given to the stack.
 *
 * A small one lies in a page fragment; what is to be known of it until it gets its sk_buff stands in the headroom
 * in front of it. A large one has its sk_buff already, whose control block has the same.
 */
#ifndef TUN_BATCH_BATCH_H
#define TUN_BATCH_BATCH_H

#include <linux/skbuff.h>
#include <linux/virtio_net.h>

struct tunb_packet {
	struct tunb_packet *next;
	struct sk_buff *skb;		/* NULL: a page fragment, which begins here */
	u32 fragment_size;
	u32 length;
	struct virtio_net_hdr offload;	/* framed format */
};

#define TUNB_HEADROOM	ALIGN(max_t(size_t, NET_SKB_PAD, sizeof(struct tunb_packet)), 64)

static_assert(sizeof(struct tunb_packet) <= sizeof_field(struct sk_buff, cb));

struct tunb_batch {
	struct tunb_packet *first;
	struct tunb_packet **end;
	unsigned int packets;
};

static inline void tunb_batch_init(struct tunb_batch *batch)
{
	batch->first = NULL;
	batch->end = &batch->first;
	batch->packets = 0;
}

static inline void tunb_batch_append(struct tunb_batch *batch, struct tunb_packet *packet)
{
	packet->next = NULL;
	*batch->end = packet;
	batch->end = &packet->next;
	batch->packets++;
}

/*
 * Whether what waits should go to the stack before another packet like @last is made: there are many of them, or they
 * fill the memory that packets are cut from. If the stack lets go of them at once, as it does of what it forwards, that
 * memory is used again, warm in the cache, and not taken and cleared anew.
 */
bool tunb_batch_is_full(const struct tunb_batch *batch, const struct tunb_packet *last);

/* Room for a packet of this length. NULL: no memory. */
struct tunb_packet *tunb_packet_alloc(u32 length, gfp_t gfp);

/* The first bytes, TUNB_LENGTH_PREFIX at least. */
static inline u8 *tunb_packet_start(struct tunb_packet *packet)
{
	return packet->skb ? packet->skb->data : (u8 *)packet + TUNB_HEADROOM;
}

/* Fills it from memory of the kernel. */
static inline void tunb_packet_store(struct tunb_packet *packet, const void *from)
{
	if (packet->skb)
		skb_store_bits(packet->skb, 0, from, packet->length);
	else
		memcpy(tunb_packet_start(packet), from, packet->length);
}

/* Frees a packet that does not go to the stack. */
static inline void tunb_packet_free(struct tunb_packet *packet)
{
	if (packet->skb)
		kfree_skb(packet->skb);
	else
		skb_free_frag(packet);
}

#endif
