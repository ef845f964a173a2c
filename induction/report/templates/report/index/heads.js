// One model for heads and tokens.
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
