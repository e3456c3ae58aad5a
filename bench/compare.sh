#!/usr/bin/env bash
# Compares Aether V3 with SignalR and its Redis backplane, and with V2 and V1 on the legacy endpoint:
#
#   bench/compare.sh [--rounds N] [--only CASE[,CASE...]] [--systems NAME[,NAME...]] [--quick] [--keep FOLDER]
#                    [--quiet-wait SECONDS]
#
# Every run has fresh servers. The systems of a case take turns (A B C, A B C, ...), so that what happens to the machine
# happens to all of them. The last thing printed is one markdown table: medians, ranges, ratios to SignalR.
set -euo pipefail
# shellcheck source=bench/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

readonly cases=(fanout-local fanout-cross hot-group direct-cross idle storm storm-redis)
rounds=3
only=$(IFS=,; echo "${cases[*]}")
systems=V3,SignalR,V2,V1
warmup=8
duration=5
idle_connections=5000
results=$work/results
quiet_wait=10

usage() {
    sed -n '2,/^set /{ /^#/s/^# \{0,1\}//p }' "${BASH_SOURCE[0]}"
    echo "cases: ${cases[*]}"
    echo "--quick is one round of short runs: it shows that all works; its figures say little."
    echo "--keep FOLDER keeps the JSON of every run; runs that are there already count too, and are not repeated."
}

while [ $# -gt 0 ]; do
    case $1 in
        --rounds) rounds=${2:?--rounds needs a number}; shift ;;
        --only) only=${2:?--only needs a case}; shift ;;
        --systems) systems=${2:?--systems needs a name}; shift ;;
        --keep) results=${2:?--keep needs a folder}; shift ;;
        --quiet-wait) quiet_wait=${2:?--quiet-wait needs seconds}; shift ;;
        --quick) rounds=1 warmup=2 duration=2 idle_connections=2000 quiet_wait=0 ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; fail "there is no option $1" ;;
    esac
    shift
done
for name in ${only//,/ }; do
    [[ " ${cases[*]} " == *" $name "* ]] || fail "there is no case '$name'; there are: ${cases[*]}"
done
for name in ${systems//,/ }; do
    [[ " V3 SignalR V2 V1 " == *" $name "* ]] || fail "there is no system '$name'; there are: V3 SignalR V2 V1"
done

# instances, redis (yes, no), systems, and what the driver is told. V2 always has its Redis, and V1 never has one.
settings() {
    case $1 in
        fanout-local) instances=1 redis=no of="V3 SignalR V2 V1" load=(fanout --groups 10 --fan 100) ;;
        fanout-cross) instances=2 redis=yes of="V3 SignalR V2" load=(fanout --cross --groups 10 --fan 100) ;;
        hot-group) instances=2 redis=yes of="V3 SignalR V2" load=(fanout --groups 1 --fan 1000 --publishers 4) ;;
        direct-cross) instances=2 redis=yes of="V3 SignalR V2" load=(direct --cross --pairs 50 --window 2) ;;
        idle) instances=1 redis=no of="V3 SignalR V1" load=(idle --connections "$idle_connections") ;;
        storm) instances=1 redis=no of="V3 SignalR V1" load=(storm) ;;
        storm-redis) instances=1 redis=yes of="V3 SignalR V2" load=(storm) ;;
    esac
}

run() {
    local name=$1 system=$2 round=$3 file=$results/$1.$2.$3.json code=0
    [ ! -e "$file" ] || return 0
    wait_for_quiet "$quiet_wait"
    if [ "$redis" = yes ] || [ "$system" = V2 ]; then
        start_redis
    fi
    start_servers "$system" "$instances"
    say "== $name, $system, round $round of $rounds"
    dotnet "$load_dll" "${load[@]}" --system "$(protocol_of "$system")" --urls "$urls" --server-pids "$pids" \
        --warmup "$warmup" --duration "$duration" --name "$name" --label "$system" --round "$round" --json "$file" \
        >"$work/run.txt" &
    local driver=$!
    started+=("$driver") # Ctrl-C has to find it
    wait "$driver" || code=$?
    unset 'started[-1]'
    sed 's/^/   /' "$work/run.txt" >&2
    [ "$code" -le 1 ] || fail "the load driver ended with $code"
    stop_all
}

prepare
mkdir -p "$results"
for name in ${only//,/ }; do
    settings "$name"
    for ((round = 1; round <= rounds; round++)); do
        for system in $of; do
            [[ ",$systems," != *",$system,"* ]] || run "$name" "$system" "$round"
        done
    done
done
dotnet "$load_dll" table "$results"
