# shellcheck shell=bash
# Runs one test suite so that nothing of it is lost: sourced by test.sh.
#
#   watch NAME KIND COMMAND…
#
# streams what happens, ends a suite only when it stands still, and counts what its log says test by test, so that the
# results before an end that nobody planned count too, and whatever was still running is named.
# KIND says how to read the log: xunit, unittest, tap (node's test runner) or budgets.

# For how long nothing may happen. A test that takes this long hangs; a slow machine is no reason to be cut.
quiet_seconds=${QUIET_SECONDS:-300}
# How often a line says how far it is.
progress_seconds=${PROGRESS_SECONDS:-15}
# From how long a suite on its slowest tests are named.
slow_seconds=${SLOW_SECONDS:-30}

# What a log tells, as lines "passed N", "failed NAME", "running NAME" and "took MILLISECONDS NAME".
read_log() {
    case $1 in
        xunit) awk '
            function name(tail) { return substr($0, 5, length($0) - 4 - length(tail)) }
            / \[STARTING\]$/ { running[name(" [STARTING]")]++ }
            / \[SKIP\]$/ { skipped[name(" [SKIP]")]++ }
            # What fails outside a test (the end of a fixture) was not started.
            / \[FAIL\]$/ { one = name(" [FAIL]"); print "failed", one; if (one in running) bad[one]++ }
            match($0, / \[FINISHED\] Time: [0-9.]+s$/) {
                tail = substr($0, RSTART); one = name(tail); gsub(/[^0-9.]/, "", tail)
                if (--running[one] < 1) delete running[one]
                print "took", int(tail * 1000), one
                if (bad[one] > 0) bad[one]--; else if (skipped[one] > 0) skipped[one]--; else passed++
            }
            END { for (one in running) print "running", one; print "passed", passed + 0 }' "$2" ;;
        unittest) awk '
            match($0, /^[a-zA-Z_0-9]+ \([a-zA-Z_0-9.]+\)/) { one = substr($0, 1, RLENGTH); open = 1 }
            !open { next }
            /(^| )ok$/ { passed++; open = 0 }
            /(^| )(FAIL|ERROR)$/ { print "failed", one; open = 0 }
            /(^| )skipped / { open = 0 }
            END { if (open) print "running", one; print "passed", passed + 0 }' "$2" ;;
        tap) awk '
            # A group of tests is no test of its own; the runner writes which it was behind the result.
            function flush() {
                if (verdict == "ok") passed++
                if (verdict == "not ok") print "failed", one
                if (verdict != "" && took != "") print "took", int(took), one
                verdict = ""; took = ""
            }
            # What node_started.mjs says.
            /^# Started: / { sub(/^# Started: /, ""); running[$0]++; next }
            /^ *# Subtest: / { flush(); next }
            /^ *(not )?ok [0-9]+ - / {
                flush(); verdict = $1 == "not" ? "not ok" : "ok"; one = $0; sub(/^ *(not )?ok [0-9]+ - /, "", one)
                if (one ~ / # SKIP/) verdict = ""
                sub(/ # (SKIP|TODO).*/, "", one)
                if (--running[one] < 1) delete running[one]
                next
            }
            /^ *duration_ms: / { if (verdict != "") took = $2 }
            /^ *type: .suite.$/ { verdict = ""; took = "" }
            END { flush(); for (one in running) print "running", one; print "passed", passed + 0 }' "$2" ;;
        budgets) awk '
            NR == 1 || /^Budgets / { next }
            / FAILED: / { print "failed", $1; next }
            / skipped: / { next }
            NF >= 3 && $NF ~ /^[0-9]+$/ { passed++ }
            END { print "passed", passed + 0 }' "$2" ;;
    esac
}

