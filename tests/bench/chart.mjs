// The results of bench.mjs as a bar chart (SVG): time relative to ONNX Runtime, shorter is faster.
const escape = (s) => s.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);

export function chart(results) {
    const left = 200, unit = 360, bar = 13, gap = 12, top = 64;
    const most = Math.max(1, ...results.rows.map((r) => r.ratio));
    const scale = unit / most, height = top + results.rows.length * (2 * bar + gap) + 20, width = left + unit + 190;
    const parts = [];
    const text = (x, y, s, more = "") => parts.push(`<text x="${x}" y="${y}" ${more}>${escape(s)}</text>`);
    const rect = (y, w, colour) => parts.push(`<rect x="${left}" y="${y}" width="${w.toFixed(1)}" height="${bar}" fill="${colour}"/>`);
    text(left, 20, "Time of a run relative to ONNX Runtime (shorter is faster)", 'font-weight="bold"');
    text(left, 38, `${results.machine}; ONNX Runtime ${results.onnxruntime}; batch ${results.batch}`, 'fill="#666"');
    rect(46, 12, "#2a7ab8"); text(left + 18, 57, "cnnc");
    parts.push(`<rect x="${left + 70}" y="46" width="12" height="${bar}" fill="#c9c9c9"/>`); text(left + 88, 57, "ONNX Runtime");
    results.rows.forEach((r, i) => {
        const y = top + 8 + i * (2 * bar + gap), ms = (x) => `${x.toPrecision(3)} ms`;
        text(left - 8, y + bar + 4, `${r.network}, ${r.threads} thread${r.threads > 1 ? "s" : ""}`, 'text-anchor="end"');
        rect(y, r.ratio * scale, "#2a7ab8");
        text(left + r.ratio * scale + 5, y + 11, `${ms(r.cnnc.median_ms)} (${r.ratio.toFixed(2)})`);
        rect(y + bar, scale, "#c9c9c9");
        text(left + scale + 5, y + bar + 11, ms(r.onnxruntime.median_ms), 'fill="#666"');
    });
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="12">\n` +
        `<rect width="${width}" height="${height}" fill="white"/>\n${parts.join("\n")}\n</svg>\n`;
}
