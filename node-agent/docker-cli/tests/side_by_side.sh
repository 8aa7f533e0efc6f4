# Each line runs twice on one engine: `docker` is the real CLI with T=aleph, then ours with T=gimel. `~ ` before a line: numbers may differ.
# Lines that change something must leave the same things for both.

# The first lesson
docker container run --name $T-first alpine sh -c 'echo hello; echo oops >&2; echo $0 > /etc/new; rm /etc/issue; echo x >> /etc/motd' $T
docker container run --rm alpine sh -c 'exit 3'
docker container ls -a --filter name=aleph-
docker container ls -aq
docker container ls -lq
docker container diff $T-first
docker container commit -m message -a author -c 'CMD ["cat", "/etc/new"]' -c 'ENV A=b' $T-first $T-ourfiglet
docker container run --rm $T-ourfiglet
docker image ls
docker image ls -q
docker image ls --digests --no-trunc
docker images
docker images -a --filter reference='aleph*'
docker images --format '{{.Repository}}:{{.Tag}} {{.ID}} {{.Size}}'
docker images --format json alpine
docker images no-such
docker image tag $T-ourfiglet $T-tagged:v1
docker tag $T-ourfiglet localhost:5000/$T/x:y
docker image history $T-ourfiglet
docker history --no-trunc --format '{{.ID}}|{{.CreatedBy}}|{{.Comment}}|{{.Size}}' aleph-ourfiglet
docker history -q alpine
docker history -H=false alpine
docker rmi $T-tagged:v1
docker rmi $T-ourfiglet localhost:5000/$T/x:y
docker rmi no-such alpine:none
docker inspect aleph-first
docker container inspect -s aleph-first
docker image inspect alpine
docker inspect --format '{{ json .RootFS.Layers }}' alpine
docker inspect --format '{{ .Architecture }} {{.Os}}' alpine
docker inspect --format '{{.State.Status}} {{json .Config.Cmd}} {{len .Mounts}}' aleph-first
docker inspect --format '{{.Nonsense}}' aleph-first
docker inspect --format '{{range .Config.Env}}{{println .}}{{end}}' aleph-first
docker inspect --format '{{' aleph-first
docker inspect --type image aleph-first
docker inspect -s alpine aleph-first no-such
docker logs $T-first
docker logs --tail 1 $T-first
docker logs -t --details $T-first
docker wait $T-first
docker rm $T-first

# run
docker run --rm -e A=b -e C -w /tmp -u 1:1 alpine sh -c 'id -u; id -g; pwd; echo $A'
docker run --rm --entrypoint echo alpine hello
docker run --rm --entrypoint= alpine echo hello
docker run --rm -h box alpine hostname
docker run --rm --read-only alpine touch /x
docker run --rm --tmpfs /t:size=1m alpine sh -c 'df -P /t | tail -1 | cut -c1-20'
docker run --rm --cap-drop ALL alpine chown 1 /etc
docker run --rm --add-host a.b:1.2.3.4 --dns 9.9.9.9 --dns-search example.com alpine sh -c 'grep -F a.b /etc/hosts; cat /etc/resolv.conf'
docker run --rm --env-file /no/such alpine true
printf 'A=1\n# no\nB=x y\n' > f; docker run --rm --env-file f alpine env
docker run --rm -l a=b --ulimit nofile=100:200 --memory 64m --pids-limit 50 --cpus 0.5 alpine sh -c 'ulimit -n'
docker run --rm --network none alpine ip -o link
docker run --rm --cidfile cid alpine true; docker run --rm --cidfile cid alpine true
docker run --rm alpine no-such-program
docker run --rm alpine /etc
docker run --rm -w relative alpine true
docker run --rm -u bob alpine true
docker run -it --rm alpine sh
docker run --rm --restart always alpine true
docker run -d -a stdout alpine true
docker run --pull never no-such-image
docker run Upper
docker run
docker run --no-such-flag alpine
docker run -p 99999:1 alpine
docker run -v /a:/b:nonsense alpine
docker run --mount type=nonsense alpine
docker run --memory 1k alpine
docker run --memory nonsense alpine
docker run --name bad/name alpine
docker run --rm -v $T-vol:/data alpine sh -c 'echo kept > /data/f'
docker run --rm -v $T-vol:/data:ro alpine sh -c 'cat /data/f; touch /data/g'
mkdir d; echo here > d/f; docker run --rm -v ./d:/d alpine cat /d/f
docker run --rm --mount type=bind,src=$PWD/d,dst=/d,ro alpine sh -c 'cat /d/f; touch /d/g'
docker run --rm --mount type=bind,src=$PWD/none,dst=/d alpine true
echo typed | docker run -i --rm alpine cat
printf 'one\ntwo\n' | docker run -i --rm alpine head -n 1
docker run -d --rm --name $T-gone alpine sleep 300
docker run -d --name $T-gone alpine true; docker rm -f $T-gone
docker run -d --name $T-web -p 127.0.0.1:0:80 -e A=1 alpine sh -c 'trap "exit 3" TERM; echo up; sleep 1000 & wait'

