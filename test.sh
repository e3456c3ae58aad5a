#!/usr/bin/env bash
# Builds everything and runs every test suite, or only those named:
#   ./test.sh [runner|unit|integration|e2e|python|node|client|console|budgets ...]
# The last line is "N passed, N failed" over all of them; the exit code is 0 only if nothing failed.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
export LC_ALL=C.UTF-8 DOTNET_CLI_UI_LANGUAGE=en DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
# Left-over build processes would keep the caller's pipes open.
export MSBUILDDISABLENODEREUSE=1

readonly all=(runner unit integration e2e python node client console budgets)
readonly sdk_major=10
readonly node_major=20
# Debian's own: another python3 may come first in PATH, and has none of its packages.
readonly python=/usr/bin/python3
# What the tests with pages start; another one may be named in the environment.
export CHROMIUM=${CHROMIUM:-/usr/bin/chromium}
# How a suite is run, and how its results are read.
. tests/watch.sh

passed=0
failed=0
finished=no
logs=$(mktemp -d)

# Whatever ends this script, the last line is the result, and an end that nobody planned is a failure.
finish() {
    local code=$?
    if [ "$finished" = no ]; then
        failed=$((failed + 1))
    fi
    [ -z "${watched:-}" ] || end_session "$watched"
    [ -z "${format:-}" ] || kill "$format" 2>/dev/null || true
    rm -rf "$logs"
    echo "$passed passed, $failed failed"
    if [ "$failed" -gt 0 ]; then
        exit 1
    fi
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    echo "$*" >&2
    exit 1
}

for suite in "$@"; do
    [[ " ${all[*]} " == *" $suite "* ]] || fail "unknown suite '$suite'; there are: ${all[*]}"
