const data = JSON.parse(at("data").textContent);
const { frame, end, steps, tables, checkpoints } = data;
document.documentElement.classList.add("scripted");

const rowsOf = (query, where = {}) => {
  const table = tables[query];
  if (!table) return [];
  const names = Object.keys(table), rows = [];
  for (let i = 0; i < table[names[0]].length; i++) {
    if (Object.entries(where).every(([key, value]) => table[key][i] === value)) {
      rows.push(Object.fromEntries(names.map((name) => [name, table[name][i]])));
    }
  }
  return rows;
};
const asCsv = (query, where) => {
  const rows = rowsOf(query, where);
  return csv(Object.keys(rows[0] ?? {}), rows.map((row) => Object.values(row)));
};
const millions = (tokens) => `${(tokens / 1e6).toFixed(2)} M tokens`;

// --- one training step for the whole page ---------------------------------------------------

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

// --- every chart offers its data and its picture ---------------------------------------------

const row = (name) => {
  const section = at(`m-${name}`), parts = [];
  section.querySelectorAll(".panel").forEach((panel, i) => {
    const x = i * (frame.left + frame.width + frame.right);
    const title = make("text", { x: x + frame.left, y: 14, class: "name" }, panel.dataset.panel);
    parts.push(new XMLSerializer().serializeToString(title));
    const image = panel.querySelector("img");
    if (image) parts.push(decoded(image).replace("<svg", `<svg x="${x}" y="20"`));
  });
  const width = section.querySelectorAll(".panel").length *
    (frame.left + frame.width + frame.right);
  const height = frame.top + frame.height + frame.bottom + 20;
  return `<svg xmlns="${SVG}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">` +
    `<style>.name{font:12px sans-serif;fill:currentColor}</style>${parts.join("")}</svg>`;
};
for (const measure of data.tableRows) {
  at(`m-${measure.name}`).querySelector("h3")
    .after(take(measure.name, () => asCsv(measure.query, measure.where), () => row(measure.name)));
}
for (const [name, query] of Object.entries(data.queries)) {
  const figure = at(name);
  if (!figure || !tables[query]) continue;
  figure.querySelector("figcaption")
    .append(take(name, () => asCsv(query), () => decoded(figure.querySelector("img"))));
}

// --- one model for heads and tokens ----------------------------------------------------------

const cellBlocks = document.querySelectorAll(".of-cell");
const cellSelects = document.querySelectorAll("select.cell");
const selected = { cell: null, head: null, reading: 0 };

const showHead = () => {
  const cell = data.heads[selected.cell], box = at("attention");
  if (!cell || !box) return;
  const reading = cell.readings[selected.reading];
  document.querySelectorAll("button.head").forEach((button) => {
    const pressed = button.dataset.cell === selected.cell && button.dataset.head === selected.head;
    button.setAttribute("aria-pressed", pressed);
  });
  const says = `${selected.head} of ${selected.cell}, ${reading.at}: step ${reading.step}, ` +
    millions(reading.tokens);
  at("reading-says").textContent = says;
  at("reading").setAttribute("aria-valuetext", says);
  const map = (probe, caption) => {
    const patterns = cell.heads[selected.head]?.[probe];
    return patterns
      ? heatMap(`${selected.cell}-${selected.head}-${reading.at}-${probe}`, patterns[selected.reading],
        cell.shown[probe], caption, probe === "random" ? (cell.shown[probe].length + 1) / 2 : null)
      : "";
  };
  box.replaceChildren(
    map("random", `${selected.head} on BOS and a random block that comes twice (query down, key across)`),
    map("text", `${selected.head} on held-out text`));
};
const chooseHead = (head) => {
  selected.head = head;
  showHead();
};
const chooseReading = (index) => {
  selected.reading = index;
  showHead();
  const reading = data.heads[selected.cell]?.readings[index];
  if (reading && stepInput) setStep(nearest(reading.tokens));
};