# On a running container
docker ps --filter name=$T-web --format 'table {{.Names}}\t{{.Image}}\t{{.Status}}\t{{.Command}}'
docker ps -a --no-trunc -s --filter name=aleph-web
docker ps --filter name=aleph-web --format json
docker ps --filter status=running --filter name=$T-web --format '{{.Names}} {{.State}} {{.Networks}} {{.Mounts}} {{.Labels}}'
docker ps -n 1 -q
docker ps --filter nonsense=x
docker ps --format '{{.Nonsense}}'
~ docker port aleph-web
~ docker port aleph-web 80
docker port aleph-web 81
~ docker top $T-web
~ docker top $T-web -o pid,comm
docker exec $T-web echo hi
docker exec -e B=2 -w /tmp -u 1:1 $T-web sh -c 'echo $A $B; pwd; id -u'
docker exec $T-web sh -c 'echo err >&2; exit 5'
docker exec -d $T-web touch /made
docker exec -it $T-web sh
echo typed | docker exec -i $T-web cat
docker exec $T-web no-such
docker exec $T-web
docker exec no-such true
docker pause $T-web
docker ps --filter name=$T-web --format '{{.Status}} {{.State}}'
docker pause $T-web
docker exec $T-web true
docker unpause $T-web
docker unpause $T-web
docker rename $T-web $T-site
docker rename $T-site $T-web
docker rename $T-web
docker update --memory 100m --memory-swap 200m --restart no $T-web
docker update --cpus 2 no-such
~ docker stats --no-stream $T-web
docker stats --no-stream --format '{{.Name}}' $T-web
docker stats --no-stream no-such
~ docker stats --no-stream
docker rm $T-web
docker cp $T-web:/etc/hostname - | tar tf -
docker cp $T-web:/etc/alpine-release here; ls; cat here/os-release 2>&1 | head -1
docker cp $T-web:/etc/apk apk; ls apk
docker cp $T-web:/etc/apk/. apk2; ls apk2
docker cp d $T-web:/tmp; docker exec $T-web ls /tmp/d
docker cp d/. $T-web:/tmp; docker exec $T-web ls /tmp
docker cp d/f $T-web:/tmp/renamed; docker exec $T-web cat /tmp/renamed
docker cp -q d/f $T-web:/tmp/none/ 2>&1 | tail -n 1
docker cp no-such $T-web:/tmp
docker cp $T-web:/no-such .
docker cp $T-web:/etc/hostname /no/such/dir/
docker cp $T-web:/etc/hostname new/
docker cp $T-web:/etc/apk new/; ls new
docker cp $T-web:/etc/apk .; ls apk
docker cp $T-web:/etc/apk f
docker cp $T-web:/etc/alpine-release f/
docker cp $T-web:/etc/alpine-release f; grep -c . f
docker cp -a $T-web:/etc/passwd .; stat -c %u:%g:%a passwd
docker cp a b
docker cp $T-web:/etc/passwd no-such:/x
tar cf - d | docker cp - $T-web:/var; docker exec $T-web ls /var/d
docker cp -L $T-web:/etc/mtab - | tar tf -
docker stop -t 5 $T-web
docker ps -a --filter name=$T-web --format '{{.Status}}'
docker exec $T-web true
docker attach $T-web
docker start $T-web; until [ $(docker logs $T-web | grep -c up) = 2 ]; do sleep 0.1; done
docker restart -t 5 $T-web; until [ $(docker logs $T-web | grep -c up) = 3 ]; do sleep 0.1; done
docker kill -s TERM $T-web
docker wait $T-web
docker logs $T-web
docker kill $T-web
docker start -a no-such
docker rm -f $T-web
docker rm -f no-such
docker rm no-such nor-this

