const { cells, tables, queries } = data;
const cellOf = at("cell"), readingOf = at("reading"), headOf = at("head"), panel = at("explorer");

const table = (caption, header, rows) => {
  const head = make("tr", {}, ...header.map((text) => make("th", { scope: "col" }, text)));
  const body = rows.map((row) => make("tr", {}, ...row.map((text) => make("td", {}, text))));
  return make(
    "div", { class: "table" },
    make("table", {}, make("caption", {}, make("span", {}, caption)), make("thead", {}, head),
      make("tbody", {}, ...body)));
};
const pairs = (list, digits) =>
  list.map(([token, value]) => `${token} ${number(value, digits)}`).join("   ");

const complexPlane = ([re, im]) => {
  const x = (value) => 100 + 90 * value, y = (value) => 100 - 90 * value;
  const svg = make("svg", { viewBox: "0 0 200 200", width: 200, height: 200, role: "img",
    "aria-label": "eigenvalues of the OV circuit in the complex plane" });
  svg.append(
    make("line", { x1: 5, x2: 195, y1: 100, y2: 100, class: "axis" }),
    make("line", { y1: 5, y2: 195, x1: 100, x2: 100, class: "axis" }));
  re.forEach((value, i) => svg.append(
    make("circle", { cx: x(value), cy: y(im[i]), r: 3, class: "dot" },
      make("title", {}, `${number(value)} ${im[i] < 0 ? "−" : "+"} ${number(Math.abs(im[i]))}i`))));
  const rows = () => csv(["re", "im"], re.map((value, i) => [value, im[i]]));
  return make("figure", {}, svg, make("figcaption", {},
    "Eigenvalues of W_E W_OV W_U, relative to the largest",
    take(`${cellOf.value}-${headOf.value}-eigenvalues`, rows, () => standalone(svg))));
};

const offsets = ([byPosition, measured]) => {
  const width = 18 * byPosition.length, svg = make("svg", { viewBox: `0 0 ${width} 130`,
    width, height: 130, role: "img", "aria-label": "attention by distance" });
  byPosition.forEach((share, i) => {
    svg.append(
      make("rect", { x: 18 * i + 2, y: 110 - 100 * share, width: 7, height: 100 * share,
        class: "weights" }, make("title", {}, `${i} back, by weights: ${number(share)}`)),
      make("rect", { x: 18 * i + 9, y: 110 - 100 * measured[i], width: 7,
        height: 100 * measured[i], class: "measured" },
        make("title", {}, `${i} back, measured: ${number(measured[i])}`)),
      make("text", { x: 18 * i + 9, y: 124, "text-anchor": "middle" }, i));
  });
  const rows = () => csv(["positions_back", "by_weights", "measured"],
    byPosition.map((share, i) => [i, share, measured[i]]));
  return make("figure", {}, svg, make("figcaption", {},
    "Attention by positions back: blue by pos W_QK posᵀ alone, orange as measured on text",
    take(`${cellOf.value}-${headOf.value}-offsets`, rows, () => standalone(svg))));
};

const facts = (head) => make("ul", {}, ...[
  `${head.kind.replace("_", "-")} head: prefix matching ${number(head.prefix_matching)}, attention ` +
    `to the previous token ${number(head.previous_token)} (by its position circuit ` +
    `${number(head.by_position)})`,
  `OV circuit: ${number(100 * head.ov_diagonal, 0)} % of tokens raise themselves most, positivity ` +
    `${number(head.ov_positivity)}, effective rank ${number(head.ov_rank, 1)}`,
  `QK circuit: ${number(100 * head.qk_diagonal, 0)} % of tokens attend to themselves most, ` +
    `effective rank ${number(head.qk_rank, 1)}`,
  ...(head.inexact ? [`Token circuits, not exact here: ${head.inexact}`] : []),
  ...(head.inexact_position
    ? [`Position circuit, not exact here: ${head.inexact_position}`] : []),
].map((text) => make("li", {}, text)));

