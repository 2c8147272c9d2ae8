// Draws the plots of a page of the books. Each <figure class="plot"> holds its data as JSON; what is drawn is plain SVG whose colours are
// the style sheet's, so that light, dark and paper are one drawing. Drawn again when the width changes and before printing.
'use strict';
(() => {
  const kPaperWidth = 680;  // CSS pixels of the text's width on A4 with the style sheet's margins
  const ruler = document.createElement('canvas').getContext('2d');
  ruler.font = '13px system-ui, "Liberation Sans", "DejaVu Sans", sans-serif';
  const widthOf = text => ruler.measureText(text).width;

  const digits = x => String(Number(x.toPrecision(3)));
  function usd(x) {
    for (const [step, suffix] of [[1e12, 'T'], [1e9, 'B'], [1e6, 'M'], [1e3, 'K']]) {
      if (x >= step * 0.9995) return '$' + digits(x / step) + suffix;
    }
    return '$' + digits(x);
  }
  const percent = x => digits(100 * x) + ' %';
  /// Words of `text` in lines no wider than `width`.
  function wrap(text, width) {
    const lines = [];
    for (const word of text.split(' ')) {
      const longer = lines.length ? lines[lines.length - 1] + ' ' + word : word;
      if (lines.length && widthOf(longer) <= width) lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    return lines;
  }

  function canvas(figure, width, height) {
    d3.select(figure).select('svg').remove();
    return d3.select(figure).insert('svg', 'script')
        .attr('viewBox', `0 0 ${width} ${height}`).attr('width', width).attr('height', height)
        .attr('role', 'img').attr('aria-label', figure.dataset.title + '. The table below has the same numbers.');
  }

  /// Ticks of a logarithmic axis: 1, 2, 5 where they fit, else 1 alone, else some of the decades.
  function logTicks(scale, pixels, size) {
    const [low, high] = scale.domain();
    const decades = d3.range(Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9) + 1);
    const fits = n => n * size <= pixels;
    const fine = [].concat(...d3.range(Math.floor(Math.log10(low)), Math.floor(Math.log10(high)) + 1)
        .map(e => [1, 2, 5].map(m => m * Math.pow(10, e)))).filter(x => x >= low * 0.999 && x <= high * 1.001);
    if (decades.length < 2 || fits(fine.length)) return fine;
    const step = Math.ceil(decades.length * size / pixels);
    return decades.filter((_, i) => i % step === 0).map(e => Math.pow(10, e));
  }

  function valueScale(values, unit, pixels) {
    if (unit === 'fraction') return d3.scaleLinear().domain([0, d3.max(values) || 1]).nice().range([0, pixels]);
    const low = d3.min(values) || 1, high = d3.max(values) || 10;
    return d3.scaleLog().domain([low / 1.25, high * 1.25]).range([0, pixels]);
  }

  function drawBars(figure, plot, width) {
    const wide = width >= 600;
    const text = plot.unit === 'usd' ? usd : percent;
    const known = plot.items.filter(item => item.value);
    const labelWidth = wide ? Math.min(280, width * 0.34) : width;
    const valueWidth = Math.ceil(d3.max(plot.items, item => widthOf(item.text))) + 10;
    const left = wide ? labelWidth + 12 : 2, right = valueWidth, top = 26;
    const pixels = width - left - right;
    const x = valueScale([].concat(...known.map(item => [item.value.low, item.value.high])), plot.unit, pixels);
    let y = top;
    const rows = plot.items.map(item => {
      const inset = item.beside ? 14 : 0;
      const label = wrap(item.label, labelWidth - inset);
      const n = label.length + (item.basis ? 1 : 0);
      const height = wide ? Math.max(34, n * 17 + 12) : n * 17 + 32;
      const row = {item, inset, label, y, height, bar: wide ? y + height / 2 : y + n * 17 + 12};
      y += height;
      return row;
    });
    const svg = canvas(figure, width, y + 6);
    const ticks = plot.unit === 'usd' ? logTicks(x, pixels, 62) : x.ticks(Math.max(2, pixels / 70));
    svg.selectAll('.grid').data(ticks).enter().append('line').attr('class', 'grid')
        .attr('x1', t => left + x(t)).attr('x2', t => left + x(t)).attr('y1', top - 4).attr('y2', y);
    svg.append('g').attr('class', 'axis').attr('transform', `translate(${left},${top - 4})`)
        .call(d3.axisTop(x).tickValues(ticks).tickFormat(text).tickSize(0).tickPadding(5)).select('.domain').remove();
    for (const row of rows) {
      const start = wide ? row.y + (row.height - (row.label.length + (row.item.basis ? 1 : 0)) * 17) / 2 + 13 : row.y + 13;
      row.label.forEach((line, i) => svg.append('text').attr('class', 'halo').attr('x', row.inset).attr('y', start + 17 * i).text(line));
      if (row.item.basis) {
        svg.append('text').attr('class', 'basis halo').attr('x', row.inset).attr('y', start + 17 * row.label.length).text(row.item.basis);
      }
      svg.append('text').attr('class', row.item.value ? 'number' : 'quiet').attr('text-anchor', 'end').attr('x', width)
          .attr('y', row.bar + 5).text(row.item.text);
      if (!row.item.value) {
        svg.append('line').attr('class', 'unknown').attr('x1', left).attr('x2', left + pixels).attr('y1', row.bar).attr('y2', row.bar);
        continue;
      }
      const {low, mid, high} = row.item.value;
      const from = left + x(plot.unit === 'usd' ? low : 0), to = left + x(high);
      svg.append('rect').attr('class', 'bar' + (row.item.beside ? ' beside' : '')).attr('x', Math.min(from, to - 2)).attr('y', row.bar - 7)
          .attr('width', Math.max(2, to - from)).attr('height', 14).attr('rx', 2).append('title').text(`${row.item.label}: ${row.item.text}`);
      svg.append('line').attr('class', 'mark').attr('x1', left + x(mid)).attr('x2', left + x(mid)).attr('y1', row.bar - 10).attr('y2', row.bar + 10);
    }
  }

  const when = month => new Date(Date.UTC(+month.slice(0, 4), +month.slice(5, 7) - 1, 1));

  /// Where a label of `w` pixels stands beside (x, y) without touching another; null where there is no such place.
  function place(taken, x, y, w, bounds) {
    const h = 15;
    const spots = [[8, 4], [-8 - w, 4], [8, -10], [-8 - w, -10], [8, 18], [-8 - w, 18], [-w / 2, -14], [-w / 2, 24]];
    for (const [dx, dy] of spots) {
      const box = {left: x + dx - 2, right: x + dx + w + 2, top: y + dy - 12, bottom: y + dy - 12 + h};
      if (box.left < bounds.left || box.right > bounds.right || box.top < bounds.top || box.bottom > bounds.bottom) continue;
      if (taken.some(t => box.left < t.right && t.left < box.right && box.top < t.bottom && t.top < box.bottom)) continue;
      taken.push(box);
      return [x + dx, y + dy];
    }
    return null;
  }

  function drawTrend(figure, plot, width) {
    const height = Math.round(Math.max(320, Math.min(480, width * 0.55)));
    const left = 56, right = 14, top = 12, bottom = 30;
    const months = [].concat(...plot.lines.map(l => l.points.map(p => when(p.month))), plot.models.map(m => when(m.month)));
    const values = [].concat(...plot.lines.map(l => [].concat(...l.points.map(p => [p.value.low, p.value.high]))),
        ...plot.models.map(m => [m.value.low, m.value.high]), plot.budget ? [plot.budget] : []);
    const x = d3.scaleUtc().domain(d3.extent(months)).range([left, width - right]);
    const y = valueScale(values, 'usd', 1).range([height - bottom, top]);
    const svg = canvas(figure, width, height);
    const ticks = logTicks(y, height - top - bottom, 24);
    svg.selectAll('.grid').data(ticks).enter().append('line').attr('class', 'grid')
        .attr('x1', left).attr('x2', width - right).attr('y1', y).attr('y2', y);
    svg.append('g').attr('class', 'axis').attr('transform', `translate(${left},0)`)
        .call(d3.axisLeft(y).tickValues(ticks).tickFormat(usd).tickSize(0).tickPadding(8)).select('.domain').remove();
    const years = x.ticks(d3.utcYear.every(Math.max(1, Math.ceil((x.domain()[1] - x.domain()[0]) / 3.16e10 * 52 / (width - left - right)))));
    svg.append('g').attr('class', 'axis').attr('transform', `translate(0,${height - bottom})`)
        .call(d3.axisBottom(x).tickValues(years).tickFormat(d3.utcFormat('%Y')).tickSize(5).tickPadding(5));
    const area = d3.area().x(p => x(when(p.month))).y0(p => y(p.value.low)).y1(p => y(p.value.high));
    const line = d3.line().x(p => x(when(p.month))).y(p => y(p.value.mid));
    for (const l of plot.lines) svg.append('path').attr('class', `band ${l.rising ? 'rise' : 'fall'}`).attr('d', area(l.points));
    for (const l of plot.lines) svg.append('path').attr('class', `line ${l.rising ? 'rise' : 'fall'}`).attr('d', line(l.points));
    const taken = [];
    if (plot.budget) {
      svg.append('line').attr('class', 'budget').attr('x1', left).attr('x2', width - right).attr('y1', y(plot.budget)).attr('y2', y(plot.budget));
      const name = 'budget ' + usd(plot.budget), w = widthOf(name);
      svg.append('text').attr('class', 'budget-name halo').attr('x', left + 4).attr('y', y(plot.budget) - 6).text(name);
      taken.push({left, right: left + w + 8, top: y(plot.budget) - 18, bottom: y(plot.budget) + 2});
    }
    for (const m of plot.models) {
      const px = x(when(m.month)), py = y(m.value.mid);
      taken.push({left: px - 5, right: px + 5, top: py - 5, bottom: py + 5});
      svg.append('line').attr('class', 'spread').attr('x1', px).attr('x2', px).attr('y1', y(m.value.low)).attr('y2', y(m.value.high));
      svg.append('circle').attr('class', 'model').attr('cx', px).attr('cy', py).attr('r', 4.5)
          .append('title').text(`${m.name}, ${m.month}: ${m.text}`);
    }
    const bounds = {left, right: width, top: 0, bottom: height - bottom};
    for (const m of plot.models) {
      const at = place(taken, x(when(m.month)), y(m.value.mid), widthOf(m.name), bounds);
      if (at) svg.append('text').attr('class', 'halo').attr('x', at[0]).attr('y', at[1]).text(m.name);
    }
  }

  const figures = Array.from(document.querySelectorAll('figure.plot'));
  const plots = figures.map(figure => JSON.parse(figure.querySelector('script').textContent));
  function drawAll(width) {
    figures.forEach((figure, i) => {
      const pixels = width || figure.clientWidth;
      if (plots[i].kind === 'bars') drawBars(figure, plots[i], pixels);
      else drawTrend(figure, plots[i], pixels);
    });
    document.documentElement.dataset.drawn = String(figures.length);
  }

  drawAll(window.matchMedia('print').matches ? kPaperWidth : 0);
  let drawnWidth = document.body.clientWidth;
  window.addEventListener('resize', () => {
    if (document.body.clientWidth === drawnWidth) return;
    drawnWidth = document.body.clientWidth;
    drawAll(0);
  });
  window.addEventListener('beforeprint', () => drawAll(kPaperWidth));
  window.addEventListener('afterprint', () => drawAll(0));
})();
