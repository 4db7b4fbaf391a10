#!/usr/bin/env python3
"""As cases.py, for control flow that is decided in the run: If, Loop, Scan; both ways, and several numbers of rounds."""
import random

from onnx_file import B, F, I64, Graph, case, flat, node

random.seed(5)


def numbers(*dims):
    return [numbers(*dims[1:]) for _ in range(dims[0])] if dims else random.randint(-64, 64) / 32


def each(f, *v):
    return [each(f, *e) for e in zip(*v)] if isinstance(v[0], list) else f(*v)


def add(a, b):
    return each(lambda p, q: p + q, a, b)


def mul(a, b):
    return each(lambda p, q: p * q, a, b)


x, w = numbers(2, 3), numbers(2, 3)

# ---- If
for c in (False, True):
    then = Graph([node("Mul", "x w", "p"), node("Add", "p h", "r")], "r")  # reads an input, a value and a constant of the graph around it
    other = Graph([node("Neg", "h", "s"), node("Relu", "s", "t")], "t")
    case(f"if_{c}".lower(), [node("Add", "x x", "h"), node("If", "c", "y", then_branch=then, else_branch=other), node("Sub", "y x", "z")],
         [("x", F, x), ("c", B, c)],
         [("z", F, each(lambda a, b: (a * b + a if c else max(-2 * a, 0) - a), x, w))], [("w", F, w)])
    # what a branch gives out may be what it reads, a constant, or the same twice
    case(f"if_passes_{c}".lower(), [node("If", "c", "y z k", then_branch=Graph([node("Abs", "x", "a")], "x a w"), else_branch=Graph([node("Neg", "x", "b")], "b b x"))],
         [("x", F, x), ("c", B, [c])],
         [("y", F, x if c else each(lambda a: -a, x)), ("z", F, each(abs if c else lambda a: -a, x)), ("k", F, w if c else x)], [("w", F, w)])
    for d in (False, True):
        inner = node("If", "d", "q", then_branch=Graph([node("Add", "x u", "a")], "a"), else_branch=Graph([node("Add", "x v", "b")], "b"))
        case(f"if_nested_{c}_{d}".lower(), [node("If", "c", "y", then_branch=Graph([node("Mul", "x w", "u"), node("Neg", "w", "v"), inner], "q"), else_branch=Graph([node("Exp", "zero", "e")], "e"))],
             [("x", F, x), ("c", B, c), ("d", B, d), ("zero", F, [[0.0] * 3] * 2)],
             [("y", F, (add(x, mul(x, w)) if d else each(lambda a, b: a - b, x, w)) if c else [[1.0] * 3] * 2)], [("w", F, w)])
    # outputs of several sizes
    case(f"if_sizes_{c}".lower(), [node("If", "c", "y", then_branch=Graph([node("Slice", "x one two", "a")], "a"), else_branch=Graph([node("Concat", "x x", "b", axis=0)], "b"))],
         [("x", F, x), ("c", B, c)], [("y", F, x[1:] if c else x + x)], [("one", I64, [1]), ("two", I64, [2])])
