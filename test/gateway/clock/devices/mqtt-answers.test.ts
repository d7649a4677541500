import { describe, expect, it } from 'vitest';
import { decodeTimeAnswer, encodeTimeQuestion } from '../../../../core/mesh-time/index.ts';
import { VirtualClock } from '../../../../core/time/index.ts';
import { MqttAnswers } from '../../../../gateway/clock/devices/index.ts';

const MESH_MS = 1_763_800_000_000;
const topic = 'mesh/v1/home/pi/time';
const question = { id: '9f2c51d07be3a844', t1Ms: 17.5 };
const asked = Buffer.from(encodeTimeQuestion(question));

function answers() {
  const clock = new VirtualClock();
  clock.advance(500);
  const made = new MqttAnswers({
    ...{ name: 'gateway-1', gateways: ['gateway-1', 'gateway-2'], clock },
    meshAt: (monotonicMs) => ({ ms: MESH_MS + monotonicMs, uncertaintyMs: 0.25, kind: 'relative' }),
  });
  return { made, clock };
}

describe('MqttAnswers', () => {
  it('answers on the topic `now` with when the question came and when the answer left', () => {
    const { made, clock } = answers();
    const answer = made.answer(topic, asked, clock.monotonicMs() - 3);
    expect(answer?.topic).toBe('mesh/v1/home/pi/now');
    expect(decodeTimeAnswer(Buffer.from(answer?.payload ?? ''))).toEqual({
      ...question,
      ...{ t2Ms: MESH_MS + 497, t3Ms: MESH_MS + 500, uncertaintyMs: 0.25, kind: 'relative', serverId: 'gateway-1' },
    });
    expect(made.counts).toEqual({ answered: 1, malformed: 0, forged: 0, replayed: 0 });
  });

  it('counts what is no question and what came before, and answers neither', () => {
    const { made } = answers();
    made.answer(topic, asked, 0);
    expect(made.answer(topic, asked, 0)).toBeUndefined();
    expect(made.answer(topic, Buffer.from('LCP'), 0)).toBeUndefined();
    // The same id of another device is another question.
    expect(made.answer('$shard/17/mesh/v1/home/pi2/time', asked, 0)).toBeDefined();
    expect(made.counts).toEqual({ answered: 2, malformed: 1, forged: 0, replayed: 1 });
  });

  it('leaves alone what gateways tell each other, and what is no question by its topic', () => {
    const { made } = answers();
    for (const other of [
      'mesh/v1/home/pi/state',
      'mesh/v1/home/pi/now',
      'elsewhere/time',
      '$shard/99/mesh/v1/home/pi/time',
    ]) {
      expect(made.answer(other, asked, 0), other).toBeUndefined();
    }
    expect(made.answer('mesh/v1/home/gateway-2/time', Buffer.from('LCP'), 0)).toBeUndefined();
    expect(made.counts.malformed).toBe(0);
  });
});
