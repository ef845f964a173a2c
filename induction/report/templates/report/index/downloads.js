// Every chart offers its data and its picture.
const row = (name) => {
  const panels = [...at(`m-${name}`).querySelectorAll(".panel")];
  const across = frame.left + frame.width + frame.right, parts = [];
  panels.forEach((panel, i) => {
    const says = panel.querySelector("figcaption b").textContent;
    const title = make("text", { x: i * across + 6, y: 14, class: "name" }, says);
    parts.push(new XMLSerializer().serializeToString(title));
    const image = panel.querySelector("img");
    if (image) parts.push(decoded(image).replace("<svg", `<svg x="${i * across}" y="20"`));
  });
  const width = panels.length * across, height = frame.top + frame.height + frame.bottom + 20;
  return `<svg xmlns="${SVG}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">` +
    `<style>.name{font:11px sans-serif;fill:currentColor}</style>${parts.join("")}</svg>`;
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
