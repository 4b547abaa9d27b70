// The two charts of a model: a measure over time with what was compared, and below it the predictions, on one axis of time.

import { clean, h } from "./dom.js";
import { number, scale } from "./numbers.js";
import { lined, timeTicks, valueRange, valueTicks } from "./ticks.js";

/** @typedef {import("./buckets.js").Bucket} Bucket */
/**
 * @typedef {object} Line a version
 * @property {string} name
 * @property {number} rank among the versions, the newest first: its colour and its dashes
 * @property {boolean} chosen
 * @property {(number | null)[]} values
 * @property {boolean[]} hollow
 * @property {boolean[]} lone
 * @property {boolean} goesOn it still predicts at the end
 * @property {(number | null)[]} errors standard errors
 */
/**
 * @typedef {object} Picture
 * @property {Bucket[]} buckets
 * @property {number} from
 * @property {number} to
 * @property {"zero" | "both" | "one"} axis
 * @property {Line[]} lines
 * @property {{ value: number, from: number, to: number, text: string, colour: string, dashed: boolean }[]} levels
 * @property {{ from: number, to: number }[]} tints windows that were compared
 * @property {{ at: number, name: string }[]} marks first predictions of versions
 * @property {string} caption of the predictions
 * @property {number[]} predictions
 * @property {number[]} actuals
 */
/**
 * @typedef {object} Hands what the reader does
 * @property {(from: number, to: number, pin: boolean) => void} picked
 * @property {() => void} back
 * @property {(bucket: number | null, spoken: boolean) => void} read
 * @property {() => void} table
 */

const dashes = [[], [7, 4], [2, 3], [9, 3, 2, 3], [4, 4]];
const bands = [1.96, 1];
const left = 60, apart = 16;

/** @param {string} file in the folder of this one, whose name has a digest in it */
const beside = (file) => new URL(file, import.meta.url).href;

/** @type {Promise<any> | null} */
let loading = null;

/** The library that draws, asked for when the first chart is. */
export function uplot() {
  return loading ??= new Promise((resolve, reject) => {
    const script = h("script", { src: beside("uPlot.js"), onload: () => resolve(/** @type {any} */ (globalThis).uPlot), onerror: () => { loading = null; script.remove(); reject(new Error("The part that draws charts could not be had.")); } });
    document.head.append(script);
  });
}

/**
 * Places for labels, in order, that are `least` apart and within bounds.
 * @param {number[]} wanted ascending
 * @param {number} least
 * @param {number} low
 * @param {number} high
 */
export function spread(wanted, least, low, high) {
  const at = wanted.map((y) => Math.min(high, Math.max(low, y)));
  for (let i = 1; i < at.length; i++) at[i] = Math.max(at[i], at[i - 1] + least);
  for (let i = at.length - 1; i >= 0; i--) at[i] = Math.min(at[i], i === at.length - 1 ? high : at[i + 1] - least);
  return at;
}

/** @typedef {{ y: number, text: string, fill: string, level: boolean }} Label */

/**
 * Labels from top to bottom. Of those that are too close to stand where they belong, the names of lines stand together, and so do levels.
 * @param {Label[]} labels
 * @param {number} least how far apart they stand
 */
export function together(labels, least) {
  const sorted = labels.slice().sort((a, b) => a.y - b.y);
  for (let from = 0, to = 1; from < sorted.length; from = to++) {
    while (to < sorted.length && sorted[to].y - sorted[to - 1].y < least) to++;
    // Those of the kind that begins come first.
    const close = sorted.slice(from, to);
    close.slice().sort((a, b) => Number(a.level !== close[0].level) - Number(b.level !== close[0].level)).forEach((label, i) => { sorted[from + i] = { ...label, y: close[i].y }; });
  }
  return sorted;
}

/** @param {string} token a colour of the theme */
const colour = (token) => getComputedStyle(document.documentElement).getPropertyValue(token).trim();

export class Chart {
  /**
   * @param {HTMLElement} host
   * @param {any} uPlot
   * @param {Hands} hands
   */
  constructor(host, uPlot, hands) {
    this.host = host;
    this.uPlot = uPlot;
    this.hands = hands;
    /** @type {Picture | null} */
    this.picture = null;
    this.caption = h("p", { class: "caption note" });
    /** @type {any[]} */
    this.plots = [];
    this.made = "";
    /** @type {Record<string, string>} the colours, by token */
    this.theme = {};
    /** @type {number | null} */
    this.cursor = null;
    this.shift = false;
    this.redraw = () => this.draw(this.picture);
    this.sizes = new ResizeObserver(() => { if (this.width() !== this.drawnWidth) this.redraw(); });
    this.sizes.observe(host);
    addEventListener("theme", this.redraw);
    host.addEventListener("keydown", (e) => this.key(e));
    host.addEventListener("blur", () => { this.move(null, false); });
  }

