## commit
docker run --name cc alpine sh -c 'echo new > /etc/new; rm /etc/issue; echo x >> /etc/motd; mkdir /d; echo y > /d/f'
docker diff cc | sort
docker commit cc
docker commit cc one
docker commit -a 'A <a@b>' -m 'a message' cc one:v2
docker commit -p=false -c 'CMD ["cat","/etc/new"]' -c 'ENV A=b C="d e"' -c 'LABEL x=y' -c 'EXPOSE 80 53/udp' -c 'USER 1:1' -c 'WORKDIR /d' -c 'VOLUME /v' -c 'ONBUILD RUN ls' -c 'HEALTHCHECK --interval=3s CMD true' cc one:all
docker inspect -f '{{json .Config}}' one:all
docker inspect -f '{{.Author}}|{{.Comment}}|{{.Os}}/{{.Architecture}}|{{len .RootFS.Layers}}|{{.Size}}' one:v2
docker history --format '{{.ID}}|{{.CreatedBy}}|{{.Comment}}|{{.Size}}' one:v2
docker run --rm one:all
docker run --rm one cat /etc/issue
docker commit -c 'ENTRYPOINT ["echo", "said"]' -c 'cmd a b' cc one:entry
docker run --rm one:entry
docker inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' one:entry
docker rm cc
docker rmi one one:v2 one:all one:entry
docker rmi $(docker images -qf dangling=true)
## commit of nothing changed
docker run --name cc alpine true
docker commit cc same
docker inspect -f '{{len .RootFS.Layers}} {{.Parent}}' same
docker history --format '{{.CreatedBy}}|{{.Size}}' same
docker create --name never alpine cat
docker commit never never
docker history --format '{{.CreatedBy}}|{{.Size}}' never
docker rm cc never
docker rmi same never
## commit of a running container pauses it
docker run -d --name cc alpine sleep 100
docker commit cc running
docker inspect -f '{{.State.Status}} {{.State.Paused}}' cc
docker commit -p=false cc running:unpaused
docker pause cc
docker commit cc running:paused
docker inspect -f '{{.State.Status}} {{.State.Paused}}' cc
docker unpause cc
docker events --since "$SINCE" --until "$(date +%s.%N)" --filter container=cc --format '{{.Action}}' | grep -v exec
docker rm -f cc
docker rmi running running:unpaused running:paused
## commit errors
docker run --name cc alpine true
docker commit nosuch
docker commit nosuch x
docker commit cc Upper
docker commit cc x@sha256:0000000000000000000000000000000000000000000000000000000000000000
docker commit cc 'a b'
docker commit -c 'RUN ls' cc x
docker commit -c 'NONSENSE' cc x
docker commit -c 'EXPOSE x' cc x
docker commit -c 'CMD' cc x && docker inspect -f '{{json .Config.Cmd}}' x && docker rmi x
docker commit -c 'ENV' cc x
docker commit -c 'ENV a' cc x
docker commit -c 'LABEL' cc x
docker commit -c 'USER' cc x
docker commit -c 'WORKDIR' cc x
docker commit -c 'HEALTHCHECK nonsense' cc x
docker commit -c 'ONBUILD FROM a' cc x
docker commit
docker images -q x
docker rm cc
## what commit keeps of a change
docker run --name cc alpine sh -c 'ln -s /etc/passwd /l; ln /etc/group /hard; mkfifo /fifo; chmod 4711 /bin/busybox; chown 7:8 /etc/motd; rm -r /etc/apk; mkdir -p /etc/apk/new; rm -r /media; echo x > /media; touch -t 200001010000 /old; truncate -s 1M /sparse; mkdir -m 1777 /sticky'
docker diff cc | sort
docker commit cc kept
docker run --rm kept sh -c 'ls -l / | grep -E "l$|passwd|fifo|hard|old|sparse|sticky|media" | cut -c1-10; stat -c "%a %u %g %s %h" /bin/busybox /etc/motd /sparse /hard /sticky; stat -c %Y /old; ls /etc/apk; cat /media; readlink /l'
docker inspect -f '{{.Size}}' kept alpine | awk '{print NR==1 ? a=$1 : a-$1}' | tail -n 1
docker rm cc
docker rmi kept
## tag
docker tag alpine ta
docker tag alpine ta:v1
docker tag ta:v1 localhost:5000/x/y:z
docker tag nosuch b
docker tag alpine Upper
docker tag alpine ta:b:c
docker tag alpine ta@sha256:0000000000000000000000000000000000000000000000000000000000000000
docker tag alpine ''
docker tag alpine ta:-x
docker tag alpine docker.io/library/ta:v2
docker tag "$(docker images -q alpine)" byid
docker tag alpine 0000000000000000000000000000000000000000000000000000000000000000
docker tag alpine
docker images --format '{{.Repository}}:{{.Tag}}' | sort
docker inspect -f '{{len .RepoTags}}' alpine
docker rmi ta ta:v1 ta:v2 localhost:5000/x/y:z byid
docker events --since "$SINCE" --until "$(date +%s.%N)" --filter type=image --format '{{.Action}} {{.Actor.Attributes.name}}'
## a tag moves
docker run --name cc alpine touch /x
docker commit cc first
docker commit -m second cc second
docker tag second first
docker images --format '{{.Repository}}:{{.Tag}}' | sort
docker rmi first
docker rmi second
docker image prune -f
docker rm cc
## rmi of names
docker run --name cc alpine touch /x
docker commit cc r:1
docker tag r:1 r:2
docker tag r:1 other
docker rm cc
docker rmi "$(docker images -q r:1)"
docker rmi r:1
docker rmi other
docker rmi r:2
docker rmi r:2
docker rmi nosuch:1 nosuch2
docker rmi -f nosuch
docker rmi Upper
docker rmi ''
docker rmi
docker rmi 000000000000
docker image rm sha256:0000000000000000000000000000000000000000000000000000000000000000
## rmi by id with tags of one repository
docker run --name cc alpine touch /x
docker commit cc r:1
docker tag r:1 r:2
docker rm cc
docker rmi "$(docker images -q r:1)"
docker rmi -f "$(docker images -q r:1)"
docker commit nosuch r
docker images -q r
## rmi by id with one name
docker run --name cc alpine touch /x
docker commit cc r:1
docker rm cc
docker rmi "$(docker images -q r:1)"
docker images -q r
## rmi of an image in use by a stopped container
docker run --name cc alpine touch /x
docker commit cc r:1
docker run --name uu r:1 true
docker rmi r:1
docker rmi "$(docker images -q r:1)"
docker tag r:1 r:2
docker rmi r:2
docker rmi "$(docker images -q r:1)"
docker rmi -f r:1
docker ps -a --format '{{.Names}} {{.Image}}' | sort
docker start -a uu
docker rm uu cc
docker rmi -f $(docker images -qaf dangling=true)
docker images -aq | wc -l
## rmi by id with force of an image in use by a stopped container
docker run --name cc alpine touch /x
docker commit cc r:1
docker run --name uu r:1 true
docker rmi -f "$(docker images -q r:1)"
docker ps -a --format '{{.Names}} {{.Image}}' | sort
docker rm uu cc
docker images -aq | wc -l
## rmi of an image in use by a running container
docker run --name cc alpine touch /x
docker commit cc r:1
docker run -d --name uu r:1 sleep 100
docker rmi r:1
docker rmi "$(docker images -q r:1)"
docker rmi -f "$(docker images -q r:1)"
docker tag r:1 r:2
docker rmi r:2
docker rmi -f r:1
docker images --format '{{.Repository}}:{{.Tag}}' | sort
docker ps --format '{{.Names}} {{.Image}}' | sort
docker rm -f uu cc
docker image prune -f
## rmi of an image with children
docker run --name c1 alpine touch /x
docker commit c1 mother
docker run --name c2 mother touch /y
docker commit c2 child
docker rm c1 c2
docker rmi "$(docker images -q mother)"
docker rmi -f "$(docker images -q mother)"
docker rmi mother
docker images -a --format '{{.Repository}}:{{.Tag}}' | sort
docker images --format '{{.Repository}}:{{.Tag}}' | sort
docker images -f dangling=true --format '{{.Repository}}:{{.Tag}}' | sort
docker history --format '{{.CreatedBy}}|{{.Comment}}|{{.Size}}' child
docker image prune -f
docker rmi child
docker images -aq | wc -l
## rmi --no-prune
docker run --name c1 alpine touch /x
docker commit c1 mother
docker run --name c2 mother touch /y
docker commit c2 child
docker rm c1 c2
docker rmi mother
docker rmi --no-prune child
docker images -a --format '{{.Repository}}:{{.Tag}}' | sort
docker rmi $(docker images -qf dangling=true)
## events of removal
docker run --name cc alpine touch /x
docker commit cc ev:1
docker tag ev:1 ev:2
docker rm cc
docker rmi ev:1 ev:2
docker events --since "$SINCE" --until "$(date +%s.%N)" --filter type=image --format '{{.Action}} {{.Actor.Attributes.name}}'
## image prune
docker run --name cc alpine touch /x
docker commit cc p:1
docker commit -c 'LABEL keep=yes' cc p:2
docker commit -m other cc
docker rm cc
docker image prune < /dev/null
echo n | docker image prune
docker image prune -f
docker image prune -f
docker image prune -a -f --filter label=keep
docker images --format '{{.Repository}}:{{.Tag}}' | sort
docker image prune -a -f --filter 'label!=nothing' --filter until=2000-01-01
docker create --name user alpine true
docker image prune -a --force
docker images --format '{{.Repository}}:{{.Tag}}' | sort
docker rm user
## image prune filters
docker run --name cc alpine touch /x
docker commit -c 'LABEL a=1' cc f:1
docker commit -c 'LABEL a=2' cc f:2
docker commit -c 'LABEL b=1' cc f:3
docker rm cc
docker create --name user alpine true
docker image prune -a -f --filter label=a=1
docker image prune -a -f --filter 'label!=a' --filter 'label!=zzz' | sort
docker images --format '{{.Repository}}:{{.Tag}}' | sort
docker image prune -a -f --filter until=1h
docker image prune -f --filter nonsense=1
docker image prune -f --filter until=nonsense
docker image prune -f --filter dangling=false
docker image prune -f --filter dangling=nonsense
docker image prune -f --filter until=1h --filter until=2h
docker image prune -f --filter nonsense
docker image prune extra
docker images --format '{{.Repository}}:{{.Tag}}' | sort
docker rm user
docker rmi f:2 f:3
## history
docker run --name cc alpine touch /x
docker commit -m 'second step' cc h
docker rm cc
docker history h
docker history alpine
docker history --no-trunc h | cut -d' ' -f 2-
docker history --human=false --format '{{.ID}} {{.CreatedSince}} {{.CreatedBy}} {{.Size}} {{.Comment}}' h | cut -d' ' -f 1-3
docker history -q h
docker history -q --no-trunc h
docker history --format 'table {{.ID}}\t{{.Comment}}' h
docker history --format '{{json .}}' h | sed 's/"CreatedAt":"[^"]*",//'
docker history --format '{{.Nonsense}}' h
docker history nosuch
docker history
docker history h h
docker rmi h
## inspect of an image
docker run --name cc -e X=y -w /etc -u root -l la=bel --entrypoint touch alpine /x
docker commit -m message -a author cc i:1
docker inspect i:1
docker image inspect alpine
docker image inspect -f '{{.Id}} {{json .RepoTags}} {{.Parent}} {{.Config.Image}} {{json .Config.Labels}}' i:1
docker image inspect -f '{{json .ContainerConfig}}' i:1
docker image inspect nosuch
docker image inspect nosuch i:1 -f '{{.Os}}'
docker inspect --type image cc
docker inspect --type container alpine
docker image inspect "$(docker images -q i)" -f '{{.Author}}'
docker image inspect "$(docker images -q i | cut -c1-6)" -f '{{.Author}}'
docker image inspect 'i:1@sha256:0000000000000000000000000000000000000000000000000000000000000000'
docker rm cc
docker rmi i:1
## diff
docker run --name cc alpine sh -c 'rm -r /etc/apk; mkdir /etc/apk; touch /etc/apk/x; chmod 700 /tmp; touch /tmp/a /tmp/b; mv /etc/motd /etc/motd2; cp -a /usr/share /usr/share2; touch /etc/passwd; rm -r /var/log; ln -s a /link; echo > /dev/shm/x'
docker diff cc | sort
docker diff nosuch
docker rm cc
docker create --name cc alpine true
docker diff cc | sort
docker rm cc
## save and load
docker run --name cc alpine sh -c 'echo one > /one'
docker commit cc s:1
docker commit -m other cc s:2
docker commit -m third cc t:1
docker rm cc
docker save -o all.tar s t:1
docker save s:1 > one.tar
docker save -o byid.tar "$(docker images -q t:1)"
docker rmi s:1 s:2 t:1
docker load -i all.tar | sort
docker images --format '{{.Repository}}:{{.Tag}}' | sort
docker run --rm s:2 cat /one
docker inspect -f '{{.Comment}} {{.Parent}}' s:2 t:1
docker load -i all.tar | sort
docker load -q -i one.tar
docker load < one.tar
docker rmi t:1
docker load -i byid.tar
docker rmi "$(docker load -q -i byid.tar | sed 's/.*: //')"
docker tag alpine s:1
docker load -i one.tar
docker rmi s:1 s:2
docker images -qf dangling=true | wc -l
docker load -i all.tar > /dev/null; docker rmi s:1 s:2 t:1 | grep -c Deleted
docker events --since "$SINCE" --until "$(date +%s.%N)" --filter type=image --format '{{.Action}} {{.Actor.Attributes.name}}' | grep -E 'save|load' | sort
## save and load errors
docker save nosuch -o x.tar
docker save alpine nosuch > x.tar
docker save -o /no/such/x.tar alpine
docker save -o . alpine
docker save
docker load -i nosuch
docker load < /dev/null
echo nonsense | docker load
head -c 2000 /dev/zero | docker load
head -c 20480 /dev/zero | docker load
tar cf - cases 2>/dev/null | docker load
docker images --format '{{.Repository}}:{{.Tag}}' | sort
## compressed archives
docker run --name cc alpine sh -c 'echo one > /one'
docker commit cc z:1
docker rm cc
docker save -o z.tar z:1
docker rmi z:1
for how in gzip bzip2 xz; do
$how -c z.tar > z.$how
docker load -i z.$how
docker run --rm z:1 cat /one
docker rmi z:1 | grep -c Deleted
done
## archives made by hand
mkdir l; echo hello > l/hello; chmod 755 l; tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf layer.tar -C l .
diff=$(sha256sum layer.tar | cut -d' ' -f1)
config() { printf '{"architecture":"amd64","os":"%s","config":{"Cmd":["/hello"]},"created":"2020-01-01T00:00:00Z","rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created":"2020-01-01T00:00:00Z","created_by":"by hand"}]}' "$1" "$2" > config.json; }
manifest() { printf '[{"Config":"%s","RepoTags":%s,"Layers":%s}]' "$1" "$2" "$3" > manifest.json; }
load() { tar cf x.tar manifest.json config.json layer.tar; docker load -i x.tar; docker image prune -f > /dev/null; }
config linux $diff; manifest config.json '["hand:1"]' '["layer.tar"]'; load
docker inspect -f '{{json .Config}} {{.Size}}' hand:1
docker history --format '{{.CreatedBy}} {{.Size}}' hand:1
docker rmi hand:1
manifest config.json null '["layer.tar"]'; load
manifest config.json '["hand:1","hand:v","other/hand:2"]' '["layer.tar"]'; load
docker rmi hand:1 hand:v other/hand:2
manifest config.json '["hand"]' '["layer.tar"]'; load
manifest config.json '["hand:1"]' '["missing.tar"]'; load
manifest missing.json '["hand:1"]' '["layer.tar"]'; load
manifest config.json '["hand:1"]' '["layer.tar","layer.tar"]'; load
manifest config.json '["hand:1"]' '[]'; load
manifest config.json '["Upper"]' '["layer.tar"]'; load
manifest config.json '["a:b:c"]' '["layer.tar"]'; load
manifest ../config.json '["hand:1"]' '["layer.tar"]'; load
manifest config.json '["hand:1"]' '["../layer.tar"]'; load
manifest config.json '["hand:1"]' '["/etc/passwd"]'; load
echo '{}' > manifest.json; load
echo 'nonsense' > manifest.json; load
manifest config.json '["hand:1"]' '["layer.tar"]'
config windows $diff; load
config '' $diff; load; docker rmi hand:1
config linux 0000000000000000000000000000000000000000000000000000000000000000; load
echo '{}' > config.json; load
echo 'nonsense' > config.json; load
config linux $diff; head -c 700 layer.tar > short.tar; mv short.tar layer.tar; load
docker images --format '{{.Repository}}:{{.Tag}}' | sort
## import
mkdir r; echo hello > r/hello; mkdir r/dir; tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf r.tar -C r .
docker import r.tar
docker rmi "$(docker images -qf dangling=true)"
docker import r.tar imp
docker import - imp:stdin < r.tar
docker import -m 'a message' -c 'CMD ["/hello"]' -c 'ENV A=b' -c 'EXPOSE 8080' r.tar imp:conf
docker inspect -f '{{json .Config}}|{{.Comment}}|{{.Os}}/{{.Architecture}}|{{.Author}}|{{.Size}}' imp:conf
docker inspect -f '{{.Comment}}|{{json .RootFS}}' imp:stdin
docker history --format '{{.CreatedBy}}|{{.Comment}}|{{.Size}}' imp
gzip -k r.tar; docker import r.tar.gz imp:gz
bzip2 -k r.tar; docker import r.tar.bz2 imp:bz2
xz -k r.tar; docker import r.tar.xz imp:xz
docker inspect -f '{{json .RootFS.Layers}}' imp:gz imp:bz2 imp:xz | uniq | wc -l
docker import --platform linux/arm64 r.tar imp:arm
docker inspect -f '{{.Os}}/{{.Architecture}}' imp:arm
docker import --platform nonsense r.tar imp:x
docker import --platform windows/amd64 r.tar imp:x
docker import r.tar Upper
docker import r.tar imp:a:b
docker import nosuch.tar imp
docker import -c 'RUN ls' r.tar imp:x
docker import -c 'EXPOSE x' r.tar imp:x
echo nonsense | docker import - imp:x
head -c 1000 r.tar | docker import - imp:x
docker import - imp:empty < /dev/null
docker import
docker images --format '{{.Repository}}:{{.Tag}} {{.Size}}' imp | sort
docker rmi $(docker images --format '{{.Repository}}:{{.Tag}}' imp) | grep -c Untagged
docker events --since "$SINCE" --until "$(date +%s.%N)" --filter type=image --filter event=import --format '{{.Action}} {{.Actor.Attributes.name}}'
## import from a URL
mkdir -p www r; echo hello > r/hello; tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf www/r.tar -C r .
busybox httpd -f -p 127.0.0.1:8099 -h www & web=$!
until busybox wget -q -O /dev/null http://127.0.0.1:8099/r.tar 2> /dev/null; do sleep 0.05; done
docker import http://127.0.0.1:8099/r.tar url
docker history --format '{{.Comment}}|{{.Size}}' url
docker import -m mine http://127.0.0.1:8099/r.tar url:2
docker history --format '{{.Comment}}|{{.Size}}' url:2
docker import http://127.0.0.1:8099/missing url:3
docker import http://127.0.0.1:1/r.tar url:3
kill $web; wait $web 2>/dev/null
docker rmi url url:2
## export
docker run --name cc alpine sh -c 'echo new > /etc/new; rm /etc/issue; ln -s /etc/new /link'
docker export cc | tar t | sed 's,/$,,' | grep -vE '^(bin|sbin|usr/bin|usr/sbin)/' | sort
docker export -o x.tar cc
tar tvf x.tar --numeric-owner etc/new link tmp/ | tr -s ' ' | cut -d' ' -f 1-3,6-
docker export cc | docker import - exported
docker run --rm exported cat /link
docker export nosuch
docker export -o /no/such/x.tar cc
docker export
docker run -d --name rr alpine sleep 100
docker export rr | tar t | grep -cE '^(proc|sys|dev)/.'
docker rm -f cc rr
docker rmi exported
## cp out of a container
docker run --name cc alpine sh -c 'mkdir -p /a/b; echo 1 > /a/f; echo 2 > /a/b/g; ln -s f /a/l; ln -s /a/b /a/ld; ln -s /nowhere /a/broken; chmod 640 /a/f; chown 7:8 /a/f; ln -s ../../../../../../../../etc/passwd /a/out'
docker cp cc:/a/f .; cat f; stat -c '%a %u' f
docker cp -a cc:/a/f g; stat -c '%a %u %g' g
docker cp cc:/a here; find here | sort; readlink here/l here/ld here/broken here/out
docker cp cc:/a/. there; find there | sort
mkdir into; docker cp cc:/a into; find into | sort
mkdir into2; docker cp cc:/a/. into2; find into2 | sort
docker cp cc:/a/l .; readlink l
docker cp -L cc:/a/l lf; cat lf
docker cp -L cc:/a/ld ldd; find ldd | sort
docker cp cc:/a/broken .; readlink broken
docker cp -L cc:/a/broken x
docker cp cc:/a/f - | tar tv | cut -c1-10
docker cp cc:/a - | tar t | sort
docker cp cc:/a/. - | tar t | sort
docker cp cc:/a/ld/. - | tar t | sort
docker cp cc:/a/f/ .
docker cp cc:/nosuch .
docker cp cc:/a/nosuch/x .
docker cp nosuch:/a .
docker cp cc:/a f
docker cp cc:/a/f nosuchdir/
docker cp cc:/a/f nosuchdir/x
docker cp cc:/a nosuchdir/x
docker cp cc:a/f rel; cat rel
docker cp cc: root; ls root | head -3
docker cp cc:/../../a/f up; cat up
docker cp cc:/a/out - | tar tv | sed 's/.*out/out/'
docker cp -L cc:/a/out o; head -1 o
docker rm cc
## cp into a container
docker run -d --name cc alpine sleep 100
mkdir -p d/sub; echo 1 > d/f; echo 2 > d/sub/g; ln -s f d/l; chmod 600 d/f
docker exec cc sh -c 'mkdir /t /full; echo old > /full/f; ln -s /t /tl; ln -s /full/f /fl; mkdir /ro'
docker cp d/f cc:/t; docker exec cc stat -c '%a %u %g %n' /t/f
docker cp d/f cc:/t/; docker cp d/f cc:/t/new; docker exec cc ls /t
docker cp d cc:/t; docker exec cc find /t | sort
docker cp d/. cc:/t; docker exec cc find /t | sort
docker cp d cc:/made; docker exec cc find /made | sort
docker cp d/. cc:/made2; docker exec cc find /made2 | sort
docker cp d/l cc:/t/lnk; docker exec cc readlink /t/lnk
docker cp -L d/l cc:/t/followed; docker exec cc cat /t/followed
docker cp d/f cc:/tl; docker exec cc ls -l /tl | cut -c1
docker cp d/f cc:/tl/through; docker exec cc cat /t/through
docker cp d/f cc:/fl; docker exec cc sh -c 'cat /full/f; readlink /fl'
docker cp -a d/f cc:/t/arch; docker exec cc stat -c '%u %g' /t/arch
docker cp d cc:/full/f
docker cp d/f cc:/full; docker exec cc cat /full/f
mkdir x; mkdir x/f; docker cp x/. cc:/full
docker cp d/f cc:/no/such/x
docker cp d/f cc:/no/
docker cp nosuch cc:/t
docker cp d/f nosuch:/t
docker cp d/f/ cc:/t
docker cp d/f cc:/full/f/
docker cp d/f cc:/proc/nosuch
tar cc d | docker cp - cc:/t; docker exec cc ls /t/d
tar cc d | docker cp - cc:/t/nosuch
tar cc d | docker cp - cc:/full/f
echo nonsense | docker cp - cc:/t
docker cp - cc:/t < /dev/null
tar cc d | head -c 700 | docker cp - cc:/t
tar czf - d | docker cp - cc:/ro; docker exec cc find /ro | sort
tar cjf - d | docker cp - cc:/ro
tar cJf - d | docker cp - cc:/ro
docker cp cc:/t cc:/x
docker cp a b
docker cp - -
docker cp d
docker diff cc | sort | head -8
docker events --since "$SINCE" --until "$(date +%s.%N)" --filter container=cc --format '{{.Action}}' | grep -E 'archive|extract' | sort | uniq
docker rm -f cc
## cp to and from a container that does not run
docker create --name cc alpine sh -c 'cat /x/f'
mkdir d; echo 1 > d/f
docker cp d cc:/x
docker cp cc:/x/f -  | tar xO
docker start -a cc
docker cp cc:/etc/hostname h; wc -c < h
docker cp d/f cc:/proc/x
docker cp d/f cc:/etc/hostname
docker rm cc
## cp with volumes
mkdir d; echo 1 > d/f
docker create --name cc -v vol:/data -v "$PWD/d:/bind" -v "$PWD/d:/fixed:ro" --tmpfs /tmpfs alpine sh -c 'ls /data /bind'
docker cp d/f cc:/data/one
docker cp d/f cc:/bind/two; ls d
docker cp d/f cc:/fixed/three
docker cp d cc:/data/sub
docker cp cc:/data - | tar t | sort
docker cp cc:/fixed/f - | tar t
docker start -a cc
docker rm cc
docker volume rm vol
docker create --name cc --read-only -v vol:/data alpine true
docker cp d/f cc:/x
docker cp d/f cc:/data/x
docker cp cc:/data/x - | tar t
docker rm cc
docker volume rm vol
## cp of hostile archives
docker run -d --name cc alpine sleep 100
mkdir w; cd w
python3 - <<'P'
import tarfile, io
def make(name, *entries):
    with tarfile.open(name, 'w', format=tarfile.PAX_FORMAT) as t:
        for kind, path, link in entries:
            i = tarfile.TarInfo(path); i.mode = 0o644; i.mtime = 0
            i.type = kind; i.linkname = link
            data = b'x\n' if kind == tarfile.REGTYPE else b''
            i.size = len(data)
            if kind == tarfile.CHRTYPE: i.devmajor, i.devminor = 1, 3
            t.addfile(i, io.BytesIO(data))
