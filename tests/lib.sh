# What the test scripts share. Source it from the project's root: . tests/lib.sh
#
# A group is an executable tests/GROUP/run that prints lines "ok NAME", "FAIL NAME: why", "skip NAME: why", and/or a last line
# "N passed, N failed, N skipped". tests/README.md has the rest.
CC=${CC:-gcc}
B=${B:-build}
JOBS=${JOBS:-$(nproc 2>/dev/null || echo 2)}
STRICT="-std=c11 -Wall -Wextra -Wpedantic -Werror"
SHARED=${CNNC_SHARED:-../shared}

# Each failure leaves a mark, wherever in the script (also in subshells), and the script's status is 1 then.
if [ -z "$FAILURES" ]; then
    FAILURES=$(mktemp) && export FAILURES
    trap '[ ! -s "$FAILURES" ]; _status=$?; rm -f "$FAILURES"; exit $_status' EXIT
fi

ok() { echo "ok $1"; }
skip() { echo "skip $1: $2"; }
fail() { # NAME WHY [FILE]: the first lines of FILE go with it
    echo "FAIL $1: $2"
    echo "$1" >>"$FAILURES"
    [ ! -f "$3" ] || head -"${LINES_SHOWN:-8}" "$3" | sed 's/^/    /'
}

# NAME LOG COMMAND...: one test that is a command
expect() {
    local name=$1 log=$2
    shift 2
    if "$@" >"$log" 2>&1; then ok "$name"; else fail "$name" "status $?: $*" "$log"; return 1; fi
}

have() { command -v "$1" >/dev/null 2>&1; }

# COMPILER: its option for the vectors of this machine; nothing where it knows none
native() {
    local o
    for o in -march=native -mcpu=native; do
        if echo 'int x;' | $1 $o -x c -c -o /dev/null - 2>/dev/null; then echo $o; return; fi
    done
}

# Every network of examples/, one path a line.
networks() { find examples -name '*.net' | LC_ALL=C sort; }

# NETWORK DIR OPTION...: DIR/NAME.c, .h (and .weights) from a .net; the command in the head is the same wherever it runs.
generate() {
    local net=$PWD/$1 dir=$2 cnnc=${CNNC:-$PWD/cnnc}
    shift 2
    mkdir -p "$dir"
    (cd "$dir" && timeout 300 "$cnnc" "$net" -o "$(basename "$net" .net).c" "$@")
}

# The weights option for the runner, if DIR/NAME has a weights file.
weights_of() { [ ! -f "$1.weights" ] || echo "-w $1.weights"; }

# CC DIR NAME PROGRAM FLAG...: DIR/PROGRAM from DIR/NAME.c and the generic runner
build_runner() {
    local cc=$1 dir=$2 name=$3 program=$4
    shift 4
    $cc $STRICT "$@" -include "$dir/$name.h" -DNET="$name" -DNETU="$(echo "$name" | tr a-z A-Z)" \
        -o "$dir/$program" "$dir/$name.c" tests/generated/runner.c -lm
}