  close() {
    this.sizes.disconnect();
    removeEventListener("theme", this.redraw);
    for (const plot of this.plots) plot.destroy();
    this.plots = [];
  }

  width = () => Math.floor(this.host.clientWidth);
  narrow = () => this.width() < 600;
  height = () => this.narrow() ? 220 : globalThis.innerHeight > 1000 ? 340 : 290;

  /** @param {Picture | null} picture */
  draw(picture) {
    this.picture = picture;
    if (!picture || this.width() === 0) return;
    this.drawnWidth = this.width();
    const plotWidth = this.width() - left - this.margin();
    this.ticks = timeTicks(picture.buckets.map((b) => b.from), { from: picture.from, to: picture.to, width: plotWidth });
    this.ruled = new Set(lined(this.ticks, picture.to - picture.from).map((t) => t.at));
    const errors = picture.lines.find((line) => line.chosen);
    const edges = errors ? errors.values.flatMap((v, i) => v === null || errors.errors[i] === null ? [] : [v - 1.96 * Number(errors.errors[i]), v + 1.96 * Number(errors.errors[i])]) : [];
    const range = valueRange([...picture.lines.flatMap((l) => l.values), ...picture.levels.map((l) => l.value)], edges, picture.axis);
    this.marks = valueTicks(range.low, range.high, picture.axis === "both" ? 5 : 4);
    this.barMarks = valueTicks(0, Math.max(1, ...picture.predictions), 2);
    // The colours are read once for all that is drawn.
    this.theme = Object.fromEntries(["--text", "--text2", "--text3", "--line", "--strong", "--bg", "--recent", "--bar", "--bar2", "--drift", "--warn", "--better", "--mute", ...dashes.map((_, i) => `--v${i + 1}`)].map((t) => [t, colour(t)]));
    const x = picture.buckets.map((b) => b.middle), data = [[x, ...picture.lines.map((l) => l.values)], [x, picture.predictions]];
    const made = JSON.stringify([picture.lines.map((l) => [l.name, l.rank, l.chosen]), this.width(), this.height()]);
    this.caption.textContent = picture.caption;
    if (made === this.made) {
      this.plots.forEach((plot, i) => plot.setData(data[i]));
    } else {
      const old = this.plots;
      this.plots = [this.upper(data[0]), this.lower(data[1])];
      for (const plot of old) plot.destroy();
      this.host.replaceChildren(this.plots[0].root, this.caption, this.plots[1].root);
      this.made = made;
    }
    if (this.cursor !== null) this.move(this.cursor, false);
  }

  margin = () => this.narrow() ? 82 : 96;

  /** What both charts have: @param {any} options */
  options(options) {
    const font = `12px ${getComputedStyle(document.body).fontFamily}`;
    return {
      width: this.width(), legend: { show: false },
      cursor: {
        y: false, points: { size: 6 },
        drag: { x: true, y: false, setScale: false, dist: 8 },
        // Each chart follows the other's cursor; a button acts on the one under the pointer alone.
        sync: { key: "model", scales: ["x", null], filters: { pub: (/** @type {string} */ type) => type === "mousemove" || type === "mouseleave" } },
        bind: {
          mouseup: (/** @type {any} */ _, /** @type {any} */ __, /** @type {any} */ act) => (/** @type {MouseEvent} */ e) => { this.shift = e.shiftKey; act(e); },
          dblclick: () => () => this.hands.back(),
        },
      },
      ...options,
      scales: { x: { time: false, range: () => [this.picture?.from, this.picture?.to] }, ...options.scales },
      axes: options.axes.map((/** @type {any} */ axis) => ({ font, stroke: () => this.theme["--text3"], ticks: { show: false }, ...axis, grid: { stroke: () => this.theme["--line"], width: 1, ...axis.grid } })),
      hooks: {
        ready: [(/** @type {any} */ u) => this.touch(u)],
        setCursor: [(/** @type {any} */ u) => { if (u.cursor.event || u.cursor.left < 0) this.read(u.cursor.left < 0 ? null : u.cursor.idx ?? null, false); }],
        setSelect: [(/** @type {any} */ u) => this.select(u)],
        ...options.hooks,
      },
    };
  }

