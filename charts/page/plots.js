// Draws a figure in the colours and the size of the page: light, dark, or light on paper.
const plotter = (style) => {
  "use strict";
  const { templates, config } = style;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const touch = window.matchMedia("(pointer: coarse)");
  const PAPER_PX = 660, PAPER_SHARE = 0.75, NARROW_PX = 560, WITH_BUTTONS_PX = 66;
  let onPaper = false;

  const sizeOnPaper = (plot, height) => {
    const isAlone = plot.parentElement.children.length === 1;
    return { width: isAlone ? PAPER_PX : PAPER_PX / 2 - 8, height: PAPER_SHARE * height, autosize: false };
  };

  // On a narrow screen the buttons get a row below the axis.
  const sizeOnScreen = (plot, margin) =>
    plot.clientWidth < NARROW_PX ? { margin: { ...margin, b: WITH_BUTTONS_PX }, autosize: true } : { autosize: true };

  const draw = (plot, figure) => {
    const { data, layout } = structuredClone(figure);
    const size = onPaper ? sizeOnPaper(plot, layout.height) : sizeOnScreen(plot, layout.margin);
    const template = templates[dark.matches && !onPaper ? "dark" : "light"];
    const dragmode = touch.matches ? false : "zoom";
    return Plotly.react(plot, data, { ...layout, ...size, template, dragmode }, { ...config, responsive: !onPaper });
  };

  // Calls `drawAll` when the colours or the size change for all figures at once.
  const onChange = (drawAll) => {
    const print = (isPrinting) => {
      onPaper = isPrinting;
      drawAll();
    };
    dark.addEventListener("change", drawAll);
    window.addEventListener("beforeprint", () => print(true));
    window.addEventListener("afterprint", () => print(false));
  };

  return { draw, onChange };
};