const shares = (encoded) => [...bytes(encoded)].map((weight) => weight / 255);
const draw = () => {
  const cell = cells[cellOf.value];
  const reading = cell.readings[Number(readingOf.value)];
  const name = headOf.value, head = reading.heads[name];
  const touching = reading.edges.filter(({ edge }) => edge.split(">").includes(name));
  const children = [
    make("h3", {}, `${name} of ${cellOf.value}, ${reading.at}: ` +
      `${(reading.tokens / 1e6).toFixed(2)} M tokens`),
    make("p", {}, reading.circuit
      ? `Circuit at this checkpoint: ${reading.circuit}` : `No circuit here: ${reading.reason}`),
    facts(head),
    make("div", { class: "side" },
      heatMap(`${cellOf.value}-${name}-${reading.at}-random`, shares(head.attention.random), cell.shown.random,
        "Attention on BOS and a random block, twice (query down, key across)"),
      heatMap(`${cellOf.value}-${name}-${reading.at}-text`, shares(head.attention.text), cell.shown.text,
        "Attention on held-out text")),
    make("div", { class: "side" }, complexPlane(head.eigenvalues), offsets(head.offsets)),
    make("div", { class: "side" },
      table("OV circuit: source → out, nats above the mean logit", ["source", "raises"],
        head.ov.map(([token, list]) => [token, pairs(list, 1)])),
      table("QK circuit: destination → source, nats above the mean key",
        ["destination", "attends to"],
        head.qk.map(([token, list]) => [token, pairs(list, 1)]))),
  ];
  if (touching.length) {
    children.push(table("Edges of this head",
      ["edge", "into", "diagonal of the K circuit", "Q-, K- and V-composition (high by chance)",
        "ICL lost without it, nats [interval]"],
      touching.map((edge) => [
        edge.edge + (edge.is_circuit && edge.receiver_input === "k" ? " ●" : ""), edge.receiver_input,
        number(edge.k_diagonal),
        edge.k_composition === null ? "–" : ["q", "k", "v"].map((input) =>
          `${number(edge[`${input}_composition`])} (${number(edge[`${input}_high`])})`).join(" "),
        number(edge.icl_lost, 3) + (edge.icl_lost_low === null ? ""
          : ` [${number(edge.icl_lost_low, 3)}, ${number(edge.icl_lost_high, 3)}]`)])));
  }
  if (head.trigrams.length) {
    const header = ["source … destination → out", "effect (nats)", "in the text", "ln lift"];
    const row = ([, source, destination, out, effect, seen, all, lift]) => [
      `${source} … ${destination} → ${out}`, number(effect), `${seen} of ${all}`, number(lift)];
    children.push(make("div", { class: "side" },
      table("Skip-trigrams that the text has", [...header, "first seen as"],
        head.trigrams.map((one) => [...row(one), one[0]])),
      table("Bugs: two that the text has, and the one they force", ["", ...header],
        head.bugs.map((one) => [one[0], ...row(one)]))));
  }
  children.push(make("div", { class: "side" },
    table(direct(reading.agreement), ["after", "direct path", "text"],
      reading.direct.map(([token, path, text]) => [token, pairs(path), pairs(text)])),
    table("Direct logit attribution, nats", ["part", "text, late", "random, repeated",
      "right − likeliest wrong, repeated"], parts(reading.parts)),
    table("Logit lens on text: predictions after so many layers",
      ["layers", "loss (nats)", "right", "KL of the whole (nats)"],
      reading.lens.filter(([span]) => span === "text").map(([, after, loss, right, kl]) =>
        [after, number(loss), number(right), number(kl)]))));
  panel.replaceChildren(...children);
};

const direct = (agreement) => "Direct path and bigrams: likeliest next tokens. Over all common tokens: " +
  `KL ${number(agreement.kl)} nats (of single-token frequencies ${number(agreement.kl_unigram)}), rank ` +
  `correlation ${number(agreement.rank_correlation)}, same likeliest next ` +
  `${number(100 * agreement.same_first, 0)} %; ${agreement.inexact}`;

const parts = (rows) => {
  const spansOf = new Map();
  for (const [span, part, logit, difference] of rows) {
    if (!spansOf.has(part)) spansOf.set(part, {});
    spansOf.get(part)[span] = [logit, difference];
  }
  return [...spansOf].map(([part, spans]) => [part, number(spans.text_late?.[0]),
    number(spans.random_again?.[0]), number(spans.random_again?.[1])]);
};

const chooseCell = () => {
  const cell = cells[cellOf.value], last = String(cell.readings.length - 1);
  options(readingOf, cell.readings.map((reading, i) => [String(i),
    `${reading.at} (${(reading.tokens / 1e6).toFixed(2)} M)`]), last);
  const end = cell.readings[cell.readings.length - 1];
  const circuit = end.circuit.split(" ")[0].split(">")[1];
  const best = Object.entries(end.heads)
    .sort(([, a], [, b]) => b.prefix_matching - a.prefix_matching)[0][0];
  options(headOf, Object.keys(end.heads).map((name) =>
    [name, `${name} (${end.heads[name].kind.replace("_", "-")})`]), circuit ?? best);
  draw();
};
cellOf.addEventListener("change", chooseCell);
readingOf.addEventListener("change", draw);
headOf.addEventListener("change", draw);
for (const [name, query] of Object.entries(queries)) {
  const figure = at(name);
  if (!figure) continue;
  const columns = Object.keys(tables[query] ?? {});
  const rows = () => csv(columns, tables[query][columns[0]].map((_, i) =>
    columns.map((column) => tables[query][column][i])));
  figure.querySelector("figcaption").append(
    take(name, columns.length ? rows : null, 
      () => joined([...figure.querySelectorAll("img")].map((image) => [image]))));
}
const names = Object.keys(cells);
const first = names.find((name) => cells[name].readings.at(-1).circuit.startsWith("L"));
options(cellOf, names.map((name) => [name, name]), first ?? names[0]);
// A link from the report names the model that it speaks of.
const follow = () => {
  const linked = names.find((name) => location.hash === `#${encodeURIComponent(name)}`);
  if (linked) cellOf.value = linked;
  chooseCell();
  if (linked) at("explore").scrollIntoView();
};
addEventListener("hashchange", () => { if (!at(location.hash.slice(1))) follow(); });
follow();
