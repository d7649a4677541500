import { describe, expect, it } from 'vitest';
import { parseInput } from '../../firmware-shim/socket/parse-input.ts';

const NOW_MS = 1_763_800_000_000;

describe('a line of a local program', () => {
  it.each([
    ['{"temperature":21.5,"door":true}', { temperature: 21.5, door: true }, undefined],
    ['{"ts":1763799999000,"seq":9,"boot":"x","co2":600}', { co2: 600 }, 1_763_799_999_000],
    ['temperature value=21.5', { temperature: 21.5 }, undefined],
    ['reading temperature=21.5,humidity=40i', { temperature: 21.5, humidity: 40 }, undefined],
    ['bme280 temperature=-1.5e1 1763799999000000000', { bme280_temperature: -15 }, 1_763_799_999_000],
    ['cpu,host=pi,cpu=cpu-total usage_idle=98.1', { cpu_cpu_total_usage_idle: 98.1 }, undefined],
    ['temperature,room=kitchen value=3u', { temperature_kitchen: 3 }, undefined],
    [
      'my\\ sensor,a\\,b=c\\=d x="he said \\"hi, you\\"",ok=t',
      { my_sensor_c_d_x: 'he said "hi, you"', my_sensor_c_d_ok: true },
      undefined,
    ],
  ])('%s', (line, metrics, tsMs) => {
    expect(parseInput(line, NOW_MS)).toEqual({ metrics, tsMs });
  });

  it.each([
    ['garbage', 'LINE_PROTOCOL'],
    ['m x=', 'LINE_PROTOCOL'],
    ['m x="open', 'LINE_PROTOCOL'],
    ['m x=1 yesterday', 'LINE_PROTOCOL'],
    ['m x=NaN', 'LINE_PROTOCOL'],
    [',a=b x=1', 'LINE_PROTOCOL'],
    ['m,a x=1', 'LINE_PROTOCOL'],
    ['9 x=1', 'SOCKET_INPUT'],
    ['{"temperature":}', 'READING_NOT_JSON'],
    ['{"temperature":NaN}', 'READING_NOT_FINITE'],
    ['{}', 'READING_SCHEMA'],
    ['m x=1e999', 'READING_SCHEMA'],
    [`m x=1 ${NOW_MS + 3_600_000}000000`, 'READING_STAMP_FUTURE'],
    ['m x=1 1', 'READING_STAMP_PAST'],
  ])('%s is refused with %s', (line, code) => {
    expect(() => parseInput(line, NOW_MS)).toThrow(expect.objectContaining({ code }));
  });
});
