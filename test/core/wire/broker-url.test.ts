import { describe, expect, it } from 'vitest';
import { brokerUrlSchema } from '../../../core/wire/index.ts';

describe("a broker's address", () => {
  it.each(['mqtt://a:1883', 'mqtts://a', 'ws://a:8080/mqtt', 'wss://a'])('may be %s', (url) => {
    expect(brokerUrlSchema.safeParse(url).success).toBe(true);
  });
  it.each(['http://a', 'mqtt://', 'a:1883', 'mqtt://user:secret@a:1883', 'mqtt://a:99999'])('may not be %s', (url) => {
    expect(brokerUrlSchema.safeParse(url).success).toBe(false);
  });
});
