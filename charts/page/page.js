// Draws the figures that are in the page, one after another.
(() => {
  "use strict";
  const read = (name) => JSON.parse(document.getElementById(name).textContent);
  const figures = read("figures");
  const { draw, onChange } = plotter(read("style"));
  const plots = [...document.querySelectorAll(".plot")];
  let drawn = 0;

  // A page counts as loaded when its images are: a screenshot or a PDF of the loaded page then has every chart.
  const PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=";
  const soon = (task) => {
    const image = new Image();
    image.onload = image.onerror = task;
    image.src = PIXEL;
  };

  const drawNext = () => {
    if (drawn < plots.length) {
      draw(plots[drawn], figures[drawn]);
      drawn += 1;
      soon(drawNext);
    }
  };

  drawNext();
  onChange(() => {
    drawn = plots.length;
    plots.forEach((plot, place) => draw(plot, figures[place]));
  });
})();
