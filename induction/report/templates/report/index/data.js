const data = JSON.parse(at("data").textContent);
const { frame, end, steps, tables, checkpoints } = data;
document.documentElement.classList.add("scripted");

const rowsOf = (query, where = {}) => {
  const table = tables[query];
  if (!table) return [];
  const names = Object.keys(table), rows = [];
  for (let i = 0; i < table[names[0]].length; i++) {
    if (Object.entries(where).every(([key, value]) => table[key][i] === value)) {
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