# create, start, attach
docker create --name $T-made -i alpine sh -c 'read x; echo got $x; exit 4'
docker ps -a --filter name=aleph-made
echo line | docker start -ai $T-made
docker create --name $T-made alpine 2>&1 | cut -d. -f1
docker rm -v $T-made
docker run -d --name $T-att alpine sh -c 'sleep 2; echo later; exit 6'; docker attach --no-stdin $T-att
docker rm $T-att
docker run -d --rm --name $T-tty -t alpine sh -c 'tty; sleep 300'
until docker logs $T-tty | grep -q .; do sleep 0.1; done; docker logs $T-tty
docker attach $T-tty
docker stop -s KILL $T-tty
docker start no-such nor-this
docker stop no-such
docker attach no-such
docker logs no-such
docker diff no-such
docker commit no-such x
docker rename no-such x
docker top no-such
docker port no-such
docker wait no-such
docker pause no-such

# save, load, import, export
docker save -o alpine.tar alpine; tar tf alpine.tar | grep -c layer
docker save alpine | docker load
docker load -q -i alpine.tar
docker load -i no-such.tar
docker load < /dev/null
docker save no-such
docker save -o /no/such/dir/x alpine
docker run --name $T-exp alpine sh -c 'echo $0 > /mine' $T; docker export $T-exp | tar tf - | grep -c etc/
docker export -o exp.tar $T-exp; docker import -m imported -c 'CMD ["echo","imported"]' exp.tar $T-imported:v1
docker run --rm $T-imported:v1
docker export -o /no/such/dir/x $T-exp
docker export -o . $T-exp
docker save -o . alpine
docker import no-such.tar
docker export no-such
docker rm $T-exp
docker rmi $T-imported:v1
docker create --name $T-uses alpine true; docker rmi alpine; docker rm $T-uses
docker tag no-such x
docker tag alpine Upper
docker pull Upper
docker history no-such
docker image inspect no-such
docker container inspect no-such
docker inspect no-such

# volumes and networks
docker volume create $T-v1 --label a=b
docker volume ls
docker volume ls -q --filter name=aleph
docker volume ls --format '{{.Name}} {{.Driver}} {{.Labels}}'
docker volume inspect aleph-v1
docker volume inspect --format '{{.Name}} {{.Labels}}' aleph-v1
docker volume inspect no-such
docker run -d --name $T-holds -v $T-v1:/v alpine sleep 300; docker volume rm $T-v1; docker rm -f $T-holds
docker volume rm $T-v1 $T-vol
docker volume rm no-such
docker volume rm -f no-such
docker network create $T-net
docker network create -d nonsense $T-net2
docker network create $T-net
docker network ls
docker network ls -q --filter name=aleph
docker network ls --no-trunc --format '{{.Name}} {{.Driver}} {{.Scope}}'
docker network inspect aleph-net
docker network inspect --format '{{.Name}} {{.Driver}} {{len .Containers}}' bridge none
docker network inspect no-such
docker run --rm --network $T-net --network-alias me alpine true
docker run --rm --network no-such alpine true
docker create --name $T-c alpine sleep 300; docker network connect $T-net $T-c; docker network disconnect $T-net $T-c; docker rm $T-c
docker network rm $T-net
docker network rm no-such
docker network rm bridge

