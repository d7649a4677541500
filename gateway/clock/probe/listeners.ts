import type { Unsubscribe } from '../../transport/index.ts';
import type { ExchangeListener, ProbeSource, UnansweredListener } from './types.ts';

/** Who is told of what comes of probes. */
export class ProbeListeners implements Pick<ProbeSource, 'onExchange' | 'onUnanswered'> {
  readonly #exchange = new Set<ExchangeListener>();
  readonly #unanswered = new Set<UnansweredListener>();

  onExchange(listener: ExchangeListener): Unsubscribe {
    this.#exchange.add(listener);
    return () => this.#exchange.delete(listener);
  }

  onUnanswered(listener: UnansweredListener): Unsubscribe {
    this.#unanswered.add(listener);
    return () => this.#unanswered.delete(listener);
  }

  readonly tellExchange: ExchangeListener = (exchange) => {
    for (const listener of this.#exchange) listener(exchange);
  };

  readonly tellUnanswered: UnansweredListener = (unanswered) => {
    for (const listener of this.#unanswered) listener(unanswered);
  };
}
