// Builds the page, and keeps it in step with the fragment of its address.
const chips = document.querySelector("#connectors .chips");
const charts = [];

function makeChips() {
  report.connectors.forEach((name, i) => {
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.dataset.c = i;
    box.addEventListener("change", () => {
      if (box.checked) state.on.add(name);
      else state.on.delete(name);
      chosenChanged();
    });
    label.append(box, document.createElement("i"), name);
    chips.insertBefore(label, chips.querySelector("button"));
  });
  for (const button of document.querySelectorAll("[data-all]")) {
    button.addEventListener("click", () => {
      const names = { 1: report.connectors, 0: [], first: report.first }[button.dataset.all];
      state.on = new Set(names);
      chosenChanged();
    });
  }
}

function showChips() {
  for (const label of chips.querySelectorAll("label")) {
    const box = label.firstElementChild,
      name = report.connectors[box.dataset.c];
    box.checked = state.on.has(name);
    label.querySelector("i").replaceChildren(swatch(styleOf(Number(box.dataset.c))));
  }
  document.getElementById("chosen").textContent = `${state.on.size} of ${report.connectors.length} in charts`;
}

function showKeys() {
  // the colours of the table's rows
  for (const row of table.rows) row.querySelector("i.key").replaceChildren(swatch(styleOf(Number(row.dataset.c))));
}

function chosenChanged() {
  writeFragment(report);
  showChips();
  drawAll();
}

function makeCharts() {
  for (const section of report.sections) {
    if (!section.views.length) continue;
    const element = document.querySelector(`[data-section="${section.id}"]`);
    const select = element.querySelector("select[data-view]");
    const mine = section.charts.map(
      (spec) => new Chart(section, spec, element.querySelector(`[data-chart="${spec.id}"]`)),
    );
    charts.push(...mine);
    select.addEventListener("change", () => {
      state.views[section.id] = Number(select.value);
      writeFragment(report);
      showView(section);
      mine.forEach((chart) => chart.draw());
    });
  }
}

function showView(section) {
  if (!section.views.length) return;
  if (!section.views[state.views[section.id]]) delete state.views[section.id];
  const element = document.querySelector(`[data-section="${section.id}"]`),
    view = state.views[section.id] || 0;
  element.querySelector("select[data-view]").value = view;
  element.querySelector("[data-note]").textContent = section.views[view].note;
}

// Draws the first chart at once, and the others one by one after the page has been painted.
let drawing = 0;
function drawAll() {
  const turn = ++drawing;
  const left = [...charts];
  const next = () => {
    if (turn !== drawing || !left.length) {
      if (turn === drawing) document.documentElement.dataset.drawn = "all";
      return;
    }
    left.shift().draw();
    performance.mark("chart");
    setTimeout(next, 0);
  };
  next();
}

function showTheme() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  const button = document.getElementById("theme");
  button.textContent = { auto: "Auto", light: "Light", dark: "Dark" }[state.theme];
  button.setAttribute(
    "aria-label",
    `Colours: ${{ auto: "system setting", light: "light", dark: "dark" }[state.theme]}`,
  );
  showChips();
  showKeys();
  drawAll();
}

function showEverything() {
  readFragment(report);
  table.show();
  report.sections.forEach(showView);
  showTheme();
}

function keepInStep() {
  document.getElementById("theme").addEventListener("click", () => {
    state.theme = THEMES[(THEMES.indexOf(state.theme) + 1) % THEMES.length];
    writeFragment(report);
    showTheme();
  });
  for (const link of document.querySelectorAll("nav a, a.skip, #verdict a")) {
    // The fragment holds the reader's choices, so a link must not replace it.
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const place = document.getElementById(link.hash.slice(1));
      place.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
      place.tabIndex = -1;
      place.focus({ preventScroll: true });
    });
  }
  for (const details of document.querySelectorAll("details")) details.addEventListener("toggle", sayWhatScrolls);
  addEventListener("hashchange", showEverything);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showTheme);
  let width = innerWidth,
    later = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return; // hiding the address bar of a phone changes only the height
    width = innerWidth;
    clearTimeout(later);
    sayWhatScrolls();
    later = setTimeout(drawAll, 100);
  });
  drawnForPaper();
}

function drawnForPaper() {
  let before = null;
  addEventListener("beforeprint", () => {
    before = state.theme;
    state.theme = "light";
    document.documentElement.dataset.theme = "light";
    document.documentElement.dataset.paper = "yes";
    showKeys();
    charts.forEach((chart) => chart.draw());
  });
  addEventListener("afterprint", () => {
    state.theme = before;
    delete document.documentElement.dataset.paper;
    showTheme();
  });
}

if (innerWidth < 700) document.getElementById("chooser").open = false;
makeChips();
makeCharts();
table.start();
keepInStep();
showEverything();
