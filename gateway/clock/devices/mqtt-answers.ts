import { decodeTimeQuestion, encodeTimeAnswer } from '../../../core/mesh-time/index.ts';
import type { Clock } from '../../../core/time/index.ts';
import { meshTopic, parseMeshTopic, parseShardTopic } from '../../../core/wire/index.ts';
import { type DeviceTimeCounts, type MeshAt, noDeviceTimeCounts } from './options.ts';
import { SeenQuestions } from './seen-questions.ts';

export interface MqttAnswersOptions {
  /** Name of this gateway. */
  name: string;
  /** Every gateway of the site: on their `time` topics they measure each other, see gateway/clock/probe. */
  gateways: readonly string[];
  clock: Pick<Clock, 'monotonicMs'>;
  meshAt: MeshAt;
}

/**
 * Answers devices over MQTT. A question comes with the shard of its device, so the gateway that owns the shard answers it. The broker
 * lets a device publish on its own topics alone, and nobody but gateways and operators on its `now`.
 */
export class MqttAnswers {
  readonly #options: MqttAnswersOptions;
  readonly #gateways: ReadonlySet<string>;
  readonly #seen = new SeenQuestions();
  readonly counts: DeviceTimeCounts = noDeviceTimeCounts();

  constructor(options: MqttAnswersOptions) {
    this.#options = options;
    this.#gateways = new Set(options.gateways);
  }

  /**
   * What is to be published at once, at QoS 0, for a message that came in at arrivedMs of monotonic time; undefined when it is no
   * question. Looks at whatever a gateway gets, inside a shard's space or not.
   */
  answer(
    deliveredTopic: string,
    payload: Uint8Array,
    arrivedMs: number,
  ): { topic: string; payload: string } | undefined {
    // Nearly all that comes is readings.
    if (!deliveredTopic.endsWith('/time')) return undefined;
    const asked = parseMeshTopic(parseShardTopic(deliveredTopic)?.topic ?? deliveredTopic);
    if (asked?.kind !== 'time' || this.#gateways.has(asked.device)) return undefined;
    const { site, device } = asked;
    const question = decodeTimeQuestion(payload);
    if (question === undefined) {
      this.counts.malformed += 1;
      return undefined;
    }
    if (!this.#seen.admit(device, question.id)) {
      this.counts.replayed += 1;
      return undefined;
    }
    this.counts.answered += 1;
    const { name, clock, meshAt } = this.#options;
    const { ms: t2Ms } = meshAt(arrivedMs);
    const { ms: t3Ms, uncertaintyMs, kind } = meshAt(clock.monotonicMs());
    const answer = { ...question, t2Ms, t3Ms, uncertaintyMs, kind, serverId: name };
    return { topic: meshTopic(site, device, 'now'), payload: encodeTimeAnswer(answer) };
  }
}
