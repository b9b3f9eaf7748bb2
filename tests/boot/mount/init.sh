#!/bin/sh
# The first process of the guest: gets the machine ready, then does what /script says with the words defined here.
export PATH=/bin DM_DISABLE_UDEV=1
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
exec </dev/console >/dev/console 2>&1

guest() { /guest/ld.so --library-path /guest /guest/guest "$@"; }

# part NAME [DISK]: the device of the partition with this name.
part() {
    for found in $(grep -l "^PARTNAME=$1\$" /sys/class/block/"${2:-vda}"*/uevent); do
        found=${found%/uevent}
        echo "/dev/${found##*/}"
    done
}

# check NAME COMMAND…: what the command says and what the kernel says of it, between markers; and whether it went well.
check() {
    name=$1
    shift
    echo "BEGIN $name"
    "$@" && echo "DONE $name" || echo "FAILED $name"
    dmesg -c | sed 's/^/kernel: /'
    echo "END $name"
}

# look NAME TYPE OPTIONS: mounts the partition of this name and lists it.
look() {
    mount -t "$2" -o "$3" "$(part "$1")" /mnt && guest list /mnt && umount /mnt
}

# scribble NAME TYPE OPTIONS: changes it, and finds the changes again once it was taken off.
scribble() {
    mount -t "$2" -o "$3" "$(part "$1")" /mnt && mkdir /mnt/new && cp /guest/guest /mnt/new/copy &&
        for n in 0 1 2 3 4 5 6 7 8 9; do echo "$n" >"/mnt/new/file-$n-with-a-long-name" || return 1; done &&
        rm -r /mnt/b && umount /mnt &&
        mount -t "$2" -o "$3" "$(part "$1")" /mnt && cmp /guest/guest /mnt/new/copy &&
        [ "$(cat /mnt/new/file-*)" = "$(seq 0 9)" ] && [ ! -e /mnt/b ] && umount /mnt
}

# refused NAME TYPE: a kernel that is too old for it says so, and mounts nothing.
refused() {
    ! mount -t "$2" -o ro "$(part "$1")" /mnt 2>/dev/null
}

# layered NAME: an overlay of memory over the squashfs of this name.
layered() {
    mount -t squashfs -o ro "$(part "$1")" /mnt && mount -t tmpfs tmpfs /run && mkdir /run/upper /run/work /tmp/all &&
        mount -t overlay -o lowerdir=/mnt,upperdir=/run/upper,workdir=/run/work overlay /tmp/all &&
        guest list /tmp/all && rm -r /tmp/all/b && echo changed >/tmp/all/a/prose-60 &&
        [ ! -e /tmp/all/b ] && [ -e /mnt/b ] && [ "$(cat /tmp/all/a/prose-60)" = changed ] &&
        [ "$(stat -c %s /mnt/a/prose-60)" = 60 ] && umount /tmp/all && umount /run && umount /mnt
}

# swap NAME: uses it, and says how large it is.
swap() {
    device=$(part "$1")
    swapon "$device" && grep "^$device " /proc/swaps && swapoff "$device"
}

# unseal NAME TYPE ROOT-HASH DISK [OFFSET]: opens what dm-verity protects on this disk, and mounts it. With an offset the hashes lie
# there in the same partition.
unseal() {
    hashes=$1-verity
    [ -n "$5" ] && hashes=$1
    veritysetup open "$(part "$1" "$4")" "$1" "$(part "$hashes" "$4")" "$3" ${5:+"--hash-offset=$5"} && mount -t "$2" -o ro "/dev/mapper/$1" /mnt
}

# sealed NAME TYPE ROOT-HASH DISK: runs programs from there.
sealed() {
    unseal "$@" && chroot /mnt /bin/busybox cat /marker && chroot /mnt /bin/busybox sha256sum /noise && umount /mnt &&
        veritysetup close "$1"
}

# damaged NAME TYPE ROOT-HASH DISK: the block that was changed cannot be read, what was not changed can. One block only: dm-verity
# says no more than ten things in five seconds.
damaged() {
    unseal "$@" && cat /mnt/marker && ! dd if=/mnt/noise of=/dev/null bs=4096 skip=1 count=1 2>/dev/null && umount /mnt &&
        veritysetup close "$1"
}

# forged NAME TYPE ROOT-HASH DISK: a root hash that is another's opens nothing.
forged() {
    ! unseal "$@" 2>/dev/null && veritysetup close "$1"
}

# become NAME TYPE ROOT-HASH DISK: makes it the root, and its /sbin/init the first process.
become() {
    unseal "$@" && exec switch_root /mnt /sbin/init
}

. /words
guest load $modules || echo "FAILED load"
# The kernel finds disks and their partitions by itself; that takes it a moment.
tries=0
while [ ! -e "/sys/class/block/$last" ] && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
dmesg -c >/dev/null
. /script
echo ALL-DONE
poweroff -f
