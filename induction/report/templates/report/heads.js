// One model for heads and tokens.
const cellSelects = document.querySelectorAll("select.cell");
const selected = { cell: null, head: null, reading: 0 };

const showHead = () => {
  const cell = data.heads[selected.cell];
  if (!cell) return;
  const reading = cell.readings[selected.reading];
  document.querySelectorAll("button.head").forEach((button) => {
    const pressed = button.dataset.cell === selected.cell && button.dataset.head === selected.head;
    button.setAttribute("aria-pressed", pressed);
  });
  const says = `${selected.head} of the ${columnOf(selected.cell).kind}, ${reading.at}: ` +
    `step ${reading.step}, ${millions(reading.tokens)}`;
  at("reading-says").textContent = says;
  at("reading").setAttribute("aria-valuetext", says);
  at("heads").style.setProperty("--at", reading.tokens / end);
  const map = (probe, caption) => {
    const patterns = cell.heads[selected.head]?.[probe];
    return patterns
      ? heatMap(`${selected.cell}-${selected.head}-${reading.at}-${probe}`,
        counts(patterns[selected.reading]).map((share) => share / 100), cell.shown[probe], caption, probe === "random" ? (cell.shown[probe].length + 1) / 2 : null)
      : "";
  };
  at("attention").replaceChildren(
    map("random", `${selected.head} on random tokens that come twice, after BOS, which begins a text`),
    map("text", `${selected.head} on held-out text`));
};
const chooseHead = (head) => {
  selected.head = head;
  showHead();
};
const chooseReading = (index) => {
  selected.reading = index;
  at("reading").value = index;
  showHead();
};
// Touching a small curve chooses the checkpoint next to it.
const touchCurve = (event) => {
  const box = event.target.closest(".spark")?.getBoundingClientRect();
  const readings = data.heads[selected.cell]?.readings;
  if (!box || !readings) return;
  const tokens = (end * (event.clientX - box.left)) / box.width;
  chooseReading(nearest(readings.map((reading) => reading.tokens), tokens));
};
