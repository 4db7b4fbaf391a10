#!/usr/bin/env python3
"""Subgraphs that are wrong: DIR/NAME/model.onnx and, in DIR/NAME/error, what cnnc says behind the file's name."""
import os, sys

from onnx_file import B, F, I64, Graph, case, field, node

x = [[1.0] * 3] * 2
STEP, GO, V = ("i", I64, []), ("go", B, []), ("v", F, [2, 3])
one = Graph([node("Neg", "x", "a")], "a")


def bad(name, error, op, inputs, outputs, **attributes):
    case(name, [node(op, inputs, outputs, **attributes) + field(3, "it")], [("x", F, x), ("c", B, True), ("n", I64, 3)], [("y", F, x)],
         [("long", F, [[1.0]] * 30), ("ten", F, [[1.0]] * 10)])
    with open(os.path.join(sys.argv[1], name, "error"), "w") as f:
        f.write(f"node 0 'it' ({op}): {error}\n")


def bad_if(name, error, then, inputs="c", outputs="y"):
    bad(name, error, "If", inputs, outputs, then_branch=then, else_branch=one)


def bad_loop(name, error, nodes, outputs, formals=(STEP, GO, V), inputs="n - x", results="y"):
    bad(name, error, "Loop", inputs, results, body=Graph(nodes, outputs, formals))


bad_if("unknown", "node 0 '' (Neg): error: input 0, 'nope', is not defined", Graph([node("Neg", "nope", "a")], "a"))
bad_if("own_result", "node 0 '' (Neg): error: input 0, 'y', is not defined", Graph([node("Neg", "y", "a")], "a"))
bad_if("operator", "node 0 '' (Frob): error: this operator is not supported", Graph([node("Frob", "x", "a")], "a"))
bad_if("cycle", "error: the graph has a cycle through node 0 '' (Neg)", Graph([node("Neg", "b", "a"), node("Neg", "a", "b")], "a"))
bad_if("undefined", "error: output 'b' of its subgraph is not defined", Graph([node("Neg", "x", "a")], "b"))
bad_if("results", "error: its branches have 0 and 0 inputs, expected none, and 1 and 1 outputs, expected 2", one, outputs="y z")
bad_if("results_differ", "error: its branches have 0 and 0 inputs, expected none, and 2 and 1 outputs, expected 1", Graph([node("Neg", "x", "a")], "a x"))
bad_if("operands", "error: its branches have 1 and 0 inputs, expected none, and 1 and 1 outputs, expected 1", Graph([node("Neg", "q", "a")], "a", [("q", F, [2, 3])]))
bad_if("rank", "error: the condition is not known when compiling, and output 0 is float32 of shape scalar in one branch, float32 of shape 2x3 in the other",
       Graph([node("ReduceSum", "x", "a", keepdims=0)], "a"))
bad_if("type", "error: the condition is not known when compiling, and output 0 is int64 of shape 2x3 in one branch, float32 of shape 2x3 in the other",
       Graph([node("Cast", "x", "a", to=I64)], "a"))
bad_if("condition", "error: input 0 has type float32, expected bool", one, inputs="x")
bad("branch", "error: attribute 'else_branch' must be a graph", "If", "c", "y", then_branch=one)
turn = node("Neg", "v", "r")
bad_loop("carried_shape", "error: carried value 0 ('x') is float32 of shape 2x3 before a round, float32 of shape 4x3 after it; it must stay the same",
         [node("Concat", "v v", "r", axis=0)], "go r")
bad_loop("carried_type", "error: carried value 0 ('x') is float32 of shape 2x3 before a round, int64 of shape 2x3 after it; it must stay the same",
         [node("Cast", "v", "r", to=I64)], "go r")
bad_loop("again", "error: its subgraph must say first whether there is another round, one bool", [turn], "r r")
bad_loop("too_few", "error: its body has 2 inputs and 2 outputs for 3 operands and 1 results", [turn], "go r", (STEP, GO))
bad_loop("too_little", "error: its body has 3 inputs and 1 outputs for 3 operands and 1 results", [turn], "go")
bad_loop("rounds", "error: input 0 has type float32, expected int64", [turn], "go r", inputs="x - x")
bad_loop("missing", "error: operand 2 is missing, or a sequence or an optional, which must be known when compiling", [node("Neg", "x", "r")], "go r", inputs="n - -")
bad_loop("collected", "error: how many rounds there can be is not known when compiling, and so how large output 1 can be (--max-rounds=N says it)", [turn], "go r v", results="y z")
bad_loop("inner", "node 0 '' (If): node 0 '' (Neg): error: input 0, 'gone', is not defined",
         [node("If", "c", "r", then_branch=Graph([node("Neg", "gone", "q")], "q"), else_branch=one)], "go r")
bad_loop("by_data", "error: output 1 of its subgraph, 'it.body/r', has a size that depends on data", [node("NonZero", "v", "z"), node("Cast", "z", "r", to=F)], "go r")
bad("lengths", "error: scan input 1: bad axis or length", "Scan", "long ten", "y", num_scan_inputs=2, body=Graph([node("Add", "p q", "r")], "r", [("p", F, [1]), ("q", F, [1])]))
bad("scan_result", "error: output 'w' of its subgraph is not defined", "Scan", "long", "y", num_scan_inputs=1, body=Graph([node("Neg", "q", "r")], "w", [("q", F, [1])]))
