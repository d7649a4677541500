import type { Clock } from '../../../core/time/index.ts';
import type { InterestTable } from '../interest/index.ts';
import type { DropCause, LinkLimits } from '../limits.ts';
import type { FederationPort } from '../port.ts';
import type { Routes } from '../topology/index.ts';
import type { DataFrame } from '../wire/index.ts';

/** The links as the streams use them. */
export interface Outlet {
  /** Whether a neighbour's link takes data now. */
  hasRoom(neighbour: string): boolean;
  send(neighbour: string, frame: DataFrame): void;
  /** Whether the filters of a neighbour's link let a topic out. */
  lets(neighbour: string, topic: string): boolean;
}

export interface OutflowOptions {
  port: FederationPort;
  interest: InterestTable;
  routes: () => Routes;
  outlet: Outlet;
  limits: LinkLimits;
  clock: Clock;
  /** Whether what is known of a broker's filters is up to date; until then nothing is passed over for it. */
  isCurrent: (node: string) => boolean;
  /** Which life of its data folder a broker is in. */
  incarnationOf: (node: string) => string | undefined;
  onSent: (neighbour: string, messages: number) => void;
  onResend: (node: string) => void;
  /** A destination has more of this broker's stream than was ever in this journal: the folder went back in time. */
  onOlder: (node: string) => void;
  onDropped: (node: string, cause: DropCause, count: number) => void;
  onFailed: (error: unknown) => void;
  /** A destination needs less than before to have everything; see hasReached(). */
  onAdvanced: (node: string) => void;
}
