// Where the parts of every highlighted article stand, without the padding that lies inside a title's link.
() => [...document.querySelectorAll(".prose h2, .prose h3")].filter(h => h.parentElement.querySelector("p.muted") && !h.closest(".mark")).map(h => {
  const title = h.firstElementChild;
  const box = title.getBoundingClientRect();
  const style = getComputedStyle(title);
  const meta = h.parentElement.querySelector("p.muted");
  const summary = [...h.parentElement.children].slice(2);
  const order = [...h.parentElement.children].map(e => e.tagName === h.tagName ? "title" : e === meta ? "author" : "summary");
  return {
    top: box.top + parseFloat(style.paddingTop), titleBottom: box.bottom - parseFloat(style.paddingBottom),
    metaTop: meta.getBoundingClientRect().top, metaBottom: meta.getBoundingClientRect().bottom,
    summaryTop: summary[0].getBoundingClientRect().top, bottom: summary[summary.length - 1].getBoundingClientRect().bottom,
    order, next: h.closest("tr").nextElementSibling ? h.closest("tr").nextElementSibling.querySelector("h2,h3") !== null : false,
  };
})
