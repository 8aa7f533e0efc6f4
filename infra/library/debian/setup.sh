#!/bin/sh
# Runs in a base image's root (chroot) after its packages are installed. Debian's images for containers have the same settings,
# since nothing in a container plays the part of an init system and every byte of a layer is shipped to somebody.
set -eu

# Installing a package starts no service.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 0755 /usr/sbin/policy-rc.d

cat > /etc/apt/apt.conf.d/docker-clean <<'CONF'
// Downloaded packages are not kept: a layer would carry them for ever.
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb || true"; };
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
CONF
echo 'Acquire::Languages "none";' > /etc/apt/apt.conf.d/docker-no-languages
echo 'Acquire::GzipIndexes "true";' > /etc/apt/apt.conf.d/docker-gzip-indexes
echo 'APT::AutoRemove::SuggestsImportant "false";' > /etc/apt/apt.conf.d/docker-autoremove-suggests
mv /etc/dpkg/dpkg.cfg.d/99mmdebstrap /etc/dpkg/dpkg.cfg.d/excludes
echo 'force-unsafe-io' > /etc/dpkg/dpkg.cfg.d/docker-speedup

cat > /root/.bashrc <<'CONF'
# Interactive shells of root.
[ -z "$PS1" ] && return
alias ls='ls --color=auto'
PS1='\u@\h:\w\$ '
CONF
printf '. ~/.bashrc 2>/dev/null || true\n' > /root/.profile

# What belongs to the machine that built this.
rm -f /etc/resolv.conf /etc/hostname /etc/machine-id
install -m 0644 /dev/null /etc/machine-id
rm -rf /etc/hosts /var/cache/ldconfig/aux-cache
find /var/lib/apt/lists -mindepth 1 -delete
find /var/cache/apt /var/cache/debconf /var/log -type f -delete
find / -xdev -name __pycache__ -type d -prune -exec rm -rf {} +
rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid- /var/lib/dpkg/*-old
