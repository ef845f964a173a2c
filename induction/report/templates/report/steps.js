// One training step for all panels.
const stepInput = at("step"), stepSays = at("step-says");
// By panel: what writes its value at a step.
const readouts = new Map();
const seedsAt = (measure, column, output) => {
  const byStep = new Map();
  for (const row of rowsOf(measure.query, { panel: column.panel })) {
    if (!byStep.has(row.tokens)) byStep.set(row.tokens, []);
    byStep.get(row.tokens).push(row[measure.value]);
  }
  return (tokens) => {
    output.textContent = (byStep.get(tokens) ?? []).map((value) => number(value)).join("  ") || "–";
  };
};
const bestAt = (measure, column, output) => {
  const best = new Map();
  for (const row of rowsOf(measure.query, { ...measure.where, cell: column.cell })) {
    const value = row[measure.value], known = best.get(row.tokens);
    if (value !== null && (!known || value > known[1])) best.set(row.tokens, [row.name, value]);
  }
  return (tokens) => {
    const [name, value] = best.get(tokens) ?? [];
    output.textContent = name
      ? `${name} ${Math.abs(value) >= 100 ? number(value, 0) : number(value)}` : "–";
  };
};
const pathAt = (measure, column, output, dot) => {
  const { pc1, pc2 } = data.plane;
  const places = new Map(rowsOf(measure.query, { cell: column.cell })
    .map((row) => [row.tokens, row]));
  return (tokens) => {
    const row = places.get(tokens);
    dot.hidden = !row;
    output.textContent = row ? `${number(row.pc1, 1)}, ${number(row.pc2, 1)}` : "–";
    if (!row) return;
    dot.style.setProperty("--x", (row.pc1 - pc1[0]) / (pc1[1] - pc1[0]));
    dot.style.setProperty("--y", 1 - (row.pc2 - pc2[0]) / (pc2[1] - pc2[0]));
  };
};
const readOut = (panel) => {
  const measure = data.tableRows.find((row) => row.name === panel.dataset.measure);
  const column = data.columns.find((each) => each.panel === panel.dataset.panel);
  const output = panel.querySelector(".value"), dot = panel.querySelector(".dot");
  if (measure.lines === "seed") readouts.set(panel, seedsAt(measure, column, output));
  if (measure.lines === "head") readouts.set(panel, bestAt(measure, column, output));
  if (dot) readouts.set(panel, pathAt(measure, column, output, dot));
};
const setStep = (index) => {
  const tokens = steps[index];
  stepInput.value = index;
  stepSays.textContent = millions(tokens);
  stepInput.setAttribute("aria-valuetext", millions(tokens));
  document.body.style.setProperty("--at", tokens / end);
  for (const write of readouts.values()) write(tokens);
};
const nearest = (places, tokens) =>
  places.reduce((best, place, i) =>
    Math.abs(place - tokens) < Math.abs(places[best] - tokens) ? i : best, 0);

document.querySelectorAll(".panel").forEach(readOut);
stepInput.max = steps.length - 1;
stepInput.addEventListener("input", () => setStep(Number(stepInput.value)));
let frameRequest = null;
const point = (event) => {
  const plot = event.target.closest(".plot");
  if (!plot || plot.querySelector(".dot")) return;
  const box = plot.getBoundingClientRect(), { left, width, right } = frame;
  const share = (((event.clientX - box.left) / box.width) * (left + width + right) - left) / width;
  if (frameRequest !== null) cancelAnimationFrame(frameRequest);
  frameRequest = requestAnimationFrame(() => {
    frameRequest = null;
    setStep(nearest(steps, Math.min(1, Math.max(0, share)) * end));
  });
};
for (const name of ["pointermove", "pointerdown"]) {
  at("models").addEventListener(name, point);
}
setStep(steps.length - 1);

// Which models have panels.
const waiting = new Map();
// A panel of the table, or the picture of a model in a figure, and what it stands in.
const placeOf = (panel) => data.columns.findIndex((column) => column.panel === panel.dataset.panel);
const rowOf = ({ dataset }) => dataset.measure
  ? at(`m-${dataset.measure}`).querySelector(".panels") : at(dataset.of).querySelector("div");
const showPanels = (name, shown) => {
  if (shown) {
    for (const panel of waiting.get(name) ?? elementsOf(`panels ${name}`)) {
      const row = rowOf(panel);
      row.insertBefore(panel, [...row.children].find((each) => placeOf(each) > placeOf(panel)) ?? null);
      if (panel.dataset.measure) readOut(panel);
    }
    setStep(Number(stepInput.value));
  } else {
    const panels = [...document.querySelectorAll("[data-panel]")]
      .filter((panel) => panel.dataset.panel === name);
    waiting.set(name, panels);
    for (const panel of panels) {
      readouts.delete(panel);
      panel.remove();
    }
  }
  sayEmpty();
};
// A row or a figure that has nothing to show says why.
const sayEmpty = () => {
  const why = at("picker")?.querySelector(":checked")
    ? "Of the models chosen above, none is in this figure." : "Choose a model above.";
  for (const row of document.querySelectorAll(".panels, .pieces > div")) {
    row.querySelector(".empty")?.remove();
    if (!row.firstElementChild) row.append(make("p", { class: "empty soft" }, why));
  }
};
at("picker")?.addEventListener("change", (event) =>
  showPanels(event.target.value, event.target.checked));
// A browser that comes back to a page keeps its boxes ticked, but not what they did.
at("picker")?.querySelectorAll("input").forEach((box) => { box.checked = box.defaultChecked; });
sayEmpty();
