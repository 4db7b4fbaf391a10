"""ONNX files and tensors for tests, written byte by byte: no package is needed."""
import os, struct, sys

F, U8, I8, I32, I64, B = 1, 2, 3, 6, 7, 9
PACK = {F: "f", U8: "B", I8: "b", I32: "i", I64: "q", B: "B"}
seed = 1 # of numbers()


def numbers(*dims, low=-2.0, high=2.0):
    """Nested lists of multiples of 1/32, the same in every run."""
    global seed
    if dims:
        return [numbers(*dims[1:], low=low, high=high) for _ in range(dims[0])]
    seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
    return low + (seed >> 40) % int((high - low) * 32) / 32


def varint(n):
    n &= 2**64 - 1
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def float32(v):
    return struct.unpack("<f", struct.pack("<f", v))[0]


def flat(v):
    return [x for e in v for x in flat(e)] if isinstance(v, list) else [v]


def shape(v):
    return ([len(v)] + (shape(v[0]) if v else [])) if isinstance(v, list) else []


def tensor(name, dtype, v):
    return (b"".join(field(1, d) for d in shape(v)) + field(2, dtype) + field(8, name) +
            field(9, struct.pack(f"<{len(flat(v))}{PACK[dtype]}", *flat(v))))


def value_info(name, dtype, dims):
    """A dimension is a number or, as text, a symbol."""
    dims = b"".join(field(1, field(2 if isinstance(d, str) else 1, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, dtype) + field(2, dims)))


class Graph:
    """A subgraph: the names of its outputs (with their types where a reader asks for them), its inputs as (name, type, dims)."""

    def __init__(self, nodes, outputs, inputs=(), constants=(), types=()):
        outputs = outputs.split()
        types = list(types) + [None] * (len(outputs) - len(types))
        self.bytes = b"".join(field(1, n) for n in nodes) + field(2, "body") + b"".join(field(5, tensor(*c)) for c in constants)
        self.bytes += b"".join(field(11, value_info(*i)) for i in inputs)
        self.bytes += b"".join(field(12, value_info(o, *t) if t else field(1, o)) for o, t in zip(outputs, types))


def attribute(name, v):
    if isinstance(v, int):
        return field(1, name) + field(3, v) + field(20, 2)
    if isinstance(v, float):
        return field(1, name) + field(2, v) + field(20, 1)
    if isinstance(v, str):
        return field(1, name) + field(4, v) + field(20, 3)
    if isinstance(v, Graph):
        return field(1, name) + field(6, v.bytes) + field(20, 5)
    if isinstance(v[0], str):
        return field(1, name) + b"".join(field(9, x) for x in v) + field(20, 8)
    return field(1, name) + b"".join(field(8, x) for x in v) + field(20, 7)


def node(op, inputs, outputs, **attributes):
    return (b"".join(field(1, i) for i in inputs.split(" ")) + b"".join(field(2, o) for o in outputs.split(" ")) + field(4, op) +
            b"".join(field(5, attribute(k, v)) for k, v in attributes.items())).replace(field(1, "-"), field(1, ""))


def case(name, nodes, inputs, outputs, constants=(), opset=22):
    """inputs, outputs, constants: (name, type, nested list)."""
    folder = os.path.join(sys.argv[1], name)
    os.makedirs(os.path.join(folder, "data"), exist_ok=True)
    graph = b"".join(field(1, n) for n in nodes) + field(2, name)
    graph += b"".join(field(5, tensor(*c)) for c in constants)
    graph += b"".join(field(11, value_info(n, t, shape(v))) for n, t, v in inputs)
    graph += b"".join(field(12, value_info(n, t, shape(v))) for n, t, v in outputs)
    with open(os.path.join(folder, "model.onnx"), "wb") as f:
        f.write(field(1, 10) + field(7, graph) + field(8, field(1, "") + field(2, opset)) +
                field(8, field(1, "ai.onnx.preview.training") + field(2, 1)) + field(8, field(1, "ai.onnx.ml") + field(2, 5)))
    for kind, values in (("input", inputs), ("output", outputs)):
        for i, v in enumerate(values):
            with open(os.path.join(folder, "data", f"{kind}_{i}.pb"), "wb") as f:
                f.write(tensor(*v))
