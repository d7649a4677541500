import { decodeTimeAnswer, encodeTimeQuestion } from '../mesh-time/index.ts';
import { FollowedClock, type FollowedClockOptions } from './followed-clock.ts';

export interface MqttTimeOptions extends Omit<FollowedClockOptions, 'ask'> {
  /** Publishes to the topic `time` of the device that `servers` names, at QoS 0. */
  publish: (server: string, payload: string) => void;
}

/** Follows the mesh's time through the brokers: what a device publishes to its topic `time` is answered on its topic `now`. */
export class MqttTime {
  readonly clock: FollowedClock;

  constructor({ publish, ...options }: MqttTimeOptions) {
    this.clock = new FollowedClock({
      ...options,
      ask: (server, question) => publish(server, encodeTimeQuestion(question)),
    });
  }

  /** Takes what came in on the topic `now`, the moment that it comes. */
  heard(payload: Uint8Array): void {
    const receivedMs = this.clock.monotonicMs();
    const answer = decodeTimeAnswer(payload);
    if (answer === undefined) this.clock.malformed();
    else this.clock.answered(answer, receivedMs);
  }
}
