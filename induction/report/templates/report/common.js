// Text goes in as text nodes only: tokens may spell anything.
const SVG = "http://www.w3.org/2000/svg";
const SVG_ELEMENTS = ["svg", "circle", "line", "polyline", "rect", "text", "title"];
const make = (name, attributes, ...children) => {
  const node = SVG_ELEMENTS.includes(name)
    ? document.createElementNS(SVG, name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) node.setAttribute(key, value);
  node.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return node;
};
const at = (id) => document.getElementById(id);
// With a minus sign, and none before zero.
const signed = (text) => text.replace(/^-(?=[0.]*$)/, "").replace("-", "−");
const number = (value, digits = 2) =>
  value === null || value === undefined ? "–" : signed(value.toFixed(digits));
const options = (select, entries, current) => {
  select.replaceChildren(...entries.map(([value, text]) => make("option", { value }, text)));
  if (entries.some(([value]) => value === current)) select.value = current;
};
const bytes = (encoded) => Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0));

// Downloads are made in the browser, so that the page holds each number once.
const save = (name, type, text) => {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = make("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
};
const csv = (header, rows) => {
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [header, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
};
const decoded = (image) =>
  decodeURIComponent(image.getAttribute("src").slice(image.getAttribute("src").indexOf(",") + 1));
// A downloaded drawing has no style sheet beside it, so its style goes into the file.
const standalone = (svg) => {
  const copy = svg.cloneNode(true);
  copy.setAttribute("xmlns", SVG);
  copy.prepend(make("title", {}, svg.getAttribute("aria-label") ?? ""));
  const style = document.createElementNS(SVG, "style");
  style.textContent = "polyline{fill:none;stroke:#0072B2;stroke-width:1.5}.share,.dot,.weights{fill:#0072B2}" +
    ".measured{fill:#E69F00}.window{fill:#F0E442;fill-opacity:.4}.axis,.half{stroke:#777;stroke-width:.6}" +
    "text{font:10px sans-serif;fill:#555}";
  copy.prepend(style);
  return new XMLSerializer().serializeToString(copy);
};
const take = (name, rows, drawing) => {
  const buttons = make("span", { class: "take" });
  const button = (text, what, act) => {
    const node = make("button", { type: "button", "aria-label": `${what} of ${name}` }, text);
    node.addEventListener("click", act);
    buttons.append(node);
  };
  if (rows) button("CSV", "data", () => save(`${name}.csv`, "text/csv", rows()));
  if (drawing) button("SVG", "picture", () => save(`${name}.svg`, "image/svg+xml", drawing()));
  return buttons;
};

// Attention as the lower triangle of a square, row by row, in shares.
// `split` is where the second half begins, if it repeats the first.
const heatMap = (name, shares, tokens, caption, split) => {
  const side = tokens.length, size = Math.max(5, Math.floor(300 / side));
  const whole = side * size, margin = 14;
  const svg = make("svg", { viewBox: `0 0 ${whole + margin} ${whole + margin}`,
    width: whole + margin, height: whole + margin, role: "img", "aria-label": caption });
  svg.append(
    make("text", { x: margin + whole / 2, y: 10, "text-anchor": "middle" }, "key →"),
    make("text", { x: -margin - whole / 2, y: 10, "text-anchor": "middle",
      transform: "rotate(-90)" }, "← query"));
  for (const place of split ? [split] : []) {
    const along = margin + place * size;
    svg.append(
      make("line", { class: "half", x1: along, x2: along, y1: margin, y2: margin + whole }),
      make("line", { class: "half", y1: along, y2: along, x1: margin, x2: margin + whole }));
  }
  const rows = [];
  for (let query = 0, i = 0; query < side; query++) {
    for (let key = 0; key <= query; key++, i++) {
      const share = shares[i];
      rows.push([query, tokens[query], key, tokens[key], share.toFixed(3)]);
      if (share > 0.012) {
        svg.append(make("rect", { class: "share", x: margin + key * size, y: margin + query * size, width: size,
          height: size, "fill-opacity": share.toFixed(2) }));
      }
    }
  }
  const says = make("p", { class: "says", "aria-live": "polite" }, "\u00a0");
  const describe = (event) => {
    const box = svg.getBoundingClientRect();
    const index = (along, from, length) =>
      Math.floor((((along - from) / length) * (whole + margin) - margin) / size);
    const key = index(event.clientX, box.left, box.width);
    const query = index(event.clientY, box.top, box.height);
    if (key < 0 || query < 0 || key > query || query >= side) return;
    const share = shares[(query * (query + 1)) / 2 + key];
    says.replaceChildren(`${query} `, make("bdi", {}, tokens[query]), ` attends to ${key} `,
      make("bdi", {}, tokens[key]), `: ${share.toFixed(2)}`);
  };
  svg.addEventListener("pointermove", describe);
  svg.addEventListener("pointerdown", describe);
  svg.addEventListener("pointerleave", () => { says.textContent = "\u00a0"; });
  const data = () => csv(["query", "query_token", "key", "key_token", "attention"], rows);
  return make("figure", { class: "map" }, svg, says,
    make("figcaption", {}, caption, take(name, data, () => standalone(svg))));
};
