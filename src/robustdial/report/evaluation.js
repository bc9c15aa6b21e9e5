// The table of evaluations: a row shows its evaluation. Without the script all of them are shown.
(() => {
  const rows = document.querySelectorAll("[name=evaluation]");
  const show = () => {
    for (const row of rows) {
      const panel = document.getElementById(row.value);
      panel.hidden = !row.checked;
      if (panel.hidden) continue;
      for (const plot of panel.querySelectorAll(".js-plotly-plot")) Plotly.Plots.resize(plot);
    }
  };
  for (const row of rows) row.addEventListener("input", show);
  show();
})();
