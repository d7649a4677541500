import { describe, expect, it } from 'vitest';
import { lineCharts, niceCeiling } from './svg.ts';

describe('a chart of errors over time', () => {
  it('draws each series around zero, on a scale that holds all of them', () => {
    const svg = lineCharts('a < b', [
      {
        title: 'LAN',
        unit: 'µs',
        series: [
          {
            label: 'one',
            colour: '#111111',
            points: [
              [0, 0],
              [10, 50],
            ],
          },
          { label: 'other', colour: '#222222', points: [[0, -100]] },
        ],
      },
    ]);
    expect(svg).toContain('a &lt; b');
    expect(svg).toContain('<polyline points="90.0,208.0 940.0,148.0" fill="none" stroke="#111111"');
    expect(svg).toContain('<polyline points="90.0,328.0" fill="none" stroke="#222222"');
    for (const value of ['-100 µs', '-50 µs', '0 µs', '50 µs', '100 µs']) expect(svg).toContain(`>${value}<`);
  });

  it('has a scale that a reader can divide', () => {
    expect([0, 0.7, 1, 1.1, 2.5, 99, 100, 101].map(niceCeiling)).toEqual([1, 1, 1, 2, 5, 100, 100, 200]);
  });
});
