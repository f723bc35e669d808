// Columns beyond the edge of a table's frame look as if they were not there.
function sayWhatScrolls() {
  for (const box of document.querySelectorAll(".scroll"))
    box.previousElementSibling.hidden = box.scrollWidth <= box.clientWidth;
}

// The comparison table: a click on a heading sorts it; load and name filter it.
const table = {
  element: document.getElementById("table"),
  load: document.getElementById("load"),
  filter: document.getElementById("filter"),
  count: document.getElementById("rows"),

  start() {
    this.body = this.element.tBodies[0];
    this.rows = [...this.body.rows];
    this.heads = [...this.element.tHead.rows[0].cells];
    for (const head of this.heads) head.firstElementChild.addEventListener("click", () => this.sortBy(head));
    this.load.addEventListener("change", () => {
      state.load = this.load.value;
      this.changed();
    });
    this.filter.addEventListener("input", () => {
      state.filter = this.filter.value;
      this.changed();
    });
    document.getElementById("table-csv").addEventListener("click", () => this.save());
  },

  changed() {
    writeFragment(report);
    this.show();
  },

  sortBy(head) {
    // figures: largest first; names: alphabetically
    const key = head.dataset.key,
      down = `-${key}`;
    const first = head.classList.contains("n") || key === "failed" ? down : key;
    state.sort = state.sort === first ? (first === down ? key : down) : first;
    this.changed();
  },

  show() {
    const loads = [...this.load.options].map((option) => option.value);
    const chosen = loads.includes(state.load) ? state.load : (loads[1] ?? "all"); // a comparison is within one load
    this.load.value = chosen;
    this.filter.value = state.filter;
    const wanted = state.filter.toLowerCase();
    const shown = this.rows.filter(
      (row) =>
        (chosen === "all" || row.dataset.load === chosen) && row.cells[0].dataset.v.toLowerCase().includes(wanted),
    );
    this.body.replaceChildren(...this.sorted(shown));
    this.heads.forEach((head, column) => {
      const needed =
        column < 1 ||
        head.dataset.key === "failed" ||
        (column === 1 ? chosen === "all" : shown.some((row) => row.cells[column].dataset.v !== undefined));
      head.hidden = !needed;
      for (const row of shown) row.cells[column].hidden = !needed;
    });
    sayWhatScrolls();
    this.count.textContent = `${shown.length} of ${this.rows.length} rows`;
  },

  sorted(rows) {
    const descending = state.sort?.startsWith("-");
    const key = state.sort?.replace("-", "");
    const column = this.heads.findIndex((head) => head.dataset.key === key);
    this.heads.forEach((head, i) =>
      head.setAttribute("aria-sort", i !== column ? "none" : descending ? "descending" : "ascending"),
    );
    if (column < 0) return rows;
    const value = (row) => row.cells[column].dataset.v;
    const order = key === "connector" ? (a, b) => a.localeCompare(b, "en") : (a, b) => a - b;
    const empty = rows.filter((row) => value(row) === undefined); // last in both directions
    const known = rows.filter((row) => value(row) !== undefined).sort((a, b) => order(value(a), value(b)));
    return [...(descending ? known.reverse() : known), ...empty];
  },

  save() {
    const text = (cell) =>
      cell.dataset.v !== undefined && cell.classList.contains("n")
        ? cell.dataset.v
        : cell.innerText.trim().replace(/\s+/g, " ");
    const units = {
      cpu: "ns",
      p50: "ns",
      p99: "ns",
      queue: "ns",
      late: "ns",
      late99: "ns",
      reaped: "ns",
      reaped99: "ns",
      added: "ns",
      memory: "KiB",
    };
    const shown = (cell) => !cell.hidden;
    const head = this.heads
      .filter(shown)
      .map((cell) => cell.innerText.trim() + (units[cell.dataset.key] ? ` [${units[cell.dataset.key]}]` : ""));
    download("comparison.csv", [head, ...[...this.body.rows].map((row) => [...row.cells].filter(shown).map(text))]);
  },
};
