// SPDX-License-Identifier: GPL-2.0
/* The misc device: descriptors, what they are attached to, ioctl and poll. */
#include <linux/capability.h>
#ifdef TUNB_HAVE_URING_CMD_H		/* Linux 6.8 */
#include <linux/io_uring/cmd.h>
#else
#include <linux/io_uring.h>
#endif
#include <linux/log2.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/poll.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "shared_ring.h"
#include "tunb.h"

/* The queue the file is attached to, held until tunb_queue_put(). NULL: none. */
struct tunb_queue *tunb_queue_get(struct tunb_file *file)
{
	struct tunb_queue *queue;

	rcu_read_lock();
	queue = rcu_dereference(file->queue);
	if (queue && !kref_get_unless_zero(&queue->tunb->references))
		queue = NULL;
	rcu_read_unlock();
	return queue;
}

void tunb_queue_put(struct tunb_queue *queue)
{
	tunb_put(queue->tunb);
}

/* Under rtnl. The file takes over the caller's reference to the device's queues. */
static void attach(struct tunb_file *file, struct tunb_queue *queue)
{
	rcu_assign_pointer(queue->file, file);
	rcu_assign_pointer(file->queue, queue);
	queue->tunb->attached++;
}

/* Under rtnl. */
static void detach(struct tunb_file *file)
{
	struct tunb_queue *queue = rtnl_dereference(file->queue);
	struct tunb_shared *shared;
	struct net_device *dev;
	struct tunb *tunb;

	if (!queue)
		return;
	tunb = queue->tunb;
	RCU_INIT_POINTER(file->queue, NULL);
	RCU_INIT_POINTER(queue->file, NULL);
	shared = rtnl_dereference(queue->shared);
	RCU_INIT_POINTER(queue->shared, NULL);
	tunb_wake_hangup(file);
	dev = rtnl_dereference(tunb->dev);
	if (!--tunb->attached && dev)
		unregister_netdevice(dev);
	synchronize_net(); /* no transmit knows the file any more */
	if (shared)
		tunb_shared_put(shared);
	tunb_flush_queue(queue);
	tunb_resume_transmit(queue);
	tunb_put(tunb);
}

static struct tunb_queue *free_queue(struct tunb *tunb)
{
	unsigned int i;

	for (i = 0; i < tunb->queue_count; i++)
		if (!rtnl_dereference(tunb->queues[i].file))
			return &tunb->queues[i];
	return NULL;
}

/* Joins a device that is there. */
static int attach_existing(struct tunb_file *file, struct tunb *tunb, unsigned int flags)
{
	struct tunb_queue *queue;

	if (tunb->flags != flags)
		return -EINVAL;
	queue = free_queue(tunb);
	if (!queue)
		return -EBUSY;
	kref_get(&tunb->references);
	attach(file, queue);
	return 0;
}

static int attach_by_name(struct tunb_file *file, struct net *net, char *name, unsigned int flags)
{
	struct tunb *tunb;

	if (rtnl_dereference(file->queue))
		return -EINVAL;
	tunb = tunb_find(net, name);
	if (IS_ERR(tunb))
		return PTR_ERR(tunb);
	if (tunb)
		return attach_existing(file, tunb, flags);
	tunb = tunb_create(net, name, flags, &file->config);
	if (IS_ERR(tunb))
		return PTR_ERR(tunb);
	attach(file, &tunb->queues[0]);
	return 0;
}

/* Name and flags: the part of struct ifreq that is the same for 32-bit programs. */
#define IFREQ_SIZE	offsetofend(struct ifreq, ifr_flags)

static int ioctl_set_interface(struct tunb_file *file, void __user *argument)
{
	struct net *net = current->nsproxy->net_ns;
	struct ifreq request = {};
	unsigned int flags;
	int error;

	if (!ns_capable(net->user_ns, CAP_NET_ADMIN))
		return -EPERM;
	if (copy_from_user(&request, argument, IFREQ_SIZE))
		return -EFAULT;
	request.ifr_name[IFNAMSIZ - 1] = '\0';
	flags = (unsigned short)request.ifr_flags;
	if ((flags & ~TUNB_USER_FLAGS) || !(flags & IFF_TUN) || !(flags & IFF_NO_PI))
		return -EINVAL;

	rtnl_lock();
	error = attach_by_name(file, net, request.ifr_name, flags);
	rtnl_unlock();
	if (error)
		return error;
	return copy_to_user(argument, &request, IFREQ_SIZE) ? -EFAULT : 0;
}

