import { describe, expect, it } from 'vitest';
import { basicAuthHeader, derivedPassword } from '../../../core/identity/index.ts';
import { eventually } from '../../support/eventually.ts';
import { connect, OPERATOR, SITE_KEY, startBroker } from '../support/harness.ts';

const METRICS = { port: 0 };

const asOperator = { authorization: basicAuthHeader(OPERATOR.username, OPERATOR.password) };
const asDevice = { authorization: basicAuthHeader('d1', derivedPassword(SITE_KEY, 'device', 'd1')) };

function urlOf(port: number | undefined, path: string): string {
  return `http://127.0.0.1:${port}${path}`;
}

describe('the metrics of a broker', () => {
  it('are kept from strangers and devices; whether it is well is not', async () => {
    const { broker } = await startBroker({ metrics: METRICS });
    const { metricsPort } = broker.addresses;
    for (const headers of [{}, asDevice]) {
      const answer = await fetch(urlOf(metricsPort, '/metrics'), { headers });
      expect(answer.status).toBe(401);
      expect(await answer.text()).not.toContain('lattice_broker');
    }
    const health = await fetch(urlOf(metricsPort, '/health'));
    expect(await health.json()).toEqual({ id: 'b1', ok: true, isDraining: false });
  });

  it('tell of the broker, its links, its streams and its bridges', async () => {
    const other = await startBroker({ id: 'b2', links: { listen: { port: 0 }, acceptsLeaves: true } });
    const { broker, port } = await startBroker({
      metrics: METRICS,
      links: { uplinks: [{ id: 'b2', host: '127.0.0.1', port: other.broker.addresses.linkPort }] },
      bridges: [{ id: 'cloud', url: 'mqtt://127.0.0.1:1', routes: [{ direction: 'out', filter: 'x/#' }] }],
    });
    const subscriber = await connect(other.port);
    await subscriber.mqtt.subscribeAsync('mesh/v1/#', { qos: 1 });
    const publisher = await connect(port);
    await publisher.mqtt.publishAsync('mesh/v1/home/d1/state', '{"t":1}', { qos: 1 });
    const page = async (): Promise<string> => {
      const answer = await fetch(urlOf(broker.addresses.metricsPort, '/metrics'), { headers: asOperator });
      expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0.0.4/);
      return answer.text();
    };
    await eventually(async () => {
      const text = await page();
      expect(text).toMatch(/^lattice_broker_published_total [1-9]/m);
      expect(text).toMatch(/^lattice_broker_connections 1$/m);
      expect(text).toMatch(/^lattice_link_up\{peer="b2"\} 1$/m);
      expect(text).toMatch(/^lattice_link_round_trip_ms\{peer="b2"\} \d/m);
      expect(text).toMatch(/^lattice_link_sent_total\{peer="b2"\} [1-9]/m);
      expect(text).toMatch(/^lattice_link_dropped_total\{peer="b2",cause="hops"\} 0$/m);
      expect(text).toMatch(/^lattice_stream_hops\{to="b2"\} 1$/m);
      expect(text).toMatch(/^lattice_stream_interest_lag\{to="b2"\} 0$/m);
      expect(text).toMatch(/^lattice_bridge_up\{id="cloud"\} 0$/m);
      expect(text).toMatch(/^lattice_bridge_dropped_total\{id="cloud",cause="queue"\} 0$/m);
      expect(text).toMatch(/^lattice_hlc_drift_ms \d/m);
      expect(text).toMatch(/^# TYPE lattice_hlc_refused_total counter$/m);
      expect(text).toMatch(/^process_cpu_seconds_total /m);
    });
    expect(await page()).toMatch(/^# TYPE lattice_link_sent_total counter$/m);
  });

  it('cannot be had without being asked for, and fail with the port when it is taken', async () => {
    const { broker } = await startBroker({ metrics: METRICS });
    const port = broker.addresses.metricsPort;
    await expect(startBroker({ id: 'b2', metrics: { port } })).rejects.toMatchObject({ code: 'PORT_TAKEN' });
    const plain = await startBroker({ id: 'b3' });
    expect(plain.broker.addresses.metricsPort).toBeUndefined();
  });
});
