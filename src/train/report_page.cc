// report.html as it is sent to a browser: style, a frame, and a script that draws lines into SVG at
// the width at hand. Written for this page: of plotting libraries Debian 12 has Chart.js 3.9, whose
// line ended in 2022 and which would weigh 200 KB in every report.
#include "train/report_impl.h"

namespace fathom {
namespace {

const char* const kStyle = R"css(
:root { color-scheme: light dark; --ink: #1c2024; --soft: #667; --line: #dde; --card: #fff; --page: #f6f7f9;
  --a: #1f5fbf; --b: #c2571a; --c: #2c8a57; --thin: #9ab;
  --s0: #1f5fbf; --s1: #c2571a; --s2: #2c8a57; --s3: #8b3fae; --s4: #a3850c; --s5: #b3284f; --s6: #16838f; --s7: #6b6f76; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #9aa3b2; --line: #313846; --card: #1b2029; --page: #12161c;
  --a: #78aaf5; --b: #f0995c; --c: #6fcf97; --thin: #54627a;
  --s0: #78aaf5; --s1: #f0995c; --s2: #6fcf97; --s3: #c792ea; --s4: #dcc05a; --s5: #f07a9a; --s6: #5fc9d6; --s7: #a4abb8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 84rem; padding: 1rem; background: var(--page); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.35rem; margin: .3rem 0 .8rem; overflow-wrap: anywhere; }
dl { display: flex; flex-wrap: wrap; gap: .6rem 1.6rem; margin: 0 0 1rem; }
dt { color: var(--soft); font-size: .8rem; } dd { margin: 0; font-size: 1.15rem; font-variant-numeric: tabular-nums; }
fieldset { border: 0; padding: 0; margin: 0 0 .8rem; color: var(--soft); } label { margin-right: .9rem; }
main { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr)); gap: .9rem; }
figure { margin: 0; padding: .7rem .8rem .4rem; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; min-width: 0; }
figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem; font-weight: 600; }
figcaption span { font-weight: 400; color: var(--soft); font-variant-numeric: tabular-nums; }
figcaption i { font-style: normal; margin-left: .7rem; }
svg { display: block; width: 100%; height: 210px; touch-action: pan-y; }
svg text { fill: var(--soft); font: 12px system-ui, sans-serif; } svg .grid { stroke: var(--line); } svg .mark { stroke: var(--soft); stroke-dasharray: 3 3; }
svg path { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
table { border-collapse: collapse; margin: 0 0 1rem; font-variant-numeric: tabular-nums; } .wide { overflow-x: auto; }
th, td { padding: .25rem .8rem .25rem 0; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); } th:first-child, td:first-child { text-align: left; }
th { color: var(--soft); font-weight: 400; font-size: .8rem; white-space: normal; max-width: 9rem; vertical-align: bottom; } td i { display: inline-block; width: 1.6rem; margin-right: .5rem; border-top: 3px solid; vertical-align: middle; }
details { margin-top: 1rem; } pre { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem; font-size: .85rem; }
p { max-width: 48rem; color: var(--soft); }
)css";

const char* const kScript = R"js(
'use strict';
const data = JSON.parse(document.getElementById('data').textContent), F = data.fields;
const val = i => data.validation.map(v => v[i]);
const axes = {
  step: { name: 'step', of: F.step, val: val(0), scale: 1 },
  tokens: { name: 'tokens', of: F.tokens, val: val(1), scale: 1 },
  seconds: { name: 'hours', of: F.seconds, val: val(2), scale: 1 / 3600 },
};
let axis = axes.step;

