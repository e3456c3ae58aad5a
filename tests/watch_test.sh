#!/usr/bin/env bash
# Tests watch.sh on suites that end well, fail, hang and crash. Speaks TAP, as node's test runner does.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
QUIET_SECONDS=3 PROGRESS_SECONDS=1
. tests/watch.sh

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
count=0

# The same in a shell that ends with whatever fails in it, as test.sh does.
strict_suite() {
    logs=$(mktemp -d "$root/XXXXXX") passed=0 failed=0
    bash -euo pipefail -c '
        . tests/watch.sh
        logs=$1 passed=0 failed=0
        watch suite "$2" bash -c "$3"
        echo "$passed $failed" >"$logs/counted"' - "$logs" "$1" "$2" >"$logs/said" 2>&1 ||
        echo "the caller ended with code $?" >>"$logs/said"
    read -r passed failed <"$logs/counted" || true
} 2>/dev/null

# Runs a suite, whose output the given lines are and which then does what is given, and leaves what was said and counted.
suite() {
    local kind=$1 then=$2
    logs=$(mktemp -d "$root/XXXXXX") passed=0 failed=0
    printf '%s\n' "${@:3}" >"$logs/lines"
    # In this shell, so that what it counts is seen here.
    watch suite "$kind" bash -c "cat '$logs/lines'; $then" >"$logs/said" 2>&1
}

check() {
    local name=$1 want_passed=$2 want_failed=$3 problem='' text
    shift 3
    count=$((count + 1))
    [ "$passed/$failed" = "$want_passed/$want_failed" ] ||
        problem="counted $passed passed and $failed failed, not $want_passed and $want_failed"
    for text in "$@"; do
        grep -qF -- "$text" "$logs/said" || problem="$problem; nothing says '$text'"
    done
    echo "# Subtest: $name"
    if [ -z "$problem" ]; then
        echo "ok $count - $name"
    else
        echo "not ok $count - $name"
        echo "# $problem"
        sed 's/^/# > /' "$logs/said"
    fi
}

start() { echo "    N.T.$1 [STARTING]"; }
finish() { echo "    N.T.$1 [FINISHED] Time: 0.5s"; }
fail() { printf '    N.T.%s [FAIL]\n      Assert.True() Failure\n' "$1"; }

suite xunit 'exit 0' "$(start A)" "$(finish A)" "$(start B)" "$(start 'C(x: "a [b]")')" "$(finish B)" "$(finish 'C(x: "a [b]")')"
check 'all good' 3 0 'suite: 3 of 3 tests good'

suite xunit 'exit 1' "$(start A)" "$(finish A)" "$(start B)" "$(fail B)" "$(finish B)"
check 'a failed test' 1 1 'suite: FAILED: N.T.B' 'Assert.True() Failure'

suite xunit 'sleep 60' "$(start A)" "$(finish A)" "$(start B)"
check 'a test that hangs is named, and what was done counts' 1 1 'suite: NOT ENDED: N.T.B' 'nothing happened for 3 s'

suite xunit 'trap "echo \"    N.T.C [FAIL]\"; exit 1" TERM; sleep 60 & wait' "$(start A)" "$(finish A)" "$(start B)"
check 'what a suite says while it is ended is no result' 1 1 'suite: NOT ENDED: N.T.B' 'nothing happened for 3 s'

suite xunit 'kill -SEGV $$' "$(start A)" "$(finish A)" "$(start B)"
check 'a crash in the middle of a test' 1 1 'suite: NOT ENDED: N.T.B'

suite xunit 'exit 134' "$(start A)" "$(finish A)"
check 'a bad end without a failed test' 1 1 'no failed test says why'

suite xunit 'exit 0'
check 'nothing at all' 0 1

suite xunit 'exit 1' "$(start A)" "$(finish A)" '    [Test Class Cleanup Failure (N.T)] [FAIL]'
check 'a failure outside a test' 1 1 'Test Class Cleanup Failure'

