export { makePrivateDirectory, writeFileAtomic } from './atomic-write.ts';
