// One chart of a section: it draws the curves of the connectors that are switched on, and shows the values under the
// pointer.
const HEIGHT = 280;
const PAPER = { page: 690, column: 335, height: 210 }; // pixels: fit A4 and Letter with the margins of report.css

class Chart {
  constructor(section, spec, figure) {
    Object.assign(this, { section, spec, figure });
    this.plotElement = figure.querySelector(".plot");
    this.legend = figure.querySelector(".legend");
    this.empty = figure.querySelector(".empty");
    this.tip = document.createElement("div");
    this.tip.className = "tip";
    this.tip.setAttribute("aria-live", "polite");
    this.tip.hidden = true;
    this.plotElement.addEventListener("keydown", (event) => this.key(event));
    this.plotElement.addEventListener("blur", () => this.hideTip());
    figure.querySelector(".csv").addEventListener("click", () => this.save());
  }

  view() {
    return this.section.views[state.views[this.section.id] || 0] || this.section.views[0];
  }

  allCurves() {
    return (this.view().data[this.spec.of] || []).map((curve) => ({
      name: report.connectors[curve.c],
      points: pointsOf(curve, this.spec.form),
      style: styleOf(curve.c),
      steps: curve.steps,
    }));
  }

  draw() {
    this.plot?.destroy();
    this.plot = null;
    const all = this.allCurves();
    this.curves = all.filter((curve) => state.on.has(curve.name) && curve.points.x.length);
    this.drawLegend(all.filter((curve) => curve.points.x.length).length - this.curves.length);
    this.figure.dataset.drawn = this.curves.length;
    this.empty.hidden = this.curves.length > 0;
    this.plotElement.hidden = !this.curves.length;
    if (!this.curves.length) {
      this.empty.textContent = all.some((curve) => curve.points.x.length)
        ? "All connectors in this chart are switched off above."
        : "Nothing to draw under this load: no such value was recorded, or there are too few attempts.";
      return;
    }
    this.plot = new uPlot(this.options(), this.data(), this.plotElement);
    this.plot.over.append(this.tip);
  }

  data() {
    const { x, column } = aligned(this.curves.map((curve) => curve.points));
    return [x, ...this.curves.map((curve) => column(curve.points, "y"))];
  }

  options() {
    const points = this.curves.map((curve) => curve.points);
    const css = getComputedStyle(document.documentElement);
    const colours = { text: css.getPropertyValue("--muted").trim(), grid: css.getPropertyValue("--line").trim() };
    const { x, y } = this.spec;
    const xAxis = this.fitted(x, points, "x");
    const xScale = scaleOf(xAxis, extent(points, "x"));
    const yScale = scaleOf(y, extent(points, "y", "low", "high"));
    return {
      width: this.width(),
      height: document.documentElement.dataset.paper ? PAPER.height : HEIGHT,
      legend: { show: false },
      padding: [10, 16, 0, 0],
      cursor: { drag: { x: false, y: false }, dataIdx: nearest, points: { size: 7 }, y: false },
      focus: { alpha: 1 },
      scales: { x: xScale, y: yScale },
      axes: [axisOf(xAxis, xScale, colours, true), axisOf(y, yScale, colours, false)],
      series: [{}, ...this.curves.map((curve) => this.series(curve))],
      hooks: { draw: [decorations(this.curves, colours)], setCursor: [(u) => this.showTip(u)] },
    };
  }

  // The page is laid out for paper only after the charts were drawn, so they cannot ask how much room there is.
  width() {
    if (document.documentElement.dataset.paper) return this.section.charts.length > 1 ? PAPER.column : PAPER.page;
    return Math.max(200, this.plotElement.clientWidth || this.figure.clientWidth - 24);
  }

  fitted(axis, points, key) {
    // An axis of shares ends at the largest share, not at 100 %. Few values are all labelled.
    if (key !== "x" || this.spec.form !== "xy") return axis;
    const values = [...new Set(points.flatMap((point) => point.x))].sort((a, b) => a - b);
    const at = values.length <= 12 && ["count", "share"].includes(axis.unit) ? values : undefined;
    return { ...axis, at, upTo: axis.unit === "share" ? values[values.length - 1] * 1.02 || 1 : undefined };
  }

  series(curve) {
    const few = curve.points.x.length <= 24;
    return {
      label: curve.name,
      stroke: curve.style.colour,
      dash: curve.style.dash,
      width: 2,
      spanGaps: true,
      paths: curve.steps ? uPlot.paths.stepped({ align: 1 }) : undefined,
      points: { show: few, size: 6, fill: curve.style.colour },
    };
  }

