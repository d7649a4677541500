export { makePrivateDirectory, writeFileAtomic } from './atomic-write.ts';
export { lockDirectory } from './lock.ts';
