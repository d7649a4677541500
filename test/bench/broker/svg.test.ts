import { describe, expect, it } from 'vitest';
import { type Bar, barChart } from './svg.ts';

const bar = (parts: Partial<Bar>): Bar => ({ group: 'g', label: 'l', times: 2, min: 1, max: 4, ...parts });

function rects(svg: string): { x: number; width: number; fill: string }[] {
  return [...svg.matchAll(/<rect x="([\d.]+)" y="\d+" width="([\d.]+)" height="\d+" fill="(#\w+)"/g)].map(
    ([, x, width, fill]) => ({ x: Number(x), width: Number(width), fill: fill as string }),
  );
}

describe('barChart', () => {
  it('draws twice as good and half as good equally far from equal, on either side', () => {
    const [twice, half] = rects(barChart('t', [bar({ times: 2 }), bar({ times: 0.5, min: 0.5 })], []));
    expect(twice?.width).toBeCloseTo(half?.width ?? 0, 0);
    expect(twice?.x).toBeCloseTo((half?.x ?? 0) + (half?.width ?? 0), 0);
    expect(twice?.fill).not.toBe(half?.fill);
  });

  it('keeps everything inside of the picture, however large the ratios are', () => {
    const svg = barChart('t', [bar({ times: 40, max: 900 }), bar({ times: 0.001, min: 0.0003, goal: 2 })], ['foot']);
    const width = Number(/viewBox="0 0 (\d+)/.exec(svg)?.[1]);
    const places = [...svg.matchAll(/x\d?="([-\d.]+)"/g)].map(([, x]) => Number(x));
    expect(Math.min(...places)).toBeGreaterThan(0);
    expect(Math.max(...places)).toBeLessThan(width);
  });

  it('names a group once, and draws a goal only where there is one', () => {
    const svg = barChart('t', [bar({ goal: 2 }), bar({ label: 'm' }), bar({ group: 'h' })], []);
    expect(svg.match(/>g</g)).toHaveLength(1);
    expect(svg.match(/stroke-width="3"/g)).toHaveLength(1);
  });

  it('stays well-formed whatever the texts are', () => {
    const svg = barChart('a < b & c', [bar({ label: '<script>' })], ['>']);
    expect(svg).toContain('a &lt; b &amp; c');
    expect(svg).not.toContain('<script>');
    const open = svg.match(/<(?:text|svg)\b/g)?.length;
    expect(svg.match(/<\/(?:text|svg)>/g)).toHaveLength(open as number);
  });
});