const some = ys => ys && ys.some(y => y !== null);
const varies = ys => some(ys) && ys.some(y => y !== null && y !== ys[0]);
const line = (name, ys, color) => ({ name, ys, color, val: false });
const held = (name, ys, color) => ({ name, ys, color, val: true });
const layers = data.layer_maxvio.map((ys, i) => ({ name: 'layer ' + data.layers[i], ys, color: 'thin', val: false, quiet: true }));
const charts = data.charts || [
  { title: 'Reward, mean of the rollouts', lines: [line('reward', F.reward_mean, 'a')] },
  { title: 'Right answers, share', lines: [line('of the rollouts', F.correct, 'a'), line('groups with one', F.pass_k, 'b')], zero: true },
  { title: 'Tokens of an answer', lines: [line('mean', F.length_mean, 'a')], zero: true },
  { title: 'Entropy of the policy, nats per token', lines: [line('entropy', F.entropy, 'a')], zero: true },
  { title: 'KL, nats per token', lines: [line('to the reference', F.kl, 'a'), line('to the teacher', F.teacher_kl, 'b')], zero: true },
  { title: 'Largest difference of log-probabilities, rollout and trainer', lines: [line('difference', F.logp_mismatch_max, 'b')], zero: true },
  { title: 'Tokens of answers per second', lines: [line('tokens/s', F.rollout_tokens_per_s, 'a')], zero: true },
  { title: 'Loss, nats per token', lines: [line('next token', F.loss_ce, 'a'), line('MTP', F.loss_mtp.map(y => y || null), 'b'), held('held out', val(4), 'c')], head: true },
  { title: 'Held-out bits per byte', lines: [held('bits per byte', val(3), 'c')], head: true },
  { title: 'Learning rate', lines: [line('rate', F.lr, 'a')], zero: true },
  { title: 'Gradient norm before clipping', lines: [line('norm', F.grad_norm, 'a')], zero: true, head: true },
  { title: 'Tokens per second', lines: [line('tokens/s', F.tokens_per_s, 'a')], zero: true },
  { title: 'MFU: model FLOPs over the machine\u2019s peak', lines: [line('MFU', F.mfu, 'a')], zero: true },
  { title: 'Batch size, sequences', lines: [line('sequences', F.batch_size, 'a')], zero: true, only: varies(F.batch_size) },
  { title: 'MaxVio: largest load over the mean, less 1', lines: [...layers, line('mean of layers', F.maxvio_mean, 'a')], zero: true },
  { title: 'Experts without a token in a batch', lines: [line('dead experts', F.dead_experts, 'b')], zero: true },
  { title: 'Router entropy, nats', lines: [line('entropy', F.router_entropy, 'a')] },
  { title: 'Router bias', lines: [line('largest', F.bias_max, 'b'), line('mean', F.bias_mean, 'a')], zero: true },
];

const short = x => {
  if (x === null || x === undefined) return '\u2013';
  const a = Math.abs(x);
  if (a >= 1e9) return +(x / 1e9).toPrecision(4) + 'G';
  if (a >= 1e6) return +(x / 1e6).toPrecision(4) + 'M';
  if (a >= 1e4) return +(x / 1e3).toPrecision(4) + 'K';
  return a !== 0 && a < 1e-3 ? x.toExponential(1) : String(+x.toPrecision(4));
};
const ticks = (lo, hi, n) => {
  const raw = (hi - lo) / n, unit = 10 ** Math.floor(Math.log10(raw));
  const step = unit * [1, 2, 5, 10].find(m => m * unit >= raw), out = [];
  for (let k = Math.ceil(lo / step - 1e-9); k * step <= hi + step * 1e-9; ++k) out.push(k * step);
  return out;
};
const node = (name, attributes, text) => {
  const n = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const k in attributes) n.setAttribute(k, attributes[k]);
  if (text !== undefined) n.textContent = text;
  return n;
};

function range(chart) {
  const ys = [];
  for (const l of chart.lines) {
    // The first steps of a loss tower above the rest; the curve leaves the picture there.
    const skip = chart.head && !l.val ? Math.floor(l.ys.length / 25) : 0;
    l.ys.forEach((y, i) => { if (y !== null && i >= skip) ys.push(y); });
  }
  let lo = Math.min(...ys), hi = Math.max(...ys);
  if (chart.zero) lo = Math.min(0, lo), hi = Math.max(0, hi);
  if (hi === lo) hi = lo + (Math.abs(lo) * 0.1 || 1);
  return [lo, hi + (hi - lo) * 0.04];
}