suite xunit 'exit 0' "$(start A)" '    N.T.A [SKIP]' "$(finish A)" "$(start B)" "$(finish B)"
check 'a test that is skipped is neither' 1 0

suite xunit 'for i in 1 2 3 4 5; do sleep 1; echo "    N.T.$i [STARTING]"; echo "    N.T.$i [FINISHED] Time: 1s"; done'
check 'a slow suite is not cut, and says how far it is' 5 0 'good, 0 bad after'

suite xunit 'sleep 300 & echo $! >'"$root/child"'; exit 0' "$(start A)" "$(finish A)"
kill -0 "$(cat "$root/child")" 2>/dev/null && failed=99
check 'what a suite leaves behind is ended' 1 0

suite unittest 'exit 1' 'test_a (m.C.test_a) ... ok' 'test_b (m.C.test_b) ... FAIL' 'test_c (m.C.test_c)' 'What it is. ... ok' 'test_d (m.C.test_d) ... noise' 'ERROR'
check "Python's tests" 2 2 'suite: FAILED: test_b (m.C.test_b)' 'suite: FAILED: test_d (m.C.test_d)'

suite unittest 'sleep 60' 'test_a (m.C.test_a) ... ok' 'test_b (m.C.test_b) ... '
check 'one of them hangs' 1 1 'suite: NOT ENDED: test_b (m.C.test_b)'

suite tap 'exit 1' '# Started: group' '# Started: a' '# Subtest: group' '    # Subtest: a' '    ok 1 - a' '      ---' '      duration_ms: 12.5' '      ...' '# Started: b' '    # Subtest: b' '    not ok 2 - b' '      ---' '      duration_ms: 3' '      ...' 'not ok 1 - group' '  ---' '  duration_ms: 20' "  type: 'suite'" '  ...' '# Started: c' '# Subtest: c' 'ok 2 - c' '  ---' '  duration_ms: 1' '  ...' '# Started: d' '# Subtest: d' 'ok 3 - d # SKIP not here'
check "node's tests" 2 1 'suite: FAILED: b'

# The real runner, as test.sh starts it: no limit of its own, and it says what it is at. It may be slow to start.
quiet_seconds=8
if command -v node >/dev/null; then
    node_suite() {
        logs=$(mktemp -d "$root/XXXXXX") passed=0 failed=0
        mkdir "$logs/of"
        cat >"$logs/of/a.test.mjs"
        watch suite tap node --test --test-reporter=tap --test-reporter-destination=stdout \
            --test-reporter="$PWD/tests/node_started.mjs" --test-reporter-destination=stdout "$logs/of/a.test.mjs" \
            >"$logs/said" 2>/dev/null
    }

    node_suite <<'END'
import { describe, test } from 'node:test';
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
for (let i = 0; i < 4; i++) test('slow ' + i, () => wait(2500));
END
    check 'a file of node that takes longer than a test may' 4 0 'suite: 4 of 4 tests good'

    node_suite <<'END'
import { describe, test } from 'node:test';
describe('group', () => {
  test('fine', () => {});
  test('hangs #1', () => new Promise((done) => setTimeout(done, 1e6)));
});
END
    check 'a test of node that hangs in a group' 1 2 'suite: NOT ENDED: hangs' 'nothing happened for 8 s'
fi
quiet_seconds=3

suite budgets 'exit 1' 'bytes per operation  measured  budget' 'A.B 10 20' 'A.C 30 20  FAILED: 10 over its budget' 'A.D - - skipped: redis-server is not installed' 'Budgets  Total: 3, Failed: 1, Skipped: 1'
check 'budgets' 1 1 'suite: FAILED: A.C'

many='for i in $(seq 5000); do echo "    N.T.a_test_with_a_name_as_long_as_they_are$i [STARTING]"; echo "    N.T.a_test_with_a_name_as_long_as_they_are$i [FINISHED] Time: 0.$i"s; done'
SLOW_SECONDS=0 strict_suite xunit "$many"
check 'the slowest of very many tests are named, and the caller goes on' 5000 0 '0.9 s N.T.a_test_with_a_name_as_long_as_they_are9'
