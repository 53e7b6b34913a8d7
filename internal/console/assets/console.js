// Draws the charts of a page with uPlot. The numbers come from the tables of the page, so a
// chart shows what its table says. Pages work without this script.
(function () {
  "use strict";

  // color reads a colour of the theme.
  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  // column returns the values of a column of a table: numbers, or null where there is none.
  function column(table, index) {
    return Array.from(table.tBodies[0].rows, function (row) {
      var text = row.cells[index].dataset.v;
      return text === undefined || text === "" ? null : Number(text);
    });
  }

  // clock has the labels of a time axis, by the distance of its marks in seconds: 24 hours a
  // day, dates as 2026-01-31. The other values are labels where a year, a day or a minute begins.
  var clock = [
    [28 * 86400, "{YYYY}-{MM}", null, null, null, null, null, null, 1],
    [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
    [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
    [1, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
    [0.001, ":{ss}.{fff}", "\n{YYYY}-{MM}-{DD} {HH}:{mm}", null, "\n{MM}-{DD} {HH}:{mm}", null, "\n{HH}:{mm}", null, 1],
  ];

  // amounts are the labels of an axis of numbers. Large ones are short, as 2.5M.
  var long = new Intl.NumberFormat("en"), short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });
  function amounts(_, values) {
    return values.map(function (value) { return value === null ? "" : (Math.abs(value) < 1e5 ? long : short).format(value); });
  }

  function draw(chart) {
    var table = document.getElementById(chart.dataset.table);
    if (!table || !table.tBodies[0] || table.tBodies[0].rows.length < 1) return;
    var series = chart.dataset.series.split(",").map(Number);
    var time = chart.dataset.time === "true";
    var order = column(table, Number(chart.dataset.x));
    var data = [order].concat(series.map(function (index) { return column(table, index); }));
    if (order.length > 1 && order[0] > order[order.length - 1]) {
      data = data.map(function (values) { return values.slice().reverse(); });
    }
    // One row has no line: it is a bar, with room on both sides of it.
    var single = order.length === 1;
    var bars = chart.dataset.kind === "bars" || single;
    if (single) {
      var room = time ? 3600 : 1;
      data = data.map(function (values, i) { return i ? [null, values[0], null] : [order[0] - room, order[0], order[0] + room]; });
    }
    var axis = { stroke: color("--soft"), grid: { stroke: color("--line"), width: 0.5 }, ticks: { stroke: color("--line"), width: 0.5 } };
    var options = {
      width: chart.clientWidth,
      height: 240,
      scales: { x: { time: time } },
      tzDate: function (seconds) { return uPlot.tzDate(new Date(seconds * 1e3), "UTC"); },
      axes: [time ? Object.assign({ values: clock }, axis) : axis, Object.assign({ size: 64, values: amounts }, axis)],
      series: [{ label: table.tHead.rows[0].cells[Number(chart.dataset.x)].textContent.trim(), value: time ? "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" : undefined }].concat(series.map(function (index, i) {
        var line = color("--c" + (i % 7 + 1));
        return {
          label: table.tHead.rows[0].cells[index].textContent.trim(),
          stroke: line, width: bars ? 0 : 2, fill: bars ? line : undefined,
          paths: bars ? uPlot.paths.bars({ size: [0.6, 60] }) : undefined,
          points: { show: !bars && order.length < 40 },
          spanGaps: false,
        };
      })),
    };
    chart.replaceChildren();
    new uPlot(options, data, chart);
  }

  function drawAll(root) {
    root.querySelectorAll(".chart[data-table]").forEach(draw);
  }

  document.addEventListener("DOMContentLoaded", function () { drawAll(document); });
  document.addEventListener("htmx:afterSwap", function (event) { drawAll(event.target); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () { drawAll(document); });
  var waiting = 0;
  addEventListener("resize", function () {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(function () { drawAll(document); });
  });

  // A form that changes something is sent once. The server refuses a second one anyway.
  document.addEventListener("submit", function (event) {
    if (event.target.method !== "post") return;
    event.target.querySelectorAll("button").forEach(function (button) {
      setTimeout(function () { button.disabled = true; });
    });
  });
  // A page that comes back from the browser's history has its buttons again.
  addEventListener("pageshow", function (event) {
    if (event.persisted) document.querySelectorAll("form[method=post] button").forEach(function (button) { button.disabled = false; });
  });
})();
