#!/usr/bin/env bash
# The first process of a node, in namespaces of its own: lays the node's own files over the paths that a node has, starts containerd, the
# kubelet and kube-proxy, and stays. When it is killed the power is gone.
#   node.sh NAME DIR CONTAINERD KUBE     DIR holds the node's disk (fs) and what it is configured with; CONTAINERD is a folder of programs
set -uo pipefail
name=$1 dir=$2 containerd=$3 kube=$4

mount -t proc proc /proc
hostname "$name"
mount --make-rshared /
for path in /var/lib /var/log /etc/containerd /etc/cni /etc/kubernetes /opt; do
  mkdir -p "$path" "$dir/fs$path"
  mount --bind "$dir/fs$path" "$path"
done
mount --bind "$dir/machine-id" /etc/machine-id
for path in /run/containerd /run/netns; do
  mkdir -p "$path"
  mount -t tmpfs -o mode=755 tmpfs "$path"
done
mount --make-shared /run/netns

# The kubelet wants settings that belong to the whole machine, and ends when it cannot write them: it finds them in files laid over, and the
# rest cannot be written.
for part in vm kernel; do
  mount --bind "/proc/sys/$part" "/proc/sys/$part"
  mount -o remount,bind,ro "/proc/sys/$part"
done
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  file=$dir/sysctl/${setting%=*}
  mkdir -p "$(dirname "$file")"
  echo "${setting#*=}" >"$file"
  mount --bind "$file" "/proc/sys/${setting%=*}"
done
echo 1 >/proc/sys/net/ipv4/ip_forward

# The one control group that is the kubelet's root; the folder of the cluster makes it this run's own.
group=$(basename "$(dirname "$dir")")/$name
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  # Version 2: written down, never run.
  mkdir -p "/sys/fs/cgroup/$group"
  for above in . "$(dirname "$group")"; do
    for controller in cpuset cpu io memory pids; do
      echo "+$controller" >"/sys/fs/cgroup/$above/cgroup.subtree_control"
    done
  done
else
  # What a power cut left behind: the kubelet would look at each for seconds.
  find /sys/fs/cgroup/*/"$group" -depth -type d -exec rmdir {} + 2>/dev/null
  for controller in cpu cpuacct cpuset memory devices freezer blkio pids systemd; do
    mkdir -p "/sys/fs/cgroup/$controller/$group"
  done
  above=
  for part in ${group//\// }; do
    for file in cpuset.cpus cpuset.mems; do
      cat "/sys/fs/cgroup/cpuset/$file" >"/sys/fs/cgroup/cpuset/$above$part/$file"
    done
    above=$above$part/
  done
fi

mkdir -p "$dir/log"
cp "$dir/containerd.toml" /etc/containerd/config.toml
mkdir -p /etc/cni/net.d
cp "$dir/cni.conflist" /etc/cni/net.d/10-lab.conflist
PATH=$containerd:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
containerd >>"$dir/log/containerd" 2>&1 &
until [ -S /run/containerd/containerd.sock ]; do sleep 0.1; done
"$kube" kubelet --config="$dir/kubelet.json" --kubeconfig="$dir/kubelet.kubeconfig" --hostname-override="$name" \
  --node-ip="$(cat "$dir/address")" --root-dir=/var/lib/kubelet --v=2 >>"$dir/log/kubelet" 2>&1 &
"$kube" proxy --config="$dir/proxy.json" >>"$dir/log/proxy" 2>&1 &
trap 'exit 0' TERM
while :; do
  sleep 3600 &
  wait $!
done
