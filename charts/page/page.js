// Draws the figures that are in the page, one after another.
(() => {
  "use strict";
  const read = (name) => JSON.parse(document.getElementById(name).textContent);
  const figures = read("figures");
  const { draw, onChange } = plotter(read("style"));
  const plots = [...document.querySelectorAll(".plot")];
  let drawn = 0;

  const drawNext = () => {
    if (drawn < plots.length) {
      draw(plots[drawn], figures[drawn]);
      drawn += 1;
      setTimeout(drawNext);
    }
  };

  drawNext();
  onChange(() => {
    drawn = plots.length;
    plots.forEach((plot, place) => draw(plot, figures[place]));
  });
})();
