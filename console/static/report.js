// The chart of a report: what is in the table below it, to point at.

import * as echarts from "/lib/echarts.js";

const place = document.getElementById("chart");
const { kind, along, series } = JSON.parse(place.dataset.chart);
const style = getComputedStyle(document.documentElement); // of the scheme that holds when it is read
const colour = (name) => style.getPropertyValue(`--${name}`).trim();
const text = { get color() { return colour("quiet"); }, fontFamily: style.fontFamily };
const numeric = (values) => values.map((each) => (each === null ? null : Number(each)));

function plain() {
  const flat = kind === "ranking" || kind === "funnel";
  const names = { type: "category", data: along, inverse: flat, axisLabel: { color: text.color } };
  const heights = { type: "value", axisLabel: { color: text.color }, splitLine: { lineStyle: { color: colour("line") } } };
  return {
    xAxis: flat ? heights : names,
    yAxis: flat ? names : heights,
    series: series.map(({ name, values }) => ({
      name,
      type: kind === "lines" ? "line" : "bar",
      data: numeric(values),
      barMaxWidth: 28,
    })),
    legend: series.length > 1 ? { textStyle: { ...text }, top: 0 } : undefined,
  };
}

/** Two words place a shade: a row of the table is a cell. */
function heat() {
  const [across, shade] = series;
  const columns = [...new Set(across.values.map(String))];
  const rows = [...new Set(along)];
  const cells = along.map((row, n) => [columns.indexOf(String(across.values[n])), rows.indexOf(row), Number(shade.values[n])]);
  return {
    xAxis: { type: "category", data: columns, axisLabel: { color: text.color } },
    yAxis: { type: "category", data: rows, inverse: true, axisLabel: { color: text.color } },
    visualMap: {
      min: 0, max: Math.max(1, ...cells.map((each) => each[2])), orient: "horizontal", right: 0, top: 0,
      textStyle: { ...text }, inRange: { color: [colour("accent-soft"), colour("accent")] },
    },
    series: [{ name: shade.name, type: "heatmap", data: cells }],
  };
}

const drawn = echarts.init(place);

function draw() {
  drawn.setOption({
    color: [colour("accent"), "#c7772b", "#7a6fb0", "#b0455a"],
    textStyle: { ...text },
    animation: false,
    grid: { left: 8, right: 24, top: 44, bottom: 8, containLabel: true },
    // Rich text: the policy of the page allows no style within HTML.
    tooltip: { trigger: kind === "heat" ? "item" : "axis", renderMode: "richText", confine: true },
    ...(kind === "heat" ? heat() : plain()),
  }, true);
}

draw();
addEventListener("resize", () => drawn.resize());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
