(() => {
  const dark = window.matchMedia('(prefers-color-scheme: dark)');
  const axis = /^[xyz]axis\d*$/;
  const plots = [...document.querySelectorAll('.plot')].map(div => [div, JSON.parse(div.querySelector('script').textContent)]);
  // A plot fills the page's width and takes the page's colours where it names none itself.
  const draw = ([div, plot]) => {
    const layout = structuredClone(plot.layout || {});
    delete layout.width;
    layout.autosize = true;
    layout.paper_bgcolor = layout.paper_bgcolor || 'rgba(0,0,0,0)';
    if (dark.matches) {
      const line = { gridcolor: '#30363d', zerolinecolor: '#4a525c', linecolor: '#4a525c' };
      layout.plot_bgcolor = 'rgba(0,0,0,0)';
      layout.paper_bgcolor = 'rgba(0,0,0,0)';
      layout.font = { ...layout.font, color: '#dfe3e8' };
      for (const name of new Set(['xaxis', 'yaxis', ...Object.keys(layout).filter(k => axis.test(k))])) layout[name] = { ...layout[name], ...line };
    }
    Plotly.react(div, plot.data || [], layout, { responsive: true, displaylogo: false, ...plot.config });
  };
  plots.forEach(entry => { entry[0].replaceChildren(); draw(entry); });
  dark.addEventListener('change', () => plots.forEach(draw));
})();
