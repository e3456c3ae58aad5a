// Messages a second and latency of the last minute: two plots, and the same in figures.

import { batched, byId, milliseconds, number, setText } from "./dom.js";
import { Seconds, summary } from "./sampler.js";

const span = 60;
const mostSamples = 200;
const mostPending = 5000;

/** @param {import("./connection.js").Connection} connection */
export function showTraffic(connection) {
  const rate = new Seconds(span, () => ({ count: 0 }));
  const latency = new Seconds(span, () => ({ roundTrip: [], delivery: [] }));
  /** @type {Map<string, number>} id of a message that comes back → when it was sent */
  const pending = new Map();

  const count = () => rate.at(performance.now()).value.count++;
  connection.on("presence", count);
  for (const name of ["msg", "cmd"]) {
    connection.on(name, (detail) => {
      count();
      if (detail.from_id !== connection.client_id || pending.size === 0) return;
      const sent = pending.get(detail.id);
      if (sent === undefined) return;
      pending.delete(detail.id);
      sample("delivery", performance.now() - sent);
    });
  }

  function sample(/** @type {"roundTrip" | "delivery"} */ what, /** @type {number} */ value) {
    const samples = latency.at(performance.now()).value[what];
    if (samples.length < mostSamples) samples.push(value);
  }

  async function measure() {
    const client = connection.client;
    if (client?.state !== "open") return;
    try {
      const value = await client.ping();
      if (client === connection.client) sample("roundTrip", value);
    } catch {
      // Lost on the way: what became of the connection is said elsewhere.
    }
  }

  const drawSoon = batched(draw, () => 200);
  function draw() {
    const now = performance.now();
    const rates = rate.history(now).map((second) => second?.count ?? null);
    const seconds = latency.history(now);
    const middle = (/** @type {"roundTrip" | "delivery"} */ what) =>
      seconds.map((second) => summary(second?.[what] ?? [])?.median ?? null);
    plot(byId("rate"), [{ values: rates, style: "--plot-1", fill: true }], number, 10);
    plot(byId("latency"), [
      { values: middle("roundTrip"), style: "--plot-1" },
      { values: middle("delivery"), style: "--plot-2", dots: true },
    ], milliseconds, 1);

    const known = rates.filter((value) => value !== null);
    setText(byId("rate-values"), known.length ? figures("", known.at(-1), known, number)
      : "No second is complete yet.");
    const all = (/** @type {"roundTrip" | "delivery"} */ what) => seconds.flatMap((second) => second?.[what] ?? []);
    const trips = all("roundTrip");
    const deliveries = all("delivery");
    setText(byId("round-trip-values"), trips.length ? figures("Round trip: ", trips.at(-1), trips, milliseconds)
      : "Round trip: not measured yet.");
    setText(byId("delivery-values"), deliveries.length
      ? figures("Own messages: ", deliveries.at(-1), deliveries, milliseconds) : "Own messages: none came back yet.");
  }

  connection.on("leave", ({ sameGroup }) => {
    pending.clear();
    if (sameGroup) return;
    rate.clear();
    latency.clear();
    drawSoon();
  });
  // From the first second of a connection on, a second without a message is a zero and no hole.
  connection.on("open", () => void rate.at(performance.now()));
  setInterval(() => {
    if (document.visibilityState !== "visible") return;
    measure();
    drawSoon();
  }, 1000);
  const resized = new ResizeObserver(drawSoon);
  resized.observe(byId("rate"));
  resized.observe(byId("latency"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawSoon);
  matchMedia("(forced-colors: active)").addEventListener("change", drawSoon);

  return {
    /** A message that will come back to this page is about to be sent. */
    sending(/** @type {string} */ id) {
      if (pending.size >= mostPending) pending.delete(pending.keys().next().value ?? "");
      pending.set(id, performance.now());
    },
  };
}

function figures(name, current, values, format) {
  const { min, median, p95 } = /** @type {any} */ (summary(values));
  return `${name}now ${format(current)}, min ${format(min)}, median ${format(median)}, p95 ${format(p95)}`;
}

/**
 * Lines over the last minute; a null is a hole.
 * @param {HTMLCanvasElement} canvas
 * @param {{ values: (number | null)[], style: string, fill?: boolean, dots?: boolean }[]} lines
 * @param {(value: number) => string} format
 * @param {number} least what the axis reaches at least
 */
function plot(canvas, lines, format, least) {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (width === 0) return;
  const ratio = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  if (!context) return;
  const styles = getComputedStyle(canvas);
  const colour = (/** @type {string} */ name) => styles.getPropertyValue(name).trim();
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = `11px ${styles.fontFamily}`;

  const top = ceiling(Math.max(least, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0))));
  const labels = [0, top / 2, top].map(format);
  const left = Math.max(...labels.map((label) => context.measureText(label).width)) + 8;
  const box = { left, right: width - 4, top: 8, bottom: height - 18 };
  const x = (/** @type {number} */ index) => box.left + ((box.right - box.left) * index) / (span - 1);
  const y = (/** @type {number} */ value) => box.bottom - ((box.bottom - box.top) * value) / top;

  context.strokeStyle = colour("--plot-grid");
  context.fillStyle = colour("--quiet");
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  labels.forEach((label, index) => {
    const level = Math.round(y((top * index) / 2)) + 0.5;
    context.beginPath();
    context.moveTo(box.left, level);
    context.lineTo(box.right, level);
    context.stroke();
    context.fillText(label, box.left - 6, level);
  });
  context.textBaseline = "bottom";
  context.textAlign = "left";
  context.fillText("60 s ago", box.left, height);
  context.textAlign = "right";
  context.fillText("now", box.right, height);

  for (const { values, style, fill, dots } of lines) {
    context.strokeStyle = context.fillStyle = colour(style);
    context.lineWidth = 2;
    context.lineJoin = "round";
    for (const run of runs(values)) {
      const path = new Path2D();
      for (const [index, value] of run) path.lineTo(x(index), y(value));
      context.stroke(path);
      if (fill) {
        path.lineTo(x(run[run.length - 1][0]), box.bottom);
        path.lineTo(x(run[0][0]), box.bottom);
        context.globalAlpha = 0.15;
        context.fill(path);
        context.globalAlpha = 1;
      }
      // Colour alone must not tell the lines apart, and a single second is no line.
      if (!dots && run.length > 1) continue;
      for (const [index, value] of run) {
        context.beginPath();
        context.arc(x(index), y(value), dots ? 2.5 : 2, 0, 7);
        context.fill();
      }
    }
  }
}

/** The stretches between holes, as pairs of index and value. */
function runs(values) {
  const result = /** @type {[number, number][][]} */ ([]);
  values.forEach((value, index) => {
    if (value === null) return;
    if (index === 0 || values[index - 1] === null) result.push([]);
    result[result.length - 1].push([index, value]);
  });
  return result;
}

/** 1, 2 or 5 times a power of ten, not below the value. */
function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return (value <= power ? 1 : value <= 2 * power ? 2 : value <= 5 * power ? 5 : 10) * power;
}
