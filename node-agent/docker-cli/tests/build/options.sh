## what only experimental engines do
echo FROM base > Dockerfile
docker build --squash . || echo "code $?"
docker build --isolation=hyperv . || echo "code $?"
docker build --isolation=default -q . > /dev/null && echo built
docker build --output=out . || echo "code $?"
docker build --progress=plain . || echo "code $?"
docker build --security-opt seccomp=unconfined -q . > /dev/null && echo built
## platforms
printf 'FROM base\nRUN echo one\n' > Dockerfile
docker build --platform linux/amd64 .
docker build --platform nonsense/x/y/z . || echo "code $?"
printf 'FROM --platform=linux/amd64 base\nRUN echo two\n' > Dockerfile
docker build .
## limits
printf 'FROM base\nRUN ulimit -n; df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2\nRUN ls -d /proc\n' > Dockerfile
docker build --ulimit nofile=512:1024 --shm-size 32m -m 128m --memory-swap 256m --cpu-shares 512 --cpu-period 100000 --cpu-quota 50000 .
docker build --no-cache --cpuset-cpus 0 --cpuset-mems 0 -q . > /dev/null && echo built
docker build --no-cache -m 1k . || echo "code $?"
docker build --no-cache --memory-swap 1 -m 64m . || echo "code $?"
docker build --no-cache --cpuset-cpus 99 . || echo "code $?"
docker build --ulimit nofile=10:5 . || echo "code $?"
docker build --shm-size -1 . || echo "code $?"
## networks
printf 'FROM base\nRUN ls /sys/class/net\n' > Dockerfile
docker build --network none .
docker build --no-cache --network nonet . || echo "code $?"
docker build --add-host nonsense . || echo "code $?"
docker build --add-host a:b . || echo "code $?"
docker build --build-arg A --label l --label m=n=o --compress -q . > /dev/null && echo built
## pull where nobody answers
printf 'FROM base\n' > Dockerfile
docker build --pull . > /dev/null 2>&1 || echo "code $?"
## labels and arguments as they are
printf 'FROM base\nARG A\nARG B=b\nRUN echo "$A-$B"\n' > Dockerfile
A=env docker build --build-arg A --build-arg B= --label "x=a b" --label y='"q"' -t labelled2 .
docker image inspect -f '{{json .Config.Labels}}' labelled2
docker history --format '{{.CreatedBy}}' labelled2
## archives that are none
echo this is no archive > x; gzip -c x > x.gz
docker build - < x.gz || echo "code $?"
head -c 3000 /dev/urandom > y; printf '\037\213\010' | cat - y > y.gz
docker build - < y.gz > out 2>&1 || echo "code $?"
mkdir c; echo x > c/x; printf 'FROM base\nCOPY x /\n' > c/Dockerfile
tar c -C c x Dockerfile | head -c 1100 | docker build - || echo "code $?"
tar cz -C c x Dockerfile | head -c 60 | docker build - || echo "code $?"
: | docker build - || echo "code $?"
## archives that lead out
mkdir c; echo x > x; printf 'FROM base\nCOPY . /c\nRUN find /c | sort\n' > c/Dockerfile
tar c -P -C c Dockerfile ../x 2>/dev/null | docker build --no-cache - || echo "code $?"
tar c -P --transform 's,^x$,/x,' -C c Dockerfile -C .. x | docker build --no-cache -
## an archive that leads out is not added
mkdir d; echo x > x; tar cf up.tar -P -C d ../x; ln -s /etc d/l; tar cf link.tar -C d l; mkdir e; mkdir e/l; echo replaced > e/l/passwd; tar rf link.tar -C e l/passwd
printf 'FROM base\nADD up.tar /p\n' > Dockerfile
docker build . || echo "code $?"
printf 'FROM base\nADD link.tar /p/\nRUN ls -A /p && cat /p/l/passwd && grep -c root /etc/passwd\n' > Dockerfile
docker build . || echo "code $?"
## archives of every kind, over what is there
mkdir -p t/d; echo in > t/inner; echo deep > t/d/deep; ln -s inner t/link; ln t/inner t/hard; mkfifo t/pipe; chmod 750 t/d; touch -d @1000000000 t/d t/inner t/pipe
tar cf a.tar -C t .; bzip2 -k a.tar; xz -k a.tar
printf 'FROM base\nRUN mkdir -p /b/inner /b/d && echo old > /b/d/old && ln -s /nowhere /b/hard && ln -s /b /c\nADD a.tar.bz2 /b/\nADD a.tar.xz /c/x\nADD a.tar /c\nRUN cd /b && find . | sort && cat hard link d/old && stat -c "%%n %%a %%F %%Y" d inner pipe x/d x/hard && stat -c %%h hard\n' > Dockerfile
docker build . | grep -v -e '--->' -e Removing -e Successfully
## links that lead out of the context
mkdir c; echo secret > secret; ln -s ../secret c/up; ln -s $PWD/secret c/far; ln -s /etc/passwd c/abs; ln -s inner c/ok; echo inner > c/inner; ln c/inner c/hard
printf 'FROM base\nCOPY hard ok /d/\nCOPY . /c\nRUN cd /c && ls -l | sed "s/.*:.. //" | sort && cat /d/ok\n' > c/Dockerfile
docker build c 2>&1 | sed "s,$PWD,CASE,"
for i in up far abs; do
printf "FROM base\nCOPY $i /x\n" > c/Dockerfile
docker build c || echo "code $?"
done
## a file in place of a directory, and what cannot be read as a Dockerfile
mkdir -p Dockerfile
docker build . || echo "code $?"
mkdir -p c/d; printf 'FROM base\n' > c/d/D; ln -s d/D c/L; ln -s ../../../etc/passwd c/E
docker build -q -f c/L c > /dev/null && echo built
docker build -f c/d c || echo "code $?"
docker build Dockerfile/x/y || echo "code $?"
printf '\000\001\002' > c/B
docker build -f c/B c || echo "code $?"
## errors of instructions
for i in 'FROM base\nENV $A=1' 'FROM base\nWORKDIR ${' 'FROM base\nARG 1a=2\nRUN true' 'FROM base\nUSER ${NO}' 'FROM base\nCOPY [ "a"' 'FROM base\nCOPY ["a"]' 'FROM base\nEXPOSE 80-70' 'FROM base\nHEALTHCHECK --retries=-1 CMD a' 'FROM base\nHEALTHCHECK --timeout=x CMD a' 'FROM base\nHEALTHCHECK FOO' 'FROM base\nVOLUME []' 'FROM --nope base' 'FROM base:' 'FROM base\nRUN --mount=type=nope true' 'FROM base\nLABEL a=b c' 'FROM base\nSTOPSIGNAL' 'FROM base\nENV a' 'ARG a b\nFROM base'; do
echo a > a; printf "$i\n" > Dockerfile
docker build . > out 2>err || echo "code $?"; grep -v -e ' ---> ' -e 'Sending' out; grep -v -e 'DEPRECATED' -e BuildKit -e environment-variable -e '^$' err
done
## arguments of the command itself
docker build || echo "code $?"
docker build a b || echo "code $?"
docker build --nope . || echo "code $?"
docker build -t '' nowhere || echo "code $?"
docker build --build-arg . || echo "code $?"
docker build -m x . || echo "code $?"
docker build -f - - < /dev/null || echo "code $?"
