// One training step for the whole page.
const stepInput = at("step"), stepSays = at("step-says");
const readouts = [];
for (const measure of data.tableRows) {
  for (const panel of document.querySelectorAll(`#m-${measure.name} .panel`)) {
    const output = panel.querySelector(".value");
    const column = data.columns.find((candidate) => candidate.panel === panel.dataset.panel);
    if (measure.lines === "seed") {
      const byStep = new Map();
      for (const row of rowsOf(measure.query, { panel: column.panel })) {
        if (!byStep.has(row.tokens)) byStep.set(row.tokens, []);
        byStep.get(row.tokens).push(row[measure.value]);
      }
      readouts.push((tokens) => {
        output.textContent = (byStep.get(tokens) ?? []).map((value) => number(value)).join("  ") || "–";
      });
    } else if (measure.lines === "head") {
      const best = new Map();
      for (const row of rowsOf(measure.query, { ...measure.where, cell: column.cell })) {
        const value = row[measure.value], known = best.get(row.tokens);
        if (value !== null && (!known || value > known[1])) best.set(row.tokens, [row.name, value]);
      }
      readouts.push((tokens) => {
        const [name, value] = best.get(tokens) ?? [];
        output.textContent = name
          ? `${name} ${Math.abs(value) >= 100 ? value.toFixed(0) : number(value)}` : "–";
      });
    } else if (measure.lines === "path" && panel.querySelector("img")) {
      const dot = panel.querySelector(".dot"), { pc1, pc2 } = data.plane;
      const places = new Map(rowsOf(measure.query, { cell: column.cell })
        .map((row) => [row.tokens, row]));
      readouts.push((tokens) => {
        const row = places.get(tokens);
        dot.hidden = !row;
        if (!row) return;
        const across = (row.pc1 - pc1[0]) / (pc1[1] - pc1[0]);
        const up = (row.pc2 - pc2[0]) / (pc2[1] - pc2[0]);
        const image = panel.querySelector("img");
        dot.style.left = `${image.offsetLeft + frame.left + across * frame.width}px`;
        dot.style.top = `${image.offsetTop + frame.top + (1 - up) * frame.height}px`;
        output.textContent = `${number(row.pc1, 1)}, ${number(row.pc2, 1)}`;
      });
    }
  }
}
const setStep = (index) => {
  const tokens = steps[index];
  stepInput.value = index;
  stepSays.textContent = millions(tokens);
  stepInput.setAttribute("aria-valuetext", millions(tokens));
  document.body.style.setProperty("--at", tokens / end);
  for (const readOut of readouts) readOut(tokens);
};
const nearest = (tokens) =>
  steps.reduce((best, step, i) =>
    Math.abs(step - tokens) < Math.abs(steps[best] - tokens) ? i : best, 0);

if (stepInput) {
  stepInput.max = steps.length - 1;
  stepInput.addEventListener("input", () => setStep(Number(stepInput.value)));
  let frameRequest = null;
  const point = (event) => {
    const panel = event.target.closest(".panel"), spark = event.target.closest(".spark");
    if (!panel && !spark) return;
    if (panel?.closest("[data-lines='path']")) return;
    const box = (panel ?? spark).getBoundingClientRect();
    const share = panel
      ? (event.clientX - box.left - frame.left) / frame.width
      : (event.clientX - box.left) / box.width;
    if (frameRequest !== null) cancelAnimationFrame(frameRequest);
    frameRequest = requestAnimationFrame(() => {
      frameRequest = null;
      setStep(nearest(Math.min(1, Math.max(0, share)) * end));
    });
  };
  for (const name of ["pointermove", "pointerdown"]) {
    at("models").addEventListener(name, point);
    at("heads").addEventListener(name, point);
  }
  setStep(steps.length - 1);
}
