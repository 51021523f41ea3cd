# SPDX-License-Identifier: GPL-2.0
# Sourced by the commands in this folder: fetches Debian's kernels, their headers and tools without installing
# any of them, and builds the module for them. Everything is kept outside of the repository, in $lab.
#
#   TUN_BATCH_LAB   where to keep it (default: ~/.cache/tun-batch-lab)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
module_source=$(dirname "$here")
lab=${TUN_BATCH_LAB:-${XDG_CACHE_HOME:-$HOME/.cache}/tun-batch-lab}

# The packages that point to the current kernel of a series.
declare -A kernel_metapackage=([6.1]=linux-image-amd64 [6.12]=linux-image-6.12-amd64)

say() { printf '%s\n' "$*" >&2; }

# skip REASON: ends the whole run as "cannot be run here" (ctest's and automake's 77).
skip() {
	say "skipped: $*"
	exit 77
}

# unpack PACKAGE DIRECTORY: fetches a package with apt, and unpacks it instead of installing it.
unpack() {
	local package=$1 directory=$2 work
	work=$(mktemp -d "$lab/fetch.XXXXXX")
	(cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$package") >&2 ||
		skip "apt-get cannot download $package"
	mkdir -p "$directory"
	dpkg-deb -x "$work"/*.deb "$directory"
	rm -rf "$work"
}

# debian_release SERIES: the release name ("6.1.0-56-amd64") of Debian's current kernel of that series.
debian_release() {
	apt-cache depends --no-recommends "${kernel_metapackage[$1]}" 2>/dev/null |
		sed -n 's/^ *Depends: linux-image-//p;T;q'
}

# fetch_kernel SERIES: makes sure that image and headers of the series are in $lab/SERIES, and sets
# kernel_image, kernel_modules (of the image) and kernel_headers.
fetch_kernel() {
	local series=$1 release root=$lab/$1 kbuild
	mkdir -p "$lab"
	if [[ -e $root/release ]]; then
		release=$(<"$root/release")
	else
		release=$(debian_release "$series")
		[[ -n $release ]] || skip "apt knows no kernel $series (${kernel_metapackage[$series]})"
		say "fetching Debian's kernel $release"
		rm -rf "$root.new"
		unpack "linux-image-$release" "$root.new"
		unpack "linux-headers-$release" "$root.new"
		unpack "linux-headers-${release%-amd64}-common" "$root.new"
		kbuild=$(sed -n 's,.*lib/\(linux-kbuild-[^/]*\)/.*,\1,p' < <(
			readlink "$root.new/usr/src/linux-headers-$release/scripts"))
		unpack "$kbuild" "$root.new"
		# The one absolute path in the headers.
		sed -i "s,^include /usr/src,include $root/usr/src," "$root.new/usr/src/linux-headers-$release/Makefile"
		# With it the build wants pahole, for type information nobody needs here.
		rm -f "$root.new/usr/src/linux-headers-$release/vmlinux"
		echo "$release" >"$root.new/release"
		rm -rf "$root"
		mv "$root.new" "$root"
	fi
	kernel_image=$root/boot/vmlinuz-$release
	kernel_modules=$root/lib/modules/$release
	[[ -d $kernel_modules ]] || kernel_modules=$root/usr/lib/modules/$release
	kernel_headers=$root/usr/src/linux-headers-$release
}

# fetch_source SERIES: Debian's kernel source of the series in $lab/linux-source-SERIES; sets kernel_source.
fetch_source() {
	local series=$1 root=$lab/linux-source-$1.pkg
	mkdir -p "$lab"
	kernel_source=$lab/linux-source-$series
	[[ -e $kernel_source/Makefile ]] && return
	say "fetching Debian's kernel source $series"
	unpack "linux-source-$series" "$root"
	tar -xJf "$root/usr/src/linux-source-$series.tar.xz" -C "$lab"
	rm -rf "$root"
}

# fetch_busybox: a static busybox in $lab/busybox; sets busybox.
fetch_busybox() {
	mkdir -p "$lab"
	busybox=$lab/busybox/bin/busybox
	[[ -x $busybox ]] || unpack busybox-static "$lab/busybox"
}

# copy_module DIRECTORY: a copy of the source, so that builds for several kernels do not meet. Only what changed.
copy_module() {
	mkdir -p "$1/include/uapi/linux"
	cp -u "$module_source"/*.[ch] "$module_source/Kbuild" "$module_source/Makefile" "$1/"
	cp -u "$module_source"/include/uapi/linux/*.h "$1/include/uapi/linux/"
}

# build_module HEADERS DIRECTORY [make arguments…]: builds the module in a copy of the source.
build_module() {
	local headers=$1 directory=$2
	shift 2
	copy_module "$directory"
	make -s -j"$(nproc)" -C "$directory" KDIR="$headers" "$@" >&2
}

# build_guest: the guest's programs in $lab/guest.
build_guest() {
	mkdir -p "$lab/guest"
	make -s -f "$here/guest/Makefile" -C "$lab/guest" SOURCE="$here/guest" >&2
}

# What the guest needs to see the host's file system, veth, nftables and ss(8); in the order of loading. Those that a
# kernel has built in are not there.
guest_modules=(virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci netfs fscache 9pnet 9pnet_virtio 9p veth
	crc32c_generic libcrc32c nfnetlink nf_tables inet_diag tcp_diag)

# copy_guest_modules DIRECTORY: numbered in that order.
copy_guest_modules() {
	local name found number=10
	mkdir -p "$1"
	for name in "${guest_modules[@]}"; do
		found=$(find "$kernel_modules" -name "$name.ko*" -print -quit)
		case "$found" in
		*.xz) xz -dc "$found" >"$1/$number-$name.ko" ;;
		?*) cp "$found" "$1/$number-$name.ko" ;;
		esac
		number=$((number + 1))
	done
}

# make_initrd MODULE OUT VARIABLE=VALUE…: a root directory with busybox, the module, the kernel's own tun module for
# comparison and the guest's programs; the variables are for guest/init.
make_initrd() {
	local module=$1 out=$2 root tun
	shift 2
	root=$(mktemp -d "$lab/root.XXXXXX")
	mkdir -p "$root/bin"
	cp "$busybox" "$root/bin/busybox"
	for applet in $("$busybox" --list | grep -vx busybox); do ln -s busybox "$root/bin/$applet"; done
	strip -g -o "$root/tun_batch.ko" "$module"
	tun=$(find "$kernel_modules" -name 'tun.ko*' -print -quit)
	case "$tun" in
	*.xz) xz -dc "$tun" >"$root/tun.ko" ;;
	?*) cp "$tun" "$root/tun.ko" ;;
	esac
	cp "$lab/guest/suite" "$lab/guest/bench" "$root/"
	install -m 755 "$here/guest/init" "$root/init"
	copy_guest_modules "$root/modules"
	printf '%s\n' "$@" >"$root/settings"
	(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$out"
	rm -rf "$root"
}

# Without rep movsb, which QEMU runs byte by byte. Without cx16: under QEMU 7.2 kernels died now and then of flags that were
# garbage behind a cmpxchg16b of their allocator, with the kernel's own tun as well.
processor=max,-erms,-fsrm,-cx16

# boot INITRD SECONDS PARAMETERS [QEMU argument…]: runs the kernel until it switches off; what it says goes to standard
# output. Returns 0; 1 for what a busy machine may cause too (a case failed, no end); 2 for the kernel's own. The guest's clocks are not to be trusted on a busy machine, nor are its stall detectors: what
# hangs is found by the time limit.
boot() {
	local initrd=$1 limit=$2 parameters=$3 status=0
	shift 3
	timeout "$limit" qemu-system-x86_64 -M pc -m 1024 -cpu "$processor" "$@" \
		-nodefaults -no-reboot -display none -serial stdio \
		-device isa-debug-exit,iobase=0xf4,iosize=0x01 -kernel "$kernel_image" -initrd "$initrd" \
		-append "console=ttyS0 quiet panic=-1 oops=panic no_timer_check rcupdate.rcu_cpu_stall_timeout=300 \
		         nosoftlockup sysctl.kernel.hung_task_timeout_secs=0 $parameters" </dev/null || status=$?
	case "$status" in
	33) return 0 ;;
	35) say "a case failed"; return 1 ;;
	124) say "no end after $limit s"; return 1 ;;
	37) say "the module could not be unloaded" ;;
	39) say "the kernel reported something" ;;
	41) say "slabs grew" ;;
	43) say "the module could not be loaded" ;;
	0) say "the kernel crashed" ;;
	*) say "QEMU ended with $status"; return 1 ;;
	esac
	return 2
}
