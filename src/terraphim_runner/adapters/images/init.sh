#!/bin/busybox sh
# The first program of a guest: brings up what the agent needs, then becomes the agent. Every fork costs
# milliseconds under emulation, so nothing runs here that the agent can live without.
b=/bin/busybox
$b mount -t devtmpfs dev /dev
$b mount -t sysfs sys /sys
$b mount -t proc proc /proc
cd /modules
for module in *; do $b insmod $module; done
root=
for disk in /sys/block/vd*; do
	serial=
	read -r serial <$disk/serial
	case $serial in root) root=/dev/${disk##*/} ;; esac
done
$b mount -t ext4 -o rw,noatime $root /root || exec $b poweroff -f
$b ifconfig lo 127.0.0.1
if [ -d /sys/class/net/eth0 ]; then
	$b ifconfig eth0 10.0.2.15 netmask 255.255.255.0
	$b route add default gw 10.0.2.2
fi
$b mount -o move /dev /root/dev
$b mount -o move /sys /root/sys
$b mount -o move /proc /root/proc
$b mkdir -m 1777 /root/dev/shm
$b mkdir /root/dev/pts
$b mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /root/dev/pts
$b mount -t tmpfs -o mode=1777 shm /root/dev/shm
$b mount -t tmpfs -o mode=755 run /root/run
$b mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
$b hostname terraphim
exec $b switch_root /root /usr/bin/python3 -I -S /usr/lib/terraphim-runner/agent.py
