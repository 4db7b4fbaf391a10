#!/usr/bin/python3
"""The JSON and HTML reports of every example network: valid, complete, sums that agree, parameters as stated, and quick.
Prints lines ok / FAIL as tests/README.md says. Argument: a folder for what comes out."""
import glob
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

bad = 0


def verdict(name, problems):
    global bad
    bad += bool(problems)
    print(f"FAIL {name}: {'; '.join(problems[:4])}" if problems else f"ok {name}")


def run(*options):
    r = subprocess.run(["./cnnc", *options], capture_output=True, check=False)
    return r.returncode, r.stdout, r.stderr.decode()


def check(network, stated):
    p = []
    status, out, err = run("--report=json", network)
    if status or err:
        return [f"status {status} {err}"]
    j = json.loads(out)
    for key in ("network", "parameters", "macs", "weights_bytes", "arena_bytes", "arena_lower_bound_bytes", "inputs", "outputs", "layers"):
        if key not in j:
            p.append(f"no {key}")
    names = {l["name"] for l in j["layers"]}
    for l in j["layers"]:
        for key in ("name", "type", "output_shape", "parameters", "macs", "fused_into", "kernel"):
            if key not in l:
                p.append(f"{l.get('name')}: no {key}")
        if l["fused_into"] is not None and l["fused_into"] not in names:
            p.append(f"{l['name']} is fused into {l['fused_into']}, which is no layer")
        if l["kernel"] is None and l["fate"] is None:
            p.append(f"{l['name']}: neither a kernel nor why not")
        if l["parameters"] and l["fate"]:
            p.append(f"{l['name']} has parameters but {l['fate']}")
    for io in j["inputs"] + j["outputs"]:
        if not {"name", "shape", "dtype", "c_name"} <= set(io):
            p.append(f"{io}: incomplete")
    for key in ("parameters", "macs"):
        if sum(l[key] for l in j["layers"]) != j[key]:
            p.append(f"{key}: the layers do not add up to {j[key]}")
    if stated is not None and j["parameters"] != stated:
        p.append(f"{j['parameters']} parameters, expected {stated}")
    if j["arena_bytes"] < j["arena_lower_bound_bytes"]:
        p.append("the arena is smaller than its lower bound")
    status, out, err = run("--report=html", network)
    try:
        ET.fromstring(out)
    except ET.ParseError as e:
        p.append(f"HTML: {e}")
    with open(os.path.join(sys.argv[1], os.path.basename(network) + ".html"), "wb") as f:
        f.write(out)
    return p


def peak(*command):
    """Largest resident set of a command in bytes."""
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    return usage.ru_maxrss * 1024 if status == 0 else 1 << 60


def memory(network):
    """At most 1.5 times the weights from 14 MB of weights on, 20 MB below (Python itself, which forks, has 18). Where no batch norm wants
    statistics, weights pass through the compiler without staying."""
    c = os.path.join(sys.argv[1], "memory.c")
    used = peak("./cnnc", network, "--weights-in=file", "-o", c)
    weights = os.path.getsize(c[:-1] + "weights")
    os.remove(c[:-1] + "weights")
    most = 0.1 * weights if "alexnet" in network or "vgg16" in network else max(20e6, 1.5 * weights)
    return [f"cnnc {network}: {used} bytes of memory for {weights} of weights"] if used > most else []


def limits(name):
    p = []
    c, o = (os.path.join(sys.argv[1], f"{name}.{e}") for e in "co")
    run(f"examples/{name}.net", "-o", c)
    used = peak(*os.environ.get("CC", "gcc").split(), "-O2", "-c", "-o", o, c)
    if used > 500e6:
        p.append(f"compiling {name}.c takes {used} bytes of memory")
    size = subprocess.run(["size", o], capture_output=True, check=False).stdout.split()
    if len(size) > 6 and int(size[6]) > 600000:
        p.append(f"{name}.o has {int(size[6])} bytes of code")
    os.remove(c[:-1] + "weights")
    return p


def seconds(network):
    best = 1e9
    for _ in range(5):
        before = os.times()
        run("--report", network)
        after = os.times()
        best = min(best, after.children_user + after.children_system - before.children_user - before.children_system)
    return best


def main():
    stated = {}
    with open("tests/net/parameters.txt", encoding="utf-8") as f:
        for line in f:
            words = line.split()
            if len(words) >= 2 and words[-1].replace(",", "").isdigit():
                stated[os.path.splitext(os.path.basename(words[0]))[0]] = int(words[-1].replace(",", ""))
    networks = sorted(glob.glob("examples/*.net") + glob.glob("examples/filters/*.net"))
    for n in networks:
        verdict(f"report of {n}", check(n, stated.get(os.path.basename(n)[:-4])))
    above = []
    for n in networks:
        for options in ([], ["--batch=4"], ["--no-fuse"]):
            j = json.loads(run("--report=json", n, *options)[1])
            if j["arena_bytes"] > 1.05 * j["arena_lower_bound_bytes"]:
                above.append(f"{n} {' '.join(options)}: {j['arena_bytes']} above {j['arena_lower_bound_bytes']}")
    verdict("arenas within 5% of their lower bounds", above)
    heavy = []
    for n in networks:
        j = json.loads(run("--report=json", n)[1])
        said = "take whole blocks" in run("--report", n)[1].decode()
        if (j["weights_bytes"] > 1.35 * 4 * j["parameters"]) != said or (said and not n.startswith("examples/filters/")):
            heavy.append(f"{n}: {j['weights_bytes']} bytes for {j['parameters']} parameters, exception {'named' if said else 'not named'}")
    verdict("packed weights at most 1.35 times the parameters, but for the image filters, whose report says why", heavy)
    verdict("memory of the C compiler, size of the code", [p for n in ("resnet50", "googlenet_paper") for p in limits(n)])
    verdict("memory of cnnc", [p for n in networks for p in memory(n)])
    slow = [f"{n}: {s * 1000:.0f} ms" for n in networks for s in [seconds(n)] if s > 0.05]
    verdict("reports in less than 50 ms of processor time", slow)
    status, out, _ = run("--report=json", "examples/lenet5.net", "examples/alexnet.net")
    verdict("JSON of several networks is a list", [] if status == 0 and len(json.loads(out)) == 2 else ["is not"])
    _, out, _ = run("--report=json", "examples/alexnet.net")
    j = json.loads(out)
    first = next(l for l in j["layers"] if l["type"] == "conv")
    verdict("what a student is asked", [] if first["parameters"] == 34944 and round(100 * j["dense_parameters"] / j["parameters"], 1) == 94.0 and
            next(l for l in j["layers"] if l["name"] == "pool5")["receptive_field"] == "195x195" else [str(first), str(j["dense_parameters"])])
    sys.exit(bad > 0)


main()