  /** @param {any[]} data */
  upper(data) {
    const lines = this.picture?.lines ?? [];
    return new this.uPlot(this.options({
      height: this.height(), padding: [this.narrow() ? 20 : 34, this.margin(), 0, 0],
      scales: { y: { range: () => [this.marks?.[0], this.marks?.[this.marks.length - 1]] } },
      axes: [
        { size: 8, splits: () => this.ticks?.map((t) => t.at), values: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map(() => ""), grid: { filter: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map((ms) => this.ruled?.has(ms) ? ms : null) } },
        { size: left, splits: () => this.marks, values: (/** @type {any} */ _, /** @type {number[]} */ at) => this.labels(at) },
      ],
      series: [{}, ...lines.map((line) => ({ stroke: () => this.theme[`--v${line.rank + 1}`], width: line.chosen ? 1.75 : 1.25, dash: line.chosen ? [] : dashes[line.rank], points: { show: false } }))],
      hooks: { drawClear: [(/** @type {any} */ u) => this.tint(u)], drawAxes: [(/** @type {any} */ u) => this.bands(u)], draw: [(/** @type {any} */ u) => this.notes(u)] },
    }), data, (/** @type {any} */ _, /** @type {() => void} */ ready) => ready());
  }

  /** @param {any[]} data */
  lower(data) {
    return new this.uPlot(this.options({
      height: 116, padding: [8, this.margin(), 0, 0],
      scales: { y: { range: () => [0, this.barMarks?.[this.barMarks.length - 1]] } },
      axes: [
        { size: 26, gap: 4, splits: () => this.ticks?.map((t) => t.at), values: () => this.ticks?.map((t) => t.text), grid: { show: false } },
        { size: left, splits: () => this.barMarks, values: (/** @type {any} */ _, /** @type {number[]} */ at) => this.labels(at) },
      ],
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: { drawClear: [(/** @type {any} */ u) => this.tint(u)], drawAxes: [(/** @type {any} */ u) => this.bars(u)] },
    }), data, (/** @type {any} */ _, /** @type {() => void} */ ready) => ready());
  }

  /** @param {number[]} at numbers of an axis, with no more decimals than they need */
  labels(at) {
    const s = scale(at), needed = Math.max(0, ...at.map((v) => (String(Number((v / s.by).toPrecision(6))).split(".")[1] ?? "").length));
    return at.map((v) => number(v, { ...s, decimals: Math.min(s.decimals, needed) }));
  }

  /** The windows that were compared. @param {any} u */
  tint(u) {
    u.ctx.fillStyle = this.theme["--recent"];
    for (const { from, to } of this.picture?.tints ?? []) {
      const a = Math.max(u.bbox.left, u.valToPos(from, "x", true)), b = Math.min(u.bbox.left + u.bbox.width, u.valToPos(to, "x", true));
      if (b > a) u.ctx.fillRect(a, u.bbox.top, b - a, u.bbox.height);
    }
  }

  /** One and 1.96 standard errors on both sides of the chosen version. @param {any} u */
  bands(u) {
    const line = this.picture?.lines.find((l) => l.chosen), { ctx } = u;
    if (!line || !this.picture) return;
    const x = this.picture.buckets.map((b) => u.valToPos(b.middle, "x", true));
    ctx.save();
    ctx.beginPath();
    ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    ctx.clip();
    ctx.fillStyle = this.theme[`--v${line.rank + 1}`];
    ctx.globalAlpha = 0.13;
    for (const times of bands) {
      for (let i = 0; i < x.length;) {
        let j = i;
        while (j < x.length && line.values[j] !== null && line.errors[j] !== null) j++;
        if (j - i > 1) {
          const edge = (/** @type {number} */ k, /** @type {number} */ sign) => u.valToPos(Number(line.values[k]) + sign * times * Number(line.errors[k]), "y", true);
          ctx.beginPath();
          for (let k = i; k < j; k++) ctx.lineTo(x[k], edge(k, 1));
          for (let k = j - 1; k >= i; k--) ctx.lineTo(x[k], edge(k, -1));
          ctx.fill();
        }
        i = Math.max(j, i + 1);
      }
    }
    ctx.restore();
  }

