// The reader's choices. The fragment of the address keeps them, so that a link shows what its sender saw.
const state = {
  on: new Set(), // names of the connectors that are drawn
  views: {}, // {section: number of its view}
  load: null, // shown in the table: number or "all"
  filter: "", // for the table
  sort: null, // column, with a leading "-" when the largest comes first
  theme: "auto",
};
const THEMES = ["auto", "light", "dark"];

function readFragment(report) {
  state.on = new Set(report.first);
  Object.assign(state, { views: {}, load: null, filter: "", sort: null, theme: "auto" });
  const fields = location.hash
    .slice(1)
    .split("&")
    .filter((field) => field.includes("="));
  for (const field of fields) {
    const at = field.indexOf("=");
    let value;
    try {
      value = decodeURIComponent(field.slice(at + 1));
    } catch {
      continue; // damaged by a typing error or a mail program: ignored
    }
    const key = field.slice(0, at);
    if (key === "on")
      state.on = new Set(
        field
          .slice(at + 1)
          .split(",")
          .map(decoded)
          .filter((n) => report.connectors.includes(n)),
      );
    else if (key === "load" && /^(all|\d{1,6})$/.test(value)) state.load = value;
    else if (key === "filter") state.filter = value;
    else if (key === "sort" && /^-?[a-z0-9]+$/.test(value)) state.sort = value;
    else if (key === "theme" && THEMES.includes(value)) state.theme = value;
    else if (key.startsWith("view.") && /^\d{1,6}$/.test(value)) state.views[key.slice(5)] = Number(value);
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

function writeFragment(report) {
  const first = report.first;
  const same = first.length === state.on.size && first.every((name) => state.on.has(name));
  const fields = [];
  if (!same)
    fields.push(
      `on=${report.connectors
        .filter((name) => state.on.has(name))
        .map(encodeURIComponent)
        .join(",")}`,
    );
  for (const [section, view] of Object.entries(state.views)) if (view) fields.push(`view.${section}=${view}`);
  if (state.load !== null) fields.push(`load=${state.load}`);
  if (state.filter) fields.push(`filter=${encodeURIComponent(state.filter)}`);
  if (state.sort) fields.push(`sort=${state.sort}`);
  if (state.theme !== "auto") fields.push(`theme=${state.theme}`);
  // Setting location.hash would make each click a step for the back button, and the page would jump.
  history.replaceState(null, "", fields.length ? `#${fields.join("&")}` : location.pathname + location.search);
}

function isDark() {
  return state.theme === "dark" || (state.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
}