static int ioctl_get_interface(struct tunb_file *file, void __user *argument)
{
	struct ifreq request = {};
	struct tunb_queue *queue;
	struct net_device *dev;

	rtnl_lock();
	queue = rtnl_dereference(file->queue);
	dev = queue ? rtnl_dereference(queue->tunb->dev) : NULL;
	if (dev) {
		strscpy(request.ifr_name, dev->name, sizeof(request.ifr_name));
		request.ifr_flags = queue->tunb->flags;
	}
	rtnl_unlock();
	if (!dev)
		return queue ? -ENODEV : -EBADFD;
	return copy_to_user(argument, &request, IFREQ_SIZE) ? -EFAULT : 0;
}

static bool config_is_valid(const struct tun_batch_config *config)
{
	u32 packets = config->queue_packets;

	return config->queues <= TUN_BATCH_MAX_QUEUES &&
	       (!packets || (is_power_of_2(packets) && packets >= TUNB_MIN_QUEUE_PACKETS &&
			     packets <= TUNB_MAX_QUEUE_PACKETS)) &&
	       !memchr_inv(config->reserved, 0, sizeof(config->reserved));
}

static int ioctl_set_config(struct tunb_file *file, const void __user *argument)
{
	struct tun_batch_config config;
	int error = 0;

	if (copy_from_user(&config, argument, sizeof(config)))
		return -EFAULT;
	if (!config_is_valid(&config))
		return -EINVAL;
	rtnl_lock();
	if (rtnl_dereference(file->queue))
		error = -EBUSY;
	else
		file->config = config;
	rtnl_unlock();
	return error;
}

static int ioctl_get_config(struct tunb_file *file, void __user *argument)
{
	struct tun_batch_config config = {};
	struct tunb_queue *queue = tunb_queue_get(file);

	if (!queue)
		return -EBADFD;
	config.queues = queue->tunb->queue_count;
	config.queue_packets = queue->ring.size;
	tunb_queue_put(queue);
	return copy_to_user(argument, &config, sizeof(config)) ? -EFAULT : 0;
}

static int ioctl_set_offload(struct tunb_file *file, unsigned long offload)
{
	struct tunb_queue *queue;
	int error;

	rtnl_lock();
	queue = rtnl_dereference(file->queue);
	error = queue ? tunb_set_offload(queue->tunb, offload) : -EBADFD;
	rtnl_unlock();
	return error;
}

/* Under rtnl: from now on packets go into shared memory. */
static int share(struct tunb_queue *queue, struct tun_batch_share *wanted)
{
	struct tunb_shared *shared;

	if (!queue)
		return -EBADFD;
	if (!queue->tunb->framed)
		return -EINVAL;
	if (rtnl_dereference(queue->shared))
		return -EBUSY;
	shared = tunb_shared_create(wanted);
	if (IS_ERR(shared))
		return PTR_ERR(shared);
	rcu_assign_pointer(queue->shared, shared);
	synchronize_net(); /* no transmit uses the queue's ring any more */
	tunb_flush_queue(queue);
	tunb_resume_transmit(queue);
	return 0;
}

static int ioctl_share(struct tunb_file *file, void __user *argument)
{
	struct tun_batch_share wanted;
	int error;

	if (copy_from_user(&wanted, argument, sizeof(wanted)))
		return -EFAULT;
	rtnl_lock();
	error = share(rtnl_dereference(file->queue), &wanted);
	rtnl_unlock();
	if (error)
		return error;
	return copy_to_user(argument, &wanted, sizeof(wanted)) ? -EFAULT : 0;
}

/* Room was made towards user space, or packets lie there for the stack. */
static long ring_doorbell(struct tunb_file *file, bool nonblock)
{
	struct tunb_queue *queue = tunb_queue_get(file);
	struct tunb_shared *shared;
	long result = -EINVAL;

	if (!queue)
		return -EBADFD;
	shared = tunb_shared_get(queue);
	if (shared) {
		if (READ_ONCE(shared->ring->to_user_full))
			tunb_shared_resume(queue, shared);
		result = tunb_shared_drain(queue, shared, nonblock);
		tunb_shared_put(shared);
	}
	tunb_queue_put(queue);
	return result;
}

static int tunb_uring_cmd(struct io_uring_cmd *command, unsigned int issue_flags)
{
	if (command->cmd_op != TUN_BATCH_DOORBELL)
		return -EOPNOTSUPP;
	return ring_doorbell(command->file->private_data, issue_flags & IO_URING_F_NONBLOCK);
}

static int tunb_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct tunb_queue *queue = tunb_queue_get(filp->private_data);
	struct tunb_shared *shared;
	int error = -EINVAL;

	if (!queue)
		return -EBADFD;
	shared = tunb_shared_get(queue);
	if (shared) {
		error = tunb_shared_map(shared, vma);
		tunb_shared_put(shared);
	}
	tunb_queue_put(queue);
	return error;
}

