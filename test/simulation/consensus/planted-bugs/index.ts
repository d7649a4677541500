import { COORDINATION_BUGS } from './coordination.ts';
import { MEMBER_BUGS } from './members.ts';
import type { PlantedBug } from './plant.ts';
import { READ_BUGS } from './reads.ts';
import { REPLICATION_BUGS } from './replication.ts';
import { STORAGE_BUGS } from './storage.ts';

export type { PlantedBug } from './plant.ts';

export const PLANTED_BUGS: readonly PlantedBug[] = [
  ...STORAGE_BUGS,
  ...REPLICATION_BUGS,
  ...READ_BUGS,
  ...MEMBER_BUGS,
  ...COORDINATION_BUGS,
];
