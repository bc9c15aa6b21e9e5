// The dial: a range input that walks over the measured points. Texts arrive ready made from the page's data.
(() => {
  const dial = document.getElementById("dial");
  if (!dial) return;
  const stops = JSON.parse(document.getElementById("stops").textContent);
  const put = (id, text) => { document.getElementById(id).textContent = text; };
  const ring = (id, x, y) => {
    const plot = document.getElementById(id);
    Plotly.restyle(plot, { x: [x], y: [y] }, [plot.data.length - 1]);
  };

  let shown, at = stops[dial.value].lam;
  const show = () => {
    const width = document.querySelector("[name=width]:checked");
    const curve = stops.filter((stop) => !width || stop.width === Number(width.value));
    dial.max = curve.length - 1;
    if (width !== shown) { // another width: stay at the lambda, or near it
      const far = (stop) => Math.abs(stop.lam - at);
      dial.value = curve.reduce((best, stop, i) => (far(stop) < far(curve[best]) ? i : best), 0);
      shown = width;
    }
    const { lam, clean, robust, trained, strip, cost } = curve[dial.value];
    at = lam;
    put("lam", lam);
    put("cost", cost);
    put("trained", trained ? "" : "not trained");
    put("clean", clean.text);
    put("clean-range", clean.range);
    put("robust", robust.text);
    put("robust-range", robust.range);
    dial.setAttribute("aria-valuetext", `lambda ${lam}: ${clean.text} clean, ${robust.text} robust`);
    ring("tradeoff", [clean.at], [robust.at]);
    ring("against", [lam, lam], [clean.at, robust.at]);
    for (const row of document.querySelectorAll(".strip")) row.hidden = Number(row.dataset.index) !== strip;
  };

  for (const input of document.querySelectorAll("#dial, [name=width]")) input.addEventListener("input", show);
  show();
})();
