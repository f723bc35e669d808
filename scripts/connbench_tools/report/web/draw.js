// How uPlot draws a chart: scales, axes, strokes.
function extent(curves, key, low, high) {
  let least = Infinity,
    most = -Infinity;
  for (const curve of curves) {
    for (const values of [curve[key], curve[low] || [], curve[high] || []]) {
      for (const value of values) {
        if (value === null) continue; // a range that has no end here
        if (value < least) least = value;
        if (value > most) most = value;
      }
    }
  }
  return [least, most];
}

// The scale of an axis: logarithmic when all values are positive; with negative values (early timeouts) linear around
// zero.
function scaleOf(axis, [least, most]) {
  if (axis.unit === "percentile") return { time: false, distr: 3, range: [1, Math.max(10, most * 1.2)] };
  if (axis.unit === "share") return { time: false, range: [0, most > 1.001 ? most : (axis.upTo ?? 1)] };
  if (!axis.log) {
    const room = (most - Math.min(0, least)) * 0.05 || 1;
    return { time: false, range: [Math.min(0, least - (least < 0 ? room : 0)), most + room] };
  }
  if (least < 0)
    return {
      time: false,
      distr: 4,
      asinh: linearPart(axis),
      range: [least * 1.3, Math.max(most * 1.3, linearPart(axis))],
    };
  const low = Math.max(least, axis.unit === "count" ? 1 : 1e-3) / 1.25;
  return {
    time: false,
    distr: 3,
    range: [least > 0 || axis.unit === "count" ? low : 1, Math.max(most * 1.25, low * 4)],
  };
}

function linearPart(axis) {
  return axis.unit === "ns" ? 10000 : 1;
} // ±10 µs

// What may stand between two powers of ten, and what distance between two neighbours each needs.
const LADDERS = [
  [1, 1.5, 2, 3, 4, 5, 7],
  [1, 2, 3, 5, 7],
  [1, 2, 3, 5],
  [1, 2, 5],
  [1, 3],
  [1],
].map((within) => ({
  within,
  closest: Math.min(...within.map((n, i) => Math.log10((within[i + 1] ?? 10) / n))),
}));
const APART = { x: 46, y: 34 }; // pixels between two labels

// The positions of the ticks: powers of ten, with as many values in between as have room.
function splits(axis, scale, pixels, apart) {
  const base = axis.unit === "KiB" && scale.range[1] > 2048 ? 1024 : 1; // MiB
  if (axis.at) return withRoom(axis.at, scale, pixels);
  const [low, high] = scale.range.map((x) => x / base);
  if (axis.unit === "percentile") return [1, 2, 10, 100, 1000, 10000, 100000].filter((x) => x <= high);
  if (scale.distr === 4) return aroundZero(scale, pixels);
  if (scale.distr !== 3) return evenly(axis, low, high, pixels);
  const decades = Math.log10(high / low);
  const room = pixels / decades; // per decade
  const { within } = LADDERS.find((ladder) => ladder.closest * room >= apart) ?? LADDERS[LADDERS.length - 1];
  const every = room < apart ? Math.ceil(apart / room) : 1;
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    if (power % every === 0) found.push(...within.map((n) => n * 10 ** power).filter((x) => x >= low && x <= high));
  }
  return found.map((x) => x * base);
}

// As many of the values as have room for their labels.
function withRoom(values, scale, pixels) {
  const [low, high] = scale.range;
  const place = (x) =>
    pixels * (scale.distr === 3 ? Math.log(x / low) / Math.log(high / low) : (x - low) / (high - low));
  let last = -Infinity;
  return values.filter((x) => {
    if (place(x) - last < 36) return false;
    last = place(x);
    return true;
  });
}

// Zero, and the powers of ten on both sides that are not too close to it or to each other.
function aroundZero(scale, pixels) {
  const [low, high] = scale.range;
  const place = (x) => Math.asinh(x / scale.asinh);
  const pixel = (place(high) - place(low)) / pixels;
  const side = (sign) => {
    let last = 0;
    return [1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10].filter((x) => {
      if (sign * x < low || sign * x > high || place(x) - last < 18 * pixel) return false;
      last = place(x);
      return true;
    });
  };
  return [...side(-1).map((x) => -x).reverse(), 0, ...side(1)];
}

function evenly(axis, low, high, pixels) {
  const rough = (high - low) / Math.max(2, Math.floor(pixels / 70));
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const found = [];
  for (let x = Math.ceil(low / step) * step; x <= high * 1.0001; x += step) found.push(Number(x.toPrecision(12)));
  return found;
}

function axisOf(axis, scale, colours, isX) {
  return {
    scale: isX ? "x" : "y",
    stroke: colours.text,
    font: "12px system-ui, sans-serif",
    size: isX ? 30 : 58,
    gap: 4,
    label: axis.label,
    labelFont: "12px system-ui, sans-serif",
    labelSize: 18,
    labelGap: 0,
    grid: { stroke: colours.grid, width: 1 },
    ticks: { show: false },
    splits: (u) => splits(axis, scale, (isX ? u.bbox.width : u.bbox.height) / devicePixelRatio, APART[isX ? "x" : "y"]),
    filter: (u, found) => found,
    values: (u, found) => found.map((value) => tick(value, axis.unit)),
  };
}

// Draws the ranges over the repetitions, and the marks, on top of the lines.
function decorations(curves, colours) {
  return (u) => {
    const { ctx } = u;
    ctx.save();
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    for (const { points, style } of curves) {
      ctx.strokeStyle = style.colour;
      (points.low || []).forEach((low, i) => {
        const x = u.valToPos(points.x[i], "x", true);
        const high = points.high[i]; // without an end: to the edge of the chart
        ctx.beginPath();
        ctx.moveTo(x, low === null ? u.bbox.top + u.bbox.height : u.valToPos(low, "y", true));
        ctx.lineTo(x, high === null ? u.bbox.top : u.valToPos(high, "y", true));
        ctx.stroke();
      });
      for (const [i, text] of points.marks || []) mark(u, ctx, points.x[i], points.y[i], text, colours);
    }
    ctx.restore();
  };
}

function mark(u, ctx, xValue, yValue, text, colours) {
  const x = u.valToPos(xValue, "x", true),
    y = u.valToPos(yValue, "y", true),
    size = 5 * devicePixelRatio;
  ctx.beginPath();
  ctx.moveTo(x - size, y - size);
  ctx.lineTo(x + size, y + size);
  ctx.moveTo(x + size, y - size);
  ctx.lineTo(x - size, y + size);
  ctx.stroke();
  ctx.textAlign = "left";
  ctx.textBaseline = "alphabetic";
  const width = ctx.measureText(text).width;
  const right = x + 2 * size + width < u.bbox.left + u.bbox.width;
  ctx.fillStyle = colours.text;
  ctx.fillText(
    text,
    right ? x + 2 * size : x - 2 * size - width,
    Math.max(y - size, u.bbox.top + 12 * devicePixelRatio),
  );
}
