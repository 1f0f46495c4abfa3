// Charts by uPlot: areas, lines and bars in the tokens' colours, read by pointer, keys and screen readers.
import uPlot from "../../vendor/uplot/uPlot.esm.js";
import { $, el } from "./dom.js";
import { number } from "./i18n.js";

const drawn = new Set();

function sheet() {
  const own = new URL("../../vendor/uplot/uPlot.min.css", import.meta.url).pathname;
  if (!$(`link[href="${own}"]`)) document.head.append(el("link", { rel: "stylesheet", href: own }));
}

function colour(name, root = document.documentElement) {
  return getComputedStyle(root).getPropertyValue(`--${name}`).trim();
}

function soft(name) {
  const probe = el("span");
  probe.style.color = colour(name);
  document.body.append(probe);
  const made = getComputedStyle(probe).color.replace("rgb(", "rgba(").replace(")", ", .13)");
  probe.remove();
  return made;
}

function series(data) {
  const bars = data.kind === "bars";
  return data.series.map((item) => ({
    label: item.label,
    stroke: () => colour(item.tone),
    fill: bars ? () => colour(item.tone) : data.kind === "area" && data.series.length === 1 ? () => soft(item.tone) : undefined,
    width: bars ? 0 : 1.8,
    paths: bars ? uPlot.paths.bars({ size: [0.6, 48], radius: 0.12 }) : undefined,
    points: { show: false },
  }));
}

function options(data, width, height, moved) {
  const axis = { stroke: () => colour("ink-3"), font: `11px ${getComputedStyle(document.body).fontFamily}`, ticks: { show: false }, grid: { stroke: () => colour("line"), width: 1 } };
  const shift = (data.offset?.[0] ?? 0) + new Date().getTimezoneOffset() * 60;
  const x = data.time
    ? { ...axis, size: 26, grid: { show: false }, space: 60, values: (u, ticks) => ticks.map((tick) => label(data, tick, shift)) }
    : { ...axis, size: 26, grid: { show: false }, splits: () => data.x, values: (u, ticks) => ticks.map((tick) => data.names[tick] ?? "") };
  return {
    width,
    height,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 8, width: 2, stroke: (u, i) => colour(data.series[i - 1].tone), fill: () => colour("surface") } },
    hooks: { setCursor: [(u) => moved(u.cursor.idx ?? -1)] },
    scales: { x: { time: data.time, range: data.time ? undefined : (u, least, most) => [least - 0.5, most + 0.5] }, y: { range: (u, least, most) => [Math.min(0, least), most > 0 ? most * 1.08 : 1] } },
    axes: [x, { ...axis, size: 46, values: (u, ticks) => ticks.map((tick) => number(tick)) }],
    series: [{}, ...series(data)],
  };
}

function label(data, tick, shift) {
  const at = new Date((tick + shift) * 1000);
  const span = data.x.at(-1) - data.x[0];
  const two = (value) => String(value).padStart(2, "0");
  return span > 172800 ? `${at.getMonth() + 1}/${at.getDate()}` : `${two(at.getHours())}:${two(at.getMinutes())}`;
}

function sentence(data, index) {
  return `${data.names[index]}: ${data.series.map((item) => `${item.label} ${number(item.values[index])}${data.unit}`).join(", ")}`;
}

export function draw(figure) {
  figure.dataset.drawn = "true";
  sheet();
  const source = document.getElementById(figure.dataset.chart);
  const data = JSON.parse(source.textContent);
  const plot = $(".plot", figure);
  const height = Number(figure.dataset.height);
  const bubble = el("div", { class: "bubble", hidden: true });
  figure.append(bubble);
  $(".legend", figure).replaceChildren(...(data.series.length > 1 ? data.series.map((item) => el("span", { class: "key" }, el("span", { class: `swatch ${item.tone}` }), item.label)) : []));
  let index = -1;
  let hovered = false;
  const moved = (next) => hovered && next !== index && at(next, false);
  const chart = new uPlot(options(data, plot.clientWidth || 320, height, moved), [data.x, ...data.series.map((item) => item.values)], plot);
  const at = (next, said) => {
    index = next;
    bubble.hidden = index < 0;
    if (index < 0) return;
    const rows = data.series.map((item) => el("div", {}, el("span", { class: `swatch ${item.tone}` }), item.label, el("span", { class: "num" }, `${number(item.values[index])}${data.unit}`)));
    bubble.replaceChildren(el("b", {}, data.names[index]), ...rows);
    const left = chart.valToPos(data.x[index], "x") + chart.bbox.left / devicePixelRatio;
    bubble.style.left = `${Math.min(Math.max(0, left + 12), Math.max(0, figure.clientWidth - bubble.offsetWidth))}px`;
    bubble.style.top = "4px";
    if (said) $(`#${CSS.escape(figure.dataset.chart)}-said`).textContent = sentence(data, index);
  };
  const open = () => {
    const url = data.series.map((item) => item.urls?.[index]).find(Boolean);
    if (url) location.assign(url);
  };
  chart.over.addEventListener("pointerenter", () => (hovered = true));
  chart.over.addEventListener("pointerleave", () => {
    hovered = false;
    at(-1, false);
  });
  chart.over.addEventListener("click", open);
  if (data.series.some((item) => item.urls?.length)) chart.over.style.cursor = "pointer";
  plot.addEventListener("keydown", (event) => {
    const last = data.x.length - 1;
    const moves = { ArrowRight: Math.min(index + 1, last), ArrowLeft: Math.max(index < 0 ? last : index - 1, 0), Home: 0, End: last };
    if (event.key === "Enter") return open();
    if (event.key === "Escape") return at(-1, false);
    if (!(event.key in moves)) return;
    event.preventDefault();
    event.stopPropagation();
    at(moves[event.key], true);
    chart.setCursor({ left: chart.valToPos(data.x[index], "x"), top: 10 }, false);
  });
  plot.addEventListener("blur", () => at(-1, false));
  drawn.add(chart);
  new ResizeObserver(() => plot.clientWidth && plot.clientWidth !== chart.width && chart.setSize({ width: plot.clientWidth, height })).observe(plot);
}

const repaint = () => drawn.forEach((chart) => chart.redraw(false));
document.addEventListener("dos:theme", repaint);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
