"use strict";

// Charts: each is a block of JSON beside its place.
function draw(place) {
  const chart = JSON.parse(document.getElementById("chart-" + place.dataset.chart).textContent);
  Plotly.newPlot(place, chart.data, chart.layout, { displayModeBar: false, responsive: true }).then(() => {
    if (!place.dataset.link) return;
    place.on("plotly_click", (event) => {
      const point = event.points[0];
      const number = point.data.type === "heatmap" ? point.data.customdata[point.pointNumber[1]] : point.customdata;
      if (number) location.href = place.dataset.link + number;
    });
  });
}

// Triage by keyboard: the row with the focus is the one that keys are about.
function triage() {
  const rows = [...document.querySelectorAll(".row")];
  const of = (element) => rows.indexOf(element.closest(".row"));
  const go = (at) => {
    if (!rows[at]) return;
    rows.forEach((row, place) => (row.tabIndex = place === at ? 0 : -1));
    rows[at].focus();
    rows[at].scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    const typing = target.matches("input:not([type=radio]), textarea, select");
    const at = of(target);
    if (typing) {
      if (event.key === "Escape" && at >= 0) go(at);
      return;
    }
    if (event.key === "j") go(at + 1);
    else if (event.key === "k") go(Math.max(0, at - 1));
    else if ((event.key === "a" || event.key === "r") && at >= 0) {
      const form = rows[at].querySelector("form.triage");
      if (!form) return;
      form.querySelector(`[value=${event.key === "a" ? "anomaly" : "real"}]`).checked = true;
      form.elements.reason.focus();
    } else return;
    event.preventDefault();
  });
  rows.forEach((row, at) => {
    const form = row.querySelector("form.triage");
    if (row.querySelector(".finding")) row.classList.add("kept");
    if (!form) return;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const told = form.querySelector(".told");
      told.textContent = "…";
      try {
        const answer = await fetch(form.action, {
          method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" },
        });
        if (!answer.ok) throw new Error((await answer.text()).match(/role="alert">([^<]*)/)?.[1] || answer.status);
        const kept = await answer.json();
        row.classList.add("kept");
        row.querySelector("[data-mark]").textContent = "✓ " + kept.verdict;
        told.textContent = "kept";
        if (rows[at + 1]) go(at + 1);
      } catch (error) {
        told.textContent = "not kept: " + error.message;
      }
    });
  });
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".chart").forEach(draw);
  triage();
  const next = document.querySelector("[data-next] [name=next]");
  if (next) next.value = new URLSearchParams(location.search).get("next") || "/";
});
