// SPDX-License-Identifier: GPL-2.0
/*
 * The memory a queue shares with a process: made, mapped, freed.
 *
 * It is made of single pages, charged to the process, so that a mapping may outlive everything else: the pages go
 * when both have let go of them. Nothing that the process can change is trusted: counters of our own stay in memory of
 * the kernel, its counters are read once and checked, and packets are copied before they are looked at.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "shared_ring.h"
#include "tunb.h"

static void free_shared(struct kref *references)
{
	struct tunb_shared *shared = container_of(references, struct tunb_shared, references);
	unsigned int i;

	vunmap(shared->mapped);
	for (i = 0; i < shared->page_count; i++)
		put_page(shared->pages[i]);
	kvfree(shared->pages);
	kfree(shared);
}

/* May sleep. */
void tunb_shared_put(struct tunb_shared *shared)
{
	kref_put(&shared->references, free_shared);
}

struct tunb_shared *tunb_shared_get(struct tunb_queue *queue)
{
	struct tunb_shared *shared;

	rcu_read_lock();
	shared = rcu_dereference(queue->shared);
	if (shared && !kref_get_unless_zero(&shared->references))
		shared = NULL;
	rcu_read_unlock();
	return shared;
}

static bool is_valid_area(u32 size)
{
	return is_power_of_2(size) && size >= TUN_BATCH_MIN_AREA && size <= TUN_BATCH_MAX_AREA;
}

static int allocate_pages(struct tunb_shared *shared, unsigned int count)
{
	shared->pages = kvcalloc(count, sizeof(*shared->pages), GFP_KERNEL_ACCOUNT);
	if (!shared->pages)
		return -ENOMEM;
	for (; shared->page_count < count; shared->page_count++) {
		shared->pages[shared->page_count] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!shared->pages[shared->page_count])
			return -ENOMEM;
	}
	shared->mapped = vmap(shared->pages, count, VM_MAP, PAGE_KERNEL);
	return shared->mapped ? 0 : -ENOMEM;
}

struct tunb_shared *tunb_shared_create(struct tun_batch_share *share)
{
	struct tunb_shared *shared;

	BUILD_BUG_ON(sizeof(struct tun_batch_ring) > PAGE_SIZE);
	if (!is_valid_area(share->to_user) || !is_valid_area(share->from_user) ||
	    memchr_inv(share->reserved, 0, sizeof(share->reserved)))
		return ERR_PTR(-EINVAL);
	shared = kzalloc(sizeof(*shared), GFP_KERNEL_ACCOUNT);
	if (!shared)
		return ERR_PTR(-ENOMEM);
	kref_init(&shared->references);
	mutex_init(&shared->drain_lock);
	share->map_size = PAGE_SIZE + share->to_user + share->from_user;
	if (allocate_pages(shared, share->map_size >> PAGE_SHIFT)) {
		tunb_shared_put(shared);
		return ERR_PTR(-ENOMEM);
	}
	shared->ring = shared->mapped;
	shared->to_user.bytes = shared->mapped + PAGE_SIZE;
	shared->to_user.size = share->to_user;
	shared->from_user.bytes = shared->to_user.bytes + share->to_user;
	shared->from_user.size = share->from_user;
	return shared;
}

int tunb_shared_map(struct tunb_shared *shared, struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_SHARED) || vma->vm_pgoff)
		return -EINVAL;
	return vm_map_pages(vma, shared->pages, shared->page_count);
}

bool tunb_shared_has_packets(const struct tunb_shared *shared)
{
	return READ_ONCE(shared->to_user.position) != READ_ONCE(shared->ring->to_user_consumed);
}
