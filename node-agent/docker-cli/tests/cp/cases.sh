## file in, every kind of destination
echo one > f; touch -d 2001-02-03 f; chmod 640 f; mkdir d; inside 'mkdir /t/dd; echo old > /t/old'
docker cp f $K:/t; docker cp f $K:/t/new; docker cp f $K:/t/old; docker cp f $K:/t/dd/; docker cp f $K:t/relative
docker cp f $K:/t/none/; docker cp f $K:/none/x; docker cp f $K:; docker cp d $K:; docker cp none $K:/t; docker cp f/ $K:/t; docker cp d $K:/t/old; docker cp f $K:/dev/null
docker cp none/x $K:/t; docker cp f/x $K:/t; docker cp f none:/t; docker cp f :/t; docker cp -a f $K:/t/kept
## names of links going in
echo one > f; touch -d 2001-02-03 f; ln -s f fl; mkdir d; echo two > d/g; touch -d 2001-02-03 d/g d; ln -s d dl; ln -s none dangling; touch -h -d 2001-02-03 fl dl dangling
docker cp fl $K:/t; docker cp dl $K:/t; docker cp dangling $K:/t
inside 'mkdir /t/1 /t/2 /t/3'
docker cp -L fl $K:/t/1; docker cp -L dl $K:/t/1; docker cp -L dangling $K:/t/1
docker cp fl $K:/t/2/as; docker cp -L fl $K:/t/2/file; docker cp -L dl $K:/t/2/dir; docker cp dl/ $K:/t/2/; docker cp dl/ $K:/t/2/slash; docker cp dl/. $K:/t/3; docker cp dl/g $K:/t/3/through; docker cp -L dl/. $K:/t/3/new
docker cp fl/ $K:/t/3
## links with odd targets going in
ln -s ./f a; ln -s d//x/ b; ln -s ../../.. c; ln -s /etc/passwd d; L=$(printf 'long%.0s' $(seq 60)); ln -s "/x/$L" e; mkdir "$L"; echo z > "$L/$L"; ln "$L/$L" "$L/h"; touch -h -d 2001-02-03 a b c d e; touch -d 2001-02-03 "$L/$L" "$L"
docker cp . $K:/t/all; docker cp e $K:/t/e
## links in the container as destinations
echo one > f; touch -d 2001-02-03 f; mkdir d; touch -d 2001-02-03 d; inside 'cd /t; mkdir real; echo x > file; ln -s real rl; ln -s file fl; ln -s /t/nowhere nl; ln -s rl ll'
docker cp f $K:/t/rl; docker cp f $K:/t/fl; docker cp f $K:/t/nl; docker cp d $K:/t/ll; docker cp f $K:/t/rl/g
## a tree with everything going in
mkdir -p d/e d/p; echo a > d/a; ln d/a d/e/hard; ln -s a d/s; ln d/s d/sh; mkfifo d/fifo; mknod d/null c 1 3; mknod d/blk b 7 99; echo z > d/z; : > d/empty; chmod 4755 d/z; chmod 1777 d/e; chmod 700 d/p; chown 12:34 d/z
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("d/b.sock")'
find d | xargs touch -h -d 2001-02-03
docker cp d $K:/t; docker cp -a d $K:/t/kept; docker cp d/. $K:/t/contents; cd d; docker cp . $K:/t/here; docker cp b.sock $K:/t
## a name that is not UTF-8
mkdir d; printf x > "d/$(printf 'a\377')"; find d | xargs -d '\n' touch -d 2001-02-03
docker cp d $K:/t; docker cp $K:/t/d out
## an archive from standard input
mkdir d; echo a > d/a; touch -d 2001-02-03 d/a d; tar cf a.tar d; echo x > f
docker cp - $K:/t < a.tar; docker cp - $K:/t/d/a < a.tar; docker cp - $K:/none < a.tar; docker cp --quiet=false - $K:/t < a.tar
## hard links coming out do not touch the files here
inside 'mkdir -p /t/a/b; cd /t/a; echo in > h1; ln h1 h2; ln h1 b/h3; touch -d "2001-02-03 00:00:00" h1 b .'
mkdir a out; echo mine > a/h1; touch -d 2001-02-03 a/h1
docker cp $K:/t/a out/; docker cp $K:/t/a new; docker cp $K:/t/a/. contents; docker cp $K:/t/. out; docker cp $K:/t/a/h2 one
## links coming out
inside 'mkdir -p /t/d/sub; cd /t; echo f > d/f; echo g > d/sub/g; ln -s /t/d/f abs; ln -s d/f rel; ln -s d dl; ln -s none gone; touch -h -d "2001-02-03 00:00:00" abs rel dl gone d/f d/sub/g d/sub d'
mkdir 1 2 3; echo mine > f; echo mine > d; touch -d 2001-02-03 f d
docker cp $K:/t/abs 1; docker cp $K:/t/rel 1; docker cp $K:/t/dl 1; docker cp $K:/t/gone 1
docker cp -L $K:/t/abs .; docker cp -L $K:/t/rel 2/; docker cp -L $K:/t/dl .; docker cp -L $K:/t/gone 2; docker cp -L $K:/t/abs 2/named; docker cp -L $K:/t/dl 2/dir; docker cp -L $K:/t/dl/. 3; docker cp $K:/t/dl/ 2; docker cp $K:/t/dl/. 3/new
## links here as destinations
inside 'cd /t; echo in > f; mkdir d; echo g > d/g; touch -d "2001-02-03 00:00:00" f d/g d'
echo old > f; ln -s f fl; mkdir real; ln -s real rl; ln -s nowhere nl; ln -s none/deep bad; ln -s self self; ln -s $PWD/real al; ln -s rl ll
docker cp $K:/t/f fl; docker cp $K:/t/f nl; docker cp $K:/t/f bad; docker cp $K:/t/f self; docker cp $K:/t/d rl; docker cp $K:/t/d al/new; docker cp $K:/t/f ll; docker cp $K:/t/d fl
## modes, times and kinds coming out
inside 'mkdir -p /t/d/private /t/d/sticky; cd /t/d; echo x > f; echo y > private/g; echo s > suid; mkfifo p; mknod n c 1 3; mknod b b 7 99; ln -s f l; chown 12:34 f private; chmod 600 f; chmod 700 private; chmod 1777 sticky; chmod 4755 suid; chmod 640 p; chmod 444 private/g; find . | xargs touch -h -d "2001-02-03 00:00:00"; touch -d "2001-02-03 00:00:00" /t'
docker cp $K:/t/d .; docker cp -a $K:/t/d kept; docker cp $K:/t/d/. contents; (umask 077; docker cp $K:/t/d masked); docker cp $K:/t/d/f single; docker cp $K:/t/d/p pipe; docker cp $K:/t/d/private d
## what is in the way
inside 'mkdir -p /t/d/x; cd /t; echo f > f; echo y > d/y; find . | xargs touch -d "2001-02-03 00:00:00"'
mkdir f2 f; echo x > file; mkdir -p d out/d/y; mkdir -p e/d; echo x > e/d/x; mkdir -p s/d elsewhere; ln -s ../../elsewhere s/d/x
docker cp $K:/t/f .; docker cp $K:/t/d file; docker cp $K:/t/d out; docker cp $K:/t/d e; docker cp $K:/t/d s; docker cp $K:/t/f none/; docker cp $K:/t/f none/x; docker cp $K:/t/f file/; docker cp $K:/t/f file/x; docker cp $K:/none .; docker cp $K:/none none/x; docker cp $K: .; docker cp none:/x .; mknod null c 1 3; docker cp $K:/t/f null; rm null; docker cp $K:t/f relative; docker cp $K:/t/f $PWD/./f2/../abs; cd f2; docker cp $K:/t/f ..; docker cp $K:/t/f .
## sizes are told when they are asked for
echo hello > f; mkdir d; head -c 5000 /dev/zero > d/z; inside 'echo x > /t/x; ln -s /t tl'; touch -d 2001-02-03 f d d/z; inside 'touch -d "2001-02-03 00:00:00" /t/x'
docker cp --quiet=false f $K:/t; docker cp --quiet=false f $K:t/g; docker cp --quiet=false d $K:/t; docker cp --quiet=false $K:/t/x .; docker cp --quiet=false $K:/t/d out; docker cp -q $K:/t/x y; docker cp --quiet=false f $K:/none/x 2>&1 | sed 's/copied .* to/copied what was sent to/'; docker cp --quiet=false $K:/t/x d; docker cp --quiet=false $K:/t/d f; docker cp --quiet=false f $K:/tl
## to standard output
inside 'mkdir /t/d; echo x > /t/d/x; ln -s d /t/dl'
docker cp $K:/t/d - | tar t; docker cp -L $K:/t/dl - | tar t; docker cp $K:/none -; docker cp --quiet=false $K:/t/d/x - | tar t
## saving and loading
docker export -o e.tar $K; docker save -o s.tar alpine; stat -c '%a %n' e.tar s.tar; rm e.tar s.tar
echo old > e.tar; echo old > s.tar; chmod 644 e.tar s.tar; (umask 0; docker export -o e.tar $K; docker save -o s.tar alpine); stat -c '%a %n' e.tar s.tar; rm e.tar s.tar
docker load -i none; docker load -i /dev/null; mkdir d; docker load -i none/x; for f in . d; do docker load -i $f 2>&1 | sed -E 's/^(.*read .: is a directory|read unix .* use of closed network connection)$/unreadable/'; done; docker import . ; docker import none
docker export -o d $K; docker save -o d alpine; docker save -o none/x alpine; mknod null c 1 3; docker save -o null alpine; rm null; docker export -o $PWD/x none
mkfifo p; mknod b b 7 99; ln -s x l; ln -s d dl; echo r > r; ln -s r rl; for f in p b l dl rl /dev/stdout; do docker export -o $f $K; done; ls -A
