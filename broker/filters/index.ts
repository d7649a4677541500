export { FilterTree } from './filter-tree.ts';
