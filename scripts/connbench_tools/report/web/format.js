// Figures for readers. The scripts do the same in units.py.
function significant(value, digits = 3) {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const places = Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(value))));
  const step = 10 ** Math.min(places, 12);
  const rounded = places > 0 ? Math.round(value * step) / step : Number(value.toPrecision(digits));
  return rounded.toLocaleString("en-US", { minimumFractionDigits: Math.min(places, 12), maximumFractionDigits: 12 });
}

function scaled(value, steps, digits) {
  const size = Math.abs(value);
  for (const [factor, unit] of steps) if (size >= factor) return `${significant(value / factor, digits)} ${unit}`;
  const [factor, unit] = steps[steps.length - 1];
  return `${significant(value / factor, digits)} ${unit}`;
}

const DURATIONS = [
  [1e9, "s"],
  [1e6, "ms"],
  [1e3, "µs"],
  [1, "ns"],
];
const MEMORIES = [
  [1048576, "GiB"],
  [1024, "MiB"],
  [1, "KiB"],
];

function percentileText(x) {
  // x = 1 / (1 - q)
  return x <= 1 ? "p0" : `p${Number((100 * (1 - 1 / x)).toPrecision(6))}`;
}

// A value with its unit, for the tooltip.
function withUnit(value, unit) {
  if (value === null || value === undefined) return "";
  switch (unit) {
    case "ns":
      return value === 0 ? "0" : scaled(value, DURATIONS);
    case "s":
      return `${significant(value / 1e9, 4)} s`;
    case "/s":
      return `${significant(value)} /s`;
    case "KiB":
      return scaled(value, MEMORIES);
    case "share":
      return `${Number((100 * value).toPrecision(5))} %`;
    case "percentile":
      return percentileText(value);
    default:
      return value.toLocaleString("en-US", { maximumFractionDigits: 2 });
  }
}

// The same, short enough for an axis: 20 µs, not 20.0 µs.
function tick(value, unit) {
  if (value === null) return "";
  const short = (steps) => {
    const [factor, name] = steps.find(([size]) => Math.abs(value) >= size) || steps[steps.length - 1];
    return `${Number((value / factor).toPrecision(4))} ${name}`;
  };
  switch (unit) {
    case "ns":
      return value === 0 ? "0" : short(DURATIONS);
    case "s":
      return value === 0 ? "0" : short(DURATIONS);
    case "KiB":
      return value === 0 ? "0" : short(MEMORIES);
    case "share":
    case "percentile":
      return withUnit(value, unit);
    default: {
      if (value % 100 && value < 1e5) return withUnit(value, "count"); // 1,024; the axis names the unit
      const [factor, name] = [
        [1e6, "M"],
        [1e3, "k"],
        [1, ""],
      ].find(([size]) => Math.abs(value) >= size) || [1, ""];
      return `${Number((value / factor).toPrecision(4))}${name}`;
    }
  }
}
