# Each line is run by the real docker and by ours, with a configuration of their own, on our engine. $T is the twin's name.
docker push localhost:5000/base:1
docker push localhost:5000/nosuch
docker push localhost:5000/base:nosuch
docker push localhost:5000/base
docker push -a localhost:5000/base:1
docker push UPPER
docker push localhost:5000/base@sha256:0000000000000000000000000000000000000000000000000000000000000000
docker push -q localhost:5000/base:1
docker push localhost:1/x
docker tag alpine localhost:1/x && docker push localhost:1/x
docker tag alpine localhost:5000/$T:a && docker tag alpine localhost:5000/$T:b && docker push -a localhost:5000/$T | sed 's/Mounted from.*/Mounted/'
docker push -aq localhost:5000/$T
docker pull localhost:5000/base:1
docker pull -q localhost:5000/base:1
docker pull -a localhost:5000/$T
docker pull -a localhost:5000/base:1
docker rmi localhost:5000/base:1 >/dev/null; docker pull localhost:5000/base:1
docker pull localhost:5000/base
docker pull localhost:5000/nosuch
docker pull localhost:5000/nosuch:x
docker pull localhost:1/x
docker pull localhost:5000/base@sha256:0000000000000000000000000000000000000000000000000000000000000000
docker pull --platform linux/nothing/at/all localhost:5000/base:1
docker pull --platform linux/amd64 localhost:5000/base:1
d=$(docker images --digests --format '{{.Digest}}' localhost:5000/base | head -1); docker pull localhost:5000/base:1@$d; docker pull -q localhost:5000/base@$d
docker push --platform linux/s390x localhost:5000/base:1
docker push --platform linux/amd64/v9/x localhost:5000/base:1
docker pull scratch
docker run --rm localhost:5000/missing true
docker create localhost:5001/missing
docker login
docker login localhost:5001
docker login -u janet localhost:5001
docker login -u janet -p wrong localhost:5001
docker login -u janet -p secret localhost:1
docker login -u "" localhost:5001
docker login -p "" localhost:5001
docker login --password-stdin localhost:5001
docker login -u janet -p x --password-stdin localhost:5001
echo wrong | docker login -u janet --password-stdin localhost:5001
docker pull localhost:5001/base
docker tag alpine localhost:5001/$T:1 && docker push localhost:5001/$T:1
docker login -u janet -p secret localhost:5001
cat config/config.json
stat -c %a config/config.json
echo secret | docker login -u janet --password-stdin http://localhost:5001/v2/
docker login localhost:5001
docker push localhost:5001/$T:1 | sed 's/Mounted from.*/Mounted/'
docker pull localhost:5001/base:1
docker pull localhost:5001/nosuch
export DOCKER_BUILDKIT=0; printf 'FROM localhost:5001/base:1\nENV T=t\n' | docker build --pull -q - 2>&1 | tail -1
docker logout localhost:5001
export DOCKER_BUILDKIT=0; printf 'FROM localhost:5001/base:1\nENV T=t\n' | docker build --pull -q - 2>&1 | tail -1
cat config/config.json
docker logout localhost:5001
docker pull localhost:5001/base:1
docker logout
echo '{"credsStore":"files"}' > config/config.json; echo secret | docker login -u janet --password-stdin localhost:5001
cat config/config.json
docker pull localhost:5001/base:1
docker login localhost:5001
docker logout localhost:5001
cat config/config.json
docker logout localhost:5001
docker pull localhost:5001/base:1
echo '{"credHelpers":{"localhost:5001":"nothere"}}' > config/config.json; echo secret | docker login -u janet --password-stdin localhost:5001
docker pull localhost:5001/base:1
docker logout localhost:5001
echo '{"auths":{"localhost:5001":{"auth":"!!!"}}}' > config/config.json; docker pull localhost:5001/base:1
echo '{"auths":{"localhost:5001":{"auth":"amFuZXQ="}}}' > config/config.json; docker pull localhost:5001/base:1
echo '{"auths":' > config/config.json; docker pull localhost:5001/base:1
echo '{"auths":{"http://localhost:5001":{"auth":"amFuZXQ6c2VjcmV0"}}}' > config/config.json; docker pull localhost:5001/base:1
rm -f config/config.json; docker pull localhost:5001/base:1
mkdir -p other; echo secret | docker --config other login -u janet --password-stdin localhost:5001; cat other/config.json
docker --config other pull localhost:5001/base:1
docker search localhost:5000/x
docker search --limit 101 localhost:5000/x
docker search --limit -1 localhost:5000/x
docker search -f bad=1 localhost:5000/x
docker search -f stars=x localhost:5000/x
docker search -f is-automated=true localhost:5000/x
docker search http://x
