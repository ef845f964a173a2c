// A passage, token by token.
const passageInput = at("passage"), before = at("before"), after = at("after");
const lossesOf = (cell, seq) => {
  const losses = counts(data.losses[cell][seq]), size = losses.length / checkpoints[cell].length;
  // Changes since the checkpoint before, in twentieths: 0, -1, 1, -2, … as 0, 1, 2, 3, …
  losses.forEach((folded, i) => {
    losses[i] = (i < size ? 0 : losses[i - size]) + (folded % 2 ? -(folded + 1) / 2 : folded / 2);
  });
  const loss = (step, pos) => losses[step * size + pos] / 20;
  return { loss, size };
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
  const [start, stop] = [tokens[Number(before.value)], tokens[Number(after.value)]];
  svg.append(
    make("rect", { class: "window", x: x(start), y: top, width: x(stop) - x(start),
      height: height - bottom - top }),
    make("line", { class: "axis", x1: left, x2: width - 8, y1: y(0), y2: y(0) }),
    make("line", { class: "axis", x1: left, x2: left, y1: y(0), y2: y(most) }));
  for (let value = 0; value <= most; value += Math.max(1, Math.ceil(most / 5))) {
    svg.append(make("text", { x: left - 4, y: y(value) + 3, "text-anchor": "end" }, value));
  }
  for (let i = 0; i <= 4; i++) {
    svg.append(make("text", { x: x((end * i) / 4), y: height - 8, "text-anchor": i < 4 ? "middle" : "end" },
      ((end * i) / 4e6).toFixed(1)));
  }
  svg.append(make("polyline", {
    points: losses.map((loss, i) => `${x(tokens[i]).toFixed(1)},${y(loss).toFixed(1)}`).join(" ") }));
  const rows = () => csv(["tokens", "loss"], losses.map((loss, i) => [tokens[i], loss]));
  return make("figure", {}, svg, make("figcaption", {}, caption, take(name, rows, () => standalone(svg))));
};
const describeToken = (pos) => {
  const passage = data.passages[Number(passageInput.value)], cell = selected.cell;
  const { loss } = lossesOf(cell, passage.seq), tokens = checkpoints[cell];
  const [from, to] = [Number(before.value), Number(after.value)];
  at("text").querySelectorAll("[aria-current]").forEach((span) => span.removeAttribute("aria-current"));
  at("text").children[pos + 1]?.setAttribute("aria-current", "true");
  at("token").replaceChildren(
    make("p", { class: "says" }, make("bdi", { class: "token" }, passage.tokens[pos + 1]),
      ` (position ${pos + 1}): ${number(loss(from, pos))} nats at ${millions(tokens[from])}, ` +
      `${number(loss(to, pos))} at ${millions(tokens[to])}`),
    lossChart(`${cell}-seq${passage.seq}-pos${pos + 1}`, tokens,
      tokens.map((_, step) => loss(step, pos)),
      "Its loss over training (in nats, to a twentieth; millions of training tokens). Yellow: what is compared."));
};
const showPassage = () => {
  const passage = data.passages[Number(passageInput.value)], cell = selected.cell;
  if (!data.losses[cell]) return;
  const { loss, size } = lossesOf(cell, passage.seq), tokens = checkpoints[cell];
  const [from, to] = [Number(before.value), Number(after.value)];
  const moment = data.moments[cell];
  const span = tokens[from] === moment[0] && tokens[to] === moment[1] ? moment[2] : "as chosen";
  at("compared").textContent = `${columnOf(cell).kind}, from ${millions(tokens[from])} to ` +
    `${millions(tokens[to])} of training (${span})`;
  at("before-says").textContent = millions(tokens[from]);
  at("after-says").textContent = millions(tokens[to]);
  at("passage-from").replaceChildren(make("bdi", {}, passage.document), `, from token ${passage.start}`);
  let greatest = [0, 0];
  const spans = passage.tokens.map((token, i) => {
    if (i === 0 || i > size) return make("span", {}, token);
    // In whole twentieths, as they came: a difference of fractions may miss a half.
    const change = Math.round(20 * (loss(to, i - 1) - loss(from, i - 1))) / 20;
    if (change < greatest[0]) greatest = [change, i - 1];
    return make("span", { class: tint(change), "data-pos": i - 1,
      title: `${change < 0 ? "" : "+"}${number(change)} nats` }, token);
  });
  at("text").replaceChildren(...spans);
  describeToken(greatest[1]);
};
