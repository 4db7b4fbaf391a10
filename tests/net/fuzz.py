#!/usr/bin/env python3
"""Mutated networks: fuzz.py CNNC [runs [seed]]. The compiler ends with status 0 or 1, in time, whatever it reads.
Build it with CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all" first."""
import glob, os, random, re, subprocess, sys, tempfile

cnnc, runs, seed = sys.argv[1], int((sys.argv + ["300"])[2]), int((sys.argv + ["", "1"])[3] if len(sys.argv) > 3 else 1)
here = os.path.dirname(os.path.abspath(__file__))
texts = [open(f, "rb").read() for p in ("../../examples/*.net", "../../examples/filters/*.net", "language/*.net", "errors/*.net")
         for f in sorted(glob.glob(os.path.join(here, p)))]
texts = [t for t in texts if len(t) < 6000]
tokens = sorted({t for x in texts for t in re.findall(rb"\w+|[^\w\s]|\n", x)})
extra = [b"-1", b"0", b"9223372036854775807", b"1e308", b"1e-400", b"99999", b"0x0", b"\x00", b"\xff", b"((((", b"[[[[", b"}", b"{",
         b"2 ** 62", b"-" * 50, b"repeat 9 {", b"in", b"batch=false", b"1..9", b"x", b"image", b"|>", b"same"]
rng = random.Random(seed)


def mutate(t):
    for _ in range(rng.choice((1, 1, 1, 2, 4, 8))):
        words = re.findall(rb"\w+|[^\w\s]|\s+", t) or [b""]
        i = rng.randrange(len(words))
        kind = rng.randrange(7)
        if kind == 0:
            words[i] = rng.choice(tokens)
        elif kind == 1:
            words[i] = rng.choice(extra)
        elif kind == 2:
            del words[i]
        elif kind == 3:
            words.insert(i, rng.choice(tokens + extra))
        elif kind == 4:
            j = rng.randrange(len(words))
            words[i], words[j] = words[j], words[i]
        elif kind == 5:
            j = min(len(words), i + rng.randrange(1, 30))
            words[i:i] = words[i:j]
        else:
            other = re.findall(rb"\w+|[^\w\s]|\s+", rng.choice(texts)) or [b""]
            words = words[:i] + other[rng.randrange(len(other)):]
        t = b"".join(words)
        if rng.random() < 0.1 and t:
            k = rng.randrange(len(t))
            t = t[:k] + bytes([rng.randrange(256)]) + t[k + 1:]
    return t


bad = errors = 0
with tempfile.TemporaryDirectory() as d:
    path = os.path.join(d, "fuzz.net")
    for run in range(runs):
        text = mutate(rng.choice(texts))
        open(path, "wb").write(text)
        try:
            p = subprocess.run([cnnc, path, "--dump=infer"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)
            status, message = p.returncode, p.stderr
        except subprocess.TimeoutExpired:
            status, message = "timeout", b""
        errors += status == 1
        if status not in (0, 1) or b"Sanitizer" in message or b"runtime error" in message or (status == 1 and b"error: " not in message):
            bad += 1
            keep = "/tmp/fuzz-%d.net" % run
            open(keep, "wb").write(text)
            print("run %d: status %s, kept as %s\n%s" % (run, status, keep, message[-1500:].decode("utf-8", "replace")))
print("%d runs, %d with errors, %d failed" % (runs, errors, bad))
sys.exit(bad != 0)
