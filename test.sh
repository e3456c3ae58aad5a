#!/usr/bin/env bash
# Builds everything and runs every test suite, or only those named:
#   ./test.sh [unit|integration|e2e|python|node|client|console|budgets ...]
# The last line is "N passed, N failed" over all of them; the exit code is 0 only if nothing failed.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
export LC_ALL=C.UTF-8 DOTNET_CLI_UI_LANGUAGE=en DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
# Left-over build processes would keep the caller's pipes open.
export MSBUILDDISABLENODEREUSE=1

readonly all=(unit integration e2e python node client console budgets)
readonly sdk_major=10
readonly node_major=20
# Debian's own: another python3 may come first in PATH, and has none of its packages.
readonly python=/usr/bin/python3
# What the tests with pages start; another one may be named in the environment.
export CHROMIUM=${CHROMIUM:-/usr/bin/chromium}
# A suite that hangs is a suite that failed. The longest one takes six minutes where nothing else runs.
readonly suite_seconds=720

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
    rm -rf "$logs"
    echo "$passed passed, $failed failed"
    if [ "$failed" -gt 0 ]; then
        exit 1
    fi
    exit "$code"
}
trap finish EXIT

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
    fi
    if wanted node || wanted client || wanted console; then
        node_is_new_enough || missing+=(nodejs)
    fi
    if wanted client; then
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
if [ $# -eq 0 ]; then
    if ! step format dotnet format Aether.sln --verify-no-changes --no-restore; then
        echo "format: FAILED; 'dotnet format' repairs it"
        failed=$((failed + 1))
    fi
fi

# --- suites ----------------------------------------------------------------------------------------------------------

# Adds a suite's result: name, exit code, passed, failed. A suite that says nothing, or that ends badly without a failed
# test, has failed.
count() {
    local name=$1 code=$2 good=$3 bad=$4 seconds=$5
    if [ "$bad" -eq 0 ] && { [ "$code" -ne 0 ] || [ "$good" -eq 0 ]; }; then
        bad=1
        echo "$name: ended with code $code, and no result" >>"$logs/$name"
    fi
    if [ "$bad" -gt 0 ]; then
        cat "$logs/$name"
    fi
    # Not the words of the last line, so that there is one such line only.
    echo "$name: $good of $((good + bad)) tests good ($seconds s)"
    passed=$((passed + good))
    failed=$((failed + bad))
}

# The number that follows a word in a line that holds a pattern; 0 if there is none.
number() {
    local log=$1 line=$2 word=$3
    { grep -aE "$line" "$log" || true; } | tail -n 1 |
        { grep -oE "$word[ =:]*[0-9]+" || echo 0; } | head -n 1 | grep -oE '[0-9]+$'
}

run() {
    timeout --kill-after=10 "$suite_seconds" "$@"
}

dotnet_suite() {
    local name=$1 project=$2 code=0 started=$SECONDS
    run dotnet "tests/$project/bin/Release/net10.0/Aether.Tests.$project.dll" -noColor >"$logs/$name" 2>&1 || code=$?
    local summary="Aether\.Tests\.$project +Total: "
    local total errors bad skipped not_run
    total=$(number "$logs/$name" "$summary" Total)
    errors=$(number "$logs/$name" "$summary" Errors)
    bad=$(number "$logs/$name" "$summary" Failed)
    skipped=$(number "$logs/$name" "$summary" Skipped)
    not_run=$(number "$logs/$name" "$summary" 'Not Run')
    count "$name" "$code" $((total - bad - skipped - not_run)) $((bad + errors)) $((SECONDS - started))
}

python_suite() {
    local name=python code=0 started=$SECONDS
    run "$python" -m unittest discover -v -s tests/E2E/python -p 'test_*.py' >"$logs/$name" 2>&1 || code=$?
    local total bad
    total=$(number "$logs/$name" '^Ran [0-9]+ test' Ran)
    bad=$(($(number "$logs/$name" '^FAILED' failures) + $(number "$logs/$name" '^FAILED' errors)))
    # What fails outside a test (a server that does not start) is an error, but no test that ran.
    count "$name" "$code" $((total > bad ? total - bad : 0)) "$bad" $((SECONDS - started))
}

node_suite() {
    local name=node code=0 started=$SECONDS
    # Node 20 has a WebSocket, behind a flag.
    local options=${NODE_OPTIONS:-}
    if node_is_new_enough && [ "$(node -p 'typeof WebSocket')" = undefined ]; then
        options="$options --experimental-websocket"
    fi
    NODE_OPTIONS=$options run node --test --test-reporter=tap tests/E2E/node/*.test.mjs >"$logs/$name" 2>&1 || code=$?
    node_count "$name" "$code" "$started"
}

# Adds what node's test runner wrote.
node_count() {
    local name=$1 code=$2 started=$3
    count "$name" "$code" "$(number "$logs/$name" '^# pass ' pass)" \
        "$(($(number "$logs/$name" '^# fail ' fail) + $(number "$logs/$name" '^# cancelled ' cancelled)))" \
        $((SECONDS - started))
}

# What an operation of each benchmark may allocate; how long it takes is not asked here.
budgets_suite() {
    local name=budgets code=0 started=$SECONDS
    run dotnet bench/Aether.Benchmarks/bin/Release/net10.0/Aether.Benchmarks.dll --budgets >"$logs/$name" 2>&1 || code=$?
    local total bad skipped
    total=$(number "$logs/$name" '^Budgets +Total: ' Total)
    bad=$(number "$logs/$name" '^Budgets +Total: ' Failed)
    skipped=$(number "$logs/$name" '^Budgets +Total: ' Skipped)
    count "$name" "$code" $((total - bad - skipped)) "$bad" $((SECONDS - started))
}

# The tests of a folder below clients/. What they need is in its lock file, if they need anything.
client_suite() {
    local name=$1 folder=clients/$2 code=0 started=$SECONDS
    if [ -e "$folder/package-lock.json" ] &&
        ! (cd "$folder" && run npm ci --loglevel=error --no-audit --no-fund) >"$logs/$name" 2>&1; then
        count "$name" 1 0 0 $((SECONDS - started))
        return
    fi
    (cd "$folder" && run node --test --test-reporter=tap test/*.test.js) >"$logs/$name" 2>&1 || code=$?
    node_count "$name" "$code" "$started"
}

for suite in "${suites[@]}"; do
    case $suite in
        unit) dotnet_suite unit Unit ;;
        integration) dotnet_suite integration Integration ;;
        e2e) dotnet_suite e2e E2E ;;
        python) python_suite ;;
        node) node_suite ;;
        budgets) budgets_suite ;;
        client) client_suite client js ;;
        console) client_suite console console ;;
    esac
done
finished=yes
