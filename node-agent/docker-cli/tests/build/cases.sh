## five steps, then all from the cache, then a changed file
mkdir app; echo 'console.log("hello")' > app/index.js
cat > Dockerfile <<E
FROM base
RUN mkdir -p /opt/app && echo installed > /opt/app/log
COPY app /app
WORKDIR /app
CMD ["cat", "index.js"]
E
docker build -t hello:v0.1 .
docker build -t hello:v0.1 .
echo 'console.log("again")' >> app/index.js
docker build -t hello:v0.2 .
docker run --rm hello:v0.2
docker history --format '{{.CreatedBy}}|{{.Size}}' hello:v0.2
docker image inspect -f '{{json .Config}}' hello:v0.2
## another dockerfile
echo FROM base > Dockerfile-v2; echo 'CMD echo two' >> Dockerfile-v2
docker build -f Dockerfile-v2 -t second -t third:x .
docker run --rm third:x
docker image inspect -f '{{json .Config.Cmd}} {{json .RepoTags}}' second
## no dockerfile
docker build .
docker build -f nothing .
docker build nowhere
## empty dockerfile
: > Dockerfile
docker build .
echo '# only a comment' > Dockerfile
docker build .
## an unknown instruction
printf 'FROM base\nRUM ls\n' > Dockerfile
docker build .
## the tutorial's broken line
printf 'FROM base\nRUN echo update &&\necho add\nCMD ["a"]\n' > Dockerfile
docker build .
## no FROM first
printf 'RUN ls\nFROM base\n' > Dockerfile
docker build .
## wrong counts of arguments
for i in 'WORKDIR' 'USER' 'USER a b' 'EXPOSE' 'COPY a' 'ADD a' 'ENV a' 'ENV' 'LABEL' 'VOLUME' 'STOPSIGNAL' 'MAINTAINER' 'ARG' 'SHELL ["a"' 'HEALTHCHECK' 'ONBUILD' 'FROM' 'FROM a b' 'FROM a AS'; do
printf 'FROM base\n%s\n' "$i" > Dockerfile
docker build . || echo "code $?"
done
## unknown flags
for i in 'COPY --what=1 a /b' 'RUN --nope ls' 'HEALTHCHECK --intervall=3s CMD a' 'ADD --chown a b' 'CMD --x=1 a'; do
printf 'FROM base\n%s\n' "$i" > Dockerfile
docker build -q . || echo "code $?"
done
## ONBUILD of what must not be
for i in 'ONBUILD ONBUILD RUN ls' 'ONBUILD FROM base' 'ONBUILD MAINTAINER me'; do
printf 'FROM base\n%s\n' "$i" > Dockerfile
docker build -q . || echo "code $?"
done
## a step that fails
printf 'FROM base\nENV A=1\nRUN echo before; sleep 0.2; echo on-stderr >&2; exit 3\nCMD ["never"]\n' > Dockerfile
docker build -t failed . || echo "code $?"
docker images -q failed
## a command that is not there
printf 'FROM base\nRUN ["nope", "x"]\n' > Dockerfile
docker build . || echo "code $?"
printf 'FROM base\nRUN nope\n' > Dockerfile
docker build . || echo "code $?"
## a base that is not there
echo FROM nosuch:v1 > Dockerfile
docker build . 2>/dev/null
## a bad base name
echo 'FROM Upper' > Dockerfile
docker build . || echo "code $?"
echo 'FROM ${NONE}' > Dockerfile
docker build . || echo "code $?"
## scratch
printf 'FROM scratch\nCOPY hello /\nCMD ["/hello"]\n' > Dockerfile; echo x > hello
docker build -t minimal .
docker image inspect -f '{{json .Config.Env}} {{len .RootFS.Layers}}' minimal
docker history --format '{{.CreatedBy}}|{{.Size}}' minimal
## scratch alone
printf 'FROM scratch\n' > Dockerfile
docker build . || echo "code $?"
## copy files, directories, globs
mkdir -p d/e; echo 1 > one.txt; echo 2 > two.txt; echo 3 > d/three; echo 4 > d/e/four; ln -s one.txt link; chmod 640 two.txt
printf 'FROM base\nCOPY one.txt /a\nCOPY one.txt two.txt /b/\nCOPY *.txt /c/\nCOPY d /d\nCOPY d/ /e/\nCOPY . /all\nCOPY link /l\nCOPY t*.txt d/thr?e /f/\nRUN find /a /b /c /d /e /all /l /f | sort && stat -c "%%n %%a %%u:%%g" /b/two.txt /l && cat /l\n' > Dockerfile
docker build -t copies .
docker build -t copies .
## copy into where the image has a link
printf 'FROM base\nRUN mkdir /real && ln -s /real /link && ln -s /link/deep /far && ln -s ../../../../etc/escape /esc\nCOPY x /link/y\nCOPY x /esc\nRUN cat /real/y /etc/escape\n' > Dockerfile; echo x > x
docker build .
## copy what is not there
for i in 'COPY nope /x' 'COPY a nope /x/' 'COPY nope* /x/' 'COPY ../out /x' 'COPY /abs /x' 'COPY a b /x' 'COPY d a /x' 'ADD nope /x'; do
mkdir -p d; echo a > a; echo b > b
printf 'FROM base\n%s\n' "$i" > Dockerfile
docker build . || echo "code $?"
done
## relative destinations
printf 'FROM base\nWORKDIR /w/x\nWORKDIR y\nCOPY f .\nCOPY f g\nCOPY f ./h/\nCOPY f ../up\nRUN pwd && find /w -type f | sort\n' > Dockerfile; echo f > f
docker build .
## a file over a directory and back
mkdir -p d; echo 1 > d/f; echo 2 > f
printf 'FROM base\nRUN mkdir -p /x/f\nCOPY f /x\nRUN ls -l /x/f | sed "s/.* //"\n' > Dockerfile
docker build . || echo "code $?"
printf 'FROM base\nRUN echo > /x\nCOPY d /x\n' > Dockerfile
docker build . || echo "code $?"
## owners
printf 'FROM base\nCOPY --chown=11:22 f /a\nCOPY --chown=app f /b\nCOPY --chown=app:root f /c\nCOPY --chown=7 d /d\nADD --chown=app f /e/\nRUN stat -c "%%n %%u:%%g" /a /b /c /d /d/x /e /e/f\n' > Dockerfile; echo f > f; mkdir d; echo x > d/x
docker build .
## owners that are not there
printf 'FROM base\nCOPY --chown=nobody1 f /a\n' > Dockerfile; echo f > f
docker build . || echo "code $?"
printf 'FROM base\nCOPY --chown=app:nogroup1 f /a\n' > Dockerfile
docker build . || echo "code $?"
printf 'FROM scratch\nCOPY --chown=app f /a\n' > Dockerfile
docker build . || echo "code $?"
## an archive is unpacked by ADD and not by COPY
mkdir t; echo in > t/inner; tar cf plain.tar -C t inner; tar czf packed.tgz -C t inner; echo no > no.tar
printf 'FROM base\nADD plain.tar /p\nADD packed.tgz /q/\nADD no.tar /n/\nCOPY plain.tar /c/\nADD plain.tar packed.tgz /two/\nRUN find /p /q /n /c /two | sort\n' > Dockerfile
docker build .
## environment, labels, arguments
cat > Dockerfile <<'E'
ARG TAG=latest
FROM base:${TAG}
ARG who
ARG greeting=hello
ENV A=1 B="two words" C='x $A'
ENV old style value
ENV D=$A-${B:-none}-${Z:-unset}-${A:+set} E=\$A
LABEL one=1 "two"="2 2" three=$A
LABEL multi="a \
b"
RUN echo $greeting $who $A $B $C $D $E
ARG A=override
RUN echo $A
EXPOSE 80 443/tcp 53/udp
VOLUME /data /logs
VOLUME ["/json one"]
STOPSIGNAL SIGQUIT
USER app:app
MAINTAINER me <me@example.org>
HEALTHCHECK --interval=5m --timeout=3s --retries=2 CMD echo well || exit 1
SHELL ["/bin/sh", "-ec"]
RUN id -un
ENTRYPOINT ["echo", "e"]
CMD c
E
docker build --build-arg who=you --build-arg greeting=hi --label cli=yes -t config .
docker image inspect -f '{{json .Config}} {{.Author}}' config
docker history --no-trunc --format '{{.CreatedBy}}|{{.Size}}' config
docker build --build-arg who=you --build-arg greeting=hi --label cli=yes -t config .
docker build --build-arg who=me --build-arg greeting=hi --label cli=yes -t config .
## arguments that nobody uses
printf 'FROM base\nRUN echo $http_proxy\n' > Dockerfile
docker build --build-arg unused=1 --build-arg also=2 .
docker build --build-arg http_proxy=http://p:1 .
## forms of commands
for i in 'CMD echo a b' 'CMD ["echo", "a"]' 'ENTRYPOINT echo a' 'ENTRYPOINT ["echo"]' 'CMD []' 'CMD ["a", b]' 'ENTRYPOINT []' 'HEALTHCHECK NONE' 'HEALTHCHECK CMD ["a"]' 'STOPSIGNAL 9' 'STOPSIGNAL NOPE' 'EXPOSE 99999' 'EXPOSE a/b' 'EXPOSE 8000-8002' 'WORKDIR relative' 'VOLUME [""]' 'USER 1:2' 'SHELL ["bash"]' 'SHELL bash' 'HEALTHCHECK --interval=1us CMD a' 'HEALTHCHECK NONE x' 'ARG x=1 y=2' 'ENV a=1 b' 'LABEL a' 'ENV =x'; do
printf 'FROM base\n%s\n' "$i" > Dockerfile
docker build -t form . && docker image inspect -f '{{json .Config}}' form || echo "code $?"
done
## an entrypoint takes the base's command away
printf 'FROM base\nCMD ["a"]\nENTRYPOINT ["b"]\n' > Dockerfile
docker build -q -t ep1 . > /dev/null; docker image inspect -f '{{json .Config.Cmd}} {{json .Config.Entrypoint}}' ep1
printf 'FROM ep1\nENTRYPOINT ["c"]\n' > Dockerfile
docker build -q . > /dev/null; docker build . | tail -2
## working directories
printf 'FROM base\nWORKDIR /new/dir\nRUN cd /tmp\nRUN pwd > /where\nCOPY Dockerfile .\nRUN cat /where; ls\n' > Dockerfile
docker build -t wd .
## stages
cat > Dockerfile <<'E'
FROM base AS build
RUN echo made > /made && echo other > /other
FROM base
COPY --from=build /made /got
COPY --from=0 /other /dir/
RUN cat /got /dir/other
E
docker build -t staged .
docker build -t staged .
## copy from an image
printf 'FROM base\nCOPY --from=base /etc/passwd /copied\nRUN head -1 /copied\n' > Dockerfile
docker build .
printf 'FROM base\nCOPY --from=nosuchstage /etc/passwd /copied\n' > Dockerfile
docker build . 2>/dev/null
printf 'FROM base AS one\nCOPY --from=1 /etc/passwd /copied\n' > Dockerfile
docker build . || echo "code $?"
printf 'FROM base AS one\nFROM one\nCOPY --from=one /nope /copied\n' > Dockerfile
docker build . || echo "code $?"
## stages on stages, and a target
cat > Dockerfile <<'E'
FROM base AS first
RUN echo 1 > /1
FROM first AS second
RUN cat /1 && echo 2 > /2
FROM second
RUN cat /2
E
docker build --target second -t target .
docker build --target nope . || echo "code $?"
docker build -t target .
## names of stages
printf 'FROM base AS 1bad\n' > Dockerfile
docker build . || echo "code $?"
## triggers
printf 'FROM base\nONBUILD COPY f /f\nONBUILD RUN cat /f\n' > Dockerfile
docker build -t trigger .
printf 'FROM trigger\nRUN echo own\n' > Dockerfile; echo triggered > f
docker build -t child .
docker image inspect -f '{{json .Config.OnBuild}}' trigger child
docker history --format '{{.CreatedBy}}' child
## ignored files
mkdir d; echo 1 > a.log; echo 2 > keep.log; echo 3 > d/b.log; echo 4 > f
printf '*.log\n!keep.log\n**/b.log\nDockerfile\n# comment\n.dockerignore\n' > .dockerignore
printf 'FROM base\nCOPY . /c\nRUN find /c | sort\n' > Dockerfile
docker build .
printf 'FROM base\nCOPY a.log /c\n' > Dockerfile
docker build . || echo "code $?"
printf '[\n' > .dockerignore
docker build . || echo "code $?"
## a dockerfile on standard input
printf 'FROM base\nRUN echo stdin\n' | docker build -t in -
printf 'FROM base\nCOPY x /\n' | docker build - || echo "code $?"
mkdir c; echo x > c/x
printf 'FROM base\nCOPY x /\nRUN cat /x\n' | docker build -f - c
## a context on standard input
mkdir c; echo stdin > c/x; printf 'FROM base\nCOPY x /\nRUN cat /x\n' > c/Dockerfile
tar c -C c . | docker build -t sin -
tar cz -C c . | docker build -
tar c -C c . | docker build -f x - || echo "code $?"
## quiet, and a file for the id
printf 'FROM base\nRUN echo loud; sleep 0.2; echo err >&2\n' > Dockerfile
docker build -q -t quiet . > out; test "$(cat out)" = "$(docker image inspect -f '{{.Id}}' quiet)" && echo same
docker build --iidfile id -t quiet . > /dev/null; test "$(cat id)" = "$(cat out)" && echo same
docker build --iidfile none --target x . > /dev/null; ls none
printf 'FROM base\nRUN echo loud; false\n' > Dockerfile
docker build -q . || echo "code $?"
## containers are kept, or not
printf 'FROM base\nRUN true\nCMD x\n' > Dockerfile
docker build --rm=false --no-cache -t kept .
docker build --no-cache -t gone .
docker build --force-rm --no-cache -t gone .
## a bad tag
echo FROM base > Dockerfile
docker build -t Bad . || echo "code $?"
docker build -t a:b:c . || echo "code $?"
docker build -t ok@sha256:0000000000000000000000000000000000000000000000000000000000000000 . || echo "code $?"
## dockerfile outside of the context
mkdir c; echo FROM base > Dockerfile
docker build -f ../Dockerfile c
docker build -f Dockerfile c
## no cache
printf 'FROM base\nRUN true\nCOPY f /f\n' > Dockerfile; echo f > f
docker build -t nc .; docker build --no-cache -t nc .
## only the only base
echo FROM base > Dockerfile
docker build -t alias .
docker build --label a=b -t labelled .
docker image inspect -f '{{json .Config.Labels}}' labelled
## hosts, memory, network
printf 'FROM base\nRUN grep somehost /etc/hosts | cut -f1\nRUN ls /sys/class/net\n' > Dockerfile
docker build --add-host somehost:1.2.3.4 --network none -m 64m .
## comments, continuations, directives, lower case
printf '# escape=`\n# a comment\nfrom base\n\nrun echo one `\n  # inside\n  two `\n\n  three\nCmd ["x"]\n' > Dockerfile
docker build .
## windows line ends and a byte order mark
printf '\357\273\277FROM base\r\nRUN echo a \\\r\n b\r\nCMD ["x"]\r\n' > Dockerfile
docker build .
## cache from
printf 'FROM base\nRUN echo unique-$((1+1)) > /u\nCMD ["from"]\n' > Dockerfile
docker build -t cf:1 . > /dev/null; docker save cf:1 -o s.tar; docker rmi -f cf:1 > /dev/null; docker load -qi s.tar > /dev/null
docker build -t cf:2 .
docker build --cache-from cf:1 -t cf:3 .
## the tutorials' web application
mkdir templates; echo 'print("app")' > app.py; echo '<h1>page</h1>' > templates/index.html; echo flask > requirements.txt
cat > Dockerfile <<'E'
# our base image
FROM base
# upgrade and install
RUN mkdir -p /usr/src/app && \
    echo "installing" \
    && echo done
