#!/bin/sh
# Runs in a Debian container that has busybox and ca-certificates: makes the stand-in's root in /out, where `root/` of this
# folder lies already. Like Debian's, the root has /bin and /lib as links into /usr, since packages are unpacked over it.
set -eu
cd /out

mkdir -p dev etc/ssl/certs home media mnt opt proc root run srv sys tmp usr/bin usr/lib64 usr/sbin usr/share usr/local/bin \
    var/cache/apk var/lib var/log var/tmp
chmod 1777 tmp var/tmp
chmod 700 root
mv sbin/apk usr/sbin/apk
mkdir -p usr/lib
mv lib/apk usr/lib/apk
mkdir -p usr/lib/apk/db/files
rmdir sbin lib
for dir in bin sbin lib lib64; do ln -s "usr/$dir" "$dir"; done
ln -s /run var/run

cp /bin/busybox usr/bin/busybox
for applet in $(busybox --list) ash; do
    case $applet in
        # Debian's packages are apk's business here; the others have no use in a container.
        busybox | dpkg | dpkg-deb | init | linuxrc | rpm) ;;
        *) [ -e "usr/bin/$applet" ] || ln -s busybox "usr/bin/$applet" ;;
    esac
done

# What programs are linked to: of glibc only the libraries themselves.
libc=$(echo /usr/lib/*/libc.so.6)
libraries=$(dirname "$libc")
mkdir -p ".$libraries"
for name in libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libresolv.so.2 libutil.so.1 libnss_dns.so.2 libnss_files.so.2; do
    cp "$libraries/$name" ".$libraries/$name"
done
cp "$libraries"/ld-linux* ".$libraries/"
# Its name in programs is a link into that directory.
for loader in /usr/lib64/ld-linux* /usr/lib/ld-linux*; do
    if [ -L "$loader" ]; then cp -d "$loader" ".$loader"; fi
done

cp /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/ca-certificates.crt
ln -s certs/ca-certificates.crt etc/ssl/cert.pem

mkdir -p etc/apk
awk '/^deb /{ for (i = 4; i <= NF; i++) print $2, $3, $i }' /etc/apt/sources.list > etc/apk/repositories
dpkg --print-architecture > etc/apk/arch
# What is in here, and how much of it in KiB.
note() { printf '%s\t%s\t%s\n' "$1" "$(dpkg-query -W -f '${Version}' "$2")" "$3" >> usr/lib/apk/db/installed; }
note busybox busybox "$(du -k usr/bin/busybox | cut -f1)"
note libc6 libc6 "$(du -sk "usr/lib/$(basename "$libraries")" | cut -f1)"
note ca-certificates ca-certificates "$(du -k etc/ssl/certs/ca-certificates.crt | cut -f1)"

release=$(. /etc/os-release && echo "$VERSION_ID")
cat > etc/os-release <<CONF
NAME="Alpine Linux (Slipway stand-in)"
ID=slipway-alpine
ID_LIKE=debian
VERSION_ID=$release
PRETTY_NAME="Slipway stand-in for Alpine Linux, with packages of Debian $release"
CONF
cat > etc/passwd <<'CONF'
root:x:0:0:root:/root:/bin/ash
daemon:x:2:2:daemon:/sbin:/sbin/nologin
www-data:x:33:33:www-data:/var/www:/sbin/nologin
nobody:x:65534:65534:nobody:/:/sbin/nologin
CONF
printf 'root:x:0:root\ndaemon:x:2:\nwww-data:x:33:\nnogroup:x:65534:\n' > etc/group
printf 'root:*::0:::::\n' > etc/shadow
chmod 640 etc/shadow
cat > etc/profile <<'CONF'
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
PS1='\h:\w\$ '
CONF
