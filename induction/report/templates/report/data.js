// What the page holds of models that nobody has chosen yet: by what it is, as the text of elements.
// All is unpacked now, so that printing, which does not wait, can have it.
const later = new Map();
await Promise.all([...document.querySelectorAll("template[data-later]")].map(async (template) => {
  later.set(template.dataset.later, await unpacked(template.content.textContent));
}));
const { frame, end, steps, tables, checkpoints } = data;
// The page's own elements: the policy lets no script or address in them act.
const elementsOf = (name) => {
  const text = later.get(name) ?? "";
  later.delete(name);
  return [...new DOMParser().parseFromString(text, "text/html").body.children];
};

// Counts, a letter each; the last letter stands for as many as there are before it, and goes on.
const worth = new Map([...data.letters].map((letter, i) => [letter, i]));
const counts = (spelled) => {
  const most = data.letters.length - 1, read = [];
  let above = 0;
  for (const letter of spelled) {
    const count = worth.get(letter);
    if (count < most) read.push(above + count);
    above = count < most ? 0 : above + most;
  }
  return read;
};

const rowsOf = (query, where = {}) => {
  const table = tables[query];
  if (!table) return [];
  const names = Object.keys(table), rows = [];
  const wanted = Object.entries(where);
  for (let i = 0; i < table[names[0]].length; i++) {
    if (wanted.every(([key, value]) => table[key][i] === value)) {
      rows.push(Object.fromEntries(names.map((name) => [name, table[name][i]])));
    }
  }
  return rows;
};
const asCsv = (query, where) => {
  const rows = rowsOf(query, where);
  return csv(Object.keys(rows[0] ?? {}), rows.map((row) => Object.values(row)));
};
const millions = (tokens) => `${(tokens / 1e6).toFixed(2)} M tokens`;
const columnOf = (cell) => data.columns.find((column) => column.cell === cell);
