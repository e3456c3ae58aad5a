#!/usr/bin/env bash
# How the cost of a delivery grows: with receivers, groups, instances and payload, for V3 and SignalR, each with Redis.
#
#   bench/growth.sh [--only SERIES[,SERIES...]] [--systems NAME[,NAME...]] [--rounds N] [--quick] [--results FOLDER]
#                   [--points X[,X...]]
#
# Writes growth.csv, and for each series its JSON and its plot (SVG), into bench/results/.
set -euo pipefail
# shellcheck source=bench/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

readonly all=(receivers groups instances payload)
only=$(IFS=,; echo "${all[*]}")
systems=V3,SignalR
rounds=1
warmup=5
duration=3
quiet_wait=5
results=$bench/results
quick=no
points=""

while [ $# -gt 0 ]; do
    case $1 in
        --only) only=${2:?--only needs a series}; shift ;;
        --systems) systems=${2:?--systems needs a name}; shift ;;
        --rounds) rounds=${2:?--rounds needs a number}; shift ;;
        --points) points=${2:?--points needs a number}; shift ;;
        --results) results=${2:?--results needs a folder}; shift ;;
        --quick) quick=yes warmup=1 duration=1 quiet_wait=0 ;;
        -h | --help) sed -n '2,/^set /{ /^#/s/^# \{0,1\}//p }' "${BASH_SOURCE[0]}"; exit 0 ;;
        *) fail "there is no option $1; --help says which there are" ;;
    esac
    shift
done
for name in ${only//,/ }; do
    [[ " ${all[*]} " == *" $name "* ]] || fail "there is no series '$name'; there are: ${all[*]}"
done

# The points of a series; a quick run takes the ends alone.
points_of() {
    if [ -n "$points" ]; then
        echo "${points//,/ }"
        return
    fi
    case $1 in
        receivers) set -- 10 100 1000 5000 ;;
        groups) set -- 1 10 100 1000 10000 50000 ;;
        instances) set -- 1 2 4 8 ;;
        payload) set -- 64 256 1024 4096 16384 ;;
    esac
    [ "$quick" = no ] || set -- "$1" "${!#}"
    echo "$@"
}

# Instances and load of one point. Publishers are members of their group with every system, so that all hold as many
# connections. In "groups" each group has one member, whose own message comes back to it through Redis.
settings() {
    local series=$1 x=$2
    instances=2
    held=0
    case $series in
        receivers) load=(--groups 1 --fan "$x" --window 4) ;;
        instances) instances=$x load=(--groups 10 --fan 100 --window 4) ;;
        payload) load=(--groups 10 --fan 100 --window 4 --payload "$x") ;;
        groups)
            # As many instances for every point, and enough of them that none needs more open files than it may have.
            instances=4
            local active=$x most=$(($(ulimit -Hn) - 1000))
            [ "$active" -le "$most" ] || active=$most
            held=$((x - active))
            load=(--groups "$active" --fan 1 --window 4 --in-flight 64)
            ;;
    esac
}

# Groups that the measuring driver cannot hold, because a process may have only so many files, are held by others.
hold_groups() {
    local system=$1 left=$held most=$(($(ulimit -Hn) - 1000)) number=0 part
    while [ "$left" -gt 0 ]; do
        part=$((left < most ? left : most))
        number=$((number + 1))
        dotnet "$load_dll" idle --connections "$part" --prefix "h$number-" --duration 600 --quiet \
            --system "$(protocol_of "$system")" --urls "$urls" --ready-file "$work/held$number" \
            >"$work/holder$number.log" 2>&1 &
        started+=($!)
        pids="$pids,load$number=$!"
        wait_for "the holder of $part groups" test_file "$work/held$number" "$work/holder$number.log" 120
        rm "$work/held$number"
        left=$((left - part))
    done
}

test_file() {
    [ -e "$1" ]
}

run() {
    local series=$1 x=$2 system=$3 round=$4 code=0
    settings "$series" "$x"
    wait_for_quiet "$quiet_wait"
    start_redis
    start_servers "$system" "$instances"
    say "== $series $x, $system, round $round of $rounds"
    hold_groups "$system"
    dotnet "$load_dll" fanout "${load[@]}" --join-publishers --system "$(protocol_of "$system")" --urls "$urls" \
        --server-pids "$pids" --warmup "$warmup" --duration "$duration" --concurrency 128 \
        --name "$series" --label "$system" --x "$x" --round "$round" --json "$work/runs/$series.$x.$system.$round.json" \
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
mkdir -p "$work/runs"
for ((round = 1; round <= rounds; round++)); do
    for series in ${only//,/ }; do
        for x in $(points_of "$series"); do
            for system in ${systems//,/ }; do
                run "$series" "$x" "$system" "$round"
            done
        done
    done
done
code=0
dotnet "$load_dll" growth "$work/runs" "$results" || code=$?
for series in ${only//,/ }; do
    [ ! -e "$results/$series.json" ] || dotnet "$load_dll" plot "$results/$series.json" "$results/$series.svg"
done
say "written to $results"
exit "$code"
