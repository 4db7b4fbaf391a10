#!/usr/bin/env python3
"""As cases.py, for what follows an operator whose result has as many elements as the data say: what lies past them (here ones) must not show.
Each is compiled once and right for whatever the data are: the same model with 0, 1, 4 and all 6 rows left."""
import math

from onnx_file import B, F, I64, Graph, case, node, numbers

x = numbers(6, 4)
w, b = numbers(3, 4), numbers(3)
KEEP = {"none": [0, 0, 0, 0, 0, 0], "one": [0, 0, 1, 0, 0, 0], "some": [1, 0, 1, 1, 0, 1], "all": [1, 1, 1, 1, 1, 1]}
ROWS = ("y", F)


def turn(m):
    return [list(c) for c in zip(*m)]


def each(f, v):
    return [each(f, e) for e in v] if isinstance(v, list) else f(v)


def softmax(v):
    top = max(v)
    total = sum(math.exp(e - top) for e in v)
    return [math.exp(e - top) / total for e in v]


def dot(p, q):
    return [[sum(a * c for a, c in zip(r, s)) for s in turn(q)] for r in p]


def check(name, nodes, outputs, constants=(), keeps=("one", "some", "all")):
    """outputs(d, k): the results for the rows that are left, d = x + 1, and where they were."""
    for how in keeps:
        at = [i for i, v in enumerate(KEEP[how]) if v]
        d = [[v + 1 for v in x[i]] for i in at]
        case(f"sized_{name}_{how}", [node("Compress", "x c", "some", axis=0), node("Add", "some one", "d")] + [node(*n[:3], **(n[3] if len(n) > 3 else {})) for n in nodes],
             [("x", F, x), ("c", B, KEEP[how])], outputs(d, at), [("one", F, 1.0), ("first", I64, [0]), ("second", I64, [1]), ("two", I64, [2]), *constants])


check("softmax", [("Softmax", "d", "y", dict(axis=0))], lambda d, at: [(*ROWS, turn([softmax(c) for c in turn(d)]))])
check("log_softmax", [("LogSoftmax", "d", "y", dict(axis=0))], lambda d, at: [(*ROWS, each(math.log, turn([softmax(c) for c in turn(d)])))])
check("softmax_rows", [("Softmax", "d", "y", dict(axis=1))], lambda d, at: [(*ROWS, [softmax(r) for r in d])])
check("sums", [("ReduceSum", "d first", "s", dict(keepdims=0)), ("ReduceSum", "d second", "r"), ("ReduceSumSquare", "d", "q", dict(keepdims=0)), ("ReduceMean", "d first", "m"),
               ("ReduceMean", "d", "a", dict(keepdims=0)), ("ReduceProd", "d first", "p"), ("ReduceLogSumExp", "d first", "l")],
      lambda d, at: [("s", F, [sum(c) for c in turn(d)]), ("r", F, [[sum(r)] for r in d]), ("q", F, sum(v * v for r in d for v in r)), ("m", F, [[sum(c) / len(c) for c in turn(d)]]),
                     ("a", F, sum(sum(r) for r in d) / (4 * len(d))), ("p", F, [[math.prod(c) for c in turn(d)]]), ("l", F, [[math.log(sum(map(math.exp, c))) for c in turn(d)]])])
check("extremes", [("Neg", "d", "n"), ("ReduceMax", "d first", "p"), ("ReduceMin", "n first", "q"), ("ArgMax", "n", "r", dict(axis=0)), ("ArgMin", "d", "s", dict(axis=0, keepdims=0)),
                   ("ArgMax", "d", "t", dict(axis=1, keepdims=0))],
      lambda d, at: [("p", F, [[max(c) for c in turn(d)]]), ("q", F, [[-max(c) for c in turn(d)]]), ("r", I64, [[c.index(min(c)) for c in turn(d)]]),
                     ("s", I64, [c.index(min(c)) for c in turn(d)]), ("t", I64, [r.index(max(r)) for r in d])])
check("products", [("Transpose", "d", "t"), ("MatMul", "t d", "y"), ("MatMul", "d t", "z"), ("Gemm", "d w b", "g", dict(transB=1)), ("Gemm", "d d", "h", dict(transA=1))],
      lambda d, at: [("y", F, dot(turn(d), d)), ("z", F, dot(d, turn(d))), ("g", F, [[v + c for v, c in zip(r, b)] for r in dot(d, turn(w))]), ("h", F, dot(turn(d), d))],
      [("w", F, w), ("b", F, b)])