static int ioctl_detach(struct tunb_file *file)
{
	int error = 0;

	rtnl_lock();
	if (rtnl_dereference(file->queue))
		detach(file);
	else
		error = -EBADFD;
	rtnl_unlock();
	return error;
}

static long tunb_ioctl(struct file *filp, unsigned int command, unsigned long argument)
{
	struct tunb_file *file = filp->private_data;
	void __user *pointer = (void __user *)argument;

	switch (command) {
	case TUNSETIFF:
		return ioctl_set_interface(file, pointer);
	case TUNGETIFF:
		return ioctl_get_interface(file, pointer);
	case TUNGETFEATURES:
		return put_user((unsigned int)TUNB_USER_FLAGS, (unsigned int __user *)pointer);
	case TUNSETOFFLOAD:
		return ioctl_set_offload(file, argument);
	case TUN_BATCH_SET_CONFIG:
		return ioctl_set_config(file, pointer);
	case TUN_BATCH_GET_CONFIG:
		return ioctl_get_config(file, pointer);
	case TUN_BATCH_SHARE:
		return ioctl_share(file, pointer);
	case TUN_BATCH_DOORBELL:
		return ring_doorbell(file, filp->f_flags & O_NONBLOCK);
	case TUN_BATCH_DETACH:
		return ioctl_detach(file);
	default:
		return -ENOTTY;
	}
}

/* Under RCU. */
static __poll_t packets_ready(struct tunb_queue *queue)
{
	struct tunb_shared *shared = rcu_dereference(queue->shared);

	if (shared && READ_ONCE(shared->broken))
		return EPOLLERR;
	if (shared ? tunb_shared_has_packets(shared) : tunb_ring_used(&queue->ring) > 0)
		return EPOLLIN | EPOLLRDNORM;
	return 0;
}

static __poll_t tunb_poll(struct file *filp, poll_table *table)
{
	struct tunb_file *file = filp->private_data;
	struct tunb_queue *queue;
	__poll_t ready = EPOLLOUT | EPOLLWRNORM;

	poll_wait(filp, &file->wait, table);
	smp_mb(); /* on the wait queue before the look; older kernels' poll_wait() does not see to it */
	rcu_read_lock();
	queue = rcu_dereference(file->queue);
	if (!queue)
		ready = EPOLLERR;
	else if (!tunb_is_live(file, queue))
		ready = EPOLLERR | EPOLLHUP;
	else
		ready |= packets_ready(queue);
	rcu_read_unlock();
	return ready;
}

static int tunb_open(struct inode *inode, struct file *filp)
{
	struct tunb_file *file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);

	if (!file)
		return -ENOMEM;
	init_waitqueue_head(&file->wait);
	filp->private_data = file;
	filp->f_mode |= FMODE_NOWAIT; /* io_uring then reads and writes without a worker thread */
	return stream_open(inode, filp);
}

static int tunb_release(struct inode *inode, struct file *filp)
{
	struct tunb_file *file = filp->private_data;

	rtnl_lock();
	detach(file);
	rtnl_unlock();
	kfree_rcu(file, rcu);
	return 0;
}

static const struct file_operations tunb_fops = {
	.owner		= THIS_MODULE,
	.open		= tunb_open,
	.release	= tunb_release,
	.read_iter	= tunb_read_iter,
	.write_iter	= tunb_write_iter,
	.poll		= tunb_poll,
	.mmap		= tunb_mmap,
	.uring_cmd	= tunb_uring_cmd,
	.unlocked_ioctl	= tunb_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static struct miscdevice tunb_misc = {
	.minor		= MISC_DYNAMIC_MINOR,
	.name		= "tun_batch",
	.nodename	= "net/tun_batch",
	.mode		= 0666,		/* attaching wants CAP_NET_ADMIN */
	.fops		= &tunb_fops,
};

static int __init tunb_init(void)
{
	int error = tunb_register_link_ops();

	if (error)
		return error;
	error = misc_register(&tunb_misc);
	if (error)
		tunb_unregister_link_ops();
	return error;
}

static void __exit tunb_exit(void)
{
	/* Every device belongs to a descriptor, and each of those holds the module: there are none left. */
	misc_deregister(&tunb_misc);
	tunb_unregister_link_ops();
	rcu_barrier();
}

module_init(tunb_init);
module_exit(tunb_exit);
MODULE_DESCRIPTION("tun device whose reads and writes carry batches of packets");
MODULE_AUTHOR("the vpnd developers");
MODULE_LICENSE("GPL");
MODULE_ALIAS("devname:net/tun_batch");
