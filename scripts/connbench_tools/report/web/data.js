// From the data in the page to what a chart draws.
const report = JSON.parse(document.getElementById("data").textContent);

function styleOf(connector) {
  const { light, dark, dashes } = report.palette;
  const colours = isDark() ? dark : light;
  return {
    colour: colours[connector % colours.length],
    dash: dashes[Math.floor(connector / colours.length) % dashes.length],
  };
}

// The points of a curve in any form, as {x, y, low, high, marks}.
function pointsOf(curve, form) {
  if (form === "xy") return curve;
  const ranks = report.ranks[curve.ranks];
  const x = [],
    y = [];
  ranks.forEach((rank, i) => {
    if (form === "ecdf") {
      x.push(curve.values[i]);
      y.push(rank / curve.of);
    } else if (rank <= curve.sure && rank < curve.of) {
      // beyond that, there are too few attempts
      x.push(curve.of / (curve.of - rank)); // 1 / (1 - q)
      y.push(curve.values[i]);
    }
  });
  return { x, y };
}

// One x for all curves, as uPlot needs it: null where a curve has no point.
function aligned(curves) {
  const all = [...new Set(curves.flatMap((curve) => curve.x))].sort((a, b) => a - b);
  const at = new Map(all.map((x, i) => [x, i]));
  const column = (curve, key) => {
    const values = new Array(all.length).fill(null);
    curve.x.forEach((x, i) => {
      values[at.get(x)] = curve[key][i];
    });
    return values;
  };
  return { x: all, column };
}

function csvField(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function download(name, rows) {
  const text = rows.map((row) => row.map(csvField).join(",") + "\r\n").join("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// A sample of the line, for a legend.
function swatch(style) {
  const line = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  line.setAttribute("width", "26");
  line.setAttribute("height", "10");
  line.setAttribute("aria-hidden", "true");
  const stroke = document.createElementNS("http://www.w3.org/2000/svg", "line");
  for (const [key, value] of Object.entries({ x1: 1, x2: 25, y1: 5, y2: 5, stroke: style.colour, "stroke-width": 3 })) {
    stroke.setAttribute(key, value);
  }
  if (style.dash.length) stroke.setAttribute("stroke-dasharray", style.dash.join(" "));
  line.append(stroke);
  return line;
}
