/* SPDX-License-Identifier: GPL-2.0 */
/* User space's side of the shared ring. */
#ifndef TUN_BATCH_TESTS_RING_VIEW_H
#define TUN_BATCH_TESTS_RING_VIEW_H

#include <sys/ioctl.h>
#include <sys/mman.h>

#include "kit.h"

#ifndef AREA
#define AREA	TUN_BATCH_MIN_AREA	/* bytes in either direction */
#endif

struct view {
	int fd;
	struct tun_batch_ring *ring;
	uint8_t *to_user, *from_user;
	uint32_t consumed, produced;
	size_t size;
};

/* For a descriptor that is attached to a framed device. */
static inline struct view share_memory(int fd)
{
	struct tun_batch_share share = { .to_user = AREA, .from_user = AREA };
	struct view view = { .fd = fd };

	CHECK(ioctl(view.fd, TUN_BATCH_SHARE, &share) == 0);
	view.size = share.map_size;
	view.ring = mmap(NULL, view.size, PROT_READ | PROT_WRITE, MAP_SHARED, view.fd, 0);
	CHECK(view.ring != MAP_FAILED);
	view.to_user = (uint8_t *)view.ring + view.size - 2 * AREA;
	view.from_user = view.to_user + AREA;
	return view;
}

/* The next packet, or NULL; valid until consumed() is called. */
static inline const uint8_t *peek(struct view *view, struct tun_batch_frame *frame)
{
	uint32_t produced = __atomic_load_n(&view->ring->to_user_produced, __ATOMIC_ACQUIRE), at;

	if (produced == view->consumed)
		return NULL;
	at = view->consumed % AREA;
	memcpy(frame, view->to_user + at, 4);
	if (frame->length == TUN_BATCH_SKIP) {
		view->consumed += AREA - at;
		return peek(view, frame);
	}
	memcpy(frame, view->to_user + at, sizeof(*frame));
	view->consumed += (uint32_t)(sizeof(*frame) + frame->length + 7) & ~7u;
	return view->to_user + at + sizeof(*frame);
}

static inline void consumed(struct view *view)
{
	__atomic_store_n(&view->ring->to_user_consumed, view->consumed, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (view->ring->to_user_full)
		CHECK(ioctl(view->fd, TUN_BATCH_DOORBELL) >= 0);
}

/* Appends a packet; false: no room before the driver has consumed. */
static inline bool produce(struct view *view, const uint8_t *packet, size_t length)
{
	uint32_t size = (uint32_t)(sizeof(struct tun_batch_frame) + length + 7) & ~7u;
	uint32_t at = view->produced % AREA, to_end = AREA - at, need = size <= to_end ? size : to_end + size;
	uint32_t used = view->produced - __atomic_load_n(&view->ring->from_user_consumed, __ATOMIC_ACQUIRE);
	uint32_t skip = TUN_BATCH_SKIP;

	if (used + need > AREA)
		return false;
	if (size > to_end) {
		memcpy(view->from_user + at, &skip, 4);
		view->produced += to_end;
		at = 0;
	}
	add_frame(view->from_user + at, packet, length);
	view->produced += size;
	__atomic_store_n(&view->ring->from_user_produced, view->produced, __ATOMIC_RELEASE);
	return true;
}

#endif