check("parts", [("Slice", "d first two second", "p"), ("Split", "d", "q r", dict(axis=1, num_outputs=2)), ("Slice", "d first two first", "s"), ("Slice", "d second far first", "t"),
                ("Slice", "x first n first", "u"), ("Shape", "d", "n4"), ("Gather", "n4 first", "n")],
      lambda d, at: [("p", F, [r[:2] for r in d]), ("r", F, [r[2:] for r in d]), ("s", F, d[:2]), ("t", F, d[1:]), ("u", F, x[:len(d)])], [("far", I64, [2**62])], ("some", "all"))
check("joined", [("Concat", "d x", "p", dict(axis=0)), ("Concat", "d d x", "q", dict(axis=0)), ("Concat", "d d", "r", dict(axis=1)), ("ReduceSum", "q first", "s")],
      lambda d, at: [("p", F, d + x), ("q", F, d + d + x), ("r", F, [r + r for r in d]), ("s", F, [[sum(c) for c in turn(d + d + x)]])])
check("sizes", [("Shape", "d", "n"), ("Size", "d", "s"), ("Shape", "d", "k", dict(end=1)), ("ConstantOfShape", "n", "z"), ("Expand", "row n", "e"), ("Squeeze", "k first", "k0"),
                ("Range", "zero k0 step", "i"), ("ReduceSum", "e first", "es"), ("Cast", "k0", "kf", dict(to=F)), ("Div", "d kf", "y")],
      lambda d, at: [("n", I64, [len(d), 4]), ("s", I64, 4 * len(d)), ("z", F, [[0.0] * 4 for _ in d]), ("i", I64, list(range(len(d)))), ("es", F, [[len(d) * v for v in (1.0, 2.0, 3.0, 4.0)]]),
                     ("y", F, each(lambda v: v / len(d), d))], [("row", F, [[1.0, 2.0, 3.0, 4.0]]), ("zero", I64, 0), ("step", I64, 1)])
check("reverse_sums", [("CumSum", "d first", "p"), ("CumSum", "d first", "q", dict(reverse=1))],
      lambda d, at: [("p", F, turn([[sum(c[: i + 1]) for i in range(len(c))] for c in turn(d)])), ("q", F, turn([[sum(c[i:]) for i in range(len(c))] for c in turn(d)]))])
def scattered(at, d):
    y = [list(r) for r in x]
    for i, r in zip(at, d):
        y[i] = r
    return y
check("scatter", [("NonZero", "c", "p"), ("Transpose", "p", "t"), ("ScatterND", "x t d", "y"), ("Squeeze", "p first", "i"), ("Slice", "d first second second", "u"), ("Squeeze", "u second", "v"),
                  ("ScatterElements", "zeros i v", "z", dict(reduction="add"))],
      lambda d, at: [("y", F, scattered(at, d)), ("z", F, [d[at.index(i)][0] if i in at else 0.0 for i in range(6)])], [("zeros", F, [0.0] * 6)], ("none", "one", "some", "all"))
check("picked", [("Sub", "d level", "e"), ("Greater", "e zero", "m"), ("NonZero", "e", "q"), ("Slice", "m first second second", "m1"), ("Squeeze", "m1 second", "k"), ("Compress", "d k", "y", dict(axis=0)),
                 ("TopK", "d one_", "v i", dict(axis=0))],
      lambda d, at: [("y", F, [r for r in d if r[0] > 0.5]), ("q", I64, turn([[i, j] for i, r in enumerate(d) for j, v in enumerate(r) if v != 0.5])),
                     ("v", F, [[max(c) for c in turn(d)]])], [("level", F, 0.5), ("zero", F, 0.0), ("one_", I64, [1])], ("some", "all"))
check("rounds", [("Shape", "d", "n", dict(end=1)), ("Squeeze", "n first", "n0"),
                 ("Loop", "n0 - zeros", "y", dict(body=Graph([node("Gather", "d i", "row"), node("Add", "a row", "a2"), node("Identity", "go", "go2")], "go2 a2",
                                                             [("i", I64, []), ("go", B, []), ("a", F, [4])]))),
                 ("Size", "d", "s"), ("Greater", "s many", "g"), ("If", "g", "z", dict(then_branch=Graph([node("ReduceSum", "d first", "p", keepdims=0)], "p"),
                                                                                    else_branch=Graph([node("ReduceMax", "d first", "p", keepdims=0)], "p")))],
      lambda d, at: [("y", F, [sum(c) for c in turn(d)]), ("z", F, [(sum if 4 * len(d) > 6 else max)(c) for c in turn(d)])], [("zeros", F, [0.0] * 4), ("many", I64, 6)])
