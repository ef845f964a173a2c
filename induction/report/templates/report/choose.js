// One model for heads and tokens: last, as it calls what both offer.
const buildBlocks = (cell) => {
  for (const id of ["heads", "tokens"]) {
    at(id).querySelector(".blocks")?.append(...elementsOf(`${id} ${cell}`));
  }
};
const chooseCell = (cell) => {
  selected.cell = cell;
  cellSelects.forEach((select) => { select.value = cell; });
  buildBlocks(cell);
  document.querySelectorAll(".of-cell").forEach((block) => {
    block.hidden = block.dataset.cell !== cell;
  });
  const heads = data.heads[cell];
  if (heads) {
    at("reading").max = heads.readings.length - 1;
    at("stops").replaceChildren(...heads.readings.map((reading) => make("span", {}, reading.at)));
    const first = [...document.querySelectorAll("button.head")]
      .filter((button) => button.dataset.cell === cell);
    selected.head = (first.find((button) => "best" in button.dataset) ?? first[0]).dataset.head;
    chooseReading(heads.readings.length - 1);
  }
  const read = at("tokens-read");
  if (read) {
    const moment = data.moments[cell];
    read.hidden = !moment;
    if (moment) {
      for (const [input, tokens] of [[before, moment[0]], [after, moment[1]]]) {
        input.max = checkpoints[cell].length - 1;
        input.value = checkpoints[cell].indexOf(tokens);
      }
      showPassage();
    }
  }
};
if (cellSelects.length) {
  cellSelects.forEach((select) => select.addEventListener("change", () => chooseCell(select.value)));
  at("heads").addEventListener("click", (event) => {
    const button = event.target.closest("button.head");
    if (button) chooseHead(button.dataset.head);
    else touchCurve(event);
  });
  at("reading")?.addEventListener("input", (event) => chooseReading(Number(event.target.value)));
  if (passageInput) {
    passageInput.addEventListener("change", showPassage);
    // Neither moment passes the other: the one that is moved stops there.
    for (const [moved, other] of [[before, after], [after, before]]) {
      moved.addEventListener("input", () => {
        if (Number(after.value) < Number(before.value)) moved.value = other.value;
        showPassage();
      });
    }
    at("text").addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const now = at("text").querySelector("[aria-current]");
      const pos = Number(now?.dataset.pos ?? 0) + (step ?? 0);
      if (!step || !at("text").querySelector(`[data-pos="${pos}"]`)) return;
      event.preventDefault();
      describeToken(pos);
      at("text").children[pos + 1].scrollIntoView({ block: "nearest" });
    });
    at("text").addEventListener("click", (event) => {
      const pos = event.target.dataset?.pos;
      if (pos !== undefined) describeToken(Number(pos));
    });
  }
  at("all-columns").addEventListener("click", ({ target }) => {
    const all = at("heads").classList.toggle("all");
    target.setAttribute("aria-pressed", all);
    target.textContent = all ? "fewer columns" : "all columns";
  });
  chooseCell(cellSelects[0].querySelector("[selected]").value);
  // On paper nobody chooses: every model has its tables there.
  addEventListener("beforeprint", () => {
    data.columns.forEach((column) => buildBlocks(column.cell));
    document.querySelectorAll(".of-cell").forEach((block) => { block.hidden = false; });
  });
  addEventListener("afterprint", () => {
    document.querySelectorAll(".of-cell").forEach((block) => {
      block.hidden = block.dataset.cell !== selected.cell;
    });
  });
}