function draw(chart) {
  const { svg, lines, title } = chart, W = svg.clientWidth || 400, H = 210, L = 50, R = 10, T = 10, B = 34;
  const xs = axis.of.map(x => x * axis.scale), x1 = Math.max(xs[xs.length - 1], xs[0] + 1e-9), x0 = 0;
  const [y0, y1] = range(chart);
  const px = x => L + (x - x0) / (x1 - x0) * (W - L - R), py = y => H - B - (y - y0) / (y1 - y0) * (H - T - B);
  svg.replaceChildren();
  svg.setAttribute('viewBox', `0 0 ${W} ${H}`);
  svg.setAttribute('aria-label', title);
  const clip = 'clip' + charts.indexOf(chart), def = node('clipPath', { id: clip });
  def.append(node('rect', { x: L, y: T, width: Math.max(1, W - L - R), height: H - T - B }));
  svg.append(def);
  for (const y of ticks(y0, y1, 4)) {
    svg.append(node('line', { class: 'grid', x1: L, x2: W - R, y1: py(y), y2: py(y) }));
    svg.append(node('text', { x: L - 6, y: py(y) + 4, 'text-anchor': 'end' }, short(y)));
  }
  const xt = ticks(x0, x1, Math.max(2, Math.floor(W / 110)));
  for (const x of xt) svg.append(node('text', { x: px(x), y: H - B + 16, 'text-anchor': 'middle' }, short(x)));
  svg.append(node('text', { x: W - R, y: H - 3, 'text-anchor': 'end' }, axis.name));
  for (const l of lines) {
    const at = l.val ? axis.val.map(x => x * axis.scale) : xs;
    let d = '', pen = false;
    l.ys.forEach((y, i) => { if (y === null) pen = false; else { d += (pen ? 'L' : 'M') + px(at[i]).toFixed(1) + ' ' + py(y).toFixed(1); pen = true; } });
    const style = `stroke: var(--${l.color})` + (l.dash ? `; stroke-dasharray: ${l.dash}` : '') + (l.quiet ? '; stroke-width: 1; opacity: .55' : '');
    svg.append(node('path', { d, style, 'clip-path': `url(#${clip})` }));
    if (l.val) l.ys.forEach((y, i) => { if (y !== null) svg.append(node('circle', { cx: px(at[i]), cy: py(y), r: 2.5, fill: `var(--${l.color})` })); });
  }
  const mark = node('line', { class: 'mark', y1: T, y2: H - B, visibility: 'hidden' });
  svg.append(mark);
  const nearest = (at, x) => at.reduce((best, a, i) => Math.abs(a - x) < Math.abs(at[best] - x) ? i : best, 0);
  const read = x => {
    chart.readout.replaceChildren();
    for (const l of lines) {
      if (l.quiet || (data.charts && x === null)) continue;
      const at = l.val ? axis.val.map(a => a * axis.scale) : xs, i = x === null ? l.ys.length - 1 : nearest(at, x), n = document.createElement('i');
      n.style.color = `var(--${l.color})`;
      n.textContent = (lines.length > 1 ? l.name + ' ' : '') + short(l.ys[i]);
      chart.readout.append(n);
    }
    if (x !== null) { const n = document.createElement('i'); n.textContent = 'at ' + short(+x.toPrecision(3)); chart.readout.append(n); }
  };
  read(null);
  svg.onpointermove = e => {
    const x = Math.min(x1, Math.max(x0, x0 + (e.offsetX - L) / (W - L - R) * (x1 - x0))), snap = xs[nearest(xs, x)];
    mark.setAttribute('x1', px(snap));
    mark.setAttribute('x2', px(snap));
    mark.setAttribute('visibility', 'visible');
    read(snap);
  };
  svg.onpointerleave = () => { mark.setAttribute('visibility', 'hidden'); read(null); };
}

const main = document.querySelector('main');
const shown = charts.filter(c => c.only !== false && (c.lines = c.lines.filter(l => some(l.ys))).length);
for (const c of shown) {
  const figure = document.createElement('figure'), caption = document.createElement('figcaption');
  caption.textContent = c.title;
  c.readout = document.createElement('span');
  c.svg = node('svg', { role: 'img' });
  caption.append(c.readout);
  figure.append(caption, c.svg);
  main.append(figure);
}
const all = () => shown.forEach(draw);
for (const input of document.querySelectorAll('input')) input.onchange = () => { axis = axes[input.value]; all(); };
let width = 0;
new ResizeObserver(() => { if (width !== main.clientWidth) { width = main.clientWidth; all(); } }).observe(main);
)js";

constexpr const char* kAxes =
    "<fieldset><label><input type=\"radio\" name=\"x\" value=\"step\" checked> steps</label>"
    "<label><input type=\"radio\" name=\"x\" value=\"tokens\"> tokens</label>"
    "<label><input type=\"radio\" name=\"x\" value=\"seconds\"> hours</label></fieldset>\n";
constexpr const char* kMain =
    "<main></main>\n<noscript><p>The curves are drawn by a script in this page; log.jsonl beside "
    "it holds the numbers.</p></noscript>\n";
constexpr const char* kNote =
    "<p>MFU is model FLOPs per token (forward and backward, recomputation not counted) times "
    "tokens per second, over the machine's peak as measured at the start or stated in "
    "log.peak_flops. Held-out bits per byte is the sum of the losses of all predicted tokens over "
    "ln 2 and the bytes of their text. Each point of a long run is a mean over neighbouring "
    "steps.</p>\n";
constexpr const char* kComparisonNote =
    "<p>By steps. The table has means over the last tenth of them. The settings are those of the "
    "first run.</p>\n";

}  // namespace

std::string report_page(const ReportParts& parts) {
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
         parts.title + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n<h1>" +
         parts.title + "</h1>\n" + parts.summary + "\n" + (parts.compares ? "" : kAxes) + kMain +
         (parts.compares ? kComparisonNote : kNote) + "<details><summary>run.toml</summary><pre>" +
         parts.settings + "</pre></details>\n<script type=\"application/json\" id=\"data\">" +
         parts.data + "</script>\n<script>" + kScript + "</script>\n</body>\n</html>\n";
}

}  // namespace fathom
