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

# ---- Loop
GO, STEP = ("go", B, []), ("i", I64, [])


def body(nodes, outputs, carried=("v",), **more):
    return Graph(nodes, outputs, [STEP, GO] + [(c, F, [2, 3]) for c in carried], **more)


for n in (0, 1, 2, 5):
    # rounds by number: v = v / 2 + w, w from outside; the number of the round as well
    v = x
    for i in range(n):
        v = each(lambda a, b: a / 2 + b + i, v, w)
    case(f"loop_number_{n}", [node("Loop", "n - x", "y", body=body([node("Identity", "go", "again"), node("Mul", "v half", "h"), node("Add", "h w", "a"), node("Cast", "i", "f", to=F), node("Add", "a f", "r")], "again r"))],
         [("x", F, x), ("n", I64, n), ("w", F, w)], [("y", F, v)], [("half", F, 0.5)])
    # two values that change places, and one that stays
    case(f"loop_swap_{n}", [node("Loop", "n - x w x", "y z k", body=body([node("Identity", "go", "again")], "again b a c", ("a", "b", "c")))],
         [("x", F, x), ("n", I64, [n]), ("w", F, w)], [("y", F, w if n % 2 else x), ("z", F, x if n % 2 else w), ("k", F, x)])
    # a condition: as long as the counter (from 0, in steps of 1) is below the limit
    case(f"loop_while_{n}", [node("Less", "zero limit", "c"), node("Loop", "- c zero x", "count y", body=Graph(
        [node("Add", "k one", "kn"), node("Less", "kn limit", "again"), node("Sub", "v w", "r")], "again kn r", [STEP, GO, ("k", F, []), ("v", F, [2, 3])]))],
         [("x", F, x), ("limit", F, float(n)), ("w", F, w), ("zero", F, 0.0)], [("count", F, float(n)), ("y", F, each(lambda a, b: a - n * b, x, w))], [("one", F, 1.0)])
    if n == 0:
        continue
    # what is collected has room for as many rounds as there can be
    sums = [each(lambda a, b: a + (i + 1) * b, x, w) for i in range(min(n, 3))]
    case(f"loop_collect_{n}", [node("Loop", "most c x", "y all twice", body=body([node("Add", "v w", "r"), node("Cast", "i", "f", to=F), node("Less", "f last", "again"), node("Mul", "r r", "q")], "again r r q"))],
         [("x", F, x), ("c", B, n > 0), ("last", F, float(n - 1)), ("w", F, w)],
         [("y", F, sums[-1] if sums else x), ("all", F, sums), ("twice", F, each(lambda a: a * a, sums))], [("most", I64, 3)])
# many rounds, a number that is known: repeated, not written out; a subgraph in a subgraph that reads from the outermost
total = x
rows = []
for i in range(40):
    total = each(lambda a, b: a + b if i >= 20 else a - b, total, w)
    rows.append(total)
case("loop_if", [node("Loop", "n - x", "y all", body=body(
    [node("Identity", "go", "again"), node("Less", "i twenty", "c"),
     node("If", "c", "r", then_branch=Graph([node("Sub", "v w", "a")], "a"), else_branch=Graph([node("Add", "v w", "b")], "b"))], "again r r"))],
     [("x", F, x)], [("y", F, total), ("all", F, rows)], [("n", I64, 40), ("w", F, w), ("twenty", I64, 20)])
for c in (False, True):
    for n in (0, 3):
        inner = node("Loop", "n - x", "q", body=body([node("Identity", "go", "again"), node("Add", "v u", "r")], "again r"))
        case(f"if_loop_{c}_{n}".lower(), [node("If", "c", "y", then_branch=Graph([node("Neg", "w", "u"), inner], "q"), else_branch=Graph([node("Neg", "x", "e")], "e"))],
             [("x", F, x), ("c", B, c), ("n", I64, n), ("w", F, w)], [("y", F, each(lambda a, b: a - n * b, x, w) if c else each(lambda a: -a, x))])
nested = node("Loop", "i - v", "q", body=Graph([node("Identity", "go2", "again2"), node("Add", "v2 i", "s2")], "again2 s2", [("i2", I64, []), ("go2", B, []), ("v2", I64, [2])]))
case("loop_loop", [node("Loop", "n - start", "y", body=Graph([node("Identity", "go", "again"), nested], "again q", [STEP, GO, ("v", I64, [2])]))],
     [("n", I64, 5), ("start", I64, [7, -3])], [("y", I64, [7 + 30, -3 + 30])])

