// Every chart offers its data and its picture.
// Pictures as one: each with a title above, if it has one.
const joined = (pictures) => {
  const parts = [];
  let across = 0, down = 0;
  for (const [image, title] of pictures) {
    const above = title ? 20 : 0;
    let [width, height] = [frame.left + frame.width + frame.right, 0];
    if (title) {
      const text = make("text", { x: across + 6, y: 14, class: "name" }, title);
      parts.push(new XMLSerializer().serializeToString(text));
    }
    if (image) {
      const picture = decoded(image);
      [width, height] = ["width", "height"].map((side) =>
        Number(picture.match(new RegExp(`<svg[^>]* ${side}='([^']+)'`))[1]));
      parts.push(picture.replace("<svg", `<svg x="${across}" y="${above}"`));
    }
    across += width;
    down = Math.max(down, above + height);
  }
  return `<svg xmlns="${SVG}" width="${across}" height="${down}" viewBox="0 0 ${across} ${down}">` +
    `<style>.name{font:11px sans-serif;fill:currentColor}</style>${parts.join("")}</svg>`;
};
const row = (name) => joined([...at(`m-${name}`).querySelectorAll(".panel")].map((panel) =>
  [panel.querySelector("img"), panel.querySelector("figcaption b").textContent]));
for (const measure of data.tableRows) {
  at(`m-${measure.name}`).querySelector("h3")
    .after(take(measure.name, () => asCsv(measure.query, measure.where), () => row(measure.name)));
}
for (const [name, query] of Object.entries(data.queries)) {
  const figure = at(name);
  if (!figure || !tables[query]) continue;
  figure.querySelector("figcaption")
    .append(take(name, () => asCsv(query), () => joined([...figure.querySelectorAll("img")].map((image) => [image]))));
}
