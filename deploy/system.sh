#!/bin/sh
# Sees that the programs which the tests use and no package index holds are there.
# As root on Debian they are installed; otherwise what is missing is named, and the tests that need it skip.
set -eu

missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v redis-server >/dev/null 2>&1 || command -v valkey-server >/dev/null 2>&1 || missing="$missing redis-server"
command -v wrk >/dev/null 2>&1 || missing="$missing wrk"
command -v java >/dev/null 2>&1 || missing="$missing default-jre-headless"
command -v mvn >/dev/null 2>&1 || missing="$missing maven"
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # shellcheck disable=SC2086 - one word per package
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "not installed:$missing (tests and benchmarks that need them are skipped)"
fi
