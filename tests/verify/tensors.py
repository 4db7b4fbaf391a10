#!/usr/bin/python3
"""Writes what stages.net has for one input, as .npy files, without any package. Arguments: a folder; OUTPUT_ERROR and EDGE_ERROR,
which are added to one element of output_0.npy and of edge.npy."""
import struct
import sys


def npy(path, shape, values):
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    head = head.ljust(117) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head.encode() + struct.pack(f"<{len(values)}f", *values))


folder, output_error, edge_error = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
x = [1.5, -2.0, 3.0, 0.25, 4.0, 1.0, -1.0, 2.5]
twice = [2 * v for v in x]
edge = [max(v - 3, 0) for v in twice]
square = [v * v for v in edge]
y = [sum(square[i] for i in range(j, 8, 4)) for j in range(4)]
npy(f"{folder}/input_0.npy", (1, 2, 4), x)
npy(f"{folder}/twice.npy", (1, 2, 4), twice)
edge[2] += edge_error
npy(f"{folder}/edge.npy", (1, 2, 4), edge)
npy(f"{folder}/square.npy", (1, 2, 4), square)
y[1] += output_error
npy(f"{folder}/output_0.npy", (1, 1, 4), y)
