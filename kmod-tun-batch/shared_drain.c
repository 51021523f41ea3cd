// SPDX-License-Identifier: GPL-2.0
/* From shared memory into the stack, when the process rings the doorbell. */
#include <linux/sched.h>

#include "batch.h"
#include "ip_length.h"
#include "shared_ring.h"
#include "tunb.h"

/* Copies the record at the start; 0: the packet, or NULL for one that is malformed; else the error. */
static int take_record(struct tunb_shared *shared, u32 *available, struct tunb_packet **result)
{
	struct tunb_area *area = &shared->from_user;
	u32 at = area->position & (area->size - 1), to_end = area->size - at, length, size;
	struct tun_batch_frame frame;
	struct tunb_packet *packet;

	*result = NULL;
	/* Read once: the process may change it while we look. */
	length = le32_to_cpu(READ_ONCE(*(__le32 *)(area->bytes + at)));
	if (length == TUN_BATCH_SKIP) {
		if (to_end > *available)
			return -EPROTO;
		area->position += to_end;
		*available -= to_end;
		return 0;
	}
	if (length > TUN_BATCH_MAX_PACKET || length < TUNB_LENGTH_PREFIX)
		return -EPROTO;
	size = ALIGN(TUN_BATCH_FRAME_SIZE + length, TUN_BATCH_ALIGN);
	if (size > *available || size > to_end)
		return -EPROTO;
	memcpy(&frame, area->bytes + at, sizeof(frame));
	packet = tunb_packet_alloc(length, GFP_KERNEL);
	if (!packet)
		return -ENOMEM;
	memcpy(&packet->offload, &frame.offload, sizeof(packet->offload));
	tunb_packet_store(packet, area->bytes + at + TUN_BATCH_FRAME_SIZE);
	area->position += size;
	*available -= size;
	if (frame.reserved || tunb_ip_length(tunb_packet_start(packet)) != length) {
		tunb_packet_free(packet);
		return -EINVAL;
	}
	*result = packet;
	return 0;
}

static int available_bytes(struct tunb_shared *shared, u32 *available)
{
	/* Pairs with the process's release: the records are in place. */
	*available = smp_load_acquire(&shared->ring->from_user_produced) - shared->from_user.position;
	if (*available > shared->from_user.size || *available % TUN_BATCH_ALIGN)
		return -EPROTO;
	return 0;
}

static void publish(struct tunb_shared *shared)
{
	/* after the records were copied */
	smp_store_release(&shared->ring->from_user_consumed, shared->from_user.position);
}

static long drain(struct tunb_queue *queue, struct tunb_shared *shared)
{
	struct tunb_packet *packet;
	struct tunb_batch batch;
	unsigned int taken = 0;
	u32 available;
	int error = available_bytes(shared, &available);

	tunb_batch_init(&batch);
	while (!error && available && taken < TUN_BATCH_DOORBELL_LIMIT) {
		error = take_record(shared, &available, &packet);
		if (error == -EINVAL) {
			tunb_count(queue, TUNB_RX_MALFORMED, 1);
			error = 0;
		}
		if (!packet)
			continue;
		taken++;
		tunb_batch_append(&batch, packet);
		if (!tunb_batch_is_full(&batch, packet))
			continue;
		publish(shared);
		error = tunb_inject(queue, &batch);
		tunb_batch_init(&batch);
		cond_resched();
	}
	publish(shared);
	if (batch.packets) {
		int failure = tunb_inject(queue, &batch);

		error = error ?: failure;
	}
	if (error == -EPROTO)
		WRITE_ONCE(shared->broken, true);
	return error ?: taken;
}

/* Takes what is there; the number of packets, or an error. */
long tunb_shared_drain(struct tunb_queue *queue, struct tunb_shared *shared, bool nonblock)
{
	long result;

	if (READ_ONCE(shared->broken))
		return -EPROTO;
	if (nonblock) {
		if (!mutex_trylock(&shared->drain_lock))
			return -EAGAIN;
	} else if (mutex_lock_interruptible(&shared->drain_lock)) {
		return -ERESTARTSYS;
	}
	result = drain(queue, shared);
	mutex_unlock(&shared->drain_lock);
	return result;
}
