import type { DataFrame, DataMessage } from '../wire/index.ts';
import type { OutflowOptions } from './outflow-options.ts';

/** Destinations that one frame can name: the bits of a message's mask. */
export const DESTINATIONS_MAX = 32;

/** What the frames of this broker's own streams have in common. */
export function headerOf({
  port,
  limits,
}: Pick<OutflowOptions, 'port' | 'limits'>): Pick<DataFrame, 'origin' | 'incarnation' | 'hopsLeft' | 'isVolatile'> {
  return { origin: port.brokerId, incarnation: port.incarnation, hopsLeft: limits.hopsMax, isVolatile: false };
}

/**
 * The part of a frame that goes to some of its destinations, given by their indexes: those messages that one of them wants.
 * It may be without messages and still says what is complete.
 */
export function partOf(frame: DataFrame, indexes: readonly number[]): DataFrame {
  if (indexes.length === frame.destinations.length) return frame;
  const destinations = indexes.map((index) => frame.destinations[index] as DataFrame['destinations'][number]);
  const messages: DataMessage[] = [];
  for (const message of frame.messages) {
    let to = 0;
    indexes.forEach((from, at) => {
      if ((message.to & (1 << from)) !== 0) to |= 1 << at;
    });
    const shares = message.shares?.flatMap(({ filter, to: from }) => {
      const at = indexes.indexOf(from);
      return at < 0 ? [] : [{ filter, to: at }];
    });
    if (to === 0 && (shares === undefined || shares.length === 0)) continue;
    const { shares: _all, ...rest } = message;
    messages.push(shares === undefined || shares.length === 0 ? { ...rest, to } : { ...rest, to, shares });
  }
  return { ...frame, destinations, messages };
}

/** The indexes of a frame's destinations, grouped by a key such as the next hop; those without one are left out. */
export function groupBy(nodes: readonly string[], keyOf: (node: string) => string | undefined): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  nodes.forEach((node, index) => {
    const key = keyOf(node);
    if (key === undefined) return;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [index]);
    else group.push(index);
  });
  return groups;
}

/** Whether a frame asks its destination how far it came: it stands in line with the others and completes nothing. */
export function isAsk({ isVolatile, until }: DataFrame): boolean {
  return !isVolatile && until === 0;
}
