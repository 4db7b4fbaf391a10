// Weights of an ONNX model (as --emit=onnx writes it: raw data, in the file) rounded to float16 or bfloat16, in place: what 16 bits cost, by
// another than cnnc.

// The fields of a protobuf message in bytes from..end: number, and value or [from, end].
function* fields(b, from, end) {
    const varint = () => {
        let v = 0;
        for (let k = 1; ; k *= 128) {
            v += (b[from] & 127) * k;
            if (b[from++] < 128) return v;
        }
    };
    while (from < end) {
        const key = varint(), kind = key % 8, number = Math.floor(key / 8);
        if (kind === 0) yield { number, value: varint() };
        else {
            const bytes = kind === 2 ? varint() : kind === 1 ? 8 : 4;
            yield { number, from, end: from + bytes };
            from += bytes;
        }
    }
}

// To nearest, to so many bits of fraction; float16's smallest exponent is -14.
function rounded(v, type) {
    const e = Math.floor(Math.log2(Math.abs(v))), step = 2 ** (type === "f16" ? Math.max(e, -14) - 10 : e - 7);
    return v === 0 ? 0 : Math.round(v / step) * step;
}

// ModelProto.graph = 7, GraphProto.initializer = 5, TensorProto: dims = 1, data_type = 2, raw_data = 9
export function round_weights(model, type) {
    let count = 0;
    for (const graph of fields(model, 0, model.length))
        for (const t of graph.number === 7 ? fields(model, graph.from, graph.end) : []) {
            const parts = t.number === 5 ? [...fields(model, t.from, t.end)] : [];
            const raw = parts.find((p) => p.number === 9), packed = parts.find((p) => p.number === 1 && p.end);
            const rank = packed ? [...model.subarray(packed.from, packed.end)].filter((v) => v < 128).length : parts.filter((p) => p.number === 1).length;
            if (!raw || rank < 2 || parts.find((p) => p.number === 2)?.value !== 1) continue;
            for (let at = raw.from; at < raw.end; at += 4) model.writeFloatLE(rounded(model.readFloatLE(at), type), at);
            count++;
        }
    if (!count) throw new Error("no weights to round");
    return model;
}