done
suites=("$@")
[ $# -gt 0 ] || suites=("${all[@]}")

wanted() {
    [[ " ${suites[*]} " == *" $1 "* ]]
}

# --- what has to be there -------------------------------------------------------------------------------------------

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

node_is_new_enough() {
    command -v node >/dev/null && [ "$(node -p 'parseInt(process.versions.node)')" -ge "$node_major" ]
}

has_module() {
    [ -x "$python" ] && "$python" -c "import $1" 2>/dev/null
}

install_missing() {
    local missing=()
    if wanted integration || wanted e2e || wanted python || wanted budgets; then
        command -v redis-server >/dev/null || missing+=(redis-server)
    fi
    if wanted python; then
        [ -x "$python" ] || missing+=(python3)
        has_module websockets || missing+=(python3-websockets)
        has_module redis.asyncio || missing+=(python3-redis)
        has_module fastapi || missing+=(python3-fastapi)
        has_module uvicorn || missing+=(python3-uvicorn)
    fi
    if wanted e2e; then
        [ -x "$CHROMIUM" ] || missing+=(chromium)
        [ -x /usr/sbin/nginx ] || missing+=(nginx-light)
    fi
    if wanted node || wanted client || wanted console; then
        node_is_new_enough || missing+=(nodejs)
    fi
    if wanted client || wanted node; then
        command -v npm >/dev/null || missing+=(npm)
    fi
    [ ${#missing[@]} -gt 0 ] || return 0
    echo "install: ${missing[*]}"
    if ! command -v apt-get >/dev/null; then
        echo "there is no apt-get here; please install: ${missing[*]}" >&2
    elif [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then
        echo "neither root nor sudo without a password; please install: ${missing[*]}" >&2
    elif ! { as_root apt-get update -qq &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
    } >"$logs/apt" 2>&1; then
        cat "$logs/apt" >&2
    fi
    # What is still missing fails the suite that needs it; the others run.
}

# An own redis-server is started by the tests, on a port of its own; the one of the distribution is not needed.
install_missing

command -v dotnet >/dev/null ||
    fail "the .NET SDK $sdk_major is needed and 'dotnet' is not in PATH: https://dot.net/download"
sdk=$(dotnet --version 2>&1) || fail "the .NET SDK that global.json asks for is needed: $sdk"
[ "${sdk%%.*}" = "$sdk_major" ] || fail "the .NET SDK $sdk_major is needed, and this is $sdk"

# --- build -----------------------------------------------------------------------------------------------------------

step() {
    local name=$1 started=$SECONDS
    shift
    if ! "$@" >"$logs/$name" 2>&1; then
        cat "$logs/$name"
        return 1
    fi
    echo "$name: ok ($((SECONDS - started)) s)"
}

step restore dotnet restore Aether.sln --locked-mode || fail "restore failed"
step build dotnet build Aether.sln -c Release --no-restore || fail "build failed"
# Beside the first suite, which waits most of the time.
if [ $# -eq 0 ]; then
    dotnet format Aether.sln --verify-no-changes --no-restore >"$logs/format" 2>&1 </dev/null &
    format=$!
fi

end_format() {
    [ -n "${format:-}" ] || return 0
    if wait "$format"; then
        echo "format: ok"
    else
        cat "$logs/format"
        echo "format: FAILED; 'dotnet format' repairs it"
        failed=$((failed + 1))
    fi
    format=
}

# --- suites ----------------------------------------------------------------------------------------------------------

dotnet_suite() {
    local name=$1 project=$2
    watch "$name" xunit \
        dotnet "tests/$project/bin/Release/net10.0/Aether.Tests.$project.dll" -noColor -reporter verbose
}

# Tests of node's runner, from the folder that they are in. Without a limit of the runner's: it holds for a whole file.
node_tests() {
    local name=$1 folder=$2 files=$3
    # shellcheck disable=SC2016 # The pattern is for the folder.
    watch "$name" tap bash -c 'cd "$1" && exec node --test --test-reporter=tap --test-reporter-destination=stdout \
        --test-reporter="$2" --test-reporter-destination=stdout $3' - "$folder" "$PWD/tests/node_started.mjs" "$files"
}

node_suite() {
    # Node 20 has a WebSocket, behind a flag.
    local options=${NODE_OPTIONS:-}
    if node_is_new_enough && [ "$(node -p 'typeof WebSocket')" = undefined ]; then
        options="$options --experimental-websocket"
    fi
    install_modules node tests/E2E/lint
    NODE_OPTIONS=$options node_tests node . 'tests/E2E/node/*.test.mjs tests/E2E/lint/*.test.mjs'
}

# What a folder's lock file names. That it cannot be installed is told by the tests, which then cannot run.
install_modules() {
    local name=$1 folder=$2
    (cd "$folder" && timeout --kill-after=10 600 npm ci --loglevel=error --no-audit --no-fund) \
        >"$logs/$name" 2>&1 </dev/null || true
}

# The tests of a folder below clients/. What they need is in its lock file, if they need anything.
client_suite() {
    local name=$1 folder=clients/$2
    if [ -e "$folder/package-lock.json" ]; then
        install_modules "$name" "$folder"
    fi
    node_tests "$name" "$folder" 'test/*.test.js'
}

for suite in "${suites[@]}"; do
    [ "$suite" = runner ] || end_format
    case $suite in
        unit) dotnet_suite unit Unit ;;
        integration) dotnet_suite integration Integration ;;
        e2e) dotnet_suite e2e E2E ;;
        # How this script itself reads results, on suites that hang, crash and fail.
        runner) watch runner tap tests/watch_test.sh ;;
        python) watch python unittest "$python" -m unittest discover -v -s tests/E2E/python -p 'test_*.py' ;;
        node) node_suite ;;
        # What an operation of each benchmark may allocate; how long it takes is not asked here.
        budgets) watch budgets budgets dotnet bench/Aether.Benchmarks/bin/Release/net10.0/Aether.Benchmarks.dll --budgets ;;
        client) client_suite client js ;;
        console) client_suite console console ;;
    esac
done
finished=yes
