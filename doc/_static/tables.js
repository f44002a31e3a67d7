// On a narrow screen a table that does not fit is shown as a list, one block for each
// row, every cell after the name of its column (skmi.css: table.stacked).
const NARROW = 600;

function label(table) {
  const names = [...table.querySelectorAll("thead th")].map((cell) => cell.innerText.trim());
  for (const row of table.tBodies[0].rows) {
    [...row.cells].forEach((cell, k) => {
      if (k && names[k]) cell.dataset.label = names[k];
    });
  }
}

function stackIfTooWide(table) {
  const isTooWide = table.offsetWidth > table.parentElement.clientWidth + 1;
  const isOfNames = table.classList.contains("autosummary");
  if (innerWidth <= NARROW && (isTooWide || isOfNames)) table.classList.add("stacked");
}

document.addEventListener("DOMContentLoaded", () => {
  const watch = new ResizeObserver((found) => found.forEach((entry) => stackIfTooWide(entry.target)));
  for (const table of document.querySelectorAll(".bd-article table.table:not(.sortable)")) {
    if (table.tHead && table.tBodies.length) label(table);
    watch.observe(table);
  }
});