COPY requirements.txt /usr/src/app/
RUN cat /usr/src/app/requirements.txt
# copy files required for the app to run
COPY app.py /usr/src/app/
COPY templates/index.html /usr/src/app/templates/
EXPOSE 5000
CMD ["cat", "/usr/src/app/app.py"]
E
docker build -t me/myfirstapp .
docker run --rm me/myfirstapp
docker images --format '{{.Repository}}:{{.Tag}}' me/myfirstapp
## the tutorials' ping
printf 'from base\nEntrypoint ["echo", "ping"]\ncmd ["localhost"]\n' > Dockerfile
docker build -t pinger .
docker run --rm pinger
docker run --rm pinger 8.8.8.8
docker run --rm pinger -w 5 127.0.0.1
docker run --rm --entrypoint cat pinger /etc/group
## the tutorials' one stage against two
printf 'FROM base\nRUN echo compiler > /compiler\nRUN echo program > /hello-world\nCMD ["cat", "/hello-world"]\n' > one
printf 'FROM base AS build\nRUN echo compiler > /compiler\nRUN echo program > /hello-world\nFROM scratch\nCOPY --from=build /hello-world /\nCMD ["/hello-world"]\n' > two
docker build -f one -t hello-world:one .
docker build -f two -t hello-world:two .
docker images --format '{{.Tag}} {{.Size}}' hello-world:two
## a directory over a directory, owners kept from a stage
printf 'FROM base AS s\nRUN mkdir -p /d/sub && echo 1 > /d/f && echo 2 > /d/sub/g && chown -R 5:6 /d && chmod 700 /d/sub\nFROM base\nRUN mkdir -p /t/sub && echo old > /t/f && echo keep > /t/k\nCOPY --from=s /d /t\nRUN cd /t && stat -c "%%n %%a %%u:%%g" f k sub sub/g && cat f\n' > Dockerfile
docker build .
## a volume forgets what is written after it
printf 'FROM base\nRUN mkdir /v && echo a > /v/a\nVOLUME /v\nRUN echo b > /v/b\nRUN ls /v\n' > Dockerfile
docker build .
## users and what they may write
printf 'FROM base\nUSER app\nRUN id; sleep 0.2; echo x > /nope || { sleep 0.2; echo refused; }\nWORKDIR /home/made\nRUN stat -c "%%U" .\nUSER nosuch\nRUN id\n' > Dockerfile
docker build . || echo "code $?"
