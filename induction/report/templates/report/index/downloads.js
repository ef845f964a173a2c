// Every chart offers its data and its picture.
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
