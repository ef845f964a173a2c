// Every chart offers its data and its picture.
const row = (name) => joined([...at(`m-${name}`).querySelectorAll(".panel")].map((panel) =>
  [panel.querySelector("img"), panel.querySelector("figcaption b").textContent]),
  frame.left + frame.width + frame.right);
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
