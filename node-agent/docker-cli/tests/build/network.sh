## files from the network
mkdir -p $SERVED/f; echo hello > $SERVED/f/hello.txt; touch -d @1000000000 $SERVED/f/hello.txt; tar cf $SERVED/f/in.tar -C $SERVED/f hello.txt
printf 'FROM base\nADD http://127.0.0.1:8000/f/hello.txt /a/\nADD http://127.0.0.1:8000/f/hello.txt /b\nADD --chown=app http://127.0.0.1:8000/f/in.tar /c/\nADD http://127.0.0.1:8000/f/hello.txt Dockerfile /d/\nRUN find /a /b /c /d | sort && stat -c "%%a %%u:%%g %%Y" /b && stat -c "%%a %%u:%%g" /c/in.tar && cat /b\n' > Dockerfile
docker build .
docker build .
echo changed > $SERVED/f/hello.txt; touch -d @1000000000 $SERVED/f/hello.txt
docker build .
## files that are not there
for i in 'http://127.0.0.1:8000/nothing /a/' 'http://127.0.0.1:8000/ /a/' 'http://127.0.0.1:8000 /a/' 'http://127.0.0.1:1/x /a/' 'http://127.0.0.1:8000/%zz /a/'; do
printf 'FROM base\nADD %s\n' "$i" > Dockerfile
docker build . || echo "code $?"
done
## copy takes nothing from the network
printf 'FROM base\nCOPY http://127.0.0.1:8000/f/hello.txt /a\n' > Dockerfile
docker build . || echo "code $?"
## a context from the network
mkdir c; echo far > c/x; echo gone > c/y; echo y > c/.dockerignore; printf 'FROM base\nCOPY . /d/\nRUN ls -A /d && cat /d/x\n' > c/Dockerfile; cp c/Dockerfile c/other
tar cf $SERVED/c.tar -C c .; tar czf $SERVED/c.tar.gz -C c .
docker build http://127.0.0.1:8000/c.tar
docker build -t far http://127.0.0.1:8000/c.tar.gz
docker build -f other http://127.0.0.1:8000/c.tar
docker build -f none http://127.0.0.1:8000/c.tar || echo "code $?"
## a dockerfile from the network
printf 'FROM base\nRUN echo from afar\n' > $SERVED/Dockerfile.txt
docker build http://127.0.0.1:8000/Dockerfile.txt
printf 'FROM base\nCOPY x /\n' > $SERVED/Dockerfile.txt
docker build http://127.0.0.1:8000/Dockerfile.txt || echo "code $?"
## contexts that are not there
docker build http://127.0.0.1:8000/nothing.tar || echo "code $?"
docker build http://127.0.0.1:1/nothing.tar || echo "code $?"
## a context from git
mkdir -p work/sub; cd work
git init -q -b main .; git config user.email a@b; git config user.name a
printf 'FROM base\nCOPY . /c\nRUN cat /c/file && ls -A /c\n' > Dockerfile; echo main > file
printf 'FROM base\nCOPY . /c\nRUN cat /c/deep && ls -A /c\n' > sub/Dockerfile; echo deep > sub/deep
git add .; git commit -qm one; git tag v1; git checkout -q -b side; echo side > file; git commit -qam two; git checkout -q main; echo later > file; git commit -qam three
FIRST=$(git rev-parse v1); cd ..; rm -rf $SERVED/r.git; git clone -q --bare work $SERVED/r.git; git -C $SERVED/r.git update-server-info
for i in '#side' '#v1' '#v1:sub' "#$FIRST"; do
docker build -q http://127.0.0.1:8000/r.git$i > /dev/null || echo "code $?"
docker build http://127.0.0.1:8000/r.git$i
done
## git that is not there
docker build http://127.0.0.1:8000/r.git#nothing 2>/dev/null || echo "code $?"
docker build http://127.0.0.1:8000/r.git#:nothing 2>/dev/null || echo "code $?"
docker build http://127.0.0.1:8000/r.git#:file 2>/dev/null || echo "code $?"
docker build http://127.0.0.1:8000/none.git 2>/dev/null || echo "code $?"