R, S, L, C, F = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE
make('up.tar', (R, '../../up', ''))
make('abs.tar', (R, '/abs', ''))
make('through.tar', (S, 'l', '/etc'), (R, 'l/through', ''))
make('hard.tar', (L, 'h', '../../../../../../etc/passwd'))
make('hardabs.tar', (L, 'h2', '/etc/passwd'))
make('dev.tar', (C, 'null', ''), (F, 'fifo', ''))
make('white.tar', (R, '.wh.motd', ''))
P
for a in up abs through hard hardabs dev white; do echo "$a:"; docker cp - cc:/tmp < $a.tar; done
docker exec cc sh -c 'ls -A /tmp; ls /up /abs /etc/through 2>&1 | sort'
docker import up.tar bads
docker import through.tar bads && docker rmi bads
docker import hard.tar bads
docker import abs.tar bads && docker export "$(docker create bads x)" | tar t | grep abs
docker rm $(docker ps -aqf ancestor=bads); docker rmi bads
ls ..
docker rm -f cc
## images and their filters
docker run --name cc alpine touch /x
docker commit -c 'LABEL l=1' cc g/one:1
sleep 1.1
docker commit -c 'LABEL l=2' cc g/two:1
sleep 1.1
docker commit -c 'LABEL m=1' cc h:1
sleep 1.1
docker commit -m dangling cc
docker rm cc
list() { docker images --format '{{.Repository}}:{{.Tag}}' "$@"; }
list | sort
list -f dangling=true
list -f dangling=false | sort
list -f label=l | sort
list -f label=l=2
list -f 'label=l=1' -f 'label=m=1'
list -f before=g/two:1 | sort
list -f since=g/one:1 -f dangling=false | sort
list -f since=nosuch
list -f before=nosuch
list -f reference='g/*'
list -f reference='*:1'
list -f reference='g/t*:1' -f reference=h
list -f reference='[a-g]/one'
list -f reference='['
list -f reference='g/one:2'
list -f nonsense=1
list -f dangling=maybe
list -f nonsense
list g/one
list g/one:1
list g
list 'g/*'
list g/one:2
list nosuch
list -a | sort | uniq
docker images
docker images --digests h
docker images -q h
docker images --no-trunc h
docker images --format 'table {{.Repository}}\t{{.Tag}}' h
docker images --format '{{json .}}' h | sed 's/"CreatedAt":"[^"]*",//; s/"ID":"[^"]*"/"ID":""/; s/"\(Size\|VirtualSize\)":"[^"]*"/"\1":""/g; s/"CreatedSince":"[^"]*"/"CreatedSince":""/'
docker images a b
docker rmi g/one:1 g/two:1 h:1
docker image prune -f
## system df
docker run --name cc -v vol:/data alpine sh -c 'head -c 1000000 /dev/zero > /x; head -c 2000 /dev/zero > /data/y'
docker commit cc df:1
docker tag df:1 df:2
docker run -d --name rr df:1 sleep 100
docker system df
docker system df -v
docker system df --format '{{.Type}}|{{.TotalCount}}|{{.Active}}|{{.Size}}|{{.Reclaimable}}'
docker system df --format '{{json .}}'
docker rm -f rr cc
docker system df --format '{{.Type}}|{{.TotalCount}}|{{.Active}}|{{.Reclaimable}}'
docker rmi df:1 df:2
docker volume rm vol
docker system df extra
## container prune
docker run --name c1 -l a=1 alpine sh -c 'head -c 5000 /dev/zero > /x'
docker run --name c2 -l b=1 alpine true
docker run -d --name rr alpine sleep 100
docker create --name never alpine true
docker container prune < /dev/null
docker container prune -f --filter label=a
docker container prune -f --filter until=1h
docker container prune -f --filter 'label!=b'
docker ps -a --format '{{.Names}}' | sort
docker container prune -f --filter nonsense=1
docker container prune -f --filter until=nonsense
docker container prune -f
docker container prune -f
docker rm -f rr
## volume prune
docker volume create --label a=1 v1
docker volume create v2
docker run --name cc -v v3:/x -v /anonymous alpine sh -c 'head -c 3000 /dev/zero > /x/y; echo x > /anonymous/z'
docker volume ls -q | sed 's/^[0-9a-f]\{64\}$/ANONYMOUS/' | sort
docker volume ls -qf dangling=true | sort
docker rm -v cc
docker volume ls -q | sort
docker volume prune -f --filter label=nosuch
docker volume prune -f --filter nonsense=1
docker volume rm v1 v2 v3
docker volume rm v1
## system prune
docker run --name cc alpine touch /x
docker commit cc sp:1
docker commit -m other cc
docker volume create vv
docker system prune < /dev/null
docker system prune -f
docker system prune -f --filter until=1h
docker images --format '{{.Repository}}:{{.Tag}}' | sort
docker volume ls -q
docker create --name keep alpine true
docker system prune -a -f | sed 's/^[0-9a-f]\{64\}$/ID/' | sort
docker rm keep
docker volume rm vv
docker system prune -f --filter nonsense=1
docker system prune -f --volumes --filter until=1h
## the data root
shape() {
  for d in $(ls "$ROOT/overlay2" | grep -vx -e l -e backingFsBlockDev); do
    here="$ROOT/overlay2/$d"
    printf '%s | %s| link %s | %s\n' "$(echo "$d" | sed 's/^[0-9a-f]*/ID/')" "$(ls "$here" | tr '\n' ' ')" "$(wc -c < "$here/link")" "$(tr ':' '\n' < "$here/lower" 2>/dev/null | sed 's,^l/[A-Z0-9]\{26\}$,l/LINK,' | tr '\n' ' ')"
    for lower in $(tr ':' ' ' < "$here/lower" 2>/dev/null); do [ -d "$ROOT/overlay2/$lower" ] || echo "$lower leads nowhere"; done
    [ "$(readlink "$ROOT/overlay2/l/$(cat "$here/link")")" = "../$d/diff" ] || echo "the link of $d is wrong"
  done | sort
  ls "$ROOT/overlay2/l" | sed 's/^[A-Z0-9]\{26\}$/LINK/' | sort | uniq -c | tr -s ' '
}
database() { (cd "$ROOT/image/overlay2" && find . | sed 's/[0-9a-f]\{64\}/ID/g' | sort | uniq -c | tr -s ' ' | grep -v distribution); }
docker rmi alpine > /dev/null
ls "$ROOT/overlay2"
shape
mkdir l1 l2 l3; for n in 1 2 3; do echo $n > l$n/f$n; tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf $n.tar -C l$n .; done
cp "$(command -v busybox)" l1/busybox; chmod 755 l1/busybox; tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf 1.tar -C l1 .
id() { printf '"sha256:%s"' "$(sha256sum $1 | cut -d' ' -f1)"; }
printf '{"architecture":"amd64","os":"linux","config":{"Cmd":["/busybox","sleep","100"]},"rootfs":{"type":"layers","diff_ids":[%s,%s,%s]},"history":[{},{},{}]}' "$(id 1.tar)" "$(id 2.tar)" "$(id 3.tar)" > config.json
echo '[{"Config":"config.json","RepoTags":["three:1"],"Layers":["1.tar","2.tar","3.tar"]}]' > manifest.json
tar cf three.tar manifest.json config.json 1.tar 2.tar 3.tar; docker load -i three.tar
shape
database
docker run -d --name cc three:1
shape
database
upper=$(docker inspect -f '{{.GraphDriver.Data.UpperDir}}' cc); docker exec cc /busybox touch /new; ls "$upper" "$upper/../merged"; ls -A "$upper/../../$(basename "$(dirname "$upper")")-init/diff" "$upper/../../$(basename "$(dirname "$upper")")-init/diff/etc"
cat "$(docker inspect -f '{{.GraphDriver.Data.LowerDir}}' cc | tr ':' '\n' | tail -n 1)/f1"
docker stop -t 0 cc
for i in $(seq 50); do [ -d "$upper/../merged" ] || break; sleep 0.1; done
shape
docker rm cc
docker rmi three:1 | grep -c Deleted
shape
database
