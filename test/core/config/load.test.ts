import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { loadConfig, parseConfig } from '../../../core/config/index.ts';
import { gatewayConfigSchema } from '../../../gateway/config.ts';

const schema = z.strictObject({
  id: z.string(),
  http: z.strictObject({ port: z.int().max(65_535) }),
  listMax: z.int(),
});

describe('configuration', () => {
  it('reports every fault at once, each with its path', () => {
    const faulty = 'id: 7\nhttp: { port: 70000, prot: 1 }\nlistMax: many\n';
    let message = '';
    try {
      parseConfig(faulty, schema, 'gateway.yaml');
    } catch (error) {
      expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
      message = (error as Error).message;
    }
    expect(message).toContain('gateway.yaml has 4 faults');
    for (const path of ['id:', 'http.port:', 'http:', 'listMax:']) expect(message).toContain(`  ${path}`);
  });

  it('names the place of a fault in the YAML itself', () => {
    expect(() => parseConfig('a: [1, 2', schema, 'x.yaml')).toThrow(/x\.yaml has .*line 1/s);
  });

  it('says which file cannot be read', () => {
    expect(() => loadConfig('/nowhere/x.yaml', schema)).toThrow(expect.objectContaining({ code: 'CONFIG_UNREADABLE' }));
  });

  it('fills in the defaults of a gateway, nested ones too', () => {
    const config = parseConfig(
      `
id: gateway-1
site: home
dataDir: /tmp/x
http: { port: 0 }
members: [gateway-1]
broker: { url: 'mqtt://127.0.0.1:1883' }
siteKey: 0123456789abcdef
store: { driver: embedded, url: 'http://127.0.0.1:8086' }
`,
      gatewayConfigSchema,
      'gateway.yaml',
    );
    expect(config.buffer.bytesMax).toBe(1024 ** 3);
    expect(config.http.host).toBe('127.0.0.1');
    expect(config.store.database).toBe('lattice');
  });
});