  /** What stands over the lines: dots, levels, versions, names. @param {any} u */
  notes(u) {
    const picture = /** @type {Picture} */ (this.picture), { ctx, bbox } = u, ratio = this.uPlot.pxRatio, { theme } = this;
    const right = bbox.left + bbox.width, X = (/** @type {number} */ ms) => u.valToPos(ms, "x", true), Y = (/** @type {number} */ v) => u.valToPos(v, "y", true);
    ctx.save();
    ctx.font = `${12 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
    ctx.textBaseline = "middle";
    const write = (/** @type {string} */ text, /** @type {number} */ x, /** @type {number} */ y, /** @type {string} */ fill, /** @type {number} */ most) => { ctx.fillStyle = fill; ctx.fillText(fit(ctx, clean(text), most), x, y); };
    const rule = (/** @type {number[]} */ points, /** @type {string} */ stroke, /** @type {number} */ width, /** @type {number[]} */ dash) => {
      ctx.strokeStyle = stroke;
      ctx.lineWidth = width * ratio;
      ctx.setLineDash(dash.map((d) => d * ratio));
      ctx.beginPath();
      ctx.moveTo(points[0], points[1]);
      ctx.lineTo(points[2], points[3]);
      ctx.stroke();
      ctx.setLineDash([]);
    };
    if (picture.axis === "both") rule([bbox.left, Y(0), right, Y(0)], theme["--strong"], 1, []);

    /** @type {Label[]} */
    const names = [];
    for (const line of picture.lines) {
      const stroke = theme[`--v${line.rank + 1}`];
      line.values.forEach((v, i) => {
        if (v === null || !line.hollow[i] && !line.lone[i]) return;
        ctx.beginPath();
        ctx.arc(X(picture.buckets[i].middle), Y(v), (line.hollow[i] ? 2.5 : 2) * ratio, 0, 2 * Math.PI);
        ctx.fillStyle = line.hollow[i] ? theme["--bg"] : stroke;
        ctx.strokeStyle = stroke;
        ctx.lineWidth = 1.25 * ratio;
        ctx.fill();
        ctx.stroke();
      });
      const last = line.values.findLastIndex((v) => v !== null);
      if (last < 0) continue;
      const x = X(picture.buckets[last].middle), y = Y(Number(line.values[last]));
      // A line that goes on to the right edge has its name in the margin; one that ended has it over its last point.
      if (line.goesOn || right - x < 40 * ratio) { names.push({ y, text: line.name, fill: stroke, level: false }); continue; }
      ctx.textAlign = x - bbox.left < 160 * ratio ? "left" : "right";
      const wide = Math.min(160 * ratio, ctx.measureText(line.name).width) * (ctx.textAlign === "left" ? -1 : 1);
      // Points beside those under the name are near too: lines lead to them.
      const under = line.values.map((_, i) => (X(picture.buckets[i].middle) - x) * (X(picture.buckets[i].middle) - x + wide) <= 0);
      const near = line.values.map((v, i) => v !== null && (under[i - 1] || under[i] || under[i + 1]) ? Y(v) : y);
      write(line.name, x, Math.max(bbox.top + 8 * ratio, Math.min(...near) - 13 * ratio), stroke, 160 * ratio);
    }
    ctx.textAlign = "left";
    for (const level of picture.levels) {
      const y = Y(level.value), from = Math.max(bbox.left, X(level.from));
      if (y < bbox.top - 1 || y > bbox.top + bbox.height + 1) continue;
      if (from < right) rule([from, y, level.dashed ? right : Math.min(right, X(level.to)), y], theme[level.colour], level.dashed ? 1.25 : 2, level.dashed ? [5, 4] : []);
      if (X(level.to) > bbox.left && from < right) names.push({ y, text: level.text, fill: theme[level.colour], level: true });
    }
    const ordered = together(names, apart * ratio);
    const places = spread(ordered.map((n) => n.y), apart * ratio, bbox.top + 6 * ratio, bbox.top + bbox.height - 6 * ratio);
    ordered.forEach((n, i) => write(n.text, right + 8 * ratio, places[i], n.fill, (this.margin() - 10) * ratio));

    // Of the last name of each row.
    const ends = this.narrow() ? [-Infinity] : [-Infinity, -Infinity];
    for (const mark of [...picture.marks].sort((a, b) => a.at - b.at)) {
      const x = X(mark.at), text = fit(ctx, clean(mark.name), 140 * ratio), row = ends.findIndex((end) => end < x - 6 * ratio);
      rule([x, bbox.top, x, bbox.top + bbox.height], theme["--text3"], 1, [1, 3]);
      if (row < 0) continue;
      const at = Math.min(x + 3 * ratio, right + this.margin() * ratio - ctx.measureText(text).width);
      write(text, at, bbox.top - (8 + 14 * row) * ratio, theme["--text2"], 140 * ratio);
      ends[row] = at + ctx.measureText(text).width;
    }
    ctx.restore();
  }

  /** Faint: all predictions; solid: those with an actual. @param {any} u */
  bars(u) {
    const { ctx } = u, picture = /** @type {Picture} */ (this.picture), ground = u.bbox.top + u.bbox.height;
    picture.buckets.forEach((b, i) => {
      const a = Math.max(u.bbox.left, u.valToPos(b.from, "x", true)), z = Math.min(u.bbox.left + u.bbox.width, u.valToPos(b.to, "x", true));
      const gap = z - a > 4 ? this.uPlot.pxRatio : 0;
      for (const [token, n] of /** @type {[string, number][]} */ ([["--bar2", picture.predictions[i]], ["--bar", picture.actuals[i]]])) {
        if (!(n > 0)) continue;
        const top = u.valToPos(n, "y", true);
        ctx.fillStyle = this.theme[token];
        ctx.fillRect(a, top, Math.max(this.uPlot.pxRatio, z - a - gap), ground - top);
      }
    });
  }

  /** @param {any} u */
  select(u) {
    const { left: from, width } = u.select;
    if (width < 8) return;
    const at = [u.posToVal(from, "x"), u.posToVal(from + width, "x")];
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.hands.picked(at[0], at[1], this.shift);
  }

  /** A finger drags sideways as a mouse does; up and down it scrolls. @param {any} u */
  touch(u) {
    /** @type {number | null} */
    let from = null;
    const at = (/** @type {PointerEvent} */ e) => { const box = u.over.getBoundingClientRect(); return Math.min(box.width, Math.max(0, e.clientX - box.left)); };
    const drag = (/** @type {PointerEvent} */ e, /** @type {boolean} */ ends) => {
      if (from === null || e.pointerType !== "touch") return;
      const to = at(e), width = Math.abs(to - from);
      u.setCursor({ left: to, top: 10 });
      this.read(u.cursor.idx ?? null, false);
      if (width >= 8) u.setSelect({ left: Math.min(from, to), width, top: 0, height: u.over.clientHeight }, ends);
      if (ends) from = null;
    };
    u.over.addEventListener("pointerdown", (/** @type {PointerEvent} */ e) => { if (e.pointerType === "touch") { from = at(e); this.shift = false; } });
    u.over.addEventListener("pointermove", (/** @type {PointerEvent} */ e) => drag(e, false));
    u.over.addEventListener("pointerup", (/** @type {PointerEvent} */ e) => drag(e, true));
    u.over.addEventListener("pointercancel", () => { from = null; u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false); });
  }

  /** @param {number | null} bucket @param {boolean} spoken */
  read(bucket, spoken) {
    this.cursor = bucket;
    this.hands.read(bucket, spoken);
  }

  /** Puts the cursor on a bucket. @param {number | null} bucket @param {boolean} spoken */
  move(bucket, spoken) {
    const last = (this.picture?.buckets.length ?? 0) - 1, at = bucket === null ? null : Math.min(last, Math.max(0, bucket));
    for (const plot of this.plots) plot.setCursor(at === null || at < 0 ? { left: -10, top: -10 } : { left: plot.valToPos(this.picture?.buckets[at].middle, "x"), top: 10 }, true, false);
    this.read(at, spoken);
  }

  /** @param {KeyboardEvent} e */
  key(e) {
    const picture = this.picture;
    if (!picture || e.ctrlKey || e.metaKey || e.altKey) return;
    const last = picture.buckets.length - 1, step = e.shiftKey ? 10 : 1, at = this.cursor ?? last;
    const zoom = (/** @type {number} */ by) => {
      const middle = this.cursor === null ? (picture.from + picture.to) / 2 : picture.buckets[at].middle, half = (picture.to - picture.from) * by / 2;
      this.hands.picked(middle - half, middle + half, false);
    };
    /** @type {Record<string, () => void>} */
    const acts = {
      ArrowLeft: () => this.move(this.cursor === null ? last : at - step, true), ArrowRight: () => this.move(this.cursor === null ? last : at + step, true),
      Home: () => this.move(0, true), End: () => this.move(last, true),
      "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: this.hands.back, Escape: this.hands.back, t: this.hands.table, T: this.hands.table,
    };
    if (!acts[e.key]) return;
    e.preventDefault();
    e.stopPropagation();
    acts[e.key]();
  }
}

/** @param {CanvasRenderingContext2D} ctx @param {string} text @param {number} most its width */
function fit(ctx, text, most) {
  if (ctx.measureText(text).width <= most) return text;
  let n = text.length;
  while (n > 1 && ctx.measureText(text.slice(0, n) + "…").width > most) n = n > 40 ? n >> 1 : n - 1;
  return text.slice(0, n) + "…";
}
