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
  // Where pictures and cards do not stand side by side, the pictures are above.
  at("attention").scrollIntoView({ block: "nearest" });
};
const chooseReading = (index) => {
  selected.reading = index;
  showHead();
  const reading = data.heads[selected.cell]?.readings[index];
  if (reading) setStep(nearest(reading.tokens));
};
