#!/usr/bin/env python3
"""Large files: large.py CNNC DIR. VGG-16 as ONNX (553 MB): memory at most 1.5 times the file, time at most 4 times that of copying it (the best of
three); a model whose 2.4 GB of numbers lie in a file of their own gives the right rows."""
import os, resource, shutil, struct, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "operators"))
sys.dont_write_bytecode = True
from onnx_file import F, I64, field, node, tensor, value_info  # noqa: E402

cnnc, folder = os.path.abspath(sys.argv[1]), sys.argv[2]
os.makedirs(folder, exist_ok=True)
os.chdir(folder)
bad = 0


def verdict(name, ok, text):
    global bad
    bad += not ok
    print(f"{'ok' if ok else 'FAIL'} {name}: {text}", flush=True)


def run(*command):
    """Seconds and peak memory in bytes."""
    pid, start = os.fork(), time.monotonic()
    if pid == 0:
        os.execv(command[0], command)
    _, status, usage = os.wait4(pid, 0)
    return time.monotonic() - start, usage.ru_maxrss * 1024, status


_, _, status = run(cnnc, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "vgg16.net"), "--emit=onnx", "-o", "vgg16.onnx")
size = os.path.getsize("vgg16.onnx")
copying, compiling, memory = 1e9, 1e9, 0
for _ in range(3):
    start = time.monotonic()
    shutil.copyfile("vgg16.onnx", "copy")
    copying = min(copying, time.monotonic() - start)
    os.remove("copy")
    seconds, most, status = run(cnnc, "vgg16.onnx", "-o", "vgg16.c")
    compiling, memory = min(compiling, seconds), max(memory, most)
    verdict("vgg16.onnx", status == 0, f"{seconds:.2f} s")
verdict("memory", memory <= 1.5 * size, f"{memory / size:.2f} times the file")
verdict("time", compiling <= 4 * copying, f"{compiling / copying:.2f} times that of copying the file")

rows, columns = 600000, 1000
with open("table.bin", "wb") as f: # almost empty
    for row in (3, rows - 1):
        f.seek(row * columns * 4)
        f.write(struct.pack(f"<{columns}f", *[row + i for i in range(columns)]))
entry = lambda k, v: field(13, field(1, k) + field(2, v))
table = field(1, rows) + field(1, columns) + field(2, F) + field(8, "table") + entry("location", "table.bin") + entry("offset", "0") + entry("length", str(rows * columns * 4)) + field(14, 1)
graph = field(1, node("Gather", "table i", "y")) + field(5, table) + field(11, value_info("i", I64, [2])) + field(12, value_info("y", F, [2, columns]))
with open("large.onnx", "wb") as f:
    f.write(field(1, 8) + field(7, graph) + field(8, field(2, 17)))
os.makedirs("data", exist_ok=True)
for name, t in (("input_0", tensor("i", I64, [rows - 1, 3])), ("output_0", tensor("y", F, [[float(r + i) for i in range(columns)] for r in (rows - 1, 3)]))):
    with open(f"data/{name}.pb", "wb") as f:
        f.write(t)
result = subprocess.run([cnnc, "large.onnx", "--verify", "data"], capture_output=True, text=True)
verdict("2.4 GB of external data", result.returncode == 0, (result.stdout + result.stderr).strip().split("\n")[-1])
for name in ("table.bin", "vgg16.onnx", "vgg16.weights"):
    if os.path.exists(name):
        os.remove(name)
sys.exit(bad > 0)
