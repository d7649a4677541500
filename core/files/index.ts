export { makePrivateDirectory, writeFileAtomic } from './atomic-write.ts';
export { lockDirectory, machineBoot } from './lock.ts';
