# Sourced by compare.sh and growth.sh: builds, starts and stops what they measure. Everything is on 127.0.0.1, and whatever was
# started is ended by its own pid, also after Ctrl-C.
# shellcheck shell=bash

export LC_ALL=C.UTF-8 DOTNET_CLI_UI_LANGUAGE=en DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1

bench=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly bench root=${bench%/*}
readonly load_dll=$bench/load/bin/Release/net10.0/Aether.Load.dll
readonly aether_dll=$root/src/Aether.Api/bin/Release/net10.0/Aether.Api.dll
readonly signalr_dll=$bench/peers/signalr/bin/Release/net10.0/Aether.Peers.SignalR.dll

work=$(mktemp -d)
started=()      # pids, in the order of their start
pids=""         # label=pid,... for the load driver
urls=""         # of the instances
redis_port=""

say() {
    echo "$*" >&2
}

fail() {
    say "$*"
    exit 1
}

# --- processes -------------------------------------------------------------------------------------------------------

# The last one started goes first, so that no server sees its Redis go.
stop_all() {
    local i pid patience
    for ((i = ${#started[@]} - 1; i >= 0; i--)); do
        pid=${started[i]}
        kill "$pid" 2>/dev/null || continue
        for ((patience = 0; patience < 150; patience++)); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -9 "$pid" 2>/dev/null || true
    done
    [ ${#started[@]} -eq 0 ] || wait "${started[@]}" 2>/dev/null || true
    started=()
    pids=""
    urls=""
    redis_port=""
}

cleanup() {
    local code=$?
    trap '' INT TERM
    stop_all
    rm -rf "$work"
    exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

free_port() {
    local port
    while port=$((20000 + RANDOM % 12000)) && answers "$port"; do :; done
    echo "$port"
}

# Waits, 30 s if nothing else is said, for the process that was started last; what it wrote is shown if it is not ready.
wait_for() {
    local what=$1 check=$2 argument=$3 log=$4 seconds=${5:-30} i
    for ((i = 0; i < 10 * seconds; i++)); do
        "$check" "$argument" && return 0
        kill -0 "${started[-1]}" 2>/dev/null || break
        sleep 0.1
    done
    tail -n 20 "$log" >&2
    fail "$what did not start"
}

is_ready() {
    local status=""
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
    printf 'GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
    read -r -t 2 _ status _ <&3 || true
    exec 3>&-
    [ "$status" = 200 ]
} 2>/dev/null

start_redis() {
    redis_port=$(free_port)
    redis-server --port "$redis_port" --bind 127.0.0.1 --save "" --appendonly no --maxclients 10000 --dir "$work" \
        --loglevel warning >"$work/redis.log" 2>&1 &
    started+=($!)
    pids="redis=$!"
    wait_for redis answers "$redis_port" "$work/redis.log"
}

# Instances of a system (V3, V2, V1 or SignalR), with the Redis that runs, if one does. As they are by default, but for the
# rate limit: the load is more than one client may send.
start_servers() {
    local system=$1 count=$2 dll=$aether_dll port ports=()
    [ "$system" != SignalR ] || dll=$signalr_dll
    while [ ${#ports[@]} -lt "$count" ]; do
        port=$(free_port)
        [[ " ${ports[*]} " != *" $port "* ]] || continue
        ports+=("$port")
        (
            cd "${dll%/*}" || exit
            [ -z "$redis_port" ] || export ConnectionStrings__Redis=127.0.0.1:$redis_port
            export ASPNETCORE_ENVIRONMENT=Production Logging__LogLevel__Default=Warning
            export Aether__Realtime__RateLimit__PerSecond=0
            exec dotnet "$dll" --urls "http://127.0.0.1:$port"
        ) >"$work/server-$port.log" 2>&1 &
        started+=($!)
        pids="${pids:+$pids,}server$port=$!"
        urls="${urls:+$urls,}http://127.0.0.1:$port"
    done
    for port in "${ports[@]}"; do
        wait_for "$system" is_ready "$port" "$work/server-$port.log"
    done
}

# What the load driver calls the protocol of a system.
protocol_of() {
    case $1 in
        V3) echo aether ;;
        V2 | V1) echo legacy ;;
        SignalR) echo signalr ;;
    esac
}

# --- what has to be there --------------------------------------------------------------------------------------------

install_redis() {
    command -v redis-server >/dev/null && return
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
    command -v apt-get >/dev/null || fail "redis-server is needed; please install it"
    say "install: redis-server"
    { "${as_root[@]}" apt-get update -qq && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends redis-server; } >"$work/apt.log" 2>&1 ||
        { cat "$work/apt.log" >&2; fail "redis-server is needed, and could not be installed"; }
}

build() {
    local project
    for project in src/Aether.Api bench/load bench/peers/signalr; do
        say "build: $project"
        dotnet build "$root/$project" -c Release -v quiet --nologo >"$work/build.log" 2>&1 ||
            { cat "$work/build.log" >&2; fail "the build of $project failed"; }
    done
}

prepare() {
    ulimit -n "$(ulimit -Hn)"
    command -v dotnet >/dev/null || fail "the .NET SDK is needed and 'dotnet' is not in PATH: https://dot.net/download"
    install_redis
    build
}

# --- the machine -----------------------------------------------------------------------------------------------------

machine_times() {
    local _ user nice system idle iowait irq softirq steal
    read -r _ user nice system idle iowait irq softirq steal _ </proc/stat
    echo $((user + nice + system + irq + softirq + steal)) $((idle + iowait))
}

# Waits, at most so many seconds, until less than a tenth of the machine is busy.
wait_for_quiet() {
    local limit=$((SECONDS + $1)) busy idle busy_then idle_then
    while [ "$SECONDS" -lt "$limit" ]; do
        read -r busy_then idle_then < <(machine_times)
        sleep 0.5
        read -r busy idle < <(machine_times)
        [ $(((busy - busy_then) * 10)) -ge $((busy - busy_then + idle - idle_then)) ] || return 0
    done
}
