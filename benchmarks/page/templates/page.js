"use strict";

// Sorting. Numbers go by their value, an interval by its lower end; what is no number comes last, whatever the direction.
function value(cell) {
  const text = cell.textContent.trim().replace(/^[≤<]\s*/, "").replace(/,(?=\d)/g, "");
  return { text, number: /^[-+]?[\d.]/.test(text) ? parseFloat(text) : NaN };
}

function compare(a, b, direction) {
  if (isNaN(a.number) && isNaN(b.number)) return direction * a.text.localeCompare(b.text);
  if (isNaN(a.number) || isNaN(b.number)) return isNaN(a.number) - isNaN(b.number);
  return direction * (a.number - b.number);
}

function sort(table, column, heading) {
  const first = heading.classList.contains("words") ? "ascending" : "descending";
  const second = first === "ascending" ? "descending" : "ascending";
  const order = heading.getAttribute("aria-sort") === first ? second : first;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order);
  const body = table.tBodies[0];
  const lines = [...body.rows].map((row) => ({ row, key: value(row.cells[column]) }));
  lines.sort((a, b) => compare(a.key, b.key, order === "ascending" ? 1 : -1));
  body.append(...lines.map((line) => line.row));
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    if ("picture" in heading.dataset) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(table, column, heading));
    heading.append(button);
  });
}

// The comparison of two agents: of all pairs, the one that is chosen.
const pairs = [...document.querySelectorAll(".pair")];
const [first, second] = ["first", "second"].map((id) => document.getElementById(id));
const told = document.getElementById("told");

function choose() {
  const wanted = [first.value, second.value];
  for (const pair of pairs) {
    pair.hidden = wanted[0] === wanted[1] || !wanted.includes(pair.dataset.first) || !wanted.includes(pair.dataset.second);
    pair.open = !pair.hidden;
  }
  const shown = pairs.find((pair) => !pair.hidden);
  told.textContent = shown ? "" : "Choose two different agents that have finished runs.";
}

function follow() {
  const pair = pairs.find((one) => one.id === location.hash.slice(1));
  if (!pair) return;
  [first.value, second.value] = [pair.dataset.first, pair.dataset.second];
  choose();
}

if (pairs.length) {
  const form = document.getElementById("choose");
  [first.value, second.value] = [form.dataset.first, form.dataset.second];
  form.hidden = false;
  for (const menu of [first, second]) menu.addEventListener("change", choose);
  choose();
  follow();
  addEventListener("hashchange", follow);
}