const passageInput = at("passage"), before = at("before"), after = at("after");
const lossesOf = (cell, seq) => {
  const packed = bytes(data.losses[cell][seq]);
  const view = new DataView(packed.buffer), count = checkpoints[cell].length;
  const size = packed.length / 2 / count;
  return (step, pos) => view.getUint16(2 * (step * size + pos), true) / 1000;
};
// The same rule as in the page as it comes.
const tint = (change) => {
  if (Math.abs(change) < 0.25) return "";
  const level = Math.min(8, Math.round(2 * Math.abs(change)));
  return `${change < 0 ? "g" : "l"}${level}`;
};
const lossChart = (name, tokens, losses, caption) => {
  const width = 340, height = 170, left = 34, bottom = 24, top = 8;
  const most = Math.max(1, ...losses);
  const x = (value) => left + ((width - left - 8) * value) / end;
  const y = (value) => height - bottom - ((height - bottom - top) * value) / most;
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
    "aria-label": caption });
  const [start, stop] = data.moments[selected.cell];
  svg.append(
    make("rect", { class: "window", x: x(start), y: top, width: x(stop) - x(start),
      height: height - bottom - top }),
    make("line", { class: "axis", x1: left, x2: width - 8, y1: y(0), y2: y(0) }),
    make("line", { class: "axis", x1: left, x2: left, y1: y(0), y2: y(most) }));
  for (let value = 0; value <= most; value += Math.max(1, Math.ceil(most / 5))) {
    svg.append(make("text", { x: left - 4, y: y(value) + 3, "text-anchor": "end" }, value));
  }
  for (let i = 0; i <= 4; i++) {
    svg.append(make("text", { x: x((end * i) / 4), y: height - 8, "text-anchor": "middle" },
      ((end * i) / 4e6).toFixed(1)));
  }
  svg.append(make("polyline", {
    points: losses.map((loss, i) => `${x(tokens[i]).toFixed(1)},${y(loss).toFixed(1)}`).join(" ") }));
  const rows = () => csv(["tokens", "loss"], losses.map((loss, i) => [tokens[i], loss]));
  return make("figure", {}, svg, make("figcaption", {}, caption, take(name, rows, () => standalone(svg))));
};
const describeToken = (pos) => {
  const passage = data.passages[Number(passageInput.value)], cell = selected.cell;
  const loss = lossesOf(cell, passage.seq), tokens = checkpoints[cell];
  const [from, to] = [Number(before.value), Number(after.value)];
  at("text").querySelectorAll("[aria-current]").forEach((span) => span.removeAttribute("aria-current"));
  at("text").children[pos + 1]?.setAttribute("aria-current", "true");
  at("token").replaceChildren(
    make("p", { class: "says" }, make("bdi", { class: "token" }, passage.tokens[pos + 1]),
      ` (position ${pos + 1}): ${number(loss(from, pos))} nats at ${millions(tokens[from])}, ` +
      `${number(loss(to, pos))} at ${millions(tokens[to])}`),
    lossChart(`${cell}-seq${passage.seq}-pos${pos + 1}`, tokens,
      tokens.map((_, step) => loss(step, pos)),
      "Its loss over training (nats; millions of training tokens). Shaded: the window, or what is compared."));
};
const showPassage = () => {
  const passage = data.passages[Number(passageInput.value)], cell = selected.cell;
  if (!data.losses[cell]) return;
  const loss = lossesOf(cell, passage.seq), tokens = checkpoints[cell];
  const [from, to] = [Number(before.value), Number(after.value)];
  at("before-says").textContent = millions(tokens[from]);
  at("after-says").textContent = millions(tokens[to]);
  at("passage-from").replaceChildren(make("bdi", {}, passage.document), `, from token ${passage.start}`);
  let greatest = [0, 0];
  const size = Math.min(passage.tokens.length,
    1 + bytes(data.losses[cell][passage.seq]).length / 2 / tokens.length);
  const spans = passage.tokens.map((token, i) => {
    if (i === 0 || i >= size) return make("span", {}, token);
    // In whole thousandths, as they came: a difference of fractions may miss a half.
    const change = Math.round(1000 * (loss(to, i - 1) - loss(from, i - 1))) / 1000;
    if (change < greatest[0]) greatest = [change, i - 1];
    return make("span", { class: tint(change), "data-pos": i - 1,
      title: `${change < 0 ? "" : "+"}${change.toFixed(2)} nats` }, token);
  });
  at("text").replaceChildren(...spans);
  describeToken(greatest[1]);
};
const chooseCell = (cell) => {
  selected.cell = cell;
  cellSelects.forEach((select) => { select.value = cell; });
  cellBlocks.forEach((block) => { block.hidden = block.dataset.cell !== cell; });
  const heads = data.heads[cell];
  if (heads) {
    at("reading").max = heads.readings.length - 1;
    at("stops").replaceChildren(...heads.readings.map((reading) => make("span", {}, reading.at)));
    selected.reading = heads.readings.length - 1;
    at("reading").value = selected.reading;
    const first = [...document.querySelectorAll("button.head")]
      .filter((button) => button.dataset.cell === cell);
    selected.head = (first.find((button) => "best" in button.dataset) ?? first[0]).dataset.head;
    showHead();
  }
  const read = at("tokens-read");
  if (read) {
    const moment = data.moments[cell];
    read.hidden = !moment;
    if (moment) {
      for (const [input, tokens] of [[before, moment[0]], [after, moment[1]]]) {
        input.max = checkpoints[cell].length - 1;
        input.value = checkpoints[cell].indexOf(tokens);
      }
      showPassage();
    }
  }
};
if (cellSelects.length) {
  cellSelects.forEach((select) => select.addEventListener("change", () => chooseCell(select.value)));
  at("heads").addEventListener("click", (event) => {
    const button = event.target.closest("button.head");
    if (button) chooseHead(button.dataset.head);
  });
  at("reading")?.addEventListener("input", (event) => chooseReading(Number(event.target.value)));
  if (passageInput) {
    passageInput.addEventListener("change", showPassage);
    // The later moment does not come before the earlier one.
    before.addEventListener("input", () => {
      if (Number(after.value) < Number(before.value)) after.value = before.value;
      showPassage();
    });
    after.addEventListener("input", () => {
      if (Number(after.value) < Number(before.value)) before.value = after.value;
      showPassage();
    });
    at("text").addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const now = at("text").querySelector("[aria-current]");
      const pos = Number(now?.dataset.pos ?? 0) + (step ?? 0);
      if (!step || !at("text").querySelector(`[data-pos="${pos}"]`)) return;
      event.preventDefault();
      describeToken(pos);
      at("text").children[pos + 1].scrollIntoView({ block: "nearest" });
    });
    at("text").addEventListener("click", (event) => {
      const pos = event.target.dataset?.pos;
      if (pos !== undefined) describeToken(Number(pos));
    });
  }
  chooseCell(cellSelects[0].querySelector("[selected]").value);
}

// --- claims ------------------------------------------------------------------------------------

const verdict = at("verdict"), claims = [...document.querySelectorAll(".claims details")];
verdict.addEventListener("change", () => {
  for (const claim of claims) claim.hidden = ![claim.dataset.verdict, ""].includes(verdict.value);
});
// On paper nobody opens a row.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll(".claims details:not([open])")];
  for (const claim of opened) claim.open = true;
});
addEventListener("afterprint", () => { for (const claim of opened) claim.open = false; });
