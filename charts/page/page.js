// Draws the figures, in the colours of the page: light, dark, or light on paper.
(() => {
  "use strict";
  const read = (name) => JSON.parse(document.getElementById(name).textContent);
  const figures = read("figures");
  const templates = read("templates");
  const plots = [...document.querySelectorAll(".plot")];
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const touch = window.matchMedia("(pointer: coarse)");
  const PAPER_PX = 660;
  const config = {
    responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    toImageButtonOptions: { format: "png", scale: 2 },
  };

  const layoutOf = (figure, isDark, width) => ({
    ...structuredClone(figure.layout),
    template: templates[isDark ? "dark" : "light"],
    dragmode: touch.matches ? false : "zoom",
    ...(width ? { width, autosize: false } : { autosize: true }),
  });

  const draw = (plot, isDark, width) => {
    const figure = figures[Number(plot.dataset.figure)];
    return Plotly.react(plot, structuredClone(figure.data), layoutOf(figure, isDark, width), config);
  };

  const widthOnPaper = (plot) => (plot.parentElement.children.length > 1 ? PAPER_PX / 2 - 8 : PAPER_PX);

  const drawAll = (isDark) => plots.forEach((plot) => draw(plot, isDark));

  let next = 0;
  const drawNext = () => {
    if (next < plots.length) {
      draw(plots[next++], dark.matches);
      setTimeout(drawNext);
    }
  };
  drawNext();

  dark.addEventListener("change", () => drawAll(dark.matches));
  window.addEventListener("beforeprint", () => plots.forEach((plot) => draw(plot, false, widthOnPaper(plot))));
  window.addEventListener("afterprint", () => drawAll(dark.matches));
})();