# system
docker version | sed -E '1,/Context/s/((Go version|Git commit|Built): +).*/\1/'
docker version --format '{{.Server.Version}} {{.Client.Os}}'
docker version --format '{{.Nonsense}}'
docker create --name plain alpine true | sed 's/.*/ID/'; docker inspect -f '{{json .HostConfig}}' plain; docker rm plain
docker create --name caps --cap-add net_admin --cap-add CAP_SYS_TIME --cap-drop mknod --cap-drop SYS_TIME --link plain:x --group-add 5 --add-host a:1.2.3.4 --security-opt no-new-privileges alpine true | sed 's/.*/ID/'
docker create --name caps --cap-add net_admin --cap-add CAP_SYS_TIME --cap-drop mknod --cap-drop SYS_TIME --group-add 5 --add-host a:1.2.3.4 --security-opt no-new-privileges alpine true | sed 's/.*/ID/'; docker inspect -f '{{json .HostConfig}}' caps; docker rm caps
docker create --name caps --cap-add all --cap-add mknod --cap-drop ALL --cap-drop chown alpine true | sed 's/.*/ID/'; docker inspect -f '{{.HostConfig.CapAdd}} {{.HostConfig.CapDrop}}' caps; docker rm caps
docker inspect --type container t/one
docker rm a/b; docker stop a/b; docker logs a/b; docker diff a/b; docker cp a/b:/x .; docker network rm a/b; docker volume inspect a/b; docker volume rm a/b; docker inspect a/b
docker volume create -d nosuch v2
docker tag alpine sha256:x
docker info
docker version --format '{{.Client.Nonsense}}'
docker version --format '{{.Server.Nonsense}}'
docker version --format '{{'
docker system df --format '{{.Nonsense}}'
docker logs --since nonsense no-such
docker info --format '{{.Name}} {{.OSType}} {{.Images}}'
docker system df
docker system df -v
docker system df -v --format '{{range .Images}}{{.Repository}}:{{.Tag}} {{.ID}} {{.SharedSize}}{{println}}{{end}}{{range .Containers}}{{.Names}} {{.Image}} {{.Size}}{{println}}{{end}}{{len .Volumes}} {{len .BuildCache}}'
docker system df -v --format '{{json .Volumes}}{{println}}'
docker system df -v --format json | tr ',' '\n' | sed -E 's/.*(CreatedSince|RunningFor|Status|Size).*/\1/'
docker system df -v --format raw
docker system df -v --format 'table {{range .Images}}{{.ID}}{{println}}{{end}}'
docker system df -v --format '{{.Nonsense}}'
docker system df -v --format '{{range .Images}}{{.Nonsense}}{{end}}'
docker system df -v --format '{{'
docker system df --format '{{.Type}} {{.TotalCount}} {{.Active}}'
docker -H unix:///no/such.sock ps
docker -H unix:///no/such.sock version | sed -E 's/((Go version|Git commit|Built): +).*/\1/'
docker -H unix:///no/such.sock info
docker -H unix:///no/such.sock run x
docker -H nonsense://x ps
docker -H tcp://127.0.0.1:1 ps

# prune
echo n | docker container prune
echo n | docker image prune
echo n | docker image prune -a
echo n | docker volume prune
echo n | docker network prune
echo n | docker system prune
echo n | docker system prune -a --volumes
docker container prune --filter nonsense=x -f
docker create --name $T-p alpine true; echo y | docker container prune
docker volume create $T-v2; docker volume prune -a -f
docker network create $T-net3 > /dev/null 2>&1; docker network prune -f
docker tag alpine $T-unused; docker image prune -a -f --filter label=nothing; docker rmi $T-unused
docker create --name $T-p alpine true; docker network create $T-net4 > /dev/null 2>&1; docker system prune -f

# events of a fixed time, so that both see the same
date +%s > $LAB/since; docker create --name $T-ev -l k=v alpine true; docker rm $T-ev
sleep 1.1; date +%s > $LAB/until
docker events --since $(cat $LAB/since) --until $(cat $LAB/until)
docker events --since $(cat $LAB/since) --until $(cat $LAB/until) --filter event=create --format '{{.Type}} {{.Action}} {{.Actor.Attributes.name}}'
docker events --since $(cat $LAB/since) --until $(cat $LAB/until) --format json
docker events --since nonsense
docker events --until 10m --since 20m --filter nonsense
docker search
docker nonsense
docker container nonsense
docker --nonsense
docker ps extra
docker rm
