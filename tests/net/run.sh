#!/bin/sh
# Tests of the .net front end; --accept stores what comes out as expected.
#   errors/X.net     exactly errors/X.err on stderr; exit status 1, or 0 if X begins with "warning"
#   language/X.net   inputs, outputs and parameters with their shapes as in language/X.out; --emit=net of it gives the
#                    same again, and is its own --emit=net
#   parameters.txt   trainable parameters of each network in examples/
#   fuzz.py          (with --fuzz [N]) mutated networks: no crash, no hang, status 0 or 1
cd "$(dirname "$0")" || exit 1
CNNC=${CNNC:-$PWD/../../cnnc}
accept=
passed=0 failed=0
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT

verdict() { # name, expected file, actual file
    if [ -n "$accept" ] && [ "$2" != "$T/want" ]; then cp "$3" "$2"; fi
    if diff -u "$2" "$3" >"$T/diff" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1)); echo "FAIL $1"; head -20 "$T/diff"
    fi
}

case $1 in
--accept) accept=1 ;;
--fuzz) exec python3 fuzz.py "$CNNC" "${2:-300}" ;;
esac

cd errors || exit 1
for f in *.net; do
    timeout 20 "$CNNC" "$f" --dump=infer >/dev/null 2>"$T/out"
    status=$?
    case $f in warning*) want=0 ;; *) want=1 ;; esac
    [ $status = $want ] || echo "exit status $status, expected $want" >>"$T/out"
    verdict "errors/$f" "${f%.net}.err" "$T/out"
done

"$CNNC" ../language/arithmetic.net --const=m=5 --dump=infer >/dev/null 2>"$T/out"
verdict "errors/--const" const_option.err "$T/out"

cd ../language || exit 1
for f in *.net; do
    timeout 20 "$CNNC" "$f" --dump=infer >"$T/dump" 2>&1
    { grep -E '^  (input|output) |error' "$T/dump"
      grep -oE '[A-Za-z0-9_.]+\.(weight|bias|running_mean|running_var)\[[0-9x]+\]' "$T/dump" | awk '!seen[$0]++'
    } >"$T/out"
    verdict "language/$f" "${f%.net}.out" "$T/out"
    "$CNNC" "$f" --emit=net -o "$T/a.net" 2>"$T/out" && "$CNNC" "$T/a.net" --emit=net -o "$T/b.net" 2>"$T/out" &&
        cmp "$T/a.net" "$T/b.net" >"$T/out" && "$CNNC" "$T/a.net" --dump=infer >"$T/dump" && grep -E '^  output ' "$T/dump" |
        sed 's/output [^[]*/output /' >"$T/out"
    grep -E '^  output ' "${f%.net}.out" | sed 's/output [^[]*/output /' >"$T/want"
    verdict "language/$f --emit=net" "$T/want" "$T/out"
done

cd ..
for f in ../../examples/*.net; do
    timeout 20 "$CNNC" "$f" --dump=infer >"$T/dump" 2>&1 || grep -m1 error "$T/dump" >&2
    grep -oE '[A-Za-z0-9_.]+\.(weight|bias)\[[0-9x]+\]' "$T/dump" | awk -F'[][x]' -v net="$(basename "$f" .net)" '
        !seen[$0]++ { n = 1; split(substr($0, index($0, "[") + 1), d, /[x\]]/); for (i = 1; d[i] != ""; i++) n *= d[i]; sum += n }
        END { printf "%-22s %d\n", net, sum }'
done >"$T/out"
verdict "parameters" parameters.txt "$T/out"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
