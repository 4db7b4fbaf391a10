// What ONNX Runtime makes of a model with stored inputs: node emitted.mjs (MODEL.onnx FOLDER LOG)...
// FOLDER has input_0.pb ..., output_0.pb ... LOG gets a line for each output, as cnnc --verify prints it.
import fs from "node:fs";
import path from "node:path";
import ort from "onnxruntime-node";

const types = { 1: ["float32", Float32Array], 2: ["uint8", Uint8Array], 3: ["int8", Int8Array], 6: ["int32", Int32Array], 7: ["int64", BigInt64Array], 9: ["bool", Uint8Array] };

// A TensorProto whose numbers are raw.
function read(file) {
    const b = fs.readFileSync(file);
    let at = 0, type = 0, raw, name = "";
    const dims = [];
    const varint = () => {
        for (let v = 0, scale = 1; ; scale *= 128) {
            const byte = b[at++];
            v += (byte & 127) * scale;
            if (byte < 128) return v;
        }
    };
    while (at < b.length) {
        const key = varint(), value = varint();
        if ((key & 7) === 0 && key >> 3 === 1) dims.push(value);
        if ((key & 7) === 0 && key >> 3 === 2) type = value;
        if ((key & 7) !== 2) continue;
        if (key >> 3 === 8) name = b.subarray(at, at + value).toString();
        if (key >> 3 === 9) raw = b.subarray(at, at + value);
        at += value;
    }
    const bytes = new Uint8Array(raw);
    return { name, dims, type: types[type][0], data: new types[type][1](bytes.buffer) };
}

const files = (folder, kind) => fs.readdirSync(folder).filter((f) => f.startsWith(kind)).sort((a, b) => parseInt(a.match(/\d+/)) - parseInt(b.match(/\d+/)))
    .map((f) => read(path.join(folder, f)));

for (let i = 2; i + 2 < process.argv.length; i += 3) {
    const [model, folder, log] = process.argv.slice(i, i + 3);
    let text = "";
    try {
        const session = await ort.InferenceSession.create(model, {
            graphOptimizationLevel: "disabled", intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3,
        });
        const inputs = files(folder, "input");
        const feeds = Object.fromEntries(session.inputNames.map((n, k) => {
            const t = inputs.find((t) => t.name === n) ?? inputs[k];
            return [n, new ort.Tensor(t.type, t.data, t.dims)];
        }));
        const results = await session.run(feeds);
        files(folder, "output").forEach((t, k) => {
            const got = results[session.outputNames[k]];
            let worst = 0, low = Infinity, high = -Infinity;
            const same = got.data.length === t.data.length && String(got.dims) === String(t.dims);
            for (let j = 0; j < t.data.length; j++) {
                const x = Number(t.data[j]);
                const d = Math.abs(Number(got.data[j]) - x);
                if (!(d <= worst)) worst = d;
                if (x < low) low = x;
                if (x > high) high = x;
            }
            text += `output ${k} '${session.outputNames[k]}': largest error ${same ? worst.toPrecision(3) : "nan"} of a range of ${(high - low).toPrecision(3)}\n`;
        });
    } catch (e) {
        text = `${e}\n`;
    }
    fs.writeFileSync(log, text);
}