# ---- Scan, longer than what is written out: sums along an axis, both ways
long_, bias = numbers(20, 3), numbers(3)
scan_body = Graph([node("Add", "s p", "t"), node("Mul", "t bias", "o")], "t o", [("s", F, [3]), ("p", F, [3])])
for direction in (0, 1):
    state, out = [0.0] * 3, []
    for row in long_[::-1] if direction else long_:
        state = add(state, row)
        out.append(mul(state, bias))
    case(f"scan_{direction}", [node("Scan", "z x", "s y", body=scan_body, num_scan_inputs=1, scan_input_directions=[direction])],
         [("x", F, long_), ("z", F, [0.0] * 3)], [("s", F, state), ("y", F, out)], [("bias", F, bias)])
    case(f"scan_axes_{direction}", [node("Scan", "z x", "s y", body=scan_body, num_scan_inputs=1, scan_input_axes=[1], scan_output_axes=[-1], scan_input_directions=[direction], scan_output_directions=[direction])],
         [("x", F, [[r[k] for r in long_] for k in range(3)]), ("z", F, [0.0] * 3)],
         [("s", F, state), ("y", F, [[r[k] for r in (out[::-1] if direction else out)] for k in range(3)])], [("bias", F, bias)])
two = Graph([node("Mul", "p q", "o"), node("Sub", "p q", "d")], "o d", [("p", F, [3]), ("q", F, [3])])
case("scan_stateless", [node("Scan", "x w", "y z", body=two, num_scan_inputs=2, scan_input_directions=[0, 1])],
     [("x", F, long_), ("w", F, long_)], [("y", F, mul(long_, long_[::-1])), ("z", F, each(lambda a, b: a - b, long_, long_[::-1]))])

# ---- convolutions in branches and rounds: blocked layouts, borders and scratch memory inside of subgraphs; the number of rounds, 3, looks as if it depended on data


def padded(p, h, w):
    return [[0.0] * (w + 2)] + [[0.0] + r + [0.0] for r in p] + [[0.0] * (w + 2)]


def conv3(v, k):
    h, w = len(v[0]), len(v[0][0])
    v = [padded(p, h, w) for p in v]
    return [[[sum(v[c][y + j][x + i] * f[c][j][i] for c in range(len(v)) for j in range(3) for i in range(3)) for x in range(w)] for y in range(h)] for f in k]


def pool3(p):
    h, w = len(p), len(p[0])
    return [[max(p[j][i] for j in range(max(0, y - 1), min(h, y + 2)) for i in range(max(0, x - 1), min(w, x + 2))) for x in range(w)] for y in range(h)]


def conv_loop(name, channels, size, known):
    picture, kernel = [numbers(channels, size, size)], each(lambda a: a / 64, numbers(channels, channels, 3, 3))
    v = picture[0]
    for i in range(3 if known else 0):
        v = add(each(lambda a: max(a, 0.0), conv3(v, kernel)), picture[0])
        v = conv3(v, kernel) if i < 1 else [pool3(p) for p in v]
    branch = node("If", "first", "r", then_branch=Graph([node("Conv", "s k", "a", pads=[1, 1, 1, 1])], "a"),
                  else_branch=Graph([node("MaxPool", "s", "b", kernel_shape=[3, 3], pads=[1, 1, 1, 1])], "b"))
    loop = Graph([node("Identity", "go", "again"), node("Conv", "v k", "c", pads=[1, 1, 1, 1]), node("Relu", "c", "d"), node("Add", "d x", "s"), node("Less", "i one", "first"), branch],
                 "again r", [STEP, GO, ("v", F, [1, channels, size, size])])
    case(name, [node("ReduceMax", "x", "m", keepdims=0), node("Mul", "m zero", "z"), node("Add", "z three", "f"), node("Cast", "f", "n", to=I64), node("Loop", "n - x", "y", body=loop)],
         [("x", F, picture)], [("y", F, [v])], [("k", F, kernel), ("zero", F, 0.0), ("three", F, 3.0), ("one", I64, 1)])


conv_loop("loop_conv", 16, 5, True)
conv_loop("threads", 32, 20, False)  # without a result: runs with several numbers of threads are compared