  drawLegend(off) {
    this.legend.replaceChildren(
      ...this.curves.map((curve) => {
        const item = document.createElement("span");
        item.append(swatch(curve.style), curve.name);
        return item;
      }),
      ...(off ? [`${off} more switched off`] : []),
    );
  }

  showTip(u) {
    const { left, top } = u.cursor;
    if (left === undefined || left < 0) return this.hideTip();
    const at = u.data[0][u.cursor.idx]; // the position of the point, not of the pointer
    const head = document.createElement("b");
    const found = this.curves
      .map((curve, i) => [curve, u.cursor.idxs[i + 1]])
      .filter(([, index]) => index !== null && index !== undefined);
    if (!found.length) return this.hideTip();
    head.textContent = `${this.spec.form === "percentiles" ? "" : `${this.spec.x.label}: `}${withUnit(at, this.spec.x.unit)}`;
    const rows = found
      .map(([curve, index]) => ({ curve, value: u.data[this.curves.indexOf(curve) + 1][index], x: u.data[0][index] }))
      .sort((a, b) => b.value - a.value)
      .map(({ curve, value, x }) => this.tipRow(curve, value, x));
    this.tip.replaceChildren(head, ...rows);
    this.tip.hidden = false;
    const room = u.over.clientWidth - this.tip.offsetWidth;
    const beside = left + 16 > room ? left - this.tip.offsetWidth - 12 : left + 16;
    this.tip.style.left = `${Math.max(Math.min(0, room), Math.min(beside, Math.max(0, room)))}px`;
    this.tip.style.top = `${Math.max(0, Math.min(top ?? 0, u.over.clientHeight - this.tip.offsetHeight))}px`;
  }

  tipRow(curve, value, x) {
    const row = document.createElement("div");
    const text = document.createElement("span");
    const number = document.createElement("em");
    text.textContent = curve.name;
    const { low, high } = curve.points;
    const i = low ? curve.points.x.indexOf(x) : -1;
    number.textContent = withUnit(value, this.spec.y.unit);
    row.append(swatch(curve.style), text, number);
    if (i >= 0 && high[i] !== low[i]) {
      const range = document.createElement("small");
      const end = (value) => (value === null ? "none" : withUnit(value, this.spec.y.unit));
      range.textContent = `${end(low[i])} to ${end(high[i])}`;
      row.append(range);
    }
    return row;
  }

  hideTip() {
    this.tip.hidden = true;
  }

  key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (event.key === "Escape") return this.hideTip();
    if (!this.plot || !(event.key in steps)) return;
    event.preventDefault();
    const wide = this.plot.over.clientWidth,
      far = wide / 40; // a step on the screen, because there may be thousands of points
    const now = this.plot.cursor.left >= 0 ? this.plot.cursor.left : 0;
    this.plot.setCursor({ left: Math.max(0, Math.min(wide - 1, now + steps[event.key] * far)), top: 8 });
  }

  save() {
    const { x, y } = this.spec;
    const rows = [["connector", `${x.label} [${x.unit}]`, `${y.label} [${y.unit}]`, "lowest", "highest", "mark"]];
    for (const { name, points } of this.allCurves()) {
      const marks = new Map(points.marks || []);
      points.x.forEach((value, i) =>
        rows.push([
          name,
          this.spec.form === "percentiles" ? 100 * (1 - 1 / value) : value,
          points.y[i],
          points.low?.[i],
          points.high?.[i],
          marks.get(i),
        ]),
      );
    }
    download(`${this.spec.id}.csv`, rows);
  }
}

// The nearest point of each curve: the curves have different x values.
function nearest(u, series, index) {
  const values = u.data[series],
    x = u.data[0];
  if (series === 0 || index === null || values[index] !== null) return index;
  let before = index,
    after = index;
  while (before > 0 && values[before] === null) before--;
  while (after < values.length - 1 && values[after] === null) after++;
  if (values[before] === null)
    return after === index || values[after] === null
      ? null
      : x[after] - x[index] < (x[x.length - 1] - x[0]) / 20
        ? after
        : null;
  if (values[after] === null) return x[index] - x[before] < (x[x.length - 1] - x[0]) / 20 ? before : null;
  return Math.abs(u.valToPos(x[before], "x") - u.valToPos(x[index], "x")) <=
    Math.abs(u.valToPos(x[after], "x") - u.valToPos(x[index], "x"))
    ? before
    : after;
}
