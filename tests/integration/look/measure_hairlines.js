// What seems to be free above and below each hairline between two articles of a list: to the letters, not to the boxes that
// hold them. Articles with a label above the title are left out.
() => [...document.querySelectorAll("h2.title, h3.title")].slice(1).filter(h => !h.querySelector(".accent")).flatMap(h => {
  const row = h.closest("tr"), line = h.closest("td").getBoundingClientRect().top;
  const over = row.previousElementSibling && row.previousElementSibling.querySelector("h2, h3");
  if (!over) return [];
  const slack = e => (parseFloat(getComputedStyle(e).lineHeight) - parseFloat(getComputedStyle(e).fontSize)) / 2;
  const last = [...over.closest("td").querySelectorAll("p")].pop(), link = h.firstElementChild;
  const top = link.getBoundingClientRect().top + parseFloat(getComputedStyle(link).paddingTop);
  return [[line - last.getBoundingClientRect().bottom + slack(last), top + slack(h) - line]];
})
