// The key of the curves: a name hides or shows its method in every plot.
for (const key of document.querySelectorAll("[data-curve]")) {
  key.addEventListener("click", () => {
    const shown = key.getAttribute("aria-pressed") !== "true";
    key.setAttribute("aria-pressed", shown);
    for (const plot of document.querySelectorAll(".curves .js-plotly-plot")) {
      const found = plot.data.findIndex((curve) => curve.name === key.dataset.curve);
      if (found >= 0) Plotly.restyle(plot, { visible: shown }, [found]);
    }
  });
}
