#!/bin/sh
# Runs once in the image's root (chroot) after its packages are installed and overlay/ is copied in.
set -eu

# vim-tiny registers itself as `vi`; people also type `vim`.
ln -sf vi /usr/bin/vim

# `docker` is the node's agent under another name. The agent binds its own binary onto this file when it starts a node.
install -m 0755 /dev/null /usr/local/bin/node-agent
ln -sf node-agent /usr/local/bin/docker

# Places that the agent mounts or writes to.
install -d -m 0755 /run/slipway /var/lib/docker
rm -f /etc/resolv.conf
install -m 0644 /dev/null /etc/resolv.conf
install -m 0644 /dev/null /etc/machine-id
echo node > /etc/hostname
chmod 0644 /etc/hostname
cat > /etc/hosts <<'HOSTS'
127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
HOSTS

# Services never start in a node by being installed: there is no init system to start them with.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 0755 /usr/sbin/policy-rc.d

# Nothing of the build stays. (The overlay has the same settings as 99mmdebstrap, under a name of ours.)
rm -f /etc/dpkg/dpkg.cfg.d/99mmdebstrap
find /var/lib/apt/lists -mindepth 1 -delete
find /var/cache/apt /var/cache/debconf -type f -delete
find /var/log -type f -delete
find / -xdev -name __pycache__ -type d -prune -exec rm -rf {} +
rm -f /etc/motd /var/cache/ldconfig/aux-cache /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid- /var/lib/dpkg/*-old