# Ends everything that a suite has started, by the session that it was started in.
end_session() {
    local session=$1 signal
    for signal in TERM KILL; do
        ps -o pid= -s "$session" | xargs -r kill "-$signal" 2>/dev/null || true
        for _ in $(seq 50); do
            [ -n "$(ps -o pid= -s "$session")" ] || return 0
            sleep 0.1
        done
    done
}

# Adds the result to the caller's $passed and $failed.
watch() {
    local name=$1 kind=$2 started=$SECONDS code=0 cut=no
    shift 2
    # shellcheck disable=SC2154 # $logs is the caller's.
    local log=$logs/$name state=$logs/$name.state
    setsid "$@" >>"$log" 2>&1 </dev/null &
    local suite=$! size=-1 moved=$SECONDS told=$SECONDS known=0
    watched=$suite
    while kill -0 "$suite" 2>/dev/null; do
        sleep 0.5
        local now
        now=$(stat -c %s "$log")
        if [ "$now" != "$size" ]; then
            size=$now moved=$SECONDS
        elif ((SECONDS - moved >= quiet_seconds)); then
            cut=yes
            # What it says while it is ended is no result: node calls the whole file failed then, if it has the time.
            read_log "$kind" "$log" >"$state"
            end_session "$suite"
            break
        fi
        if ((SECONDS - told >= progress_seconds)); then
            told=$SECONDS
            read_log "$kind" "$log" >"$state"
            say_progress
        fi
    done
    wait "$suite" 2>/dev/null || code=$?
    watched=
    end_session "$suite"
    [ "$cut" = yes ] || read_log "$kind" "$log" >"$state"
    conclude
}

# A line for what has failed since the last time, and one for how far it is.
say_progress() {
    local bad good busy
    bad=$(grep -c '^failed ' "$state" || true)
    good=$(sed -n 's/^passed //p' "$state")
    grep '^failed ' "$state" | tail -n "+$((known + 1))" | sed "s/^failed /$name: FAILED: /" || true
    known=$bad
    busy=$(sed -n '/^running /{s///p;q}' "$state")
    echo "$name: $good good, $bad bad after $((SECONDS - started)) s${busy:+; now: $busy}"
}

conclude() {
    local good bad hung
    good=$(sed -n 's/^passed //p' "$state")
    bad=$(grep -c '^failed ' "$state" || true)
    hung=$(sed -n 's/^running //p' "$state")
    if [ "$cut" = yes ]; then
        echo "$name: ended because nothing happened for $quiet_seconds s; still running:" >>"$log"
    elif [ -n "$hung" ]; then
        echo "$name: ended with code $code in the middle of:" >>"$log"
    fi
    if [ -n "$hung" ]; then
        echo "$hung" >>"$log"
        bad=$((bad + $(wc -l <<<"$hung")))
    fi
    # A suite that says nothing, or that ends badly without a failed test, has failed.
    if [ "$bad" -eq 0 ] && { [ "$cut" = yes ] || [ "$code" -ne 0 ] || [ "$good" -eq 0 ]; }; then
        bad=1
        echo "$name: ended with code $code, and no failed test says why" >>"$log"
    fi
    if [ "$bad" -gt 0 ]; then
        # How each test began and ended is how it is read, not what is to be read.
        grep -avE ' \[(STARTING|FINISHED)\]' "$log" || true
        sed -n "s/^failed /$name: FAILED: /p" "$state"
        [ -z "$hung" ] || sed "s/^/$name: NOT ENDED: /" <<<"$hung"
    fi
    # Not the words of the last line, so that there is one such line only.
    echo "$name: $good of $((good + bad)) tests good ($((SECONDS - started)) s)"
    if ((SECONDS - started >= slow_seconds)); then
        # Reads all of what sort writes: ended by a closed pipe, sort would end the caller as well.
        sed -n 's/^took //p' "$state" | sort -rn | sed -n '1,10p' |
            while read -r milliseconds one; do
                echo "    $((milliseconds / 1000)).$((milliseconds % 1000 / 100)) s $one"
            done
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
}
